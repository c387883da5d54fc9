"""Everything a report on images tells, measured once: predictions, maps, the judge's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain
from pellucid.core.examples import Examples
from pellucid.core.scores import Scores
from pellucid.core.seeds import generator, resolve_seed
from pellucid.data.images import Images
from pellucid.display.report.blocks import Finding, Section
from pellucid.display.report.images.chosen import Shown, chosen, confidence
from pellucid.display.report.images.truth import Truth, truth_of
from pellucid.engine.progress import progress as show_progress
from pellucid.engine.work import Work
from pellucid.explainers.choose import recipe_named
from pellucid.explainers.explain import explain
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_model import fitted
from pellucid.explainers.image_question import usual_batch
from pellucid.explainers.perturbation.occlusion import Occlusion
from pellucid.maths.intervals import FEWEST_ROWS
from pellucid.metrics.compare import compare

METHODS = {
    True: (
        "integrated_gradients", "saliency", "smooth_grad", "guided_backprop", "grad_cam", "lrp",
        "occlusion", "kernel_shap",
    ),
    False: ("occlusion", "rise", "kernel_shap", "lime"),
}  # fmt: skip
COSTLY = ("kernel_shap", "lime")
"""What is shown and judged where no methods are named, by whether the model has a gradient; and
which of these are left out where images are large."""

BUDGET, SMALL_BUDGET = 1024, 256
"""Perturbed images for each image explained by a method that samples: of small images, and of
those that hold more than `LARGE` numbers."""

LARGE = 3 * 64 * 64

WINDOWS = 8
"""Windows of occlusion along each side of a large image."""

MOST_JUDGED, FEWEST_JUDGED = 24, FEWEST_ROWS
"""Images that methods are judged on; of fewer there would be no intervals, and no verdicts."""

NUMBERS = 1.2e9
"""Numbers in all images that the model may be asked about to judge, as an aim: what decides how
many images are judged. It is counted, not timed, so that the same seed gives the same report."""

REPEATS, REMOVALS = 5, 140
"""How often the judge explains an image again, about; and how many changed images of each it asks
about for each method."""

SEEN, SEEN_CLASSES, SEEN_IMAGES = 90, 3, 3
"""Images among which the real ones are found that excite a class most; classes, and images of each
that are made."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the caller of a report settles."""

    target: Any = None
    scale: str = "auto"
    rows: Sequence[Any] = ()
    methods: Sequence[str | Explainer] | None = None
    segments: Any = None
    gold: Any = None
    origin: dict[str, str] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    lesson: Section | None = None
    first: tuple[Finding, ...] = ()
    seed: int | None = 0
    progress: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was measured."""

    options: Options
    seed: int
    images: Images
    model: Any
    truth: Truth
    output: np.ndarray
    shown: tuple[Shown, ...]
    found: tuple[Attribution, ...]
    refused: tuple[tuple[str, str], ...]
    judged: np.ndarray
    comparison: Scores | None
    seen: Examples | None
    evaluations: int

    @cached_property
    def confidence(self) -> np.ndarray:
        """How sure the model is of what it says: (sample,)."""
        return confidence(self.truth, self.output)

    @property
    def probable(self) -> bool:
        """Whether outputs are probabilities of classes."""
        return self.truth.several and "probability" in self.model.scales

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that explained, in their order."""
        return tuple(each.method for each in self.found)


def gather(model: Any, X: Any, y: Any, background: Any, options: Options) -> Facts:
    """Measure everything, step by step, with progress.

    Raises
    ------
    WrongTarget
        If the answers do not fit the images or the model.
    UnknownName
        If an image that was asked for is not there.
    CannotExplain
        If no method fits the model.
    """
    images, seed = Images.of(X), resolve_seed(options.seed)
    with show_progress("writing the report", 4, options.progress) as advance:
        adapter, images = fitted(model, images)
        work = Work(batch_size=usual_batch(images.values))
        output = _asked(adapter, images, work)
        truth = truth_of(y, output, adapter, seed)
        shown = chosen(truth, output, images.names, options.rows)
        advance(1)
        asked = {
            "background": background, "scale": options.scale, "seed": seed, "progress": False,
            "target": truth.spelled(options.target), "segments": options.segments,
        }  # fmt: skip
        places = np.array([each.place for each in shown])
        recipes = _wanted(adapter, images, options)
        found, refused = _explained(model, images.take(places), recipes, _of(asked, places))
        advance(1)
        judged = _judged(images, list(found.values()), seed)
        comparison = _compared(model, images, judged, list(found), options.gold, asked)
        advance(1)
        seen = _seen(model, images, truth, asked)
        advance(1)
    parts = (*found.values(), comparison, seen)
    return Facts(
        options=options,
        seed=seed,
        images=images,
        model=adapter,
        truth=truth,
        output=output,
        shown=shown,
        found=tuple(_named(each, truth) for each in found.values()),
        refused=refused,
        judged=judged,
        comparison=comparison,
        seen=seen,
        evaluations=work.evaluations + sum(part.evaluations for part in parts if part is not None),
    )


