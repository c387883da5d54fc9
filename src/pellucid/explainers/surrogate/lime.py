"""LIME: a weighted linear model around each row, with its fit and its errors said aloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.data.schema import Column
from pellucid.engine.work import slices
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import positive, whole_number
from pellucid.maths.weighted_ridge import RidgeFits, weighted_ridge

CELLS = 1 << 16
"""Numbers in one block of designs: half a megabyte, which stays in the cache of a core."""

NAMED = ("categorical", "ordinal", "boolean")
"""Kinds of columns that are compared by sameness."""

TOP = 5
"""Strongest features whose order is judged."""


@dataclass(frozen=True, kw_only=True)
class LIME(Explainer):
    """Local interpretable model-agnostic explanations of rows of a table.

    Parameters
    ----------
    budget : int
        Perturbed rows. They are drawn once and serve every row explained.
    kernel_width : float, optional
        How far a perturbed row counts; by default 0.75 √features.
    discretise : bool
        Whether numbers and dates are cut at their quartiles and compared by sameness, as the
        authors' package does. Otherwise numbers are drawn from a normal distribution and enter by
        their distance from the mean, in standard deviations.
    features : int, optional
        How many features, those with the greatest shares, are kept in a second fit of each row.
        By default all.
    ridge : float
        Penalty on squared slopes.

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

    Errors are those of new perturbed rows (`pellucid.maths.weighted_ridge`); they do not say that
    a line is the right shape. That is what the local R² says, which is noted with its range, and
    with how many neighbours in the order of the strongest features are told apart by their errors.

    Cost: budget evaluations, and one for each row.

    Deviations from the authors' package: values within a quartile are those of the background, not
    a normal distribution; missing values are a category of their own, or stand at the mean; all
    features are kept by default instead of ten.

    References
    ----------
    Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938.

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
    cost: ClassVar[str] = "budget, and one for each row"

    budget: int = 5000
    kernel_width: float | None = None
    discretise: bool = True
    features: int | None = None
    ridge: float = 1.0

    def __post_init__(self) -> None:
        whole_number("budget", self.budget, 10)
        whole_number("features", self.features, 1, optional=True)
        positive("kernel_width", self.kernel_width, optional=True)
        positive("ridge", self.ridge)

    def work(self, question: Question) -> int:
        return self.budget + len(question.table)

    def compute(self, question: Question) -> Attribution:
        background, table = question.reference(None), question.table
        ruler = _ruler(background, list(table.schema.values()), self.discretise)
        drawn = ruler.draw(background, self.budget, question.rng("perturbed rows"))
        outputs, own = question.predict(drawn), question.output
        drawn, rows = ruler.place(drawn), ruler.place(table.codes)
        several = max(1, CELLS // (drawn.size + rows.shape[1]))
        parts = [
            self._fitted(drawn, outputs, rows[some], own[some], ruler.named)
            for some in slices(len(rows), several)
        ]
        value, error, base, r2 = (np.concatenate(part) for part in zip(*parts, strict=True))
        _note_fit(question, value, error, r2)
        return question.attribution(value, base, error)

    def _fitted(
        self,
        drawn: np.ndarray,
        outputs: np.ndarray,
        rows: np.ndarray,
        own: np.ndarray,
        named: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Values, errors, intercepts and local R² of several rows, the row axis first."""
        design, apart = _design(drawn, rows, named)
        width = self.kernel_width or 0.75 * np.sqrt(rows.shape[1])
        weight = np.exp(-apart / (2 * width**2))
        shared = np.broadcast_to(outputs, (len(rows), *outputs.shape))
        target = np.concatenate([shared, own[:, None]], axis=1)
        fits = weighted_ridge(design, target, weight, self.ridge)
        scale = np.where(named, 1.0, rows)[:, :, None]
        if self.features is not None and self.features < rows.shape[1]:
            fits = self._kept(design, target, weight, np.abs(fits.slope * scale))
        return fits.slope * scale, fits.error * np.abs(scale), fits.intercept, fits.r2

    def _kept(
        self, design: np.ndarray, target: np.ndarray, weight: np.ndarray, size: np.ndarray
    ) -> RidgeFits:
        """The fit again with only the features of greatest `size`; the others stay at zero."""
        slope, error = np.zeros(size.shape), np.zeros(size.shape)
        intercept, r2 = np.empty(size[:, 0].shape), np.empty(size[:, 0].shape)
        for output in range(size.shape[2]):
            best = np.argsort(-size[:, :, output], axis=1, kind="stable")[:, : self.features]
            few = np.take_along_axis(design, best[:, None], axis=2)
            fits = weighted_ridge(few, target[:, :, [output]], weight, self.ridge)
            np.put_along_axis(slope[:, :, output], best, fits.slope[:, :, 0], axis=1)
            np.put_along_axis(error[:, :, output], best, fits.error[:, :, 0], axis=1)
            intercept[:, output], r2[:, output] = fits.intercept[:, 0], fits.r2[:, 0]
        return RidgeFits(slope=slope, error=error, intercept=intercept, r2=r2)


@dataclass(frozen=True, kw_only=True)
class Ruler:
    """How values of each column are drawn and compared.

    Parameters
    ----------
    columns : list of Column
        What each column means.
    named : bool array of shape (feature,)
        Whether a column is compared by sameness.
    edges : list of arrays
        For each column the inner edges of its bins; empty where it is not cut.
    mean, spread : arrays of shape (feature,)
        Of the background; 0 and 1 for named columns.
    """

    columns: list[Column]
    named: np.ndarray
    edges: list[np.ndarray]
    mean: np.ndarray
    spread: np.ndarray

    def draw(self, background: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Coded rows of shape (count, feature), each column drawn on its own."""
        drawn = np.empty((count, background.shape[1]))
        for j, meaning in enumerate(self.columns):
            if self.named[j]:
                drawn[:, j] = background[rng.integers(len(background), size=count), j]
            else:
                numbers = rng.normal(self.mean[j], self.spread[j], size=count)
                drawn[:, j] = np.rint(numbers) if meaning.integer else numbers
        return drawn

    def place(self, codes: np.ndarray) -> np.ndarray:
        """Where coded rows lie: numbers of bins and categories (−1: missing), or scaled numbers."""
        placed = (codes - self.mean) / self.spread
        for j, edges in enumerate(self.edges):
            if len(edges):
                placed[:, j] = np.searchsorted(edges, codes[:, j], side="left")
        return np.where(np.isnan(codes), np.where(self.named, -1.0, 0.0), placed)


def _ruler(background: np.ndarray, columns: list[Column], discretise: bool) -> Ruler:
    labelled = np.array([meaning.kind in NAMED for meaning in columns])
    named = labelled | discretise
    edges, mean, spread = [], np.zeros(len(columns)), np.ones(len(columns))
    for j, column in enumerate(background.T):
        values = column[np.isfinite(column)]
        cut = bool(discretise and not labelled[j] and len(values))
        edges.append(np.unique(np.percentile(values, [25, 50, 75])) if cut else np.empty(0))
        if not named[j] and len(values):
            mean[j], spread[j] = values.mean(), values.std() or 1.0
    return Ruler(columns=columns, named=named, edges=edges, mean=mean, spread=spread)


def _design(
    drawn: np.ndarray, rows: np.ndarray, named: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What each line sees of the draws, and last of its own row, and their squared distances.

    A named column says whether the value is the row's own; a number stands as it is.
    """
    design = np.empty((len(rows), len(drawn) + 1, rows.shape[1]))
    np.equal(drawn, rows[:, None], out=design[:, :-1])
    design[:, -1] = 1.0
    apart = named.sum() - np.matmul(design, named.astype(np.float64))
    numbers = np.flatnonzero(~named)
    if len(numbers):
        design[:, :-1, numbers] = drawn[:, numbers]
        design[:, -1, numbers] = rows[:, numbers]
        away = design[:, :, numbers] - rows[:, None, numbers]
        apart += np.einsum("rdn,rdn->rd", away, away)
    return design, apart


def _note_fit(question: Question, value: np.ndarray, error: np.ndarray, r2: np.ndarray) -> None:
    """How well the lines fit, and how sure the order of the strongest features is."""
    fits = r2[np.isfinite(r2)]
    if len(fits):
        low, middle, high = np.quantile(fits, [0.0, 0.5, 1.0])
        question.note(
            f"Local R² of the surrogate: {low:.2f} to {high:.2f}, half of them below {middle:.2f}. "
            "Where it is low, the values describe little of what the model does."
        )
    order = np.argsort(-np.abs(value), axis=1, kind="stable")[:, :TOP]
    size = np.abs(np.take_along_axis(value, order, axis=1))
    doubt = np.square(np.take_along_axis(error, order, axis=1))
    reach = 1.96 * np.sqrt(doubt[:, 1:] + doubt[:, :-1])
    if reach.size:
        told = np.mean(size[:, :-1] - size[:, 1:] > reach)
        question.note(
            f"{told:.0%} of neighbours among the {order.shape[1]} strongest features of a row are "
            "told apart by their 95 % errors; a larger budget tells more apart."
        )
