"""The methods that are compared: what each says of the same samples, and at what cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.engine.work import Work
from pellucid.explainers.choose import best_method, recipe_named
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.gather import each_output, marked
from pellucid.metrics.gather_images import about, marked_pixels, of_images
from pellucid.metrics.image_evidence import GRIDS
from pellucid.metrics.table_evidence import repeat

USUAL = {
    "table": ("kernel_shap", "permutation_shap", "lime"),
    "image": ("saliency", "grad_cam", "occlusion", "rise"),
}
"""What is compared, beside the best method, where no methods are named."""

REFERENCE = 100
"""Most background rows; samplers would draw as many, and each its own."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one method said, at what cost."""

    name: str
    evidence: Evidence
    seconds: float
    evaluations: int
    notes: tuple[str, ...]


def fewer(
    question: Question | ImageQuestion, rows: int, gold: Any
) -> tuple[Question | ImageQuestion, Any]:
    """The question about at most `rows` of its samples, and what is gold of them."""
    if isinstance(question, Question):
        golden = None if gold is None else marked(gold, question)
        asked, index = few_rows(question, rows)
        return asked, None if golden is None else golden[index]
    golden = None if gold is None else marked_pixels(gold, question.images)
    some, index = few_images(question, rows)
    return some, None if golden is None else golden[index]


def few_rows(question: Question, rows: int) -> tuple[Question, np.ndarray]:
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
        return same, np.arange(n)
    index = np.sort(generator(question.seed, "rows compared").choice(n, rows, replace=False))
    some = repeat(question, question, table=question.table.take(index))
    some.notes += question.notes
    some.note(f"{rows:,} of {n:,} rows were drawn at random (seed {question.seed}).")
    return some, index


def few_images(question: ImageQuestion, rows: int) -> tuple[ImageQuestion, np.ndarray]:
    """The question about at most `rows` of its images."""
    n = len(question.images)
    if n <= rows:
        return question, np.arange(n)
    index = np.sort(generator(question.seed, "rows compared").choice(n, rows, replace=False))
    some = about(question, index)
    some.notes += question.notes
    some.note(f"{rows:,} of {n:,} images were drawn at random (seed {question.seed}).")
    return some, index


def recipes_of(
    question: Question | ImageQuestion,
    methods: Sequence[str | Explainer] | None,
    budget: int | None,
) -> dict[str, Explainer]:
    """The methods by name; settings are said where two have one name."""
    given: Sequence[str | Explainer]
    if methods is None:
        best = best_method(question)
        given = [best, *_usual(question, best.name())]
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


def _usual(question: Question | ImageQuestion, best: str) -> list[str]:
    """The usual methods that fit, beside the best."""
    return [name for name in USUAL[question.kind] if name != best and _fits(name, question)]


def _fits(name: str, question: Question | ImageQuestion) -> bool:
    recipe = recipe_named(name)
    grouped = recipe.takes_groups or not question.groups
    return grouped and recipe.obstacle(question.model, question.scale) is None


def answered(
    name: str,
    recipe: Explainer,
    question: Question | ImageQuestion,
    *,
    gold: Any = None,
    segments: Any = None,
    known: dict[Any, Any],
) -> Answer:
    """One method's values, its time and its evaluations."""
    asked: Question | ImageQuestion
    if isinstance(question, ImageQuestion):
        asked = about(question, np.arange(len(question.images)))
    else:
        asked = repeat(question, question)
    asked.work = Work(batch_size=question.work.batch_size)
    started = time.perf_counter()
    found = recipe.answer(asked, progress=False)
    seconds = time.perf_counter() - started
    evidence = _evidence(name, recipe, question, found, asked.work.evaluations, gold, segments)
    return Answer(
        name=name,
        evidence=replace(evidence, known=known),
        seconds=seconds,
        evaluations=asked.work.evaluations,
        notes=found.notes,
    )


def _evidence(
    name: str,
    recipe: Explainer,
    question: Question | ImageQuestion,
    found: Any,
    evaluations: int,
    gold: Any,
    segments: Any,
) -> Evidence:
    """What the method said, as evidence.

    Raises
    ------
    InvalidSetting
        If it gives no value for each sample and unit, or the model has several outputs.
    """
    image = isinstance(question, ImageQuestion)
    fits = isinstance(found, Attribution) and (
        found.dims in GRIDS if image else found.dims[:2] == ("sample", "feature")
    )
    if not fits:
        units = "image and pixel" if image else "row and feature"
        usual = "integrated_gradients, grad_cam or occlusion" if image else "tree_shap or lime"
        raise InvalidSetting(
            f"{name!r} gives no value for each {units}",
            got=f"a {type(found).__name__}",
            fix=f"Compare methods such as {usual}",
        )
    cost, seed = evaluations / question.size, question.seed
    if isinstance(question, ImageQuestion):
        place = np.arange(len(question.images))
        return of_images(
            question, found, place, recipe=recipe, cost=cost, gold=gold, segments=segments,
            seed=seed,
        )  # fmt: skip
    each = each_output(
        repeat(question, question), found, recipe=recipe, first=question, unrepeatable="",
        cost=cost, seed=seed, gold=gold,
    )  # fmt: skip
    if len(each) > 1:
        raise InvalidSetting(
            "The model has several outputs", got=f"{len(each)}", fix="Give target="
        )
    return each[0]
