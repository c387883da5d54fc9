"""Hostile inputs: every method gives an answer that its laws allow, or a named error.

Two tables: what is given, and who is asked. A third says who refuses what, in which words; it is
strict both ways. Nothing that is given is written to, and no warning of numpy's comes out.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

import pellucid as pel
from pellucid.core import registry
from pellucid.core.errors import PellucidError
from pellucid.core.terms import folded
from pellucid.explainers import ExactSHAP
from pellucid.explainers.choose import PACKAGE, recipe_named
from pellucid.explainers.explainer import Explainer
from pellucid.perturb.removals import REMOVALS
from twins.shapley_enumeration import marginal_worth, shapley_values


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Libraries that start threads for ten rows wait for them, not for the work."""
    with threadpool_limits(1):
        yield


Function = Callable[[Any], Any]
NORMAL = np.random.default_rng(0).normal(size=(40, 3))
ROWS, REFERENCE = 4, 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """What is handed over: tables, and a model of each kind that can be had for them."""

    X: Any
    background: Any
    function: Any = None
    trees: Any = None
    linear: Any = None
    y: Any = None
    names: tuple[str, ...] | None = None
    useless: tuple[int, ...] = ()
    """Columns that the function never looks at, or that never vary."""
    alike: tuple[int, int] | None = None
    """Columns that do the same in the function, and hold the same."""
    enumerable: bool = True
    """Whether numbers alone are given, so that all coalitions can be tried on the raw model."""


def numbers(table: Any) -> np.ndarray:
    if isinstance(table, pa.Table):
        return np.column_stack([np.asarray(c.to_pylist(), dtype=float) for c in table.columns])
    return np.asarray(table, dtype=float)


def product(table: Any) -> np.ndarray:
    A = numbers(table)
    return A[:, 0] * A[:, 1] + A[:, 2]


def of(
    rows: Any, function: Function = product, wrap: Callable[..., Any] = lambda A: A, **more: Any
) -> Given:
    """The rows with a function of them, and a tree and a line fitted to it."""
    rows = np.asarray(rows)
    whole = rows.astype(float)
    tree: Any = DecisionTreeRegressor(max_depth=4, random_state=0)
    if np.abs(whole).max() > 1e38:
        tree = HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=2)
    given = {
        "X": wrap(rows[:ROWS]),
        "background": wrap(rows[ROWS : ROWS + REFERENCE]),
        "function": function,
        "trees": tree.fit(whole, function(whole)),
        "linear": LinearRegression().fit(whole, function(whole)),
        "y": function(whole[:ROWS]),
    }
    return Given(**{**given, **more})


def only(function: Function, **more: Any) -> Given:
    """Ordinary rows with an extraordinary function."""
    rows, y = NORMAL[:ROWS], product(NORMAL[:ROWS])
    return Given(X=rows, background=NORMAL[ROWS:12], function=function, y=y, **more)


def named(*names: Any, index: Any = None) -> Given:
    """Ordinary numbers in a frame with these names, and this index."""

    def frame(A: np.ndarray) -> pd.DataFrame:
        made = pd.DataFrame(A)
        made.columns = pd.Index(names, dtype=object)
        return made if index is None else made.set_axis(index[: len(made)], axis=0)

    return of(NORMAL, wrap=frame, names=tuple(map(str, names)))


def tree(model: Any, X: np.ndarray = NORMAL[:ROWS], **more: Any) -> Given:
    """A fitted tree, whoever asks about it."""
    background = more.pop("background", NORMAL[ROWS:12])
    y = model.predict(X)
    return Given(X=X, background=background, function=model, trees=model, y=y, **more)


# Tables


def column(place: int, values: Any) -> np.ndarray:
    rows = NORMAL.copy()
    rows[:, place] = values
    return rows


def one_row() -> Given:
    given = of(NORMAL)
    return replace(given, X=given.X[:1], y=given.y[:1])


def background_is_the_row() -> Given:
    return replace(one_row(), background=NORMAL[:1].copy(), useless=(0, 1, 2))


