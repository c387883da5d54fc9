"""A check that nobody can fail proves nothing: each must catch its own sabotaged method."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from pellucid.core.attribution import Attribution
from pellucid.core.errors import PellucidError
from pellucid.core.rules import Rules
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.surrogate.anchors import Anchors
from pellucid.testing import CASES, CHECKS, ConformanceError, check_recipe


@dataclass(frozen=True, kw_only=True)
class Honest(Explainer):
    """Plain enumeration over all subsets: the liars twist its answer."""

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True

    def compute(self, question: Question) -> Attribution:
        rows, reference = question.table.codes, question.reference(None)
        features, outputs = rows.shape[1], len(question.columns)
        masks = np.array(
            [[(m >> j) & 1 for j in range(features)] for m in range(2**features)], bool
        )
        game = np.empty((len(masks), len(rows), outputs))
        for m, mask in enumerate(masks):
            mixed = np.where(mask, rows[:, None, :], reference[None, :, :]).reshape(-1, features)
            game[m] = question.predict(mixed).reshape(len(rows), len(reference), -1).mean(axis=1)
        values = np.zeros((len(rows), features, outputs))
        sizes = masks.sum(axis=1)
        for j in range(features):
            for m in np.flatnonzero(~masks[:, j]):
                weight = 1 / (features * _choose(features - 1, int(sizes[m])))
                values[:, j] += weight * (game[m | (1 << j)] - game[m])
        values, base, error = self.twist(question, values, game[0, 0])
        return question.attribution(values, base, error)

    def twist(
        self, question: Question, values: np.ndarray, base: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The honest answer, or a lie."""
        return values, base, None


def _choose(n: int, k: int) -> int:
    return math.comb(n, k)


def test_the_honest_method_holds_every_check() -> None:
    check_recipe(Honest())


class Forgetful(Honest):
    """Draws numbers that its seed does not govern."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        return values + 1e-6 * np.random.default_rng().normal(size=values.shape), base, None


class SecretSeed(Honest):
    """Records another seed than it uses."""

    exact = False

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        noise = 0.01 * question.rng("noise").normal(size=values.shape)
        return values + noise, base, np.full(values.shape, 0.01)

    def explain(self, model: Any, X: Any, **given: Any) -> Any:
        found = super().explain(model, X, **given)
        return replace(found, provenance=replace(found.provenance, seed=12345))


class Herd(Honest):
    """Centres its values over the rows that happen to be explained together."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        return values - values.mean(axis=0), base, None


class ArraysOnly(Honest):
    """Says something else when it is given a frame."""

    def explain(self, model: Any, X: Any, **given: Any) -> Any:
        found = super().explain(model, X, **given)
        return found if isinstance(X, np.ndarray) else replace(found, values=1.001 * found.values)


class Scribbler(Honest):
    """Writes into the rows it was given."""

    def explain(self, model: Any, X: Any, **given: Any) -> Any:
        found = super().explain(model, X, **given)
        if isinstance(X, np.ndarray) and X.dtype != object and len(X):
            X[0, 0] += 1e-9
        return found


@dataclass(frozen=True, kw_only=True)
class Secretive(Honest):
    """Hides a setting from its repr."""

    strength: float = field(default=1.0, repr=False)

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = Honest.__hash__


@dataclass(frozen=True, kw_only=True)
class Unsavable(Honest):
    """Has a setting that no file can hold."""

    order: tuple[Any, ...] = (complex(1, 2),)


class Polite(Honest):
    """Answers zeros rather than an error."""

    def explain(self, model: Any, X: Any, **given: Any) -> Any:
        try:
            return super().explain(model, X, **given)
        except PellucidError:
            return None


class Crowd(Honest):
    """Needs several rows."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        with np.errstate(all="ignore"):
            return values / (len(values) > 1), base, None


class Gaps(Honest):
    """Leaves a value out."""

    def explain(self, model: Any, X: Any, **given: Any) -> Any:
        found = super().explain(model, X, **given)
        values = found.values.copy()
        values[0, 0] = np.nan
        return replace(found, values=values)


class Freeloader(Honest):
    """Asks the model without booking it."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        for _ in range(20):
            question.model.predict(question.table.native(), question.scale)
        return values, base, None


class Boaster(Honest):
    """Samples, and says an error ten times too small."""

    exact = False

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        noise = 0.1 * question.rng("noise").normal(size=values.shape)
        return values + noise, base, np.full(values.shape, 0.01)


