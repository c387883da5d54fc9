"""Several methods on the same model and rows: ``pellucid.compare``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidSetting, NotAdditive
from pellucid.core.scores import Score, Scores
from pellucid.core.seeds import generator
from pellucid.data.schema import Schema
from pellucid.engine.progress import progress as show_progress
from pellucid.engine.work import BATCH_ROWS, Work
from pellucid.explainers.choose import best_method, recipe_named
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question, ask
from pellucid.explainers.settings import whole_number
from pellucid.metrics.faithfulness.removal_curves import areas, orders_of
from pellucid.metrics.gather import each_output
from pellucid.metrics.ranks import overlap, rounded, spearman
from pellucid.metrics.resample import mean_interval
from pellucid.metrics.robustness.reseeding import Reseeding
from pellucid.metrics.robustness.stability import Stability
from pellucid.metrics.table_evidence import TableEvidence, repeat
from pellucid.metrics.wording import percent, sentence

USUAL = ("kernel_shap", "permutation_shap", "lime")
"""What is compared, beside the best method, where no methods are named."""

STEPS, DONORS, RANDOM = 10, 10, 20
"""Points of a deletion curve, background rows of each row, and random orders."""

REFERENCE = 100
"""Most background rows; samplers would draw as many, and each its own."""

BUDGET = 400_000
"""Most evaluations for deletion and insertion; fewer rows are taken beyond it."""

AGREE, APART = 0.8, 0.5
"""From which overlap of the top features methods are said to agree, and below which to differ."""

SIMILAR = ("same features", "same places", "same signs", "rank correlation")
"""Measures of agreement of two methods, as scores call them."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one method said, at what cost."""

    name: str
    evidence: TableEvidence
    seconds: float
    evaluations: int
    notes: tuple[str, ...]


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
    rows: int = 100,
    top: int = 5,
    seed: int | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    batch_size: int = BATCH_ROWS,
    threads: int | None = None,
    progress: bool | None = None,
) -> Scores:
    """Do the methods agree, which of them is faithful and stable, and what does each cost?

    Parameters
    ----------
    model : object
        Anything that `explain` takes.
    X : table of shape (sample, feature)
        The rows to explain.
    methods : sequence of str or Explainer, optional
        Two or more that give a value for each row and feature. By default the best one for this
        model, KernelSHAP, PermutationSHAP and LIME.
    background : table of shape (row, feature), optional
        The reference rows; by default `X`.
    target, scale, groups, schema, batch_size, threads, progress
        As for `explain`. Of several classes the predicted one is compared, row by row.
    budget : int, optional
        Coalitions per row, or perturbed rows, for the methods that sample.
    rows : int
        Most rows compared; beyond, that many are drawn at random, and noted.
    top : int
        How many features count as most important.
    seed : int, optional
        Makes the result repeatable. Drawn, and recorded, if not given.

    Returns
    -------
    Scores
        The first is the ``verdict`` in one sentence (its value is the mean agreement). Then, in
        the group of each method: ``deletion`` and ``insertion`` (areas, greater is better),
        ``reseeding``, ``stability``, ``seconds`` and ``evaluations`` per row. The group
        ``random order`` holds what random orders reach, with the band of 95 % of them. Groups such
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
    >>> found.groups[:3]
    ('', 'linear_shap', 'lime')
    """
    started = time.perf_counter()
    whole_number("rows", rows, 1)
    whole_number("top", top, 1)
    question = _few(
        ask(
            model,
            X,
            background=background,
            target=target,
            scale=scale,
            groups=groups,
            schema=schema,
            seed=seed,
            batch_size=batch_size,
            threads=threads,
        ),
        rows,
    )
    recipes = _recipes(question, methods, budget)
    top = min(top, max(len(question.player_names) - 1, 1))
    with show_progress("compare", 2 * len(recipes) + 1, progress) as advance:
        answers = []
        for name, recipe in recipes.items():
            answers.append(_answer(name, recipe, question))
            advance(1)
        found = [each for answer in answers for each in _own(answer, advance)]
        faithful, best = _faithful(answers)
        advance(1)
    pairs = [each for two in combinations(answers, 2) for each in _agreement(*two, top)]
    found += faithful
    scores = (_verdict(answers, found, pairs, best, top), *found, *pairs)
    return _result(scores, question, answers, list(recipes.values()), top, started)