def a_thousand_columns() -> Given:
    rows = np.random.default_rng(1).normal(size=(12, 1000))
    return replace(
        of(rows, enumerable=False), X=rows[:2], background=rows[8:11], y=product(rows)[:2]
    )


def huge() -> Given:
    rows = column(0, np.where(NORMAL[:, 0] > 0, 1e300, -1e300))
    rows[:, 1] = np.where(NORMAL[:, 1] > 0, 1e160, 1e155)  # their squares do not exist
    return of(
        rows, lambda T: np.sign(numbers(T)[:, 0]) * (numbers(T)[:, 1] > 1e158) + numbers(T)[:, 2]
    )


def tiny() -> Given:
    return of(NORMAL * 1e-300, lambda T: product(numbers(T) * 1e300))


def infinite() -> Given:
    rows = NORMAL.copy()
    rows[[1, 6], 0], rows[5, 1] = np.inf, -np.inf
    return with_gaps(rows, lambda T: np.tanh(numbers(T)[:, 0]) * np.tanh(numbers(T)[:, 1]))


def with_gaps(rows: np.ndarray, function: Function, **more: Any) -> Given:
    model: Any = HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=2)
    if np.isnan(rows).all(axis=0).any():
        model = DecisionTreeRegressor(max_depth=3, random_state=0)
    y = function(rows)
    return Given(
        X=rows[:ROWS], background=rows[ROWS:12], function=function, y=y[:ROWS],
        trees=model.fit(rows, y), **more,
    )  # fmt: skip


def gaps() -> Given:
    rows = NORMAL.copy()
    rows[::2, 1], rows[1, 0] = np.nan, np.nan
    return with_gaps(rows, lambda T: product(np.nan_to_num(numbers(T), nan=0.5)))


def dates(missing: bool = False) -> Given:
    first = np.datetime64("2020-01-01", "ns")
    frame = pd.DataFrame(
        {"day": first + (np.abs(NORMAL[:, 0]) * 1000).astype("m8[D]"), "x": NORMAL[:, 1]}
    )
    if missing:
        frame.loc[1, "day"] = pd.NaT

    def model(T: Any) -> np.ndarray:
        days = np.asarray((T["day"] - pd.Timestamp(first)).dt.days, dtype=float)
        return np.nan_to_num(days) / 1000 * T["x"].to_numpy()

    return words(frame, function=model)


def words(frame: pd.DataFrame, **more: Any) -> Given:
    """A frame that is not numbers alone."""
    given = {"y": np.arange(ROWS) + 0.5, "names": tuple(frame.columns), "enumerable": False}
    return Given(X=frame[:ROWS], background=frame[ROWS:12], **{**given, **more})


def homes(*, seen: Any = ("own", "rent", "free"), unknown: str = "ignore", **more: Any) -> Given:
    """One column of words, of which the rows to explain hold one that was never seen."""
    frame = pd.DataFrame({"home": np.resize(np.array(seen, dtype=object), 40), "x": NORMAL[:, 1]})
    answer = (frame["home"] == "rent") * frame["x"] + frame["x"]
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown=unknown), ["home"]), remainder="passthrough"
    )
    forest = make_pipeline(encoder, DecisionTreeRegressor(max_depth=3, random_state=0))
    line = make_pipeline(encoder, LinearRegression())
    given = words(frame, y=answer[:ROWS].to_numpy(), **more)
    if len(seen) > 1:
        given.X.loc[2, "home"] = "castle"
    forest.fit(frame, answer)
    line.fit(frame, answer)
    return replace(given, function=forest.predict, trees=forest, linear=line)


def a_native_category_never_seen() -> Given:
    home = np.resize(np.array(["own", "rent", "free"]), 40)
    frame = pd.DataFrame({"home": pd.Categorical(home), "x": NORMAL[:, 1]})
    model = HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=2)
    model.fit(frame, (home == "rent") * NORMAL[:, 1] + NORMAL[:, 1])
    X = frame.astype({"home": object})[:ROWS]
    X.loc[2, "home"] = "castle"
    given = words(frame, function=model, trees=model)
    return replace(
        given, X=X.astype({"home": pd.CategoricalDtype(["own", "rent", "free", "castle"])})
    )


