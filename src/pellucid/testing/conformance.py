"""What every explaining method must hold: manners, and the laws it claims.

Each check is a function of a recipe and a case that returns nothing, or raises
`ConformanceError` with what it saw. `CHECKS` is the table of all.
"""

from __future__ import annotations

import copy
import pickle
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import ColumnMismatch, EmptyData, PellucidError
from pellucid.core.explanation import Explanation
from pellucid.core.rules import Rules
from pellucid.core.terms import folded
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import ask
from pellucid.explainers.shapley.game import game_of
from pellucid.explainers.shapley.stages import played
from pellucid.models.as_model import as_model
from pellucid.perturb.game import enumerated
from pellucid.testing.cases import CASES, Case

Check = Callable[[Explainer, Case], None]

CLOSE = 1e-9
"""Relative difference allowed where two computations must agree."""


class ConformanceError(AssertionError):
    """A recipe does not hold a check."""


def fits(recipe: Explainer, case: Case) -> bool:
    """Whether the recipe can explain the case's model on its natural scale."""
    model = as_model(case.model)
    return "table" in recipe.takes and recipe.obstacle(model, model.scales[0]) is None


def check_recipe(recipe: Explainer, *, excuses: Mapping[str, str] | None = None) -> None:
    """Run every check on every case that fits.

    Parameters
    ----------
    recipe : Explainer
        The method, with the settings to try.
    excuses : Mapping of check name to reason, optional
        Checks that this recipe need not hold. Strict: an excused check that holds on every case
        is an error too.

    Raises
    ------
    ConformanceError
        With the check, the case and what was seen.
    """
    cases = [make() for make in CASES.values()]
    fitting = [case for case in cases if fits(recipe, case)]
    if not fitting:
        raise ConformanceError(f"{recipe!r} fits none of the cases {sorted(CASES)}")
    for name, check in CHECKS.items():
        failures = []
        for case in fitting:
            try:
                check(recipe, case)
            except ConformanceError as failure:
                failures.append(f"{name} on {case.name}: {failure}")
        if name in (excuses or {}):
            require(bool(failures), f"{name} is excused, but holds: drop the excuse")
        else:
            require(not failures, "; ".join(failures))


def require(holds: bool | np.bool_, otherwise: str) -> None:
    """Raise `ConformanceError` unless `holds`."""
    if not holds:
        raise ConformanceError(otherwise)


def _ask(recipe: Explainer, case: Case, **changes: Any) -> tuple[Explanation, ...]:
    """The recipe's answer for the case, always as a tuple."""
    given = {"background": case.background, "y": case.y, "seed": 3, "progress": False, **changes}
    X = given.pop("X", case.X)
    model = given.pop("model", case.model)
    if given["y"] is not None:
        given["y"] = given["y"][: len(X)] if len(X) <= len(given["y"]) else None
    found = recipe.explain(model, X, **given)
    return found if isinstance(found, tuple) else (found,)


def numbers(found: tuple[Explanation, ...]) -> np.ndarray:
    """All values of an answer, end to end."""
    return np.concatenate([_numbers(each) for each in found])


def _numbers(found: Explanation) -> np.ndarray:
    """The values of an answer; of rules their counts, their limits and a number for their words."""
    if not isinstance(found, Rules):
        return np.ravel(getattr(found, "values"))  # noqa: B009
    return np.array(
        [
            [
                *(rule.agreed, rule.tried, rule.covered, rule.rows),
                *(rule.precision_low, rule.precision_high),
                *(rule.coverage_low, rule.coverage_high, rule.value),
                zlib.crc32(f"{rule.text} → {rule.answer}".encode()),
            ]
            for rule in found
        ]
    ).ravel()


def alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two sets of numbers agree but for rounding."""
    if first.shape != second.shape:
        return False
    size = max(1.0, float(np.abs(first).max(initial=0.0)))
    return bool(np.all(np.abs(first - second) <= CLOSE * size))


def same_seed_same_answer(recipe: Explainer, case: Case) -> None:
    """Two runs with one seed are bit by bit the same."""
    first, second = numbers(_ask(recipe, case)), numbers(_ask(recipe, case))
    require(np.array_equal(first, second), f"differs by {np.abs(first - second).max():.2g}")


def the_seed_is_recorded(recipe: Explainer, case: Case) -> None:
    """A drawn seed gives the same answer when it is given back."""
    found = _ask(recipe, case, seed=None)
    if recipe.exact:
        require(found[0].seed is None, "an exact method records a seed")
        return
    again = _ask(recipe, case, seed=found[0].seed)
    require(np.array_equal(numbers(found), numbers(again)), "the recorded seed gives other values")


def rows_together_equal_rows_apart(recipe: Explainer, case: Case) -> None:
    """What is said of a row does not depend on the rows beside it."""
    together = _ask(recipe, case)
    require("sample" in getattr(together[0], "dims", ()), "the answer has no rows")
    for i in range(len(case.X)):
        apart = _ask(recipe, case, X=case.X[i : i + 1], y=case.y[i : i + 1])
        for whole, alone in zip(together, apart, strict=True):
            own = _numbers(whole.isel(sample=[i]))  # type: ignore[attr-defined]
            require(alike(own, numbers((alone,))), f"row {i} alone differs")


def a_frame_equals_an_array(recipe: Explainer, case: Case) -> None:
    """The kind of table does not change the numbers."""
    import pyarrow

    def frame(X: np.ndarray) -> Any:
        return pyarrow.table(
            {f"x{i}": pyarrow.array(column.tolist()) for i, column in enumerate(X.T)}
        )

    if not hasattr(case.model, "predict"):
        return  # a bare function takes the kind of table that it takes
    array = numbers(_ask(recipe, case))
    framed = numbers(_ask(recipe, case, X=frame(case.X), background=frame(case.background)))
    require(alike(array, framed), f"differs by {np.abs(array - framed).max():.2g}")


def nothing_given_is_changed(recipe: Explainer, case: Case) -> None:
    """The rows, the background, the answers and the model are as they were."""
    before = copy.deepcopy((case.X, case.background, case.y))
    model = _frozen(case.model)
    _ask(recipe, case)
    for old, new in zip(before, (case.X, case.background, case.y), strict=True):
        same = (
            pickle.dumps(old) == pickle.dumps(new)
            if old.dtype == object
            else (old.tobytes() == new.tobytes())
        )
        if not same:
            for kept, now in zip(before, (case.X, case.background, case.y), strict=True):
                now[...] = kept
            raise ConformanceError("an array given to explain() was written to")
    require(model == _frozen(case.model), "the model was changed")


def settings_print_and_come_back(recipe: Explainer, case: Case) -> None:
    """``eval(repr(recipe)) == recipe``, and the settings are recorded."""
    back = eval(repr(recipe), {type(recipe).__name__: type(recipe), "inf": np.inf, "nan": np.nan})  # noqa: S307
    require(back == recipe, f"{back!r} is not {recipe!r}")
    require(dict(_ask(recipe, case)[0].params) == recipe.params(), "other settings are recorded")


def a_saved_answer_comes_back(recipe: Explainer, case: Case) -> None:
    """What is saved is what is loaded, settings and all."""
    import json

    for found in _ask(recipe, case):
        with tempfile.TemporaryDirectory() as folder:
            back = Explanation.load(found.save(Path(folder) / "answer.pel"))
        require(type(back) is type(found), "another kind comes back")
        require(np.array_equal(numbers((back,)), numbers((found,)), equal_nan=True), "other values")
        try:
            as_json = json.loads(json.dumps(dict(found.params)))
        except TypeError as error:
            raise ConformanceError(f"a setting cannot be written: {error}") from error
        require(dict(back.params) == as_json, "other settings come back")


def no_rows_are_refused(recipe: Explainer, case: Case) -> None:
    """An empty table is a named error."""
    _refused(recipe, case, EmptyData, X=case.X[:0])


def other_columns_are_refused(recipe: Explainer, case: Case) -> None:
    """A table of another width is a named error."""
    if hasattr(case.model, "predict"):
        _refused(recipe, case, ColumnMismatch, X=case.X[:, :-1], background=None)


def one_row_is_enough(recipe: Explainer, case: Case) -> None:
    """A single row can be explained."""
    try:
        found = _ask(recipe, case, X=case.X[:1], y=case.y[:1])
    except PellucidError as error:
        raise ConformanceError(f"one row raised {error!r}") from error
    require(np.all(np.isfinite(numbers(found))), "values are not finite")


def values_are_finite_and_labelled(recipe: Explainer, case: Case) -> None:
    """No value is missing, and columns are the user's, in their order."""
    for found in _ask(recipe, case):
        require(np.all(np.isfinite(numbers((found,)))), "values are not finite")
        if isinstance(found, Attribution):
            wanted = tuple(f"x{i}" for i in range(case.X.shape[1]))
            require(_per_column(found).features == wanted, f"columns {found.features}")
        if isinstance(found, Rules):
            _rules_fit(found, case)


