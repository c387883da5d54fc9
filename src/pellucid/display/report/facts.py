"""Everything a report tells, measured once: performance, attributions, effects, evidence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.curve import Curve
from pellucid.core.errors import CannotExplain, UnknownName, WrongTarget, WrongType
from pellucid.core.scores import Scores
from pellucid.core.seeds import generator
from pellucid.data.schema import Schema
from pellucid.data.table import Table
from pellucid.debug.performance import classification_scores, regression_scores
from pellucid.debug.probability import calibration, calibration_error, confusion
from pellucid.debug.slices import weak_spots
from pellucid.display.reading import settled
from pellucid.engine.progress import progress as show_progress
from pellucid.explainers.choose import best_method
from pellucid.explainers.correlated_groups import correlated_groups
from pellucid.explainers.effect.ale import ALE
from pellucid.explainers.effect.ice import ICE
from pellucid.explainers.effect.partial_dependence import PartialDependence
from pellucid.explainers.effect.permutation_importance import PermutationImportance
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.players import Players
from pellucid.explainers.question import Question, ask
from pellucid.metrics.evaluate import evaluate

ROWS_EXPLAINED = {True: 2000, False: 60}
"""Most rows explained, by whether the method is exact."""

SAMPLING_BUDGET = 1024
"""Coalitions per row where the report must sample."""

DRIVERS = 4
"""How many features get their effect drawn."""

EFFECT_ROWS, ICE_ROWS, IMPORTANCE_ROWS, EVIDENCE_ROWS = 200, 25, 1000, 60
"""Rows that effects, single curves, permutation importance and evidence rest on, at most."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the caller of a report settles."""

    target: Any = None
    scale: str = "auto"
    rows: Sequence[Any] = ()
    threshold: float = 0.5
    schema: Schema | Mapping[str, Any] | None = None
    splits: Mapping[str, int] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = 0
    progress: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How one feature acts, by three methods."""

    feature: str
    dependence: Curve
    single: Curve
    local: Curve | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was measured."""

    question: Question
    options: Options
    y: np.ndarray
    explained: np.ndarray
    attribution: Attribution
    grouped: Attribution | None
    probability: np.ndarray | None
    scores: Scores
    calibration: Curve | None
    calibration_error: Scores | None
    confusion: Scores | None
    weak: Scores
    importance: Attribution | None
    effects: tuple[Effect, ...]
    evidence: Scores
    evaluations: int

    @property
    def table(self) -> Table:
        """The rows judged and explained."""
        return self.question.table

    @property
    def classification(self) -> bool:
        """Whether the model predicts classes."""
        return self.probability is not None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(str(c) for c in self.question.model.classes or ())

    @property
    def focus(self) -> str | None:
        """The class that charts of one class speak of."""
        return str(self.question.labels[0]) if self.classification else None

    @property
    def focus_probability(self) -> np.ndarray:
        """The predicted probability of the class in focus, shape (sample,)."""
        assert self.probability is not None
        return self.probability[:, self.classes.index(str(self.focus))]

    @property
    def predicted(self) -> np.ndarray:
        """The prediction for each row: a class label, or a number."""
        if self.probability is None:
            return self.question.output[:, 0]
        names = np.array(self.classes, dtype=object)
        if len(names) == 2:
            second = self.classes.index(str(self.focus))
            says = self.focus_probability >= self.options.threshold
            return np.where(says, names[second], names[1 - second])
        return names[self.probability.argmax(axis=1)]


def gather(model: Any, X: Any, y: Any, background: Any, options: Options) -> Facts:
    """Measure everything, step by step, with progress.

    Raises
    ------
    WrongTarget, WrongType
        If the answers do not fit the model.
    UnknownName
        If a row that was asked for is not there.
    """
    question = ask(
        model,
        X,
        background=background,
        target=options.target,
        scale=options.scale,
        schema=options.schema,
        seed=options.seed,
    )
    question = _focused(question, y)
    answers = _answers(question, y)
    for label in options.rows:
        _row_number(question.table, label)
    probability = _probability(question)
    with _steps(6, options.progress) as step:
        step("how good the model is")
        quality = _quality(question, answers, probability, options)
        step("where it is weak")
        weak = _weak(question, answers, probability, options)
        step("what drives it")
        explained, attribution = _attribution(question, options)
        grouped = _grouped(question, explained)
        step("what shuffling a column costs")
        importance = _importance(question, answers)
        step("how each driver acts")
        effects = _effects(question, settled(attribution))
        step("whether the explanation holds")
        evidence = _evidence(question, attribution, explained)
    return Facts(
        question=question,
        options=options,
        y=answers,
        explained=explained,
        attribution=settled(attribution),
        grouped=None if grouped is None else settled(grouped),
        probability=probability,
        weak=weak,
        importance=importance,
        effects=effects,
        evidence=evidence,
        evaluations=question.work.evaluations + attribution.evaluations + evidence.evaluations,
        **quality,
    )