# Trees


def forest_without_splits() -> Given:
    model = RandomForestRegressor(3, random_state=0).fit(NORMAL, np.full(40, 3.5))
    return tree(model, useless=(0, 1, 2))


def stump() -> Given:
    model = DecisionTreeRegressor(max_depth=1, random_state=0).fit(NORMAL, product(NORMAL))
    return tree(model, useless=tuple({0, 1, 2} - {int(model.tree_.feature[0])}))


def ten_thousand_leaves() -> Given:
    rng = np.random.default_rng(3)
    model = DecisionTreeRegressor(random_state=0).fit(
        rng.normal(size=(10_000, 3)), rng.random(10_000)
    )
    assert model.get_n_leaves() == 10_000
    return tree(model)


def one_column_ten_times_on_a_path() -> Given:
    rows = column(0, np.arange(40.0))
    steps = 2.0 ** np.minimum(np.arange(40), 30)  # each split takes one step off the end
    model = DecisionTreeRegressor(random_state=0).fit(rows * [1, 0, 0], steps)
    assert model.get_depth() >= 10
    return tree(model, rows[[3, 12, 20, 39]], background=rows[[0, 5, 9, 11, 30]], useless=(1, 2))


# Models


def drifting(draw: np.random.Generator) -> Function:
    return lambda T: product(T) + draw.normal(size=len(T))


def failing(kind: type[Exception]) -> Function:
    """Works for a few rows, then does not."""

    def model(T: np.ndarray) -> np.ndarray:
        if len(T) > ROWS:
            raise kind("out of order")
        return product(T)

    return model


def later(change: Function) -> Function:
    """Answers otherwise as soon as many rows are asked about."""
    return lambda T: product(T) if len(T) <= ROWS else change(product(T))


def nothing_for_made_up_rows(value: float) -> Function:
    known = {row.tobytes() for row in NORMAL}

    def model(T: np.ndarray) -> np.ndarray:
        found = [np.ascontiguousarray(row).tobytes() in known for row in T]
        return np.where(found, product(T), value)

    return model


def writing(T: np.ndarray) -> np.ndarray:
    answer = product(T)
    T[...] = 0
    return answer