def _rules_fit(found: Rules, case: Case) -> None:
    """A rule speaks of the user's columns, and of the row that it is given for."""
    columns = {f"x{i}": column for i, column in enumerate(case.X.T)}
    for place, rule in enumerate(found):
        require(set(rule.features) <= set(columns), f"columns {rule.features}")
        if found.dims == ("sample",):
            require(rule.covers(columns)[place], f"row {place} does not meet {rule.text!r}")
        low, high = rule.precision_low, rule.precision_high
        inside = not rule.tried or low <= rule.precision <= high
        require(inside, f"precision {rule.precision} outside {low} to {high}")


def evaluations_are_counted(recipe: Explainer, case: Case) -> None:
    """Every row that the model is asked to predict is booked."""
    counted = Counter(case.model)
    if not fits(recipe, replace(case, model=counted)):
        return
    y = np.unique(case.y, return_inverse=True)[1] if case.y.dtype.kind in "OU" else case.y
    said = _ask(recipe, case, model=counted, y=y)[0].evaluations
    require(counted.rows - Counter.OVERHEAD <= said <= counted.rows, f"{said}, not {counted.rows}")


def the_error_is_honest(recipe: Explainer, case: Case) -> None:
    """Exact values have no error; sampled ones differ between seeds by about their error."""
    found = _ask(recipe, case)[0]
    if not isinstance(found, Attribution):
        return
    if recipe.exact:
        require(found.exact, "an exact method states an error")
        return
    runs = [_ask(recipe, case, seed=seed)[0] for seed in range(6)]
    values = np.stack([run.values for run in runs])  # type: ignore[attr-defined]
    error = np.stack([np.asarray(run.error) for run in runs])  # type: ignore[attr-defined]
    spread, said = values.std(axis=0, ddof=1), np.sqrt((error**2).mean(axis=0))
    size = 1e-9 * max(1.0, float(np.abs(values).max()))
    ratio = np.sqrt((spread**2).mean()) / max(float(np.sqrt((said**2).mean())), size)
    require(ratio < 2.0, f"values scatter {ratio:.1f} times as much as the error says")


def the_output_is_the_models_own(recipe: Explainer, case: Case) -> None:
    """The prediction that an answer states is that of the model, class by class."""
    model = as_model(case.model)
    for found in _ask(recipe, case):
        if isinstance(found, Attribution) and found.output is not None:
            own = model.predict(case.X, found.scale).reshape(found.output.shape)
            require(alike(own, found.output), f"off by {np.abs(own - found.output).max():.2g}")