@contextlib.contextmanager
def _steps(total: int, shown: bool | None) -> Iterator[Callable[[str], None]]:
    with show_progress("writing the report", total, shown) as advance:
        yield lambda what: advance(1)


def _focused(question: Question, y: Any) -> Question:
    """With several classes: the question about the most frequent one."""
    if not question.many:
        return question
    if question.model.task != "classification":
        raise CannotExplain(
            "A report speaks of one output",
            got=f"{len(question.columns)} outputs",
            fix="Give target=, the number of the output",
        )
    names = [str(label) for label in question.labels]
    counts = [int(np.sum(np.asarray(y).astype(str) == name)) for name in names]
    place = int(np.argmax(counts))
    question.note(
        f"Of {len(names)} classes, the most frequent, {names[place]}, is explained; "
        "give target= for another."
    )
    return replace(question, columns=[place], labels=(question.labels[place],))


def _answers(question: Question, y: Any) -> np.ndarray:
    answers = np.asarray(y)
    if answers.shape != (len(question.table),):
        raise WrongTarget(
            "The true answers do not fit the rows",
            got=f"shape {answers.shape}",
            allowed=f"({len(question.table)},)",
        )
    if question.model.task == "outlier":
        raise CannotExplain(
            "A report needs a model that predicts a target", got=question.model.name
        )
    if question.model.task != "classification":
        try:
            return answers.astype(np.float64)
        except (TypeError, ValueError):
            raise WrongType(
                "The target of a regression model must be numbers",
                got=f"values such as {answers[0]!r}",
            ) from None
    known = {str(c) for c in question.model.classes or ()}
    texts = _labels(answers, known)
    strange = sorted(set(texts) - known)
    if strange:
        raise WrongTarget(
            "The target has classes that the model does not know",
            got=strange,
            allowed=sorted(known),
        )
    return texts


def _labels(answers: np.ndarray, known: set[str]) -> np.ndarray:
    """Answers as text, in the model's own spelling (1.0 and True may stand for 1)."""
    plain = [a.item() if isinstance(a, np.generic) else a for a in answers]
    spelt = {str(a): str(a) for a in plain}
    for a in plain:
        if str(a) not in known and isinstance(a, (bool, int, float)) and float(a).is_integer():
            spelt[str(a)] = next(
                (c for c in (str(int(a)), str(float(a)), str(bool(a))) if c in known), str(a)
            )
    return np.array([spelt[str(a)] for a in plain], dtype=object)


def _probability(question: Question) -> np.ndarray | None:
    if question.model.task != "classification":
        return None
    if "probability" not in question.model.scales:
        raise CannotExplain(
            f"{question.model.name} gives no probabilities, which a report needs",
            allowed="a classifier with predict_proba",
            fix="Wrap it in CalibratedClassifierCV, or use pellucid.explain",
        )
    every = replace(question, scale="probability", complement=False)
    width = len(question.model.classes or ())
    every.columns = [0] if width == 2 else list(range(width))
    found = every.predict(question.table.codes)
    return np.column_stack([1 - found[:, 0], found[:, 0]]) if width == 2 else found


def _quality(
    question: Question, y: np.ndarray, probability: np.ndarray | None, options: Options
) -> dict[str, Any]:
    if probability is None:
        return {
            "scores": regression_scores(y, question.output[:, 0], seed=question.seed),
            "calibration": None,
            "calibration_error": None,
            "confusion": None,
        }
    classes = [str(c) for c in question.model.classes or ()]
    focus = str(question.labels[0])
    at: dict[str, Any] = {}
    if len(classes) == 2:
        at = {"positive": focus, "threshold": options.threshold}
    return {
        "scores": classification_scores(y, probability, classes, seed=question.seed, **at),
        "calibration": calibration(y, probability, classes, positive=focus),
        "calibration_error": calibration_error(
            y, probability, classes, positive=focus, seed=question.seed
        ),
        "confusion": confusion(y, probability, classes, **at),
    }


