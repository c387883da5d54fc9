"""Which method for which model: the exact one where there is one, else the best sampler."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pellucid.core import registry
from pellucid.core.errors import CannotExplain
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question, _scale
from pellucid.models.adapter import Model
from pellucid.models.as_model import as_model
from pellucid.models.callable import CallableModel
from pellucid.models.onnx import OnnxModel
from pellucid.models.torch import TorchModel

PACKAGE = "pellucid.explainers"

EXACT_FIRST = ("tree_shap", "linear_shap")
"""Exact for a family of models, whatever the number of features."""

ENUMERATED = ("exact_shap", 12)
"""Exact for any model, up to this many features: 2^12 coalitions are 4096 evaluations."""

OTHERWISE = "kernel_shap"
"""The sampler for everything else."""

OF_IMAGES = {True: "integrated_gradients", False: "occlusion"}
"""For images, by whether the model has a gradient."""

PER_PLAYER = 8
"""Coalitions for each column that the sampler gets at least where there are many columns."""


def methods(model: Any, *, scale: str = "auto") -> list[dict[str, Any]]:
    """Every method, whether it fits this model, what it needs and what it costs.

    Parameters
    ----------
    model : object
        Anything that `explain` takes.
    scale : str
        The scale of the output; by default the model's natural one.

    Returns
    -------
    list of dict
        ``name, takes, fits, why_not, exact, needs, laws, cost, paper`` for each method, by name.
    """
    adapter = as_model(model)
    chosen = _scale(adapter, scale)
    rows = []
    for name in registry.names(PACKAGE):
        recipe = recipe_named(name)
        reason = recipe.obstacle(adapter, chosen)
        if reason is None and "table" not in recipe.takes and not _may_see(adapter):
            reason = "it explains images, and this is a model of tables"
        rows.append(
            {
                "name": name,
                "takes": sorted(recipe.takes),
                "fits": reason is None,
                "why_not": reason,
                "exact": recipe.exact,
                "needs": sorted(recipe.needs),
                "laws": sorted(recipe.laws),
                "cost": recipe.cost,
                "paper": recipe.paper,
            }
        )
    return rows


def _may_see(model: Model) -> bool:
    """Whether a model could be one of images: a network, or a function of whatever it is given."""
    if isinstance(model, OnnxModel):
        return model.sees()
    return isinstance(model, (TorchModel, CallableModel))


def fitting(model: Model, scale: str, kind: str = "table") -> list[str]:
    """Names of the methods that fit, those that would be chosen first."""
    every = methods(model, scale=scale)
    found = [row["name"] for row in every if row["fits"] and kind in row["takes"]]
    chosen = [*EXACT_FIRST, ENUMERATED[0], OTHERWISE]
    return sorted(found, key=lambda name: chosen.index(name) if name in chosen else len(chosen))


def recipe_named(name: str) -> Explainer:
    """The method called `name`, with its default settings."""
    found = registry.find(PACKAGE, name)()
    if not isinstance(found, Explainer):
        raise CannotExplain(f"{name!r} does not explain", got=type(found).__name__)
    return found


def best_method(question: Question | ImageQuestion) -> Explainer:
    """The exact method for this model and scale, else enumeration, else sampling."""
    if isinstance(question, ImageQuestion):
        return recipe_named(OF_IMAGES["gradient" in question.model.can])
    for name in EXACT_FIRST:
        recipe = recipe_named(name)
        if recipe.obstacle(question.model, question.scale) is None:
            return recipe
    name, most = ENUMERATED
    players = len(question.player_names)
    if players <= most:
        return recipe_named(name)
    recipe = recipe_named(OTHERWISE)
    enough = PER_PLAYER * players
    return replace(recipe, budget=enough) if enough > recipe.budget else recipe  # type: ignore