def one_class_is_its_part_of_all(recipe: Explainer, case: Case) -> None:
    """A class asked for alone gets what it gets among several; of two, the opposite."""
    classes, whole = as_model(case.model).classes, _ask(recipe, case)[0]
    if classes is None or not isinstance(whole, Attribution) or "sample" not in whole.dims:
        return
    for place, label in enumerate(classes):
        alone = _ask(recipe, case, target=label)[0]
        assert isinstance(alone, Attribution)
        part = whole.isel(**{"class": place}).values if len(classes) > 2 else whole.values
        sign = -1.0 if len(classes) == 2 and place == 0 else 1.0
        require(alone.target == str(label), f"class {label} is called {alone.target}")
        require(alike(sign * part, alone.values), f"class {label} alone gets other values")


def efficiency(recipe: Explainer, case: Case) -> None:
    """Law: base and shares add up to the prediction."""
    for found in _lawful(recipe, case, "efficiency"):
        gap = float(np.abs(found.gap()).max())
        size = max(1.0, float(np.abs(np.asarray(found.output)).max()))
        require(gap <= 1e-6 * size, f"a gap of {gap:.2g}")


def dummy(recipe: Explainer, case: Case) -> None:
    """Law: a column that the model never looks at gets nothing."""
    for found in map(_per_column, _lawful(recipe, case, "dummy")):
        if case.useless is not None:
            most = float(np.abs(found.isel(feature=case.useless).values).max())
            allowed = 4 * float(np.max(np.asarray(found.isel(feature=case.useless).error)))
            require(most <= 1e-9 + allowed, f"a useless column got {most:.2g}")


def symmetry(recipe: Explainer, case: Case) -> None:
    """Law: two columns that do the same get the same."""
    if "symmetry" not in recipe.laws or case.name != next(
        c for c in CASES if fits(recipe, CASES[c]())
    ):
        return
    twin = symmetric(recipe)
    found = _ask(recipe, twin)[0]
    assert isinstance(found, Attribution)
    found = _per_column(found)
    first, second = (found.isel(feature=i) for i in (0, 1))
    allowed = 4 * float(np.max(np.asarray(first.error) + np.asarray(second.error)))
    apart = float(np.abs(first.values - second.values).max())
    require(apart <= 1e-9 + allowed, f"two columns that do the same differ by {apart:.2g}")


def linearity(recipe: Explainer, case: Case) -> None:
    """Law: the explanation of twice a model plus three is twice the explanation."""
    if "linearity" not in recipe.laws:
        return
    double = _doubled(case)
    if double is None or not fits(recipe, double):
        return
    once, twice = numbers(_ask(recipe, case)), numbers(_ask(recipe, double))
    require(alike(2 * once, twice), f"off by {np.abs(2 * once - twice).max():.2g}")


def planted_truth(recipe: Explainer, case: Case) -> None:
    """Law: for x0 + 2·x1·x2 against a background the Shapley values are known in closed form."""
    lawful = {"efficiency", "dummy", "symmetry"} <= recipe.laws
    if not lawful or case.name != "plain_function":
        return
    found = _ask(recipe, case)[0]
    assert isinstance(found, Attribution)
    x, b = case.X.astype(float), case.background.astype(float)
    m, cross = b.mean(axis=0), (b[:, 1] * b[:, 2]).mean()
    both = x[:, 1] * x[:, 2] - cross
    apart = x[:, 1] * m[2] - m[1] * x[:, 2]
    truth = np.stack([x[:, 0] - m[0], both + apart, both - apart, 0 * both], axis=1)
    allowed = 1e-9 + 5 * np.asarray(found.error)
    off = np.abs(found.values - truth)
    require(np.all(off <= allowed), f"off by {off.max():.2g} from the closed form")