def _few(question: Question, rows: int) -> Question:
    """The question about at most `rows` of its rows, all methods against the same reference."""
    n, known = len(question.table), question.background
    if known is None and n > 1:
        known = question.table
        question = replace(question, background=known)
        question.note("No background was given: all methods start from the rows given.")
    if known is not None and len(known) > REFERENCE:
        drawn = generator(question.seed, "reference compared")
        index = np.sort(drawn.choice(len(known), REFERENCE, replace=False))
        question = replace(question, background=known.take(index))
        question.note(
            f"All methods start from the same {REFERENCE} of {len(known):,} background rows, drawn "
            f"at random (seed {question.seed})."
        )
    if n <= rows:
        same = repeat(question, question)
        same.notes += question.notes
        return same
    index = np.sort(generator(question.seed, "rows compared").choice(n, rows, replace=False))
    fewer = repeat(question, question, table=question.table.take(index))
    fewer.notes += question.notes
    fewer.note(f"{rows:,} of {n:,} rows were drawn at random (seed {question.seed}).")
    return fewer


def _recipes(
    question: Question, methods: Sequence[str | Explainer] | None, budget: int | None
) -> dict[str, Explainer]:
    """The methods by name; settings are said where two have one name."""
    given: Sequence[str | Explainer]
    if methods is None:
        best = best_method(question)
        given = [best, *(name for name in USUAL if name != best.name() and _fits(name, question))]
    elif isinstance(methods, (str, Explainer)):
        given = [methods]
    else:
        given = methods
    recipes = [recipe_named(each) if isinstance(each, str) else each for each in given]
    if len(recipes) < 2 or not all(isinstance(recipe, Explainer) for recipe in recipes):
        raise InvalidSetting(
            "A comparison needs two methods or more",
            got=repr(methods),
            fix="Give methods=, such as ['tree_shap', 'lime']",
        )
    if budget is not None:
        recipes = [
            replace(recipe, budget=budget)  # type: ignore[type-var]
            if any(field.name == "budget" for field in fields(recipe))  # type: ignore[arg-type]
            else recipe
            for recipe in recipes
        ]
    names = [recipe.name() for recipe in recipes]
    named = {
        (name if names.count(name) == 1 else repr(recipe)): recipe
        for name, recipe in zip(names, recipes, strict=True)
    }
    if len(named) < len(recipes):
        raise InvalidSetting("A method is compared with itself", got=names)
    return named


def _fits(name: str, question: Question) -> bool:
    recipe = recipe_named(name)
    grouped = recipe.takes_groups or not question.playing.groups
    return grouped and recipe.obstacle(question.model, question.scale) is None


def _answer(name: str, recipe: Explainer, question: Question) -> Answer:
    """One method's values, its time and its evaluations."""
    asked = repeat(question, question)
    asked.work = Work(batch_size=question.work.batch_size)
    started = time.perf_counter()
    found = recipe.answer(asked, progress=False)
    seconds = time.perf_counter() - started
    if not isinstance(found, Attribution) or found.dims[:2] != ("sample", "feature"):
        raise InvalidSetting(
            f"{name!r} gives no value for each row and feature",
            got=f"a {type(found).__name__}",
            fix="Compare methods such as tree_shap, kernel_shap or lime",
        )
    evaluations = asked.work.evaluations
    evidence = each_output(
        repeat(question, question),
        found,
        recipe=recipe,
        first=question,
        unrepeatable="",
        cost=evaluations / len(question.table),
        seed=question.seed,
    )
    if len(evidence) > 1:
        raise InvalidSetting(
            "The model has several outputs", got=f"{len(evidence)}", fix="Give target="
        )
    return Answer(
        name=name,
        evidence=evidence[0],
        seconds=seconds,
        evaluations=evaluations,
        notes=found.notes,
    )