INPUTS: dict[str, Callable[[], Given]] = {
    "a constant column": lambda: of(column(2, 7.0), useless=(2,)),
    "one value everywhere": lambda: of(np.full((40, 3), 2.0), useless=(0, 1, 2)),
    "zeros": lambda: of(np.zeros((40, 3)), useless=(0, 1, 2)),
    "a column twice": lambda: replace(
        of(NORMAL[:, [0, 0, 1]]), alike=(0, 1), trees=None, linear=None),
    "a single column": lambda: of(NORMAL[:, :1], lambda T: numbers(T)[:, 0] ** 2),
    "one row": one_row,
    "no rows": lambda: replace(of(NORMAL), X=NORMAL[:0], y=np.zeros(0)),
    "no background rows": lambda: replace(of(NORMAL), background=NORMAL[:0]),
    "a background that is the row": background_is_the_row,
    "one background row": lambda: replace(of(NORMAL), background=NORMAL[10:11].copy()),
    "background rows many times": lambda: replace(
        of(NORMAL), background=NORMAL[[5, 5, 5, 6, 6, 7, 5, 5]]),
    "one row many times": lambda: replace(
        of(NORMAL), X=NORMAL[[0, 0, 0, 0]], y=product(NORMAL[[0, 0, 0, 0]])),
    "a thousand columns": a_thousand_columns,
    "huge numbers": huge,
    "tiny numbers": tiny,
    "numbers of very different size": lambda: of(NORMAL * [1e12, 1e-12, 1.0]),
    "tiny outputs": lambda: of(NORMAL, lambda T: product(T) * 1e-300),
    "outputs without a square": lambda: of(NORMAL, lambda T: product(T) * 1e200),
    "outputs without a sum": lambda: only(lambda T: np.sign(product(T)) * 1.7e308),
    "infinite values": infinite,
    "missing values": gaps,
    "a column without values": lambda: with_gaps(
        column(1, np.nan), lambda T: numbers(T)[:, 0] + numbers(T)[:, 2], useless=(1,)),
    "float32": lambda: of(NORMAL.astype(np.float32)),
    "int8": lambda: of((NORMAL * 3).astype(np.int8)),
    "booleans": lambda: of(NORMAL > 0),
    "columns first": lambda: of(np.asfortranarray(NORMAL)),
    "unicode names": lambda: named("größe 😀", "日本\n語", "\u202eabc"),
    "very long names": lambda: named("x" * 5000, "x" * 4999 + "y", "z"),
    "names that look alike": lambda: named("a", "a ", "A"),
    "names that look like pairs": lambda: named("a", "b", "a × b"),
    "integer names": lambda: named(0, 1, 2),
    "names alike as text": lambda: named(1, "1", 2),
    "a name twice": lambda: named("a", "a", "b"),
    "an index that repeats": lambda: named(*"abc", index=np.full(8, 5)),
    "an index of anything": lambda: named(
        *"abc", index=np.array([None, "x", 3.5, (1, 2)] * 2, dtype=object)),
    "polars": lambda: of(
        NORMAL, wrap=lambda A: pl.DataFrame(A, schema=list("abc")), names=tuple("abc")),
    "arrow": lambda: of(
        NORMAL, wrap=lambda A: pa.table(dict(zip("abc", A.T, strict=True))), names=tuple("abc")),
    "dates": dates,
    "missing dates": lambda: dates(missing=True),
    "mixed types": lambda: words(
        pd.DataFrame({"a": np.resize(np.array([1, "two", 3.0, None], dtype=object), 40)}),
        function=lambda T: np.zeros(len(T))),
    "a category never seen": homes,
    "a category never seen, refused": lambda: homes(unknown="error"),
    "a native category never seen": a_native_category_never_seen,
    "one category": lambda: homes(seen=("own",), useless=(0,)),
    "words without values": lambda: words(
        pd.DataFrame({"home": pd.Series([None] * 40, dtype=object), "x": NORMAL[:, 1]}),
        function=lambda T: T["x"].to_numpy(dtype=float) ** 2, useless=(0,)),
    "a tree without splits": lambda: tree(
        DecisionTreeRegressor().fit(NORMAL, np.full(40, 3.5)), useless=(0, 1, 2)),
    "a forest without splits": forest_without_splits,
    "a stump": stump,
    "10 000 leaves": ten_thousand_leaves,
    "one column ten times on a path": one_column_ten_times_on_a_path,
    "float32 answers": lambda: only(
        lambda T: product(T).astype(np.float32), enumerable=False),
    "a list of answers": lambda: only(lambda T: product(T).tolist()),
    "answers in a column": lambda: only(lambda T: product(T)[:, None]),
    "yes and no": lambda: only(lambda T: product(T) > 0),
    "a frame of answers": lambda: only(lambda T: pd.DataFrame({"out": product(T)})),
    "one answer to all": lambda: only(lambda T: np.full(len(T), 4.0), useless=(0, 1, 2)),
    "answers at random": lambda: only(
        drifting(np.random.default_rng(5)), enumerable=False),
    "a model that writes": lambda: only(writing, enumerable=False),
    "a model that fails": lambda: only(failing(RuntimeError)),
    "a model that divides by zero": lambda: only(failing(ZeroDivisionError)),
    "a model that refuses": lambda: only(failing(ValueError)),
    "nothing for made-up rows": lambda: only(nothing_for_made_up_rows(np.nan)),
    "infinity for made-up rows": lambda: only(nothing_for_made_up_rows(np.inf)),
    "fewer answers later": lambda: only(later(lambda answers: answers[1:])),
    "more outputs later": lambda: only(later(lambda answers: np.stack([answers] * 2, axis=1))),
}  # fmt: skip

SMALL = {"budget": 64, "points": 4, "repeats": 2, "bins": 4, "orders": 8, "leaves": 4, "rules": 3}
QUIET = {"seed": 1, "threads": 1, "progress": False}


