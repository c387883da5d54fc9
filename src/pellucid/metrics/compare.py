"""Several methods on the same model and rows: ``pellucid.compare``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, NotAdditive
from pellucid.core.scores import Score, Scores
from pellucid.data.schema import Schema
from pellucid.engine.progress import progress as show_progress
from pellucid.explainers.asking import asking
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.maths.correlation import spearman
from pellucid.metrics.believed import SIMILAR, listed, verdict
from pellucid.metrics.contestants import Answer, answered, fewer, recipes_of
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.faithfulness.areas import areas, orders_of
from pellucid.metrics.faithfulness.removal_curve import NUMBERS, RemovalCurve, ways
from pellucid.metrics.image_evidence import ImageEvidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.plausibility.plausibility import Plausibility
from pellucid.metrics.randomisation.parameter_randomisation import ParameterRandomisation
from pellucid.metrics.randomisation.random_logit import RandomLogit
from pellucid.metrics.ranks import overlap, rounded
from pellucid.metrics.resample import mean_interval
from pellucid.metrics.robustness.reseeding import Reseeding
from pellucid.metrics.robustness.stability import Stability
from pellucid.metrics.rows import GOLD, RANDOM, REVERSE
from pellucid.metrics.wording import percent, sentence

ROWS = {"table": 100, "image": 30}
"""Most rows, or images, that are compared unless more are asked for."""

JUDGES: dict[str, tuple[Metric, ...]] = {
    "table": (
        RemovalCurve(numbers=("comprehensiveness", "sufficiency")),
        Reseeding(),
        Stability(),
    ),
    "image": (
        RemovalCurve(),
        Plausibility(numbers=("pointing_game", "relevance_mass", "relevance_rank")),
        ParameterRandomisation(budget=5_000),
        RandomLogit(budget=5_000),
        Reseeding(budget=5_000),
        Stability(budget=5_000),
    ),
}
"""What every method is judged by, as far as it applies."""

STEPS, DONORS, ORDERS = 10, 10, 20
"""Points of a deletion curve, background rows of each row, and random orders."""

BUDGET = 400_000
"""Most evaluations for deletion and insertion; fewer rows are taken beyond it."""


def compare(
    model: Any,
    X: Any,
    *,
    methods: Sequence[str | Explainer] | None = None,
    background: Any = None,
    target: Any = None,
    scale: str = "auto",
    groups: Mapping[str, Sequence[str]] | None = None,
    budget: int | None = None,
    rows: int | None = None,
    top: int = 5,
    seed: int | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    segments: Any = None,
    gold: Any = None,
    batch_size: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Scores:
    """Do the methods agree, which of them is faithful and stable, and what does each cost?

    Parameters
    ----------
    model : object
        Anything that `explain` takes.
    X : table of shape (sample, feature), or images (sample, channel, row, column)
        The rows, or images, to explain.
    methods : sequence of str or Explainer, optional
        Two or more that give a value for each row and feature, or image and pixel. By default the
        best one for this model and, of tables, KernelSHAP, PermutationSHAP and LIME; of images
        saliency, Grad-CAM, occlusion and RISE, as far as they fit the model.
    background : table of shape (row, feature), or images, optional
        The reference rows; of tables, `X` by default.
    target, scale, groups, schema, batch_size, threads, progress
        As for `explain`. Of several classes the predicted one is compared, row by row.
    budget : int, optional
        Coalitions per row, or perturbed rows, for the methods that sample.
    rows : int, optional
        Most rows compared, by default 100, or 30 images; beyond, that many are drawn at random, and
        noted.
    top : int
        How many features count as most important.
    seed : int, optional
        Makes the result repeatable. Drawn, and recorded, if not given.
    segments : Segments, str, int or array, optional
        What images are cut into: to be judged, a grid of 196 cells unless another cut is asked for;
        for the methods that remove segments, superpixels.
    gold : array of bool of shape (sample, row, column) or (sample, feature), optional
        What people hold responsible: one more reference row, and the plausibility of each method.

    Returns
    -------
    Scores
        The first is the ``verdict`` in one sentence (its value is the mean agreement). Then, in
        the group of each method: ``comprehensiveness``, ``sufficiency`` and, for images, more
        numbers of `RemovalCurve`, each for two ways of removal; for tables ``deletion`` and
        ``insertion`` (areas, greater is better); ``reseeding``, ``stability``, ``seconds`` and
        ``evaluations`` per row. The groups ``random order`` and ``gold order`` hold what these
        reach, ``reverse order`` what the best method's order reaches turned round. Groups such
        as ``"lime ~ tree_shap"`` hold the agreement of two methods: the share of top features in
        common, of those in the same place, of those with the same sign too, and the rank
        correlation of magnitudes (Krishna et al.). ``pellucid.show`` draws all of it.

    Raises
    ------
    InvalidSetting
        With fewer than two methods, or one that gives no value for each row and feature.
    CannotExplain
        If a method does not fit the model.

    Notes
    -----
    Cost: each method three to five times (again with other seeds and with a little noise), and up
    to 400 000 evaluations for deletion and insertion. Agreement proves nothing true; deletion and
    insertion ask the model, on rows that may not occur.

    References
    ----------
    Krishna et al. (2022), The disagreement problem, arXiv:2202.01602. Samek et al. (2017),
    arXiv:1509.06321; Petsiuk et al. (2018), arXiv:1806.07421. Agarwal et al. (2022),
    arXiv:2203.06877.

    Examples
    --------
    >>> import pellucid as pel
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> found = pel.compare(model, X, methods=["linear_shap", "lime"], rows=30, seed=0)
    >>> found.sel(metric="stability").groups
    ('linear_shap', 'lime')
    """
    started = time.perf_counter()
    whole_number("rows", rows, 1, optional=True)
    whole_number("top", top, 1)
    asked = asking(
        model,
        X,
        background=background,
        target=target,
        scale=scale,
        groups=groups,
        segments=segments,
        schema=schema,
        seed=seed,
        batch_size=batch_size,
        threads=threads,
    )
    most = ROWS[asked.kind] if rows is None else int(rows)
    question, gold = fewer(asked, most, gold)
    recipes = recipes_of(question, methods, budget)
    with show_progress("compare", 2 * len(recipes) + 1, progress) as advance:
        answers, known = [], {}  # type: ignore[var-annotated]
        for name, recipe in recipes.items():
            answers.append(
                answered(name, recipe, question, gold=gold, segments=segments, known=known)
            )
            advance(1)
        top = min(top, max(len(answers[0].evidence.features) - 1, 1))
        found = [each for one in answers for each in _own(one, question.kind, advance)]
        faithful, best = _faithful(answers)
        advance(1)
    pairs = [each for two in combinations(answers, 2) for each in _agreement(*two, top)]
    found = [*_without_doubles(found, best), *faithful]
    scores = (verdict(answers, found, pairs, best, top), *found, *pairs)
    return _result(scores, question, answers, list(recipes.values()), top, started)


def _own(one: Answer, kind: str, advance: Callable[[int], None]) -> list[Score]:
    """What can be said of one method by itself, and its cost."""
    found = []
    for metric in JUDGES[kind]:
        if "gold" in metric.needs and one.evidence.gold is None:
            continue
        try:
            scores = metric.score(one.evidence)
        except (CannotExplain, NotAdditive) as reason:
            scores = (metric.silent(one.evidence, str(reason).rstrip(".")),)
        own = one.evidence.group
        found += [
            replace(score, group=one.name) if score.group == own else _beside(score, one.name)
            for score in scores
            if not score.label
        ]
    rows = len(one.evidence)
    for metric_name, value in (
        ("seconds", one.seconds / rows),
        ("evaluations", one.evaluations / rows),
    ):
        text = f"{value:.3g} {metric_name} for each of {rows:,} {one.evidence.thing}s."
        found.append(Score(metric=metric_name, group=one.name, value=value, n=rows, text=text))
    advance(1)
    return found


def _beside(score: Score, name: str) -> Score:
    """A reference row; the reverse order is each method's own."""
    return replace(score, group=f"{name}, {REVERSE}") if score.group == REVERSE else score