class Inflated(Honest):
    """Gives out one percent too much."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        return 1.01 * values, base, None


class Generous(Honest):
    """Gives every feature a little of the whole."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        whole = values.sum(axis=1, keepdims=True)
        return 0.9 * values + 0.1 * whole / values.shape[1], base, None


class Favourite(Honest):
    """Takes from the second feature and gives to the first."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        moved = 0.1 * np.abs(values[:, 1]) + 0.01
        values[:, 0] += moved
        values[:, 1] -= moved
        return values, base, None


class Bent(Honest):
    """Is not linear in the model."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        return values + 0.1 * np.sign(values) * values**2, base, None


class Swapped(Honest):
    """Mistakes two features for one another."""

    def twist(self, question: Question, values: np.ndarray, base: np.ndarray) -> Any:
        return values[:, [0, 2, 1, *range(3, values.shape[1])]], base, None


class Mirror(Honest):
    """Takes each class for the one at the other end, in everything it says."""

    def explain(self, model: Any, X: Any, **given: Any) -> Any:
        found = super().explain(model, X, **given)
        turned = {k: getattr(found, k)[..., ::-1] for k in ("values", "base", "output")}
        return replace(found, **turned)


class Deaf(Honest):
    """Does not listen to which class is asked for."""

    def explain(self, model: Any, X: Any, **given: Any) -> Any:
        target = given.pop("target", None)
        found = super().explain(model, X, **given)
        called = found.target if target is None else str(target)
        return replace(found, provenance=replace(found.provenance, target=called))


LIARS: dict[str, tuple[Callable[[], Explainer], str]] = {
    "same_seed_same_answer": (Forgetful, "linear_regression"),
    "the_seed_is_recorded": (SecretSeed, "linear_regression"),
    "rows_together_equal_rows_apart": (Herd, "linear_regression"),
    "a_frame_equals_an_array": (ArraysOnly, "linear_regression"),
    "nothing_given_is_changed": (Scribbler, "linear_regression"),
    "settings_print_and_come_back": (Secretive, "linear_regression"),
    "a_saved_answer_comes_back": (Unsavable, "linear_regression"),
    "no_rows_are_refused": (Polite, "linear_regression"),
    "other_columns_are_refused": (Polite, "linear_regression"),
    "one_row_is_enough": (Crowd, "linear_regression"),
    "values_are_finite_and_labelled": (Gaps, "linear_regression"),
    "evaluations_are_counted": (Freeloader, "linear_regression"),
    "the_error_is_honest": (Boaster, "linear_regression"),
    "efficiency": (Inflated, "linear_regression"),
    "dummy": (Generous, "plain_function"),
    "symmetry": (Favourite, "linear_two_classes"),
    "linearity": (Bent, "plain_function"),
    "planted_truth": (Swapped, "plain_function"),
    "the_output_is_the_models_own": (Mirror, "forest_three_classes"),
    "one_class_is_its_part_of_all": (Deaf, "linear_two_classes"),
    "shapley_values": (Swapped, "forest_three_classes"),
}
"""For each check, the method that it must catch and the model on which."""


def test_every_check_has_its_liar() -> None:
    assert set(LIARS) == set(CHECKS)


@pytest.mark.parametrize("check", LIARS)
def test_the_check_catches_its_liar_and_lets_the_honest_pass(check: str) -> None:
    liar, case = LIARS[check]
    CHECKS[check](Honest(), CASES[case]())
    with pytest.raises(ConformanceError):
        CHECKS[check](liar(), CASES[case]())


def test_an_excuse_that_is_not_needed_fails() -> None:
    with pytest.raises(ConformanceError, match="drop the excuse"):
        check_recipe(Honest(), excuses={"efficiency": "none"})


@dataclass(frozen=True, kw_only=True)
class Gossip(Explainer):
    """Gives every row the rule of the first, or a precision that its limits do not hold."""

    boasts: bool = False

    def compute(self, question: Question) -> Rules:
        honest = Anchors().compute(question)
        if self.boasts:
            proud = (replace(rule, precision_low=1.0, precision_high=1.0) for rule in honest)
            return replace(honest, rules=tuple(replace(rule, agreed=0) for rule in proud))
        return replace(honest, rules=honest.rules[:1] * len(honest))


@pytest.mark.parametrize("boasts", [False, True])
def test_a_rule_that_is_not_the_rows_own_is_caught(boasts: bool) -> None:
    case = CASES["linear_two_classes"]()
    CHECKS["values_are_finite_and_labelled"](Anchors(), case)
    with pytest.raises(ConformanceError, match="precision" if boasts else "does not meet"):
        CHECKS["values_are_finite_and_labelled"](Gossip(boasts=boasts), case)
