"""Is a column needed? The model is trained again without it, and judged on rows it has not seen.

Permutation importance and Shapley values speak of the model at hand, which may lean on one of two
columns that say the same. Training again answers the other question: what would be lost if the
column had never been there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidData, InvalidSetting, WrongTarget
from pellucid.core.seeds import generator
from pellucid.data.schema import Schema
from pellucid.data.table import Table
from pellucid.engine.progress import progress as show_progress
from pellucid.explainers.effect.judged import Asked, checked_metric, metric_for
from pellucid.explainers.explainer import within_float64
from pellucid.explainers.question import Question, ask
from pellucid.explainers.settings import whole_number
from pellucid.maths.losses import METRICS, Metric
from pellucid.models.as_model import as_model
from pellucid.models.refit import refitted

GROUPS = 10
"""Parts that the jackknife leaves out in turn, for metrics that rows do not add up to."""


def drop_column(
    model: Any,
    X: Any,
    y: Any,
    *,
    metric: str = "auto",
    folds: int = 5,
    groups: Mapping[str, Sequence[str]] | None = None,
    seed: int | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Attribution:
    """How much worse the model is when it is trained without a column.

    Parameters
    ----------
    model : object
        A scikit-learn estimator or Pipeline, or one with its interface; it is copied, not changed.
    X : table of shape (sample, feature)
        Rows to train on and to judge by, in turn.
    y : array of shape (sample,)
        The true answers.
    metric : str
        As for permutation importance; ``"auto"`` is the log loss or the mean squared error.
    folds : int
        Parts of the rows: each is predicted by a model trained on the others.
    groups : Mapping of str to columns, optional
        Columns that are left out together.
    seed : int, optional
        Deals the rows into folds.
    schema : Schema or Mapping, optional
        As for `explain`.
    progress : bool, optional
        Show progress on standard error; by default on a terminal only.

    Returns
    -------
    Attribution
        On the axis ``("feature",)``: the rise of the loss (the fall of the score) without the
        column; ``base`` is the cross-validated loss with all columns.

    Raises
    ------
    CannotExplain
        If the model cannot be trained again.
    WrongTarget, InvalidData
        If the answers do not fit, or there are fewer rows than folds.

    Notes
    -----
    A column is left out by making it constant (its median or commonest category), in training and
    in judging, so that pipelines that name their columns can still be fitted.

    The error is that of other rows to be judged by, for the models as trained; training sets
    overlap, so it is somewhat too small for other data to train on. Cost: folds × (1 + features)
    fits.

    References
    ----------
    Breiman (2001), doi:10.1023/A:1010933404324. Lei et al. (2018), LOCO,
    doi:10.1080/01621459.2017.1307116. Williamson et al. (2023), doi:10.1080/01621459.2021.2003200.

    Examples
    --------
    >>> import pellucid as pel
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> pel.drop_column(LinearRegression(), X, y, seed=0).top(1).features
    ('bmi',)
    """
    checked = checked_metric(metric)
    question, tried = _prepared(model, X, y, folds, groups, seed, schema)
    chosen = metric_for(checked, question)
    answer, predicted = _crossed(question, tried, folds, chosen, progress)
    complaint = chosen.refuses(answer, predicted[0])
    if complaint is not None:
        raise WrongTarget(f"{chosen.words} {complaint}")
    sign = -1.0 if chosen.rising else 1.0
    with within_float64("drop_column", question.model):
        base = chosen.value(answer, predicted[0])
        found = [_rise(chosen, answer, predicted[0], each) for each in predicted[1:]]
    said = "fall" if chosen.rising else "rise"
    question.note(
        f"Each value is the {said} of the cross-validated {chosen.words} when the model is trained "
        f"without the column ({folds} folds)."
    )
    made = question.provenance("drop_column", {"metric": checked, "folds": folds})
    return Attribution(
        values=np.array([sign * value for value, _ in found]),
        error=np.array([error for _, error in found]),
        dims=("feature",),
        coords={"feature": question.player_names},
        base=np.asarray(base),
        provenance=replace(made, scale="loss", target=None),
    )


def loco(
    model: Any,
    X: Any,
    y: Any,
    *,
    folds: int = 5,
    groups: Mapping[str, Sequence[str]] | None = None,
    seed: int | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Attribution:
    """How much worse each row is predicted by a model trained without a column (LOCO).

    Parameters
    ----------
    model, X, y, folds, groups, seed, schema, progress
        As for `drop_column`.

    Returns
    -------
    Attribution
        On the axes ``("sample", "feature")``: how much more the row's absolute error is, or for
        classes its log loss (0 or 1 for a miss where the model gives no probabilities), without
        the column; ``base`` is the row's own loss with all columns. ``mean("sample")`` is the
        column's importance.

    Raises
    ------
    CannotExplain, WrongTarget, InvalidData
        As `drop_column`.

    Notes
    -----
    Every row is judged by models that have not seen it. Cost: folds × (1 + features) fits.

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018), doi:10.1080/01621459.2017.1307116.
    """
    question, tried = _prepared(model, X, y, folds, groups, seed, schema)
    name = metric_for("auto", question)
    chosen = METRICS["mae"] if name is METRICS["mse"] else name
    answer, predicted = _crossed(question, tried, folds, chosen, progress)
    sign = -1.0 if chosen.rising else 1.0
    with within_float64("loco", question.model):
        terms = [sign * chosen.terms(answer, each) for each in predicted]
    base = terms[0] if not chosen.rising else 1.0 + terms[0]
    question.note(
        f"Each value is how much more the row's {chosen.words} is when the model is trained, on "
        f"other rows, without the column ({folds} folds)."
    )
    made = question.provenance("loco", {"folds": folds})
    return Attribution(
        values=np.stack([each - terms[0] for each in terms[1:]], axis=1),
        dims=("sample", "feature"),
        coords={"sample": list(question.table.rows), "feature": question.player_names},
        base=base,
        inputs=question.table.columns(),
        provenance=replace(made, scale="loss", target=None),
    )


def _prepared(
    model: Any,
    X: Any,
    y: Any,
    folds: int,
    groups: Mapping[str, Sequence[str]] | None,
    seed: int | None,
    schema: Schema | Mapping[str, Any] | None,
) -> tuple[Question, Any]:
    """The question with a model trained on all rows, and what is to be trained again."""
    whole_number("folds", folds, 2)
    answers = np.asarray(y)
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    Table.of(X, schema=schema)  # a table that cannot be read is refused in its own words
    learner = getattr(model, "source", model)
    fitted = refitted(learner, X, answers)
    question = ask(fitted, X, y=answers, groups=groups, seed=seed, schema=schema)
    if question.model.task == "outlier":
        raise CannotExplain("An outlier model has no true answers", got=question.model.name)
    if len(question.table) < folds:
        raise InvalidData(
            "There are fewer rows than folds", got=f"{len(question.table)} rows, {folds} folds"
        )
    return question, learner


def _crossed(
    question: Question, learner: Any, folds: int, metric: Metric, shown: bool | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The answers, and out-of-fold predictions: with all columns, then without each player."""
    codes, y = question.table.codes, question.y
    assert y is not None
    asked = Asked.of(question, metric)
    answer = asked.answers(np.zeros((1, asked.width)))
    fold = _dealt(answer, folds, question.rng("folds"))
    shape = (len(codes), asked.width)
    predicted = []
    games = 1 + len(question.player_names)
    with show_progress("training", games * folds, shown) as advance:
        for held in _constant(question):
            out = np.empty(shape)
            for part in range(folds):
                train, test = fold != part, fold == part
                again = refitted(learner, question.table.native(held[train]), y[train])
                own = replace(question, model=_same_classes(again, question))
                out[test] = Asked.of(own, metric).predict(held[test])
                advance(1)
            predicted.append(asked.judged(out))
    return answer, predicted


