"""Every method is put to every check on every model that fits it."""

from __future__ import annotations

from functools import cache

import pytest

from pellucid.core import registry
from pellucid.core.errors import PellucidError
from pellucid.explainers import choose
from pellucid.explainers.explainer import Explainer
from pellucid.testing import CASES, CHECKS, ConformanceError, fits

METHODS = tuple(
    name
    for name in registry.names(choose.PACKAGE)
    if "table" in choose.recipe_named(name).takes  # those of images alone have tests of their own
)

GLOBAL = "it describes the model over all rows, so it has no single rows"
EFFECT = "its axes are the grid and the class, not the columns"
PAIRS = "its terms are pairs of columns, of which no share is handed to one"
PERMUTES = "it compares predictions with the answers of several rows, which one row does not have"

EXCUSES: dict[tuple[str, str], str] = {
    ("partial_dependence", "rows_together_equal_rows_apart"): GLOBAL,
    ("ale", "rows_together_equal_rows_apart"): GLOBAL,
    ("ale_interaction", "rows_together_equal_rows_apart"): GLOBAL,
    ("joint_partial_dependence", "rows_together_equal_rows_apart"): GLOBAL,
    ("permutation_importance", "rows_together_equal_rows_apart"): GLOBAL,
    ("partial_dependence_importance", "rows_together_equal_rows_apart"): GLOBAL,
    ("h_statistic", "rows_together_equal_rows_apart"): GLOBAL,
    ("variance_interaction", "rows_together_equal_rows_apart"): GLOBAL,
    ("variance_interaction", "values_are_finite_and_labelled"): PAIRS,
    ("surrogate_tree", "rows_together_equal_rows_apart"): GLOBAL,
    ("rule_list", "rows_together_equal_rows_apart"): GLOBAL,
    ("sage", "rows_together_equal_rows_apart"): GLOBAL,
    ("permutation_importance", "one_row_is_enough"): PERMUTES,
}
"""Which check a method need not hold, and why. Strict: an excuse that is not needed fails."""


@cache
def settings(name: str) -> Explainer:
    """The method, quick enough to be tried on every model."""
    from dataclasses import fields, replace

    recipe = choose.recipe_named(name)
    small = {"budget": 96, "points": 5, "repeats": 4, "bins": 4}
    known = {field.name for field in fields(recipe)}  # type: ignore[arg-type]
    return replace(recipe, **{k: v for k, v in small.items() if k in known})  # type: ignore[type-var]


def test_every_method_is_here() -> None:
    assert len(METHODS) >= 10
    for method, check in EXCUSES:
        assert method in METHODS
        assert check in CHECKS


@pytest.mark.parametrize("name", METHODS)
def test_every_method_fits_some_model(name: str) -> None:
    assert any(fits(settings(name), make()) for make in CASES.values())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", METHODS)
def test_the_method_holds(name: str, check: str, case: str) -> None:
    recipe, made = settings(name), CASES[case]()
    if not fits(recipe, made):
        with pytest.raises(PellucidError, match="cannot explain"):
            recipe.explain(made.model, made.X, background=made.background, y=made.y)
        return
    if (name, check) in EXCUSES:
        with pytest.raises((ConformanceError, PellucidError)):
            CHECKS[check](recipe, made)
        return
    CHECKS[check](recipe, made)
