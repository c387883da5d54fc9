"""Effects and importance of trees beside scikit-learn, woodelf and PyALE.

Run: ``python benchmarks/effects.py [--quick]``. Peers run in the same process, in turns.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # read when the libraries are loaded

import numpy as np
import pandas as pd
from record import Measured, record

from pellucid.explainers.effect.ale import ALE
from pellucid.explainers.effect.h_statistic import HStatistic
from pellucid.explainers.effect.ice import ICE
from pellucid.explainers.effect.joint_partial_dependence import JointPartialDependence
from pellucid.explainers.effect.partial_dependence import PartialDependence
from pellucid.explainers.effect.permutation_importance import PermutationImportance

COLUMNS, POINTS, REPEATS = 20, 50, 5

SETTING = (
    "{rows:,} rows × 20 normal columns; LightGBM, XGBoost and scikit-learn's histogram boosting, "
    "each with 200 trees of 31 leaves, and a forest of 100 trees of depth 8. One thread, processor "
    "time, the best of {turns} turns, peers in turn with ours; compiled code is warm. Peers that "
    "grow with the number of features or repeats are timed on one of them and multiplied; "
    "scikit-learn is slow enough for one turn to do."
)

Work = Callable[[], Any]


def data(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with waves, products and main effects."""
    X = np.random.default_rng(0).normal(size=(rows, COLUMNS))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:].sum(axis=1)
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(COLUMNS)]), y


def models(X: pd.DataFrame, y: np.ndarray) -> dict[str, Any]:
    """The models, by name."""
    import lightgbm
    import xgboost
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

    light = lightgbm.LGBMRegressor(n_estimators=200, num_leaves=31, verbose=-1, n_jobs=1)
    hist = HistGradientBoostingRegressor(max_iter=200, max_leaf_nodes=31, early_stopping=False)
    extreme = xgboost.XGBRegressor(
        n_estimators=200, max_leaves=31, max_depth=0, grow_policy="lossguide", n_jobs=1
    )
    forest = RandomForestRegressor(100, max_depth=8, n_jobs=1, random_state=0)
    known = {
        "LightGBM": light, "histogram boosting": hist, "XGBoost": extreme, "a forest": forest,
    }  # fmt: skip
    return {name: model.fit(X, y) for name, model in known.items()}


def best(turns: int, *runs: Work) -> tuple[list[float], list[Any]]:
    """The least processor time of each, and what each found last."""
    shortest, found = [np.inf] * len(runs), [None] * len(runs)
    for _ in range(turns):
        for place, run in enumerate(runs):
            start = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                found[place] = run()
            shortest[place] = min(shortest[place], time.process_time() - start)
    return shortest, found


def ours(recipe: Any, model: Any, X: pd.DataFrame, y: np.ndarray) -> Work:
    """One run of a recipe on one thread."""
    recipe.explain(model, X.head(500), y=y[:500], seed=0, threads=1, progress=False)
    return lambda: recipe.explain(model, X, y=y, seed=0, threads=1, progress=False)


def line(
    task: str, times: tuple[float, float], against: str, target: float | None, note: str = ""
) -> Measured:
    """One comparison of times."""
    return Measured(
        task=task,
        ours=f"{times[0]:.2f} s",
        peer=f"{times[1]:.2f} s",
        against=against,
        ratio=times[1] / times[0],
        target=target,
        note=note,
    )


def aimed(seconds: float) -> str:
    """Whether a time is what was aimed at."""
    return f"{'within' if seconds <= 1 else 'beyond'} the 1 s aimed at"