def _attribution(question: Question, options: Options) -> tuple[np.ndarray, Attribution]:
    recipe = best_method(question)
    most = ROWS_EXPLAINED[recipe.exact]
    rows = np.arange(len(question.table))
    if len(rows) > most:
        drawn = generator(question.seed, "rows explained").choice(len(rows), most, replace=False)
        named = [_row_number(question.table, label) for label in options.rows]
        rows = np.unique(np.concatenate([drawn, np.array(named, dtype=int)]))
        question.note(
            f"{len(rows):,} of {len(question.table):,} rows, drawn at random, are explained."
        )
    part = replace(question, table=question.table.take(rows))
    part.__dict__.pop("output", None)
    return rows, _affordable(recipe).answer(part, progress=False)


def _grouped(question: Question, rows: np.ndarray) -> Attribution | None:
    """The same rows with columns that go together explained as one; `None` where none do."""
    known = question.table if question.background is None else question.background
    groups = correlated_groups(known)
    playing = Players.among(question.table.names, groups)
    if not groups or len(playing.names) < 2:
        return None
    part = replace(question, table=question.table.take(rows), playing=playing, notes=[])
    part.__dict__.pop("output", None)
    found: Attribution = _affordable(best_method(part)).answer(part, progress=False)
    return found


def _affordable(recipe: Explainer) -> Explainer:
    return replace(recipe, budget=SAMPLING_BUDGET) if hasattr(recipe, "budget") else recipe  # type: ignore[type-var]


def _row_number(table: Table, label: Any) -> int:
    found = [i for i, row in enumerate(table.rows) if str(row) == str(label)]
    if not found:
        raise UnknownName.among("row", str(label), [str(row) for row in table.rows[:200]])
    return found[0]


def _importance(question: Question, y: np.ndarray) -> Attribution | None:
    if len(question.table) < 2:
        return None
    rows = np.arange(len(question.table))
    if len(rows) > IMPORTANCE_ROWS:
        drawn = generator(question.seed, "importance")
        rows = np.sort(drawn.choice(len(rows), IMPORTANCE_ROWS, replace=False))
    own = {str(label): label for label in question.model.classes or ()}
    answers = np.array([own.get(each, each) for each in y[rows]])
    part = replace(question, table=question.table.take(rows), y=answers, notes=[])
    part.__dict__.pop("output", None)
    found: Attribution = PermutationImportance().answer(part, progress=False)
    return found


def _effects(question: Question, attribution: Attribution) -> tuple[Effect, ...]:
    top = attribution.top(DRIVERS)
    size = np.abs(top.values).mean(axis=0)
    strongest = [str(name) for name, own in zip(top.features, size, strict=True) if own > 0]
    single = question.table.take(
        np.unique(np.linspace(0, len(question.table) - 1, ICE_ROWS).astype(int))
    )
    found = []
    for name in strongest:
        ice = replace(question, table=single, notes=[])
        ice.__dict__.pop("output", None)
        found.append(
            Effect(
                feature=name,
                dependence=PartialDependence(feature=name, max_background=EFFECT_ROWS).answer(
                    question, progress=False
                ),
                single=ICE(feature=name).answer(ice, progress=False),
                local=ALE(feature=name).answer(question, progress=False),
            )
        )
    return tuple(found)


def _evidence(question: Question, attribution: Attribution, explained: np.ndarray) -> Scores:
    return evaluate(
        attribution,
        question.model,
        question.table.take(explained),
        background=question.background,
        rows=EVIDENCE_ROWS,
        seed=question.seed,
    )


def _weak(
    question: Question, y: np.ndarray, probability: np.ndarray | None, options: Options
) -> Scores:
    columns = question.table.columns()
    if probability is None:
        return weak_spots(columns, y, question.output[:, 0])
    classes = [str(c) for c in question.model.classes or ()]
    return weak_spots(columns, y, probability, classes=classes)