def _own(answer: Answer, advance: Callable[[int], None]) -> list[Score]:
    """What can be said of one method by itself: whether it holds still, and its cost."""
    found = []
    for metric in (Reseeding(), Stability()):
        try:
            scores = metric.score(answer.evidence)
        except (CannotExplain, NotAdditive) as reason:
            scores = (metric.silent(answer.evidence, str(reason).rstrip(".")),)
        found += [replace(score, group=answer.name) for score in scores]
    rows = len(answer.evidence)
    for metric_name, value in (
        ("seconds", answer.seconds / rows),
        ("evaluations", answer.evaluations / rows),
    ):
        text = f"{value:.3g} {metric_name} for each of {rows:,} rows."
        found.append(Score(metric=metric_name, group=answer.name, value=value, n=rows, text=text))
    advance(1)
    return found


def _faithful(answers: list[Answer]) -> tuple[list[Score], list[str]]:
    """Deletion and insertion of every method and of random orders on the same rows; the best."""
    evidence = answers[0].evidence
    if len(evidence.features) < 2 or not evidence.has_reference:
        return [], []
    each = (len(answers) + RANDOM) * 2 * STEPS * DONORS
    rows = evidence.some(max(1, BUDGET // each), "deletion and insertion")
    rng = evidence.rng("random orders")
    shape = (RANDOM, len(rows), len(evidence.features))
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
        text = f"95 % of {RANDOM} random orders lie between {percent(band[0])} and "
        found.append(
            Score(
                metric=metric, group="random order", value=float(chance.mean()), low=float(band[0]),
                high=float(band[1]), n=RANDOM, text=text + f"{percent(band[1])}.",
            )
        )  # fmt: skip
    return found, _best(answers, (measured.deletion + measured.insertion) / 2)


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
                text=sentence(f"{metric}: {said}, for a row on average"),
            )
        )  # fmt: skip
    return found


def _verdict(
    answers: list[Answer], found: list[Score], pairs: list[Score], best: list[str], top: int
) -> Score:
    """The one sentence."""
    alike = [score for score in pairs if score.metric == SIMILAR[0]]
    mean = float(np.mean([score.value for score in alike]))
    least = min(alike, key=lambda score: score.value)
    word = "agree" if mean >= AGREE else "disagree" if mean < APART else "agree in part"
    text = f"the methods {word}: two of them share {percent(mean)} of a row's top {top}"
    if len(alike) > 1:
        text += f" (least {least.group.replace(' ~ ', ' and ')}, {percent(least.value)})"
    text += _faith(answers, found, best)
    fast = min(answers, key=lambda answer: answer.seconds)
    text += f"; {fast.name} is the fastest"
    return Score(metric="verdict", value=mean, n=len(answers[0].evidence), text=sentence(text))


def _faith(answers: list[Answer], found: list[Score], best: list[str]) -> str:
    """The part of the sentence on what moves the prediction."""
    if not best:
        return "; replacing features moves no prediction, so faithfulness cannot be told"
    removal = [score for score in found if score.metric in ("deletion", "insertion")]
    chance = sorted({score.group for score in removal if score.passed is False})
    if len(best) == len(answers):
        text = "; none is ahead in finding what moves the prediction"
    else:
        finds = "finds" if len(best) == 1 else "find"
        text = f"; {' and '.join(best)} {finds} what moves the prediction best"
    return text + (f"; {' and '.join(chance)} no better than random order" if chance else "")


def _result(
    scores: tuple[Score, ...],
    question: Question,
    answers: list[Answer],
    recipes: list[Explainer],
    top: int,
    started: float,
) -> Scores:
    notes = [
        note for answer in answers for note in (*answer.notes, *answer.evidence.question.notes)
    ]
    params = {
        "methods": [repr(recipe) for recipe in recipes],
        "top": top,
        "rows": len(question.table),
    }
    made = replace(
        question.provenance("compare", params),
        seconds=time.perf_counter() - started,
        seed=question.seed,
    )
    return Scores(rows=scores, provenance=made.note(*notes))
