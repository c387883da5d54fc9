"""Shapley interactions of trees: Pellucid beside shap, XGBoost and woodelf, in one process.

    python benchmarks/tree_interactions.py [--quick]

Each side explains as many rows as make it worth timing, in turns; what counts is the shortest
processor time of one thread, as rows per second.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from record import Measured, record

from pellucid.maths.tree_interactions import interactions
from pellucid.maths.tree_shapley import prepare
from pellucid.models import lightgbm_trees, sklearn_trees, xgboost_trees

COLUMNS, BACKGROUND = 25, 100
OURS, WOODELF = 4096, 1000
"""Rows that Pellucid and woodelf explain; the others get few, as they are slow at any number."""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Numbers with main effects, waves and interactions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, COLUMNS)).astype(np.float32).astype(np.float64)
    waves = np.sin(2 * X[:, 1]) + np.abs(X[:, 4:10]).sum(axis=1)
    return X, 2 * X[:, 0] + waves + X[:, 2] * X[:, 3] + X[:, 10] * (X[:, 11] > 0)


def models(X: np.ndarray, y: np.ndarray, trees: int) -> dict[str, tuple[Any, Any, int]]:
    """Name -> model, its trees as read, and rows that the slow peers are given."""
    import lightgbm
    import xgboost
    from sklearn.ensemble import RandomForestRegressor

    boosted = xgboost.XGBRegressor(n_estimators=trees, max_depth=6, learning_rate=0.1)
    boosted.fit(X, y).set_params(n_jobs=1).get_booster().set_param("nthread", 1)
    leaves = lightgbm.LGBMRegressor(n_estimators=trees, num_leaves=63, verbose=-1, n_jobs=2)
    leaves.fit(X, y).set_params(n_jobs=1)
    forest = RandomForestRegressor(max(trees // 5, 1), max_depth=10, n_jobs=2, random_state=0)
    forest.fit(X, y).set_params(n_jobs=1)
    return {
        f"XGBoost, {trees} trees of depth 6": (boosted, xgboost_trees.read(boosted), 4),
        f"LightGBM, {trees} trees of 63 leaves": (leaves, lightgbm_trees.read(leaves), 3),
        f"forest, {len(forest)} trees of depth 10": (forest, sklearn_trees.read(forest), 2),
    }


def shap_own(model: Any) -> Callable[[np.ndarray], Any]:
    """shap's own C code: without this it hands boosting back to its library or refuses it."""
    import shap

    explainer = shap.TreeExplainer(model)
    explainer.model.model_type = "internal"
    return explainer.shap_interaction_values


def xgboost_own(model: Any) -> Callable[[np.ndarray], Any]:
    """What XGBoost's predictor itself has."""
    import xgboost

    def explain(rows: np.ndarray) -> Any:
        return model.get_booster().predict(xgboost.DMatrix(rows), pred_interactions=True)

    return explain


def woodelf(model: Any, background: np.ndarray) -> Callable[[np.ndarray], Any] | None:
    """woodelf's explainer, if it is installed."""
    try:
        from woodelf import WoodelfExplainer
    except ImportError:
        return None
    import pandas as pd

    def frame(rows: np.ndarray) -> Any:
        return pd.DataFrame(rows, columns=[f"f{i}" for i in range(rows.shape[1])])

    explainer = WoodelfExplainer(model, frame(background))

    def explain(rows: np.ndarray) -> Any:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # it narrates
            return explainer.shap_interaction_values(frame(rows), verbose=False)

    return explain


def speeds(work: dict[str, tuple[Callable[[np.ndarray], Any], np.ndarray]], turns: int) -> dict:
    """Rows per processor second of each, the best of several turns taken one after another."""
    best = dict.fromkeys(work, 0.0)
    for _ in range(turns):
        for name, (explain, rows) in work.items():
            start = time.process_time()
            explain(rows)
            best[name] = max(best[name], len(rows) / (time.process_time() - start))
    return best