def _asked(adapter: Any, images: Images, work: Work) -> np.ndarray:
    """All outputs of all images: probabilities where there are any."""
    adapter.settle(images.values[:2])
    scale = "probability" if "probability" in adapter.scales else adapter.scales[0]
    return work.predict(lambda values: adapter.scores(values, scale), images.values)


def _wanted(adapter: Any, images: Images, options: Options) -> list[Explainer]:
    """The methods asked for, or the usual ones with a budget that fits the size of the images."""
    if options.methods is not None:
        given = [options.methods] if isinstance(options.methods, str) else options.methods
        return [recipe_named(each) if isinstance(each, str) else each for each in given]
    large = images.values[0].size > LARGE
    budget = SMALL_BUDGET if large else BUDGET
    names = METHODS["gradient" in adapter.can]
    recipes = [recipe_named(name) for name in names if not (large and name in COSTLY)]
    if large:
        recipes = [_coarser(recipe, images) for recipe in recipes]
    return [
        replace(recipe, budget=budget) if hasattr(recipe, "budget") else recipe  # type: ignore[type-var]
        for recipe in recipes
    ]


def _coarser(recipe: Explainer, images: Images) -> Explainer:
    """The recipe, but occlusion with windows that do not overlap: a quarter of the cost."""
    if not isinstance(recipe, Occlusion):
        return recipe
    rows, columns = (max(1, side // WINDOWS) for side in images.values.shape[2:])
    return replace(recipe, window=(rows, columns), stride=(rows, columns))


def _explained(
    model: Any, images: Images, recipes: list[Explainer], asked: dict[str, Any]
) -> tuple[dict[Explainer, Attribution], tuple[tuple[str, str], ...]]:
    """What each method says of the images shown; and which refuse, with their reasons.

    Raises
    ------
    CannotExplain
        If all of them refuse.
    """
    found: dict[Explainer, Attribution] = {}
    refused = []
    for recipe in recipes:
        try:
            made = explain(model, images, method=recipe, **asked)
        except CannotExplain as reason:
            refused.append((recipe.name(), " ".join(str(reason).split())))
            continue
        if isinstance(made, Attribution) and "row" in made.dims:
            found[recipe] = made
        else:
            refused.append((recipe.name(), "It gives no value for each pixel."))
    if not found:
        raise CannotExplain(
            "None of the methods explains this model",
            got="; ".join(f"{name}: {reason}" for name, reason in refused),
        )
    return found, tuple(refused)


def _judged(images: Images, found: list[Attribution], seed: int) -> np.ndarray:
    """The places of the images that methods are judged on: drawn, as many as the cost allows."""
    each = sum(made.evaluations / len(made.values) for made in found)
    cost = images.values[0].size * (REPEATS * each + REMOVALS * len(found))
    most = int(np.clip(NUMBERS // cost, FEWEST_JUDGED, MOST_JUDGED))
    if len(images) <= most:
        return np.arange(len(images))
    return np.sort(generator(seed, "images judged").choice(len(images), most, replace=False))


def _compared(
    model: Any,
    images: Images,
    judged: np.ndarray,
    recipes: list[Explainer],
    gold: Any,
    asked: dict[str, Any],
) -> Scores | None:
    """What the judge says; nothing of a single method."""
    if len(recipes) < 2:
        return None
    marked = None if gold is None else np.asarray(gold)[judged]
    return compare(
        model, images.take(judged), methods=recipes, gold=marked, rows=len(judged),
        **_of(asked, judged),
    )  # fmt: skip


def _of(asked: dict[str, Any], places: np.ndarray) -> dict[str, Any]:
    """What is asked about some of the images, where each has a target of its own."""
    target = asked["target"]
    if not isinstance(target, list):
        return asked
    return {**asked, "target": [target[place] for place in places]}


def _seen(model: Any, images: Images, truth: Truth, asked: dict[str, Any]) -> Examples | None:
    """What excites the classes predicted most often; nothing where that would take long."""
    if images.values[0].size > LARGE or not truth.several:
        return None
    often = truth.most_predicted(SEEN_CLASSES)
    among = np.flatnonzero(np.isin(truth.predicted.astype(str), often))
    among = among[np.linspace(0, len(among) - 1, min(len(among), SEEN)).astype(int)]
    recipe = replace(recipe_named("feature_visualisation"), images=SEEN_IMAGES)  # type: ignore[type-var]
    try:
        found = explain(
            model, images.take(among), method=recipe, seed=asked["seed"], progress=False
        )
    except CannotExplain:
        return None
    assert isinstance(found, Examples)
    group = [truth.called(name.removeprefix("class ")) for name in found.group]
    return replace(found, group=tuple(f"class {name}" for name in group))


def _named(attribution: Attribution, truth: Truth) -> Attribution:
    """The attribution with classes called as the report calls them."""
    inputs = dict(attribution.inputs or {})
    told = [truth.called(str(each)) for each in inputs["target"]]
    return replace(attribution, inputs={**inputs, "target": np.array(told, dtype=object)})