def profiles(name: str, model: Any, X: pd.DataFrame, y: np.ndarray, turns: int) -> list[Measured]:
    """Partial dependence of all columns, and ICE, against scikit-learn's brute force."""
    from sklearn.inspection import partial_dependence

    curves = PartialDependence(points=POINTS).explain(model, X.head(500), threads=1)
    grid = np.asarray(curves[2].grid)

    def brute() -> Any:
        return partial_dependence(model, X, [2], custom_values={2: grid}, method="brute")

    runs = (
        ours(PartialDependence(points=POINTS), model, X, y),
        ours(ICE(points=POINTS), model, X, y),
        ours(ALE(bins=POINTS), model, X, y),
        ours(HStatistic(kind="total"), model, X, y),
    )
    (ours_pdp, ours_ice, ours_ale, ours_h), _ = best(turns, *runs)
    (one,), _ = best(1, brute)
    own = PartialDependence(points=POINTS, feature="x2").explain(model, X, threads=1)
    theirs = partial_dependence(
        model, X, [2], custom_values={2: np.asarray(own.grid)}, method="brute"
    )
    gap = np.abs(own.values - theirs["average"][0]).max()
    sklearn = f"scikit-learn {version('scikit-learn')}, brute, 1 column × {COLUMNS}"
    note = f"{aimed(ours_pdp)}; biggest difference {gap:.0e}; with a band over rows"
    other = f"ALE {ours_ale:.2f} s, H of each column (2 000 rows) {ours_h:.2f} s: {aimed(ours_h)}"
    what = f"all {COLUMNS} columns, {POINTS} points, {name}"
    kept = f"{aimed(ours_ice)}; {handed_out(runs[1], len(X))}; {other}"
    return [
        line(f"partial dependence, {what}", (ours_pdp, one * COLUMNS), sklearn, None, note),
        line(f"ICE, {what}", (ours_ice, one * COLUMNS), sklearn, None, kept),
    ]


def together(model: Any, X: pd.DataFrame, y: np.ndarray, turns: int) -> Measured:
    """Partial dependence on two columns, on few rows, against scikit-learn's brute force."""
    from sklearn.inspection import partial_dependence

    few, pair = X.head(1_000), ("x0", "x1")
    recipe = JointPartialDependence(feature=pair)
    mine = recipe.explain(model, few, threads=1)
    grids = {pair[0]: np.asarray(mine.grid), pair[1]: np.asarray(mine.other_grid)}

    def brute() -> Any:
        return partial_dependence(model, few, list(pair), custom_values=grids, method="brute")

    times, found = best(turns, ours(recipe, model, few, y[: len(few)]), brute)
    gap = np.abs(found[0].values - found[1]["average"][0]).max()
    note = f"biggest difference {gap:.0e}; with a band over rows, and what share has no like there"
    task = f"joint partial dependence, 1 pair, 10 × 10 points, {len(few):,} rows, LightGBM"
    against = f"scikit-learn {version('scikit-learn')}, brute"
    return line(task, (times[0], times[1]), against, None, note)


def handed_out(run: Work, rows: int) -> str:
    """How much of a run is the system's, which hands out memory page by page."""
    start = os.times()
    run()
    end = os.times()
    system, whole = end.system - start.system, end.user + end.system - start.user - start.system
    size = 8e-6 * rows * COLUMNS * POINTS
    return (
        f"every curve is kept ({size:.0f} MB): of {whole:.2f} s once more, {system:.2f} s were "
        "the system's, which hands out memory"
    )


def against_woodelf(model: Any, X: pd.DataFrame, y: np.ndarray, turns: int) -> list[Measured]:
    """All columns' partial dependence in one call."""
    try:
        from woodelf.pdp import woodelf_pdp
    except ImportError:
        print("woodelf is not installed")
        return []

    def peer() -> Any:
        return woodelf_pdp(model, X, k=POINTS, centered=False, verbose=False)

    (mine, theirs), _ = best(turns, ours(PartialDependence(points=POINTS), model, X, y), peer)
    against = f"woodelf {version('woodelf-explainer')}"
    task = f"partial dependence, all {COLUMNS} columns, {POINTS} points, LightGBM"
    return [line(task, (mine, theirs), against, 1.8, "theirs gives no band")]