def _without_doubles(found: list[Score], best: list[str]) -> list[Score]:
    """Reference rows once for all methods, and the reverse order of the best one alone."""
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for score in found:
        of, _, order = score.group.rpartition(", ")
        if order == REVERSE:
            if best and of != best[0]:
                continue
            score = replace(score, group=REVERSE)
        key = (score.metric, score.group, score.removal)
        if score.group in (RANDOM, GOLD, REVERSE) and key in seen:
            continue
        seen.add(key)
        kept.append(score)
    return kept


def _faithful(answers: list[Answer]) -> tuple[list[Score], list[str]]:
    """Deletion and insertion of every method and of random orders on the same rows; the best.

    Of images the best is found by the share that is lost, and kept, of what the input adds.
    """
    evidence = answers[0].evidence
    if isinstance(evidence, ImageEvidence):
        return [], _best(answers, np.stack([_share(answer.evidence) for answer in answers]))
    if len(evidence.features) < 2 or not evidence.has_reference:
        return [], []
    each = (len(answers) + ORDERS) * 2 * STEPS * DONORS
    rows = evidence.some(max(1, BUDGET // each), "deletion and insertion")
    rng = evidence.rng("random orders")
    shape = (ORDERS, len(rows), len(evidence.features))
    random = rng.permuted(np.tile(np.arange(shape[2]), (*shape[:2], 1)), axis=2)
    own = np.stack([orders_of(answer.evidence)[rows] for answer in answers])
    measured = areas(evidence, np.concatenate([own, random]), rows, STEPS, DONORS)
    if measured is None:
        return [], []
    found = []
    for metric, area in (("deletion", measured.deletion), ("insertion", measured.insertion)):
        chance = area[len(answers) :].mean(axis=1)
        band = np.quantile(chance, [0.025, 0.975])
        for answer, values in zip(answers, area, strict=False):
            low, high = mean_interval(values, evidence.rng(metric, "interval"))
            mean = float(values.mean())
            beats = bool(mean > band[1])
            text = f"{metric} reaches {percent(mean)} of the way on average, random orders "
            text += f"{percent(band[0])} to {percent(band[1])}"
            found.append(
                Score(
                    metric=metric, group=answer.name, value=mean, low=low, high=high,
                    n=len(rows), passed=beats, text=sentence(text),
                )
            )  # fmt: skip
        text = f"95 % of {ORDERS} random orders lie between {percent(band[0])} and "
        found.append(
            Score(
                metric=metric, group=RANDOM, value=float(chance.mean()), low=float(band[0]),
                high=float(band[1]), n=ORDERS, text=text + f"{percent(band[1])}.",
            )
        )  # fmt: skip
    return found, _best(answers, (measured.deletion + measured.insertion) / 2)


def _share(evidence: Evidence) -> np.ndarray:
    """Normalised comprehensiveness and sufficiency, mean over ways of removal: (image,)."""
    judge = RemovalCurve()
    found = [
        number.of(judge.curves(evidence, way)[""])
        for way in ways(evidence, judge.removals)
        for number in (NUMBERS["normalised_comprehensiveness"], NUMBERS["normalised_sufficiency"])
    ]
    told = np.isfinite(found)
    return np.asarray(np.nansum(found, axis=0) / np.maximum(told.sum(axis=0), 1))


def _best(answers: list[Answer], area: np.ndarray) -> list[str]:
    """The methods with the greatest area: the first, and those it cannot be told from."""
    first = int(area[: len(answers)].mean(axis=1).argmax())
    rng = answers[0].evidence.rng("best")
    return [
        answer.name
        for i, answer in enumerate(answers)
        if i == first or not mean_interval(area[first] - area[i], rng)[0] > 0
    ]


def _agreement(one: Answer, other: Answer, top: int) -> list[Score]:
    """Four measures of how much two methods say the same of a row."""
    a, b = (rounded(each.evidence.shares, each.evidence.spread) for each in (one, other))
    firsts = [np.argsort(-np.abs(each), axis=1, kind="stable")[:, :top] for each in (a, b)]
    signs = [np.take_along_axis(np.sign(each), firsts[0], axis=1) for each in (a, b)]
    common = (firsts[0][:, :, None] == firsts[1][:, None]).any(axis=2)
    values = (
        overlap(a, b, top),
        (firsts[0] == firsts[1]).mean(axis=1),
        (common & (signs[0] == signs[1])).mean(axis=1),
        spearman(np.abs(a), np.abs(b)),
    )
    group, found = f"{one.name} ~ {other.name}", []
    for metric, each in zip(SIMILAR, values, strict=True):
        told = each[np.isfinite(each)]
        low, high = mean_interval(told, one.evidence.rng(metric, "interval"))
        value = float(told.mean()) if len(told) else float("nan")
        said = f"{value:.2f}" if metric == SIMILAR[3] else f"{percent(value)} of the top {top}"
        found.append(
            Score(
                metric=metric, group=group, value=value, low=low, high=high, n=len(told),
                text=sentence(f"{metric}: {said}, for {one.evidence.one} on average"),
            )
        )  # fmt: skip
    return found


def _result(
    scores: tuple[Score, ...],
    question: Question | ImageQuestion,
    answers: list[Answer],
    recipes: list[Explainer],
    top: int,
    started: float,
) -> Scores:
    said: dict[str, list[str]] = {}
    for answer in answers:
        for note in (*answer.notes, *answer.evidence.question.notes):
            said.setdefault(note, []).append(answer.name)
    alike = len(answers) if len(answers) > 1 else 0
    notes = [
        note if len(names) == alike or note in question.notes else f"{listed(names)}: {note}"
        for note, names in said.items()
    ]
    params = {
        "methods": [repr(recipe) for recipe in recipes],
        "top": top,
        "rows": question.size,
        "kind": question.kind,
    }
    made = replace(
        question.provenance("compare", params),
        seconds=time.perf_counter() - started,
        seed=question.seed,
    )
    return Scores(rows=scores, provenance=made.note(*notes))
