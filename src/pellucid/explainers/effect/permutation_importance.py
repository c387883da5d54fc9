"""Permutation importance: how much worse the model gets when one column is shuffled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidData, UnknownName, WrongTarget
from pellucid.core.provenance import Provenance
from pellucid.explainers.effect.forced import Force, forced
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.maths.losses import METRICS, Metric
from pellucid.maths.shuffles import donors, paired_error
from pellucid.models.adapter import Model

PROBABILITY = "probability"


@dataclass(frozen=True, kw_only=True)
class PermutationImportance(Explainer):
    """How much the loss rises, or the score falls, when the values of one column are shuffled.

    Parameters
    ----------
    metric : str
        ``"log_loss"``, ``"brier"``, ``"accuracy"`` or ``"roc_auc"`` for classes; ``"mse"``,
        ``"mae"`` or ``"r2"`` for numbers. ``"auto"`` is the log loss (accuracy where the model has
        no probabilities) or the mean squared error.
    repeats : int
        Shuffles of each column.

    Notes
    -----
    The values have the axis ``("feature",)``: positive where the model needs the column, for every
    metric. ``base`` is the loss or score itself. The log loss holds probabilities at 1e-6 or above.
    The whole model is judged, whatever the target.

    A shuffle gives each row the value of another row, and no pair of rows meets twice, so the
    value is unbiased for a column made independent; scikit-learn's, whose shuffles may leave a
    row as it is, is smaller by the factor (n − 1) / n on average. All columns share the same
    shuffles. With ``repeats ≥ rows − 1`` every pair is used, and shuffling adds no noise.

    The error holds for other rows and other shuffles: `pellucid.maths.shuffles.paired_error`. It
    does not hold for a model trained anew. Columns that say the same share their importance out of
    sight: shuffling one leaves the other.

    Cost: rows × (1 + features × repeats) evaluations.

    Raises
    ------
    UnknownName, CannotExplain
        If there is no such metric, or it does not fit the model.
    WrongTarget
        If an answer is none that the model could give, or the metric is undefined for them.

    References
    ----------
    Breiman (2001), doi:10.1023/A:1010933404324; Fisher, Rudin and Dominici (2019),
    arXiv:1801.01489.

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

    metric: str = "auto"
    repeats: int = 10

    def __post_init__(self) -> None:
        whole_number("repeats", self.repeats, 1)
        if self.metric not in ("auto", *METRICS):
            raise UnknownName.among("metric", str(self.metric), ("auto", *METRICS))

    def obstacle(self, model: Model, scale: str) -> str | None:
        if model.task == "outlier":
            return "it compares predictions with true answers, which an outlier model does not give"
        return super().obstacle(model, scale)

    def work(self, question: Question) -> int:
        return len(question.table) * (1 + self.repeats * len(question.table.names))

    def compute(self, question: Question) -> Attribution:
        rows = question.table.codes
        if len(rows) < 2:
            raise InvalidData("Shuffling needs at least two rows", got="one row")
        metric = self._metric(question.model)
        ask = _predictor(question, metric)
        own = ask(rows)
        answer = _places(question, metric, own) if own.ndim == 2 else _numbers(question, metric)
        base = metric.terms(answer, own)
        given = donors(len(rows), self.repeats, question.rng("shuffles"))
        columns = range(rows.shape[1])
        forces: list[Force] = [(j, rows[turn, j]) for j in columns for turn in given]
        outputs = forced(ask, rows, forces, question.work.batch_size)
        sign = -1.0 if metric.rising else 1.0
        value, error = np.empty(len(columns)), np.empty(len(columns))
        for j in columns:
            changed = sign * (np.stack([metric.terms(answer, next(outputs)) for _ in given]) - base)
            value[j], error[j] = changed.mean(), paired_error(changed, given)
        moved = "fall" if metric.rising else "rise"
        question.note(f"Each value is the {moved} of the {metric.words} when a column is shuffled.")
        return Attribution(
            values=value,
            dims=("feature",),
            coords={"feature": question.table.names},
            base=base.mean(),
            error=error,
            provenance=Provenance(method=""),
        )

    def _metric(self, model: Model) -> Metric:
        chances = PROBABILITY in model.scales
        if self.metric == "auto":
            loss = "log_loss" if chances else "accuracy"
            return METRICS[loss if model.task == "classification" else "mse"]
        metric = METRICS[self.metric]
        if metric.task != model.task or (metric.chances and not chances):
            fits = [
                name
                for name, each in METRICS.items()
                if each.task == model.task and (chances or not each.chances)
            ]
            raise CannotExplain(
                f"{model.name} cannot be judged by {self.metric!r}",
                got=model.task,
                allowed=fits,
            )
        return metric


def _predictor(question: Question, metric: Metric) -> Callable[[np.ndarray], np.ndarray]:
    """The predictions that the metric judges, for coded rows: (row, class) or (row,)."""
    model, classes = question.model, metric.task == "classification"
    natural = PROBABILITY if classes else "raw"
    scale = natural if natural in model.scales else model.scales[0]
    if question.many and not classes:
        raise CannotExplain(
            "One loss cannot judge several outputs",
            got=f"{len(question.columns)} outputs",
            fix="Choose one with target=",
        )

    def predict(codes: np.ndarray) -> np.ndarray:
        out = model.predict(question.table.native(codes), scale)
        if not classes:
            return out[:, question.columns]
        if out.shape[1] > 1:
            return out
        return np.hstack([1.0 - out if scale == PROBABILITY else -out, out])

    def ask(codes: np.ndarray) -> np.ndarray:
        out = question.work.predict(predict, codes)
        return out if classes else out[:, 0]

    return ask


def _numbers(question: Question, metric: Metric) -> np.ndarray:
    """The answers of a regression."""
    assert question.y is not None
    try:
        answer = question.y.astype(np.float64)
    except (TypeError, ValueError) as reason:
        raise WrongTarget("The answers are not numbers", got=str(reason)) from reason
    if not np.all(np.isfinite(answer)):
        lost = int((~np.isfinite(answer)).sum())
        raise WrongTarget("Some answers are missing or infinite", got=f"{lost} of {len(answer)}")
    if metric.rising and np.ptp(answer) == 0:
        raise WrongTarget(f"{metric.words} is not defined where all answers are equal")
    return answer


def _places(question: Question, metric: Metric, own: np.ndarray) -> np.ndarray:
    """The answers of a classification as places among the model's classes."""
    assert question.y is not None
    classes = list(question.model.classes or range(own.shape[1]))
    place = {_plain(label): i for i, label in enumerate(classes)}
    strange = {str(y) for y in map(_plain, question.y) if y not in place}
    if strange:
        raise WrongTarget(
            "Some answers are no class of the model",
            got=sorted(strange),
            allowed=[str(each) for each in classes],
        )
    answer = np.array([place[_plain(y)] for y in question.y])
    if metric is METRICS["roc_auc"] and len(np.unique(answer)) < len(classes):
        raise WrongTarget(
            f"{metric.words} needs rows of every class",
            got=[str(classes[i]) for i in np.unique(answer)],
            allowed=[str(each) for each in classes],
        )
    return answer


def _plain(label: object) -> object:
    return label.item() if isinstance(label, np.generic) else label