def _same_classes(fitted: Any, question: Question) -> Any:
    found = as_model(fitted)
    if found.classes != question.model.classes:
        raise InvalidSetting(
            "A fold lacks a class, so its model cannot be judged",
            got=f"classes {found.classes}",
            allowed=str(question.model.classes),
            fix="Give fewer folds, or more rows of the rare class",
        )
    return found


def _constant(question: Question) -> Iterator[np.ndarray]:
    """The coded rows, then with the columns of each player held at one value."""
    codes = question.table.codes
    yield codes
    usual = np.array([_usual(column) for column in codes.T])
    for player in range(len(question.player_names)):
        held = codes.copy()
        mine = question.player_of == player
        held[:, mine] = usual[mine]
        yield held


def _usual(values: np.ndarray) -> float:
    """A value near the middle that occurs; missing where nothing else does."""
    there = np.sort(values[~np.isnan(values)])
    return float(there[len(there) // 2]) if len(there) else float("nan")


def _dealt(answer: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """The fold of each row, with answers spread evenly over folds."""
    order = np.lexsort((rng.random(len(answer)), answer))
    fold = np.empty(len(answer), dtype=int)
    fold[order] = np.arange(len(answer)) % folds
    return fold


def _rise(
    metric: Metric, answer: np.ndarray, own: np.ndarray, without: np.ndarray
) -> tuple[float, float]:
    """How much the metric grows, and its standard error over rows."""
    if metric.whole is None:
        apart = metric.terms(answer, without) - metric.terms(answer, own)
        return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart)))
    value = metric.value(answer, without) - metric.value(answer, own)
    group = generator(0, "jackknife").permutation(len(answer)) % GROUPS
    left = [
        metric.value(answer[group != g], without[group != g])
        - metric.value(answer[group != g], own[group != g])
        for g in range(min(GROUPS, len(answer)))
    ]
    return value, float(np.sqrt(np.var(left) * (len(left) - 1)))