@cache
def recipe(name: str) -> Explainer:
    """The method, made quick."""
    found = recipe_named(name)
    known = {field.name for field in fields(found)}  # type: ignore[arg-type]
    return replace(found, **{k: v for k, v in SMALL.items() if k in known})  # type: ignore[type-var]


def explained(name: str, given: Given) -> Any:
    asked = recipe(name)
    return asked.explain(
        asking(name, given), given.X, background=given.background, y=given.y, **QUIET
    )


def compared(given: Given) -> Any:
    methods = [recipe("exact_shap"), recipe("kernel_shap")]
    return pel.compare(
        given.function, given.X, background=given.background, methods=methods, **QUIET
    )


def judged(given: Given) -> Any:
    found = explained("kernel_shap", given)
    return pel.evaluate(found, given.function, given.X, background=given.background, **QUIET)


def reasoned(given: Given) -> Any:
    return pel.reason_codes(given.function, given.X, reference=given.background, resamples=2)


def trained_again(ask: Callable[..., Any]) -> Callable[[Given], Any]:
    return lambda given: ask(given.trees, given.X, given.y, folds=2, seed=1, progress=False)


def removed(name: str) -> Callable[[Given], Any]:
    return lambda given: ExactSHAP(removal=name).explain(
        given.function, given.X, background=given.background, **QUIET
    )


FUNCTIONS: dict[str, tuple[str, Callable[[Given], Any]]] = {
    "compare": ("function", compared),
    "evaluate": ("function", judged),
    "reason_codes": ("function", reasoned),
    "correlated_groups": ("X", lambda given: pel.correlated_groups(given.X)),
    "linear_groups": ("X", lambda given: pel.correlated_groups(given.X, measure="pearson")),
    "drop_column": ("trees", trained_again(pel.drop_column)),
    "loco": ("trees", trained_again(pel.loco)),
    "no_background": ("function", lambda given: pel.explain(given.function, given.X, **QUIET)),
    "path_dependent": ("trees", lambda given: pel.explain(given.trees, given.X, **QUIET)),
    **{f"{name}_removal": ("function", removed(name)) for name in REMOVALS if name != "marginal"},
}
"""What else is asked, and what it needs."""

METHODS = (*registry.names(PACKAGE), *FUNCTIONS)


def asking(name: str, given: Given) -> Any:
    """What the method is asked about, or nothing where it does not apply."""
    if name in FUNCTIONS:
        return getattr(given, FUNCTIONS[name][0])
    needs = recipe(name).needs
    if "table" not in recipe(name).takes or needs & {"gradient", "sites"}:
        return None  # of networks, which have tests of their own
    return getattr(given, next((kind for kind in ("trees", "linear") if kind in needs), "function"))


def answer(name: str, given: Given) -> Any:
    return FUNCTIONS[name][1](given) if name in FUNCTIONS else explained(name, given)


GROUPS, AGAIN = "correlated_groups linear_groups", "drop_column loco"
PAIRS = "ale_interaction joint_partial_dependence variance_interaction"
NORMAL_ONLY = "gaussian_removal copula_removal"
OWN_ROWS = f"{AGAIN} no_background path_dependent"
ANSWERED = ""