def compared(
    name: str, model: Any, trees: Any, X: np.ndarray, few: int, background: np.ndarray | None,
    turns: int,
) -> list[Measured]:  # fmt: skip
    """One line for each peer on one model and game."""
    plan = prepare(trees)

    def ours(rows: np.ndarray) -> Any:
        return interactions(trees, rows, background, plan=plan)

    game = "path-dependent" if background is None else f"{len(background)} background rows"
    work = {"ours": (ours, X[:OURS])}
    if background is None:
        work["shap's C code"] = shap_own(model), X[:few]
        if name.startswith("XGBoost"):
            work["XGBoost's own"] = xgboost_own(model), X[:few]
    elif other := woodelf(model, background):
        work[f"woodelf, {WOODELF} rows at once"] = other, X[:WOODELF]
    else:
        return [missing(f"{name}, {game}")]
    ours(X[:8])
    found = speeds(work, turns)
    target = 150.0 if background is None else None
    return [
        Measured(
            task=f"{name}, {game}",
            ours=f"{found['ours']:,.0f} rows/s",
            peer=f"{speed:,.3g} rows/s",
            against=peer,
            ratio=found["ours"] / speed,
            target=target,
            note=agreement(ours, work[peer][0], X[: min(few, 4)], peer),
        )
        for peer, speed in found.items()
        if peer != "ours"
    ]


def agreement(ours: Any, theirs: Any, rows: np.ndarray, peer: str) -> str:
    """The biggest difference between the two matrices, relative to the biggest value."""
    own = ours(rows).matrix()[..., 0]
    other = np.asarray(theirs(rows))
    other = other[:, :COLUMNS, :COLUMNS] if other.ndim == 3 else other
    if other.shape != own.shape:
        return f"answers of shape {other.shape} are not compared"
    return f"largest difference {np.abs(own - other).max() / np.abs(own).max():.0e}, relatively"


def missing(task: str) -> Measured:
    """A line for a peer that is not installed."""
    return Measured(task=task, ours="", peer="", against="woodelf", ratio=np.nan, note="not here")


def threads(name: str, trees: Any, X: np.ndarray, turns: int) -> Measured:
    """Two threads beside one, on the clock, which counts what else the machine does too."""
    plan = prepare(trees)
    best, work = {1: np.inf, 2: np.inf}, {1: np.inf, 2: np.inf}
    for _ in range(turns):
        for number in best:
            start, busy = time.perf_counter(), time.process_time()
            interactions(trees, X[:OURS], plan=plan, threads=number)
            best[number] = min(best[number], time.perf_counter() - start)
            work[number] = min(work[number], time.process_time() - busy)
    return Measured(
        task=f"{name}, two threads",
        ours=f"{OURS / best[2]:,.0f} rows/s",
        peer=f"{OURS / best[1]:,.0f} rows/s",
        against="one thread, wall clock",
        ratio=best[1] / best[2],
        target=1.8,
        note=f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores: above 1 the clock "
        f"measures the others too; two threads together take {work[2] / work[1]:.0%} of one "
        "thread's processor time",
    )


def main() -> None:
    """Measure, and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer trees and turns")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    X, y = data()
    turns, lines = 1 if quick else 3, []
    for name, (model, trees, few) in models(X, y, 50 if quick else 500).items():
        lines += compared(name, model, trees, X, few, None, turns)
        if name.startswith("XGBoost"):  # woodelf takes minutes for each model
            lines += compared(name, model, trees, X, few, X[-BACKGROUND:], 1)
        lines.append(threads(name, trees, X, 2 * turns))
    setting = (
        f"20,000 × {COLUMNS} made-up numbers with interactions; {OURS:,} rows explained by "
        f"Pellucid, 2 to 4 by shap and XGBoost, all {COLUMNS * (COLUMNS - 1) // 2} pairs, 64 bits. "
        f"One thread, processor time, best of {turns} turns, with woodelf of one."
    )
    record("tree_interactions", "Interactions in trees", setting, lines)


if __name__ == "__main__":
    main()
