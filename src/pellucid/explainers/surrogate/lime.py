"""LIME: a weighted linear model around each row, with its fit and its errors said aloud."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.engine.work import slices
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question
from pellucid.explainers.settings import positive, whole_number
from pellucid.explainers.shapley.image_game import OF_IMAGES, image_game_of, references, told_of
from pellucid.explainers.surrogate.local_fit import Fits, Fitter
from pellucid.explainers.surrogate.perturbed_rows import Ruler
from pellucid.perturb.image_game import ImageGame

CELLS = 1 << 16
"""Numbers in one block of designs: half a megabyte, which stays in the cache of a core."""

USUAL = 0.75
"""Kernel width of the authors' package, times √features."""

GROUPS, REDRAWS = 50, 20
"""Groups of draws that are redrawn together, and redraws behind the stability figures."""

FINER = 200
"""Groups where the redraws give the errors, which fewer would leave too rough."""

STAGES = 6
"""How often the draws are made with ``tolerance``, twice as many each time: 32 times at most."""

NAMES = 8
"""Rows that are named in a note."""

WORDS = {"table": ("features", "a row"), "image": ("segments", "an image")}
"""What is shared out, and between the parts of what."""

POOR = 0.3
"""Local R² below which a row is named as badly described."""


@dataclass(frozen=True, kw_only=True)
class LIME(Explainer):
    """Local interpretable model-agnostic explanations of rows of a table, or of images.

    Parameters
    ----------
    budget : int
        Perturbed rows. They are drawn once and serve every row explained; each image is perturbed
        so many times.
    kernel_width : float or "auto", optional
        How far a perturbed row counts; by default 0.75 √features, as in the authors' package.
        ``"auto"`` chooses for each row; see the notes.
    discretise : bool
        Whether numbers and dates are cut at their quartiles and compared by sameness, as the
        authors' package does. Otherwise numbers are drawn from a normal distribution and enter by
        their distance from the mean, in standard deviations.
    around : bool
        Whether numbers are drawn around each row (the package's ``sample_around_instance``)
        instead of around the mean. Needs ``discretise=False``; draws are then no longer shared.
    features : int, optional
        How many features, those with the greatest shares, are kept in a second fit of each row.
        By default all.
    ridge : float
        Penalty on squared slopes.
    top : int
        The strongest features, whose stability is measured.
    tolerance : float, optional
        Double the perturbed rows, up to 32 times the budget, until of the neighbours in the order
        of a row's `top` features at most this share change places when rows are redrawn.
    bootstrap : int, optional
        Take the errors from this many bootstrap redraws instead of from a formula.
    removal : str, optional
        Of images: what stands in for segments that are switched off, as for `KernelSHAP`. By
        default background images where they are given, else the image's mean colour.

    Notes
    -----
    Values are the parts of the surrogate's prediction for the row itself, and ``base`` is its
    intercept: base and values add up to *the surrogate's* prediction, and `Attribution.gap` is
    what it misses of the model's. With ``discretise=True`` a value is the slope of "the feature
    stays in the row's quartile or category". With ``discretise=False`` the value of a number is
    its slope times its distance from the background's mean. LIME obeys none of the laws of Shapley
    values.

    Perturbed rows take each column from the background (or the rows to explain) independently of
    the others: whole columns of values, or normal numbers with ``discretise=False``. As in the
    paper's code they do not depend on the row, so one set serves all rows, at a budget that does
    not grow with them; the kernel ``exp(−distance² / 2 width²)`` makes the fit local. The row
    itself is one more perturbed row.

    ``kernel_width="auto"`` takes, row by row, of 0.25, 0.375, 0.5, 0.75, 1 and 1.5 times √features
    the width with the greatest local R², each draw predicted by the line through the others, among
    those at which errors make up at most 5 % of the squared size of the values: a local fit, as
    long as it is a stable one (Visani, Bagli and Chesani 2020). If there is none, the most stable.

    Errors are those of new perturbed rows (`pellucid.maths.weighted_ridge`): value ± 1.96 errors
    holds the slope of endlessly many draws in 95 % of runs, by formula as by bootstrap. They do not
    say that a line is the right shape. That is what the local R² says, which is noted with its
    range; rows below 0.3 are named. Two figures say how stable the strongest features are, over
    redraws of the perturbed rows: how many of them stay among the strongest (the VSI of Visani et
    al. 2022), and how many neighbours among them keep their order.

    Images are perturbed by switching off each of their segments with a chance of one half, as the
    authors' package does, and a value is the slope of "the segment stays", spread evenly over its
    pixels. Distance is the square root of the number of segments that are off; the package takes
    the cosine distance.

    Cost: budget evaluations, and one for each row; with ``around`` budget evaluations for each; for
    images budget × background images for each.

    Deviations from the authors' package: values within a quartile are those of the background, not
    a normal distribution; missing values are a category of their own, or stand at the mean; all
    features are kept by default instead of ten.

    References
    ----------
    Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938; Visani, Bagli and Chesani (2020),
    arXiv:2006.05714; Visani et al. (2022), arXiv:2001.11757.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> found = LIME().explain(model, X.head(2), background=X, seed=0)
    >>> found.dims, found.isel(sample=0).top(2).features
    (('sample', 'feature'), ('s1', 'bmi'))
    """

    paper: ClassVar[str] = "arXiv:1602.04938"
    cost: ClassVar[str] = "budget, and one for each row; for images budget for each"
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})

    budget: int = 5000
    kernel_width: float | str | None = None
    discretise: bool = True
    around: bool = False
    features: int | None = None
    ridge: float = 1.0
    top: int = 5
    tolerance: float | None = None
    bootstrap: int | None = None
    removal: str | None = None

    def __post_init__(self) -> None:
        whole_number("budget", self.budget, 10)
        whole_number("features", self.features, 1, optional=True)
        whole_number("top", self.top, 1)
        whole_number("bootstrap", self.bootstrap, 30, optional=True)
        positive("ridge", self.ridge)
        positive("tolerance", self.tolerance, optional=True)
        if self.removal is not None and self.removal not in OF_IMAGES:
            raise UnknownName.among("removal", str(self.removal), OF_IMAGES)
        if self.kernel_width != "auto":
            positive("kernel_width", self.kernel_width, optional=True)
        if self.around and (self.discretise or self.tolerance is not None):
            raise InvalidSetting(
                "around draws numbers around each row",
                got=f"discretise={self.discretise}, tolerance={self.tolerance}",
                allowed="discretise=False and no tolerance",
            )

    def work(self, question: Question | ImageQuestion) -> int:
        if isinstance(question, ImageQuestion):
            return question.size * self.budget * references(question, self._removal, None)
        rows = len(question.table)
        return rows + self.budget * (rows if self.around else 1)

    def compute(self, question: Question | ImageQuestion) -> Attribution:
        if isinstance(question, ImageQuestion):
            return self._of_images(question)
        if self.removal is not None:
            raise InvalidSetting(
                "removal is for images",
                got=f"removal={self.removal!r} and a table",
                fix="Leave it out: perturbed rows take their values from the background",
            )
        background, rows = question.reference(None), question.table.codes
        ruler = Ruler.of(background, list(question.table.schema.values()), self.discretise)
        fits = Fits.blank(len(rows), rows.shape[1], question.output.shape[1])
        pending = np.arange(len(rows))
        drawn, outputs = np.empty((0, rows.shape[1])), np.empty((0, question.output.shape[1]))
        for stage in range(1 if self.tolerance is None else STAGES):
            words = ("perturbed rows", stage) if stage else ("perturbed rows",)
            fresh = ruler.draw(background, len(drawn) or self.budget, question.rng(*words))
            drawn = np.concatenate([drawn, fresh])
            if not self.around:
                outputs = np.concatenate([outputs, question.predict(fresh)])
            self._fit(question, self._fitter(question, ruler), drawn, outputs, pending, fits)
            pending = np.flatnonzero(fits.keeps < 1 - (self.tolerance or 0.0))
            if not len(pending):
                break
        self._note(question, fits, len(drawn), len(pending))
        return question.attribution(fits.value, fits.base, fits.error)

    @property
    def _removal(self) -> str:
        return self.removal or "marginal"

    def _of_images(self, question: ImageQuestion) -> Attribution:
        """The lines of images, those with as many segments at once."""
        if self.around or not self.discretise:
            raise InvalidSetting(
                "Segments of images are kept or switched off; there are no numbers to draw",
                got=f"around={self.around}, discretise={self.discretise}",
                allowed="around=False, discretise=True",
            )
        game = image_game_of(question, self._removal, None)
        fits = Fits.blank(question.size, game.players, 1)
        count, most = game.segment.max(axis=(1, 2)) + 1, 0
        unsettled = np.zeros(question.size, dtype=bool)
        for number in np.unique(count):
            alike = np.flatnonzero(count == number)
            drawn, unsettled[alike] = self._lines(question, game, alike, int(number), fits)
            most = max(most, drawn)
        self._note(question, fits, most, int(unsettled.sum()))
        made = told_of(question, game, fits.value, fits.error)
        return replace(made, base=fits.base[:, 0])

    def _lines(
        self, question: ImageQuestion, game: ImageGame, alike: np.ndarray, number: int, fits: Fits
    ) -> tuple[int, np.ndarray]:
        """Fit images with the same number of segments; how often each was perturbed, at most, and
        which did not settle."""
        ruler = Ruler.of_switches(number)
        fitter, found = self._fitter(question, ruler), Fits.blank(len(alike), number, 1)
        drawn, worth = np.empty((0, number)), np.empty((len(alike), 0, 1))
        pending = np.arange(len(alike))
        for stage in range(1 if self.tolerance is None else STAGES):
            shape = (len(drawn) or self.budget, number)
            fresh = question.rng("perturbed images", number, stage).random(shape) < 0.5
            players = np.tile(np.arange(number), (len(pending), 1))
            answers = game.worth(alike[pending], players, fresh)
            answers += game.nobody[alike[pending], None, None]
            drawn, worth = np.concatenate([drawn, fresh]), np.concatenate([worth, answers], axis=1)
            for place, sample in enumerate(pending):
                own = question.output[alike[[sample]], None]
                line = fitter.fit(drawn[None], worth[[place]], np.ones((1, number)), own)
                found.put(np.array([sample]), line)
            stays = found.keeps[pending] < 1 - (self.tolerance or 0.0)
            pending, worth = pending[stays], worth[stays]
            if not len(pending):
                break
        fits.put_first(alike, found)
        return len(drawn), np.isin(np.arange(len(alike)), pending)

    def _fitter(self, question: Asked, ruler: Ruler) -> Fitter:
        """How lines are fitted; the redraws are the same for all rows and all stages."""
        groups = min(FINER if self.bootstrap else GROUPS, self.budget)
        redraws = question.rng("redraws").multinomial(
            groups, np.full(groups, 1 / groups), size=self.bootstrap or REDRAWS
        )
        usual = USUAL * np.sqrt(len(ruler.named))
        chosen = None if self.kernel_width == "auto" else self.kernel_width or usual
        return Fitter(
            ruler=ruler,
            width=chosen,  # type: ignore[arg-type]
            ridge=self.ridge,
            kept=self.features,
            top=self.top,
            redraws=redraws,
            bootstrap=self.bootstrap is not None,
        )

    def _fit(
        self,
        question: Question,
        fitter: Fitter,
        drawn: np.ndarray,
        outputs: np.ndarray,
        pending: np.ndarray,
        fits: Fits,
    ) -> None:
        """Fit the lines of the pending rows, some at a time."""
        rows, own, ruler = question.table.codes, question.output, fitter.ruler
        placed, shared = ruler.place(drawn)[None], outputs[None]
        for some in slices(len(pending), max(1, CELLS // (drawn.size + rows.shape[1]))):
            here = pending[some]
            if self.around:
                moved = np.stack([ruler.around(drawn, row) for row in rows[here]])
                shared = question.predict(moved.reshape(-1, moved.shape[2]))
                shared = shared.reshape(len(here), len(drawn), -1)
                placed = ruler.place(moved)
            fits.put(here, fitter.fit(placed, shared, ruler.place(rows[here]), own[here]))

    def _note(
        self, question: Question | ImageQuestion, fits: Fits, drawn: int, unsettled: int
    ) -> None:
        """How well the lines fit, which of them do not, and how stable their order is."""
        things, (features, one) = question.things, WORDS[question.kind]
        if self.kernel_width == "auto":
            low, high = fits.width.min(), fits.width.max()
            each = f"{things[:-1]} by {things[:-1]}"
            question.note(f"Kernel widths were chosen {each}: {low:.3g} to {high:.3g}.")
        known = np.isfinite(fits.r2).any(axis=1)
        if known.any():
            local = np.nanmin(fits.r2[known], axis=1)
            low, middle, high = np.quantile(local, [0.0, 0.5, 1.0])
            question.note(
                f"Local R² of the surrogate: {low:.2f} to {high:.2f}, half of them below "
                f"{middle:.2f}. Where it is low, the values describe little of what the model does."
            )
            self._name_poor(question, np.flatnonzero(known)[local < POOR])
        some = min(self.top, fits.value.shape[1] - 1)
        if some:
            question.note(
                f"When the perturbed {things} are redrawn, {fits.stays.mean():.0%} of the {some} "
                f"strongest {features} of {one} stay among them, and {fits.keeps.mean():.0%} of "
                "neighbours keep their order; a larger budget makes both more stable."
            )
        if self.tolerance is not None:
            settled = f"the order settled in all {things}"
            if unsettled:
                settled = f"the order did not settle in {unsettled} of {len(fits.keeps)} {things}"
            question.note(f"{drawn:,} {things} were perturbed: {settled}.")

    def _name_poor(self, question: Question | ImageQuestion, rows: np.ndarray) -> None:
        if not len(rows):
            return
        names = (
            list(question.images.names)
            if isinstance(question, ImageQuestion)
            else list(question.table.rows)
        )
        labels = [str(names[i]) for i in rows[:NAMES]]
        more = f" and {len(rows) - NAMES} more" if len(rows) > NAMES else ""
        question.note(
            f"The line fits badly (local R² below {POOR}) in {len(rows)} of "
            f"{question.size} {question.things}: {', '.join(labels)}{more}. Do not rely on their "
            "values."
        )
