"""The judge: ``pellucid.evaluate``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.core import registry
from pellucid.core.attribution import Attribution
from pellucid.core.errors import (
    CannotExplain,
    InvalidData,
    InvalidSetting,
    NotAdditive,
    UnknownName,
)
from pellucid.core.scores import Score, Scores
from pellucid.core.seeds import resolve_seed
from pellucid.data.images import are_images
from pellucid.data.schema import Schema
from pellucid.engine.progress import progress as show_progress
from pellucid.engine.work import BATCH_ROWS
from pellucid.explainers.explainer import Explainer
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.gather import gather
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.metric import Metric

PACKAGE = "pellucid.metrics"


def evaluate(
    attribution: Attribution,
    model: Any,
    X: Any,
    *,
    background: Any = None,
    metrics: str | Metric | Sequence[str | Metric] | None = None,
    method: Explainer | None = None,
    target: Any = None,
    rows: int = 200,
    seed: int | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    segments: Any = None,
    gold: Any = None,
    batch_size: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Scores:
    """Is the explanation true? Each check says its number in a plain sentence.

    Parameters
    ----------
    attribution : Attribution
        What `explain` returned, with a value for each row and feature.
    model : object
        The model that was explained.
    X : table of shape (sample, feature), or images (sample, channel, row, column)
        What was explained.
    background : table of shape (row, feature), optional
        The reference that was given to `explain`. Without it, features are replaced by values of
        `X`, and what was explained against another reference is not explained again.
    metrics : str, Metric or sequence of them, optional
        Recipes, their names, or names of numbers such as ``"comprehensiveness"``; by default those
        that are usual for the data.
    method : Explainer, optional
        The recipe that made the attribution, where it is none of this library's.
    target : class label or int, optional
        The output explained, where the attribution does not say it.
    rows : int
        Most rows judged; beyond, that many are drawn at random, and noted.
    seed : int, optional
        Makes the result repeatable. Drawn, and recorded, if not given.
    schema : Schema or Mapping, optional
        As it was given to `explain`.
    segments : Segments, str, int or array, optional
        What images are cut into to be judged, the same for every method; by default a grid of 196
        cells, or single pixels where there are no more. See `pellucid.perturb.segments.cut`.
    gold : array of bool of shape (sample, row, column) or (sample, feature), optional
        What people hold responsible, for plausibility and as a reference row.
    batch_size : int
        Most rows given to the model at once; bounds memory.
    threads : int, optional
        Threads for compiled kernels; by default all cores.
    progress : bool, optional
        Show progress on standard error; by default on a terminal only.

    Returns
    -------
    Scores
        One or two rows for each metric. ``scores.failures`` are the checks that failed; their
        sentences begin with "Warning:". A metric that does not apply has no number, no verdict,
        and says why.

    Raises
    ------
    InvalidData
        If the attribution explains another model, other rows or other features.
    AxisError
        If it has no value for each row and feature.
    UnknownName, InvalidSetting
        If a name or a setting is not known.

    Notes
    -----
    Of several classes, the class predicted is judged in each row, by itself; additivity is
    checked for all. Several outputs of a regression are judged one after another, each as a group.

    Cost with the standard metrics: of tables up to 600 evaluations per row for deletion, 20 per row
    and feature for agreement, and four more explanations; of images about 100 evaluations for each,
    and up to 13 more explanations. Each check keeps to its own budget, and the provenance says how
    many evaluations were made.

    A check that holds does not prove an explanation. It says that one way in which explanations
    go wrong was looked for and not found.

    Examples
    --------
    >>> import pellucid as pel
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> attribution = pel.explain(model, X.head(50), background=X, seed=0)
    >>> pel.evaluate(attribution, model, X.head(50), background=X, seed=0).ok
    True
    """
    started = time.perf_counter()
    if metrics is not None:
        _metrics(metrics, "table")  # before any work is done
    if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < 1:
        raise InvalidSetting("rows is a number of rows", got=repr(rows), allowed="≥ 1")
    seed = resolve_seed(seed)
    common: dict[str, Any] = {
        "background": background, "method": method, "target": target, "gold": gold,
        "rows": int(rows), "seed": seed, "threads": threads,
    }  # fmt: skip
    evidence: tuple[Evidence, ...]
    if are_images(X):
        if schema is not None:
            raise InvalidSetting("schema is for tables", got="schema= and images")
        evidence = gather_images(
            attribution, model, X, segments=segments, batch_size=batch_size, **common
        )
    else:
        if segments is not None:
            raise InvalidSetting("segments is for images", got="segments= and a table")
        size = BATCH_ROWS if batch_size is None else batch_size
        evidence = gather(attribution, model, X, schema=schema, batch_size=size, **common)
    chosen = _metrics(metrics, evidence[0].question.kind)
    with show_progress("evaluate", len(chosen) * len(evidence), progress) as advance:
        scores: list[Score] = []
        for metric in chosen:
            for each in evidence:
                scores += _judge(metric, each)
                advance(1)
    return _result(scores, chosen, attribution, evidence, seed, started)


def _metrics(given: str | Metric | Sequence[str | Metric] | None, kind: str) -> list[Metric]:
    """The metrics asked for, as recipes; or those that are usual for this kind of data."""
    if given is None:
        given = [name for name in known_metrics() if kind in _found(name).usual]
    elif isinstance(given, (str, Metric)):
        given = [given]
    found = [_metric(each) for each in given]
    if not found:
        raise InvalidSetting("There is nothing to measure", got="no metrics", fix="Name some")
    return found


def known_metrics() -> tuple[str, ...]:
    """The names of all metrics."""
    names = registry.names(PACKAGE)
    return tuple(name for name in names if issubclass(registry.find(PACKAGE, name), Metric))


def _metric(given: str | Metric) -> Metric:
    if isinstance(given, Metric):
        return given
    if not isinstance(given, str):
        raise InvalidSetting(
            "A metric is a recipe or the name of one", got=repr(given), allowed=known_metrics()
        )
    numbers = {number: name for name in known_metrics() for number in _found(name).tells}
    if given in numbers:
        return _found(numbers[given])(numbers=(given,))  # type: ignore[call-arg]
    if given not in known_metrics():
        raise UnknownName.among("metric", given, [*known_metrics(), *numbers])
    return _found(given)()


def _found(name: str) -> type[Metric]:
    return registry.find(PACKAGE, name)  # type: ignore[return-value]


def _judge(metric: Metric, evidence: Evidence) -> tuple[Score, ...]:
    try:
        return metric.score(evidence)
    except (CannotExplain, InvalidData, NotAdditive) as reason:
        return (metric.silent(evidence, f"the model or the method refused: {reason}".rstrip(".")),)


def _result(
    scores: list[Score],
    chosen: list[Metric],
    attribution: Attribution,
    evidence: tuple[Evidence, ...],
    seed: int,
    started: float,
) -> Scores:
    question = evidence[0].question
    params = {
        "explained": attribution.method,
        "metrics": [repr(metric) for metric in chosen],
        "rows": len(evidence[0]),
        "kind": question.kind,
    }
    notes = [note for each in evidence for note in (*each.question.notes, *each.first.notes)]
    made = replace(
        question.provenance("evaluate", params),
        seconds=time.perf_counter() - started,
        seed=seed,
        target=attribution.target,
        notes=(),
    )
    return Scores(rows=tuple(scores), provenance=made.note(*notes))