REFUSED: dict[str, dict[str, str]] = {
    "a single column": {PAIRS: "two columns"},
    "one row": {
        "permutation_importance": "two rows",
        AGAIN: "fewer rows than folds",
        "no_background": "against itself",
    },
    "no rows": {"*": "no rows"},
    "no background rows": {f"{GROUPS} {OWN_ROWS}": ANSWERED, "*": "no rows"},
    "a background that is the row": {
        "permutation_importance": "two rows",
        "rule_list surrogate_tree": "learns from rows and is tested on others",
        AGAIN: "fewer rows than folds",
        "no_background": "against itself",
    },
    "a thousand columns": {
        PAIRS: "pairs of 1000 columns",
        "shapley_interactions": "too many terms of 1000 columns",
        "reason_codes": "No exact method .* with 1000 columns",
        "exact_shap compare baseline_removal neighbours_removal tree_removal": "be enumerated",
        "asymmetric_shap": "budget ≥ 3998",
        "banzhaf evaluate kernel_shap owen_shap permutation_shap proxy_shap sage": "budget ≥ 3998",
    },
    "huge numbers": {"gaussian_removal tree_removal": "too large"},
    "outputs without a square": {
        "ale ale_interaction anchors drop_column h_statistic joint_partial_dependence lime "
        "partial_dependence partial_dependence_importance permutation_importance rule_list sage "
        "surrogate_tree variance_interaction": "too large",
    },
    "outputs without a sum": {
        f"{GROUPS} ceteris_paribus ice owen_shap": ANSWERED,
        "*": "too large",
    },
    "infinite values": {
        "linear_groups": "no linear correlation",
        NORMAL_ONLY: "missing or infinite values",
    },
    "missing values": {NORMAL_ONLY: "missing or infinite values", AGAIN: "trained again"},
    "a column without values": {NORMAL_ONLY: "missing or infinite values"},
    "names that look like pairs": {"shapley_interactions tree_interactions": "says two things"},
    "names alike as text": {"*": "share a name"},
    "a name twice": {"*": "share a name"},
    "missing dates": {NORMAL_ONLY: "missing or infinite values"},
    "mixed types": {"*": "'a' mixes values of several types"},
    "a category never seen, refused": {
        f"{GROUPS} ale ale_interaction h_statistic joint_partial_dependence partial_dependence "
        "partial_dependence_importance variance_interaction": ANSWERED,
        "*": "unknown categories",
    },
    "words without values": {NORMAL_ONLY: "missing or infinite values", PAIRS: "two columns"},
    "a model that fails": {GROUPS: ANSWERED, "*": "failed while it was asked. .*RuntimeError"},
    "a model that divides by zero": {GROUPS: ANSWERED, "*": "ZeroDivisionError: out of order"},
    "a model that refuses": {GROUPS: ANSWERED, "*": "refused the data. Got out of order"},
    "nothing for made-up rows": {
        f"{GROUPS} rule_list surrogate_tree": ANSWERED,
        "*": "not finite",
    },
    "infinity for made-up rows": {
        f"{GROUPS} rule_list surrogate_tree": ANSWERED,
        "*": "not finite",
    },
    "fewer answers later": {GROUPS: ANSWERED, "*": "wrong shape"},
    "more outputs later": {GROUPS: ANSWERED, "*": "changes the number of its outputs"},
    "answers at random": {"evaluate": "explains another model"},
}
"""Who refuses what: methods by name (``*`` for the others), and words of the error."""

SLOW = {
    ("a thousand columns", "lime"): "redraws the fit of 1000 columns fifty times: seconds a row",
    ("a thousand columns", "gaussian_removal"): "refuses after it has inverted 1000 × 1000",
    ("a thousand columns", "copula_removal"): "refuses after it has inverted 1000 × 1000",
}
"""What is bounded in time and was tried, but takes too long to be tried each time."""

RULERS = {"efficiency", "dummy", "symmetry", "linearity"}
"""Laws that leave one answer: Shapley's."""

NOTHING_FOR_NOTHING = {"sage", "permutation_importance", "partial_dependence_importance"}
"""Methods of no law that give exactly nothing to a column without use."""


def laws_of(name: str) -> frozenset[str]:
    """What the method claims for its answers."""
    if name.endswith(("_removal", "_background", "_dependent")):
        return frozenset({"efficiency"})
    return frozenset() if name in FUNCTIONS else recipe(name).laws


def refusal(what: str, name: str) -> str:
    """The words of the refusal that is due, or nothing."""
    table = REFUSED.get(what, {})
    exact = [words for names, words in table.items() if name in names.split()]
    return exact[0] if exact else table.get("*", "")


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.tobytes() == other.tobytes()
    return bool(one.equals(other))


def check(found: Any, name: str, given: Given) -> None:
    """What is said holds the laws that are claimed for it."""
    if isinstance(found, pel.Scores):
        for score in found.rows:  # an error of 0 that is none is wrong without bounds
            assert score.metric == "stated_error" or not np.isinf(score.value or 0.0)
    for each in found if isinstance(found, tuple) else (found,):
        for numbers_ in (getattr(each, "values", ()), getattr(each, "error", ())):
            if not callable(numbers_):
                assert np.isfinite(numbers_).all()
        if isinstance(each, pel.Attribution):
            check_shares(each, name, given)


