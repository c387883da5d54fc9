"""Recipes are found by their file, errors say what to do, seeds make streams."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from pellucid.core import errors, registry
from pellucid.core.recipe import Recipe, snake_case
from pellucid.core.seeds import generator, resolve_seed


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("KernelSHAP", "kernel_shap"),
        ("TreeSHAP", "tree_shap"),
        ("LIME", "lime"),
        ("ALE", "ale"),
        ("PartialDependence", "partial_dependence"),
        ("ROCArea", "roc_area"),
    ],
)
def test_a_class_name_becomes_a_file_name(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_a_method_is_found_by_its_file_and_a_typo_by_its_neighbour() -> None:
    assert registry.find("pellucid.explainers", "tree_shap").__name__ == "TreeSHAP"
    with pytest.raises(errors.UnknownName, match="Did you mean 'tree_shap'"):
        registry.find("pellucid.explainers", "treeshap")


def test_an_outside_recipe_must_be_a_recipe() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mine(Recipe):
        size: int = 3

    assert registry._checked("mine", Mine) is Mine
    assert Mine().params() == {"size": 3}
    with pytest.raises(errors.InvalidSetting, match="no recipe"):
        registry._checked("mine", print)


def test_an_error_says_what_failed_what_came_what_is_allowed_and_what_to_do() -> None:
    error = errors.WrongType(
        "Column 'age' holds text.", got=["x", "y"], allowed="numbers", fix="Fix it"
    )
    assert str(error) == "Column 'age' holds text. Got x, y. Allowed: numbers. Fix it."
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (errors.WrongType, str(error))


def test_a_long_list_is_cut_and_counted() -> None:
    assert "and 88 more" in str(errors.AxisError("No", allowed=list(range(100))))


def test_errors_are_also_what_python_expects() -> None:
    assert issubclass(errors.InvalidSetting, ValueError)
    assert issubclass(errors.AxisError, LookupError)
    assert issubclass(errors.MissingExtra, ImportError)
    kinds = [
        errors.InvalidSetting,
        errors.UnreadableFile,
        errors.UntrustedFile,
        errors.BudgetExceeded,
    ]
    assert [kind.exit_code for kind in kinds] == [2, 3, 4, 5]


def test_a_seed_and_a_purpose_make_one_stream() -> None:
    first = generator(1, "coalitions", 3).random(4)
    np.testing.assert_array_equal(first, generator(1, "coalitions", 3).random(4))
    assert not np.any(first == generator(1, "coalitions", 4).random(4))
    assert not np.any(first == generator(2, "coalitions", 3).random(4))


def test_no_seed_draws_one_that_can_be_recorded() -> None:
    assert resolve_seed(5) == 5
    assert resolve_seed(None) != resolve_seed(None)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(errors.InvalidSetting, match="integer ≥ 0"):
        resolve_seed(seed)  # type: ignore[arg-type]