def shapley_values(recipe: Explainer, case: Case) -> None:
    """Law: the four axioms leave one answer, which enumeration knows."""
    if not {"efficiency", "dummy", "symmetry", "linearity"} <= recipe.laws:
        return
    question = ask(case.model, case.X, background=case.background)
    truth, *_ = played(game_of(question, "marginal", None), enumerated)
    found = _ask(recipe, case)[0]
    assert isinstance(found, Attribution)
    found = _per_column(found)
    off = np.abs(found.values - truth.reshape(found.values.shape))
    allowed = 1e-9 * max(1.0, float(np.abs(truth).max())) + 5 * float(np.max(found.error))
    require(off.max() <= allowed, f"off by {off.max():.2g} from enumeration")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        same_seed_same_answer,
        the_seed_is_recorded,
        rows_together_equal_rows_apart,
        a_frame_equals_an_array,
        nothing_given_is_changed,
        settings_print_and_come_back,
        a_saved_answer_comes_back,
        no_rows_are_refused,
        other_columns_are_refused,
        one_row_is_enough,
        values_are_finite_and_labelled,
        evaluations_are_counted,
        the_error_is_honest,
        the_output_is_the_models_own,
        one_class_is_its_part_of_all,
        efficiency,
        dummy,
        symmetry,
        linearity,
        planted_truth,
        shapley_values,
    )
}
"""Every check by name."""


class Counter:
    """A model as a function that counts the rows it is asked about."""

    OVERHEAD = 12
    """Rows that finding out about the model may cost, without being booked."""

    def __init__(self, model: Any) -> None:
        self.rows = 0
        adapter = as_model(model)
        network = partial(adapter.predict, scale=adapter.scales[0]) if _is_network(model) else model
        self._predict = getattr(model, "predict_proba", getattr(model, "predict", network))

    def __call__(self, X: Any) -> Any:
        self.rows += len(X)
        return self._predict(X)


def _is_network(model: Any) -> bool:
    return "gradient" in as_model(model).can


def symmetric(recipe: Explainer) -> Case:
    """A model in which columns 0 and 1 do the same, of a kind that the recipe can explain."""
    from sklearn.linear_model import LinearRegression
    from sklearn.tree import DecisionTreeRegressor

    corners = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], dtype=float)
    y = corners[:, 0] * corners[:, 1] + corners[:, 2]
    model: Any = lambda X: np.asarray(X)[:, 0] * np.asarray(X)[:, 1] + np.asarray(X)[:, 2]  # noqa: E731
    if "trees" in recipe.needs:
        model = DecisionTreeRegressor(random_state=0).fit(corners, y)
    elif "linear" in recipe.needs:
        model = LinearRegression().fit(corners, corners.sum(axis=1))
    rows = corners[corners[:, 0] == corners[:, 1]]
    return Case(name="symmetric", model=model, X=rows, background=corners, y=y[: len(rows)])


def _doubled(case: Case) -> Case | None:
    """The same model, twice as large plus three, where that can be had exactly."""
    if case.name == "plain_function":
        return replace(case, model=lambda X: 2 * case.model(X) + 3)
    if case.name == "linear_regression":
        model = copy.deepcopy(case.model)
        model.coef_, model.intercept_ = 2 * model.coef_, 2 * model.intercept_ + 3
        return replace(case, model=model)
    return None


def _lawful(recipe: Explainer, case: Case, law: str) -> list[Attribution]:
    if law not in recipe.laws:
        return []
    return [found for found in _ask(recipe, case) if isinstance(found, Attribution)]


def _per_column(found: Attribution) -> Attribution:
    """One share per column: the interactions of an answer with terms go to their players."""
    return folded(found) if found.player == "term" else found


def _refused(recipe: Explainer, case: Case, kind: type[PellucidError], **changes: Any) -> None:
    try:
        _ask(recipe, case, **changes)
    except kind:
        return
    except Exception as error:
        raise ConformanceError(f"raised {error!r}, not {kind.__name__}") from error
    raise ConformanceError(f"no {kind.__name__} was raised")


def _frozen(model: Any) -> bytes:
    try:
        return pickle.dumps(model)
    except (pickle.PicklingError, AttributeError, TypeError):
        return repr(sorted(vars(model).items()) if hasattr(model, "__dict__") else model).encode()
