"""Permutation importance: how much worse the model gets when one column is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidData, InvalidSetting, WrongTarget
from pellucid.core.provenance import Provenance
from pellucid.engine.work import slices
from pellucid.explainers.effect.judged import Asked, checked_metric, metric_for
from pellucid.explainers.effect.tree_route import TreeRoute, tree_route
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.maths.losses import Metric
from pellucid.maths.shuffles import donors, donors_within, grouped_error, paired_error
from pellucid.models.adapter import Model

PORTION = 2**24
"""Most predictions that are held at once."""

WITHIN = (
    "Columns are shuffled among rows that are alike in the other columns: what others tell of a "
    "column is not counted for it."
)


@dataclass(frozen=True, kw_only=True)
class PermutationImportance(Explainer):
    """How much the loss rises, or the score falls, when the values of one column are shuffled.

    Parameters
    ----------
    metric : str or callable
        For classes: ``"log_loss"``, ``"brier"``, ``"accuracy"``, ``"balanced_accuracy"``,
        ``"roc_auc"``, ``"average_precision"``, ``"precision"``, ``"recall"``, ``"f1"``, their means
        ``_macro``, ``"f1_weighted"``, ``"matthews"``. For numbers: ``"mse"``, ``"rmse"``,
        ``"mae"``, ``"median_ae"``, ``"max_error"``, ``"mape"``, ``"msle"``,
        ``"poisson_deviance"``, ``"gamma_deviance"``, ``"r2"``, ``"explained_variance"``.
        scikit-learn's names of these scorers do too. ``"auto"`` is the log loss (accuracy where the
        model has no probabilities) or the mean squared error.
        A function ``(y, prediction) -> float`` of your own, greater where better, is kept by the
        name that it is imported by, ``"package.module:function"``; predictions are numbers, or
        (row, class) for classes.
    repeats : int
        Shuffles of each column.
    conditional : bool
        Whether values are shuffled only among rows that are alike in all other columns: in the
        leaves of a tree that tells the column from them.

    Notes
    -----
    The values have the axis ``("feature",)``: positive where the model needs the column, for every
    metric. ``base`` is the loss or score itself. The log loss holds probabilities at 1e-6 or above.
    The whole model is judged, whatever the target. Columns of one group are shuffled together.

    A shuffle gives each row the value of another row, and no pair of rows meets twice, so the
    value is unbiased for a column made independent; scikit-learn's, whose shuffles may leave a
    row as it is, is smaller by the factor (n − 1) / n on average. All columns share the same
    shuffles. With ``repeats ≥ rows − 1`` every pair is used, and shuffling adds no noise.

    The error holds for other rows and other shuffles: `pellucid.maths.shuffles.paired_error`, or
    a jackknife over tenths of the rows for metrics that rows do not add up to. It does not hold for
    a model trained anew. Columns that say the same share their importance out of sight: shuffling
    one leaves the other. Explained as one group they are shuffled together.

    The conditional importance asks what a column tells beyond the others (a copy tells nothing).
    Its tree is a conditional inference tree with leaves of at least 7 rows, grown on the rows
    explained: where dependence is close, some of it is left within a leaf, and the value lies
    between the conditional and the marginal one.

    Cost: rows × (1 + features × repeats) evaluations; where the model is read as trees, a check of
    them on a few rows.

    Raises
    ------
    UnknownName, InvalidSetting, CannotExplain
        If there is no such metric, or it does not fit the model.
    WrongTarget
        If an answer is none that the model could give, or the metric is undefined for them.

    References
    ----------
    Breiman (2001), doi:10.1023/A:1010933404324; Fisher, Rudin and Dominici (2019),
    arXiv:1801.01489. Conditional: Debeer and Strobl (2020), doi:10.1186/s12859-020-03622-2; Molnar
    et al. (2023), doi:10.1007/s10618-022-00901-9.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> found = PermutationImportance().explain(model, X, y=y, seed=0)
    >>> found.top(3).features
    ('s1', 's5', 'bmi')
    """

    labels: ClassVar[bool] = True
    measures: ClassVar[str | None] = "loss"
    paper: ClassVar[str] = "arXiv:1801.01489"
    cost: ClassVar[str] = "rows × (1 + features × repeats)"

    takes_groups: ClassVar[bool] = True

    metric: str | Callable[..., float] = "auto"
    repeats: int = 10
    conditional: bool = False

    def __post_init__(self) -> None:
        whole_number("repeats", self.repeats, 1)
        if not isinstance(self.conditional, bool):
            raise InvalidSetting(
                "conditional is a choice", got=repr(self.conditional), allowed="True or False"
            )
        object.__setattr__(self, "metric", checked_metric(self.metric))

    def obstacle(self, model: Model, scale: str) -> str | None:
        if model.task == "outlier":
            return "it compares predictions with true answers, which an outlier model does not give"
        return super().obstacle(model, scale)

    def work(self, question: Question) -> int:
        return len(question.table) * (1 + self.repeats * len(question.player_names))

    def compute(self, question: Question) -> Attribution:
        rows = question.table.codes
        if len(rows) < 2:
            raise InvalidData("Shuffling needs at least two rows", got="one row")
        metric = metric_for(str(self.metric), question)
        asked = Asked.of(question, metric)
        route = tree_route(
            question, rows, scale=asked.scale, predict=asked.predict, shown=asked.shown
        )
        own = asked.predict(rows) if route is None else route.way(route.sums)
        answer = asked.answers(own)
        judged = asked.judged(own)
        complaint = metric.refuses(answer, judged)
        if complaint is not None:
            raise WrongTarget(f"{metric.words} {complaint}")
        base = metric.value(answer, judged)
        given = self._donors(question)
        sign = -1.0 if metric.rising else 1.0
        value, error = np.empty(len(given)), np.empty(len(given))
        for which, outputs in enumerate(_shuffled(asked, route, rows, given)):
            moved = asked.judged(outputs)
            found = _judged(metric, answer, judged, moved, given[which])
            value[which], error[which] = sign * found[0], found[1]
        said = "fall" if metric.rising else "rise"
        question.note(f"Each value is the {said} of the {metric.words} when a column is shuffled.")
        return Attribution(
            values=value,
            dims=("feature",),
            coords={"feature": question.player_names},
            base=np.asarray(base),
            error=error,
            provenance=Provenance(method=""),
        )

    def _donors(self, question: Question) -> list[np.ndarray]:
        """For each player, the row that gives its values: (repeat, row)."""
        rows, players = question.table.codes, range(len(question.player_names))
        if not self.conditional:
            return [donors(len(rows), self.repeats, question.rng("shuffles"))] * len(players)
        from pellucid.perturb.removal import Reference
        from pellucid.perturb.tree import Tree

        question.note(WITHIN)
        tree = Tree(Reference(rows=rows, seen=rows, columns=list(question.table.schema.values())))
        found = []
        for player in players:
            strata = tree.strata(question.player_of != player)
            found.append(donors_within(strata, self.repeats, question.rng("shuffles", player)))
        return found


def _shuffled(
    asked: Asked, route: TreeRoute | None, rows: np.ndarray, given: Sequence[np.ndarray]
) -> Iterator[np.ndarray]:
    """Answers (repeat, row, output) with each player's columns taken from the rows given."""
    question = asked.question
    sets = [np.flatnonzero(question.player_of == player) for player in range(len(given))]
    if route is None:
        for columns, giver in zip(sets, given, strict=True):
            yield _asked(asked, rows, columns, giver)
        return
    size = given[0].size * asked.width
    several = max(1, PORTION // size)
    for start in range(0, len(sets), several):
        some = slice(start, start + several)
        yield from _walked(route, sets[some], given[some], asked.width)


def _asked(asked: Asked, rows: np.ndarray, columns: np.ndarray, giver: np.ndarray) -> np.ndarray:
    """The model's own answers, as many repeats at once as fit into a batch."""
    several = max(1, asked.question.work.batch_size // len(rows))
    found = []
    for some in slices(len(giver), several):
        block = np.tile(rows, (some.stop - some.start, 1, 1))
        block[:, :, columns] = rows[giver[some][:, :, None], columns]
        found.append(asked.predict(block.reshape(-1, rows.shape[1])))
    return np.concatenate(found).reshape(*giver.shape, -1)


def _walked(
    route: TreeRoute, sets: Sequence[np.ndarray], given: Sequence[np.ndarray], width: int
) -> Iterator[np.ndarray]:
    """The trees' answers, held to the model at one row of each player."""
    rows = route.rows
    found = [np.empty((*giver.shape, width)) for giver in given]
    repeats = max(len(giver) for giver in given)
    full = [np.resize(giver, (repeats, len(rows))) for giver in given]
    for some, values in route.shuffled(sets, full):
        for which, place in enumerate(found):
            place[:, some] = values[which, :, :, : len(place)].transpose(2, 1, 0)
    at = np.arange(len(sets)) * len(rows) // len(sets)
    moved = rows[at]
    for which, (columns, giver) in enumerate(zip(sets, given, strict=True)):
        moved[which, columns] = rows[giver[0, at[which]], columns]
    route.hold(moved, np.array([place[0, row] for place, row in zip(found, at, strict=True)]))
    yield from found


def _judged(
    metric: Metric, answer: np.ndarray, own: np.ndarray, moved: np.ndarray, given: np.ndarray
) -> tuple[float, float]:
    """Rise of the metric and its error, for answers (repeat, row, …) in place of `own`."""
    if metric.whole is None:
        base = metric.terms(answer, own)
        changed = np.stack([metric.terms(answer, each) for each in moved]) - base
        return float(changed.mean()), paired_error(changed, given)
    before = metric.value(answer, own)
    value = float(np.mean([metric.value(answer, each) - before for each in moved]))
    if np.array_equal(moved, np.broadcast_to(own, moved.shape)):
        return value, 0.0

    def rise(pairs: np.ndarray, rows: np.ndarray, repeat: int) -> float:
        if metric.refuses(answer[pairs], own[pairs]) or metric.refuses(answer[rows], own[rows]):
            return value
        apart = metric.value(answer[pairs], moved[repeat][pairs])
        return apart - metric.value(answer[rows], own[rows])

    return value, grouped_error(rise, given)