def check_shares(found: pel.Attribution, name: str, given: Given) -> None:
    laws = laws_of(name)
    if "efficiency" in laws:
        size = max(np.abs(found.output).max(), np.abs(found.base).max(), 1e-300)
        shares = (found.values / size).sum(axis=1)
        np.testing.assert_allclose(found.base / size + shares, found.output / size, atol=1e-6)
    if found.player == "term" and name != "variance_interaction":
        found = folded(found)
    if "feature" not in found.dims:
        return
    width = found.values.shape[found.dims.index("feature")]
    assert found.features == (given.names or tuple(f"x{i}" for i in range(width)))
    size = max(np.abs(found.values).max(), 1.0)
    for useless in given.useless if "dummy" in laws or name in NOTHING_FOR_NOTHING else ():
        assert np.abs(found.isel(feature=useless).values).max() <= 1e-9 * size
    if given.alike and "symmetry" in laws:
        one, other = (found.isel(feature=i) for i in given.alike)
        allowed = 1e-9 * size + 4 * (one.error + other.error).max()
        assert np.abs(one.values - other.values).max() <= allowed
    if laws >= RULERS and given.enumerable and width <= 4:
        check_enumeration(found, name, given)


def check_enumeration(found: pel.Attribution, name: str, given: Given) -> None:
    """All coalitions, tried on the user's own model."""
    model = asking(name, given)
    predict = getattr(model, "predict", model)
    rows, reference = numbers(given.X), numbers(given.background)
    truth = np.array(
        [
            shapley_values(marginal_worth(predict, row, reference), rows.shape[1])[:, 0]
            for row in rows
        ]
    )
    size = max(np.abs(truth).max(), np.abs(found.output).max())
    assert np.abs(truth - found.values).max() <= 1e-9 * size + 5 * np.max(found.error)


@cache
def made(what: str) -> Given:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that are trained on such data
        return INPUTS[what]()


ASKED = [
    (what, name)
    for what in INPUTS
    for name in METHODS
    if asking(name, made(what)) is not None and (what, name) not in SLOW
]


@pytest.mark.filterwarnings("ignore::UserWarning", "error::RuntimeWarning")
@pytest.mark.parametrize(("what", "name"), ASKED, ids=[f"{w}: {n}" for w, n in ASKED])
def test_it_is_a_lawful_answer_or_a_named_error(what: str, name: str) -> None:
    given = made(what)
    before = copy.deepcopy((given.X, given.background, np.asarray(given.y)))
    words = refusal(what, name)
    if words:
        with pytest.raises(PellucidError, match=words):
            answer(name, given)
    else:
        check(answer(name, given), name, given)
    for kept, now in zip(before, (given.X, given.background, np.asarray(given.y)), strict=True):
        assert same(kept, now)


def test_the_table_of_refusals_names_inputs_and_methods_that_exist() -> None:
    for what, table in REFUSED.items():
        assert what in INPUTS
        for names in table:
            assert names == "*" or set(names.split()) <= set(METHODS)


@pytest.mark.parametrize("name", ["kernel_shap", "ale", "sage", "compare"])
def test_a_model_that_is_not_deterministic_is_told_so(name: str) -> None:
    found = answer(name, made("answers at random"))
    for each in found if isinstance(found, tuple) else (found,):
        assert any("not deterministic" in note for note in each.notes)
    found = answer(name, made("answers in a column"))
    for each in found if isinstance(found, tuple) else (found,):
        assert not any("not deterministic" in note for note in each.notes)


def test_what_the_user_tells_numpy_about_overflow_holds_inside_the_model() -> None:
    def model(T: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return 1 / (1 + np.exp(-1e4 * T[:, 0]))

    found = pel.explain(model, NORMAL[:4], background=NORMAL[4:12], method="exact_shap", **QUIET)
    assert np.isfinite(found.values).all()