def permutation(name: str, model: Any, X: pd.DataFrame, y: np.ndarray, turns: int) -> Measured:
    """Importance of all columns, 5 shuffles."""
    from sklearn.inspection import permutation_importance

    def peer() -> Any:
        return permutation_importance(
            model, X, y, scoring="neg_mean_squared_error", n_repeats=1, random_state=0
        )

    recipe = PermutationImportance(repeats=REPEATS)
    (mine, theirs), found = best(turns, ours(recipe, model, X, y), peer)
    apart = np.abs(found[0].values - found[1].importances_mean).max()
    against = f"scikit-learn {version('scikit-learn')}, 1 repeat × {REPEATS}"
    note = f"with an interval; biggest difference {apart:.2g} (of {found[0].values.max():.2g})"
    task = f"permutation importance, {COLUMNS} columns, {REPEATS} repeats, {name}"
    return line(task, (mine, theirs * REPEATS), against, 5, note)


def accumulated(model: Any, X: pd.DataFrame, y: np.ndarray, turns: int) -> list[Measured]:
    """First-order ALE with bands, one column and all of them."""
    try:
        from PyALE import ale
    except ImportError:
        print("PyALE is not installed")
        return []

    def peer() -> Any:
        return ale(X=X, model=model, feature=["x3"], grid_size=POINTS, plot=False)

    one = ours(ALE(bins=POINTS, feature="x3"), model, X, y)
    every = ours(ALE(bins=POINTS), model, X, y)
    (single, whole, theirs), found = best(turns, one, every, peer)
    gap = np.abs(np.ptp(found[0].values) - np.ptp(found[2]["eff"].to_numpy()))
    note = f"the ranges of the two curves differ by {gap:.0e}"
    against = f"PyALE {version('PyALE')}"
    return [
        line(f"ALE, one column, {POINTS} bins, LightGBM", (single, theirs), against, 5, note),
        line(
            f"ALE, all {COLUMNS} columns, {POINTS} bins, LightGBM",
            (whole, theirs * COLUMNS),
            f"{against}, 1 column × {COLUMNS}",
            5,
        ),
    ]


def interactions(model: Any, X: pd.DataFrame, y: np.ndarray, turns: int) -> Measured:
    """H of all pairs by the trees, against asking the model, on 50 rows of 4 columns."""
    few = ("x0", "x1", "x2", "x3")
    small = HStatistic(kind="pair", feature=few, max_background=50)
    ask = ours(small, lambda T: model.predict(T), X, y)
    (mine, theirs), found = best(turns, ours(small, model, X, y), ask)
    gap = np.abs(found[0].values - found[1].values).max()
    (whole,), _ = best(turns, ours(HStatistic(kind="pair"), model, X, y))
    note = f"biggest difference {gap:.0e}; all 190 pairs over 2 000 rows: {whole:.2f} s"
    task = "Friedman's H, 6 pairs over 50 rows, with its error, LightGBM"
    return line(task, (mine, theirs), "the same formula by asking the model", None, note)


def main() -> None:
    quick = "--quick" in sys.argv
    warnings.filterwarnings("ignore")
    rows, turns = (4_000, 1) if quick else (20_000, 2)
    X, y = data(rows)
    lines: list[Measured] = []
    known = models(X, y)
    for name, model in known.items():
        lines += profiles(name, model, X, y, turns)
        if name in ("LightGBM", "histogram boosting"):
            lines.append(permutation(name, model, X, y, turns))
    light = known["LightGBM"]
    lines.append(together(light, X, y, turns))
    lines += against_woodelf(light, X, y, turns)
    lines += accumulated(light, X, y, turns)
    lines.append(interactions(light, X, y, turns))
    record("effects", "Effects and importance", SETTING.format(rows=rows, turns=turns), lines)


if __name__ == "__main__":
    main()
