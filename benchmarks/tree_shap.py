"""Shapley values of trees: Pellucid beside shap, in one process.

    python benchmarks/tree_shap.py [--quick]

Every pair is timed in turns on the same rows' worth of work, one thread each, and the best of
several turns counts, so that what else runs on the machine falls out of the ratio. "2 threads" is
Pellucid on two threads over Pellucid on one. shap delegates XGBoost and LightGBM to the libraries'
own code for the path-dependent game.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from pellucid.maths.tree_shapley import interventional, path_dependent, prepare
from pellucid.models import lightgbm_trees, sklearn_trees, xgboost_trees

ROWS, COLUMNS, BACKGROUND = 10_000, 25, 100
PACKAGES = ("shap", "xgboost-cpu", "xgboost", "lightgbm", "scikit-learn", "numba", "numpy")


def data() -> tuple[np.ndarray, np.ndarray]:
    """Numbers with main effects, waves and interactions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, COLUMNS))
    waves = np.sin(2 * X[:, 1]) + np.abs(X[:, 4:10]).sum(axis=1)
    return X, 2 * X[:, 0] + waves + X[:, 2] * X[:, 3] + X[:, 10] * (X[:, 11] > 0)


def models(X: np.ndarray, y: np.ndarray, trees: int) -> dict[str, tuple[Any, Any, int]]:
    """Name -> model, its trees as read, and rows that shap is given."""
    import lightgbm
    import xgboost
    from sklearn.ensemble import RandomForestRegressor

    found: dict[str, tuple[Any, Any, int]] = {}
    for depth in (6, 8):
        model = xgboost.XGBRegressor(n_estimators=trees, max_depth=depth, learning_rate=0.1)
        model.fit(X, y).set_params(n_jobs=1).get_booster().set_param("nthread", 1)
        found[f"XGBoost, depth {depth}"] = model, xgboost_trees.read(model), 16 if depth == 6 else 6
    model = lightgbm.LGBMRegressor(n_estimators=trees, num_leaves=63, verbose=-1, n_jobs=2)
    model.fit(X, y).set_params(n_jobs=1)
    found["LightGBM, 63 leaves"] = model, lightgbm_trees.read(model), 12
    forest = RandomForestRegressor(max(trees // 5, 1), max_depth=10, n_jobs=2, random_state=0)
    forest.fit(X, y).set_params(n_jobs=1)
    found["forest, depth 10"] = forest, sklearn_trees.read(forest), 8
    return found


def best(work: dict[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """Shortest time of each piece of work, taking turns; processor time except for threads."""
    shortest = dict.fromkeys(work, np.inf)
    for _ in range(turns):
        for name, run in work.items():
            clock = time.perf_counter if "threads" in name or "wall" in name else time.process_time
            start = clock()
            run()
            shortest[name] = min(shortest[name], clock() - start)
    return shortest


def compare(model: Any, trees: Any, X: np.ndarray, few: int, turns: int, game: str) -> list[str]:
    """One line of the table: rows per second, their ratio, and the biggest difference."""
    import shap

    behind, plan = X[-BACKGROUND:], prepare(trees)
    rows = X[:ROWS]
    if game == "path-dependent":
        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")

        def ours(part: np.ndarray, threads: int = 1) -> Any:
            return path_dependent(trees, part, plan=plan, threads=threads).values
    else:
        explainer = shap.TreeExplainer(model, behind, feature_perturbation="interventional")

        def ours(part: np.ndarray, threads: int = 1) -> Any:
            return interventional(trees, part, behind, plan=plan, threads=threads).values

    def theirs(part: np.ndarray) -> Any:
        return explainer.shap_values(part, check_additivity=False)

    gap = np.abs(ours(rows)[:few, :, 0] - theirs(rows[:few])).max()
    many = {
        "shap": lambda: theirs(rows[:few]),
        "ours": lambda: ours(rows),
        "wall": lambda: ours(rows),
        "threads": lambda: ours(rows, 2),
    }
    took = best(many, turns)
    single = best({"shap": lambda: theirs(rows[:1]), "ours": lambda: ours(rows[:1])}, 4 * turns)
    speed = {"shap": few / took["shap"], "ours": len(rows) / took["ours"]}
    return [
        game,
        f"{speed['shap']:,.0f}",
        f"{speed['ours']:,.0f}",
        f"×{speed['ours'] / speed['shap']:.0f}",
        f"×{took['wall'] / took['threads']:.2f}",
        f"×{single['shap'] / single['ours']:.1f}",
        f"{gap:.0e}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer trees and turns")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    X, y = data()
    head = ["model", "game", "shap rows/s", "ours rows/s", "ratio", "2 threads", "1 row", "gap"]
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name))))
    print(f"{ROWS:,} × {COLUMNS} rows, background {BACKGROUND}, one thread, 64-bit\n")
    print("{:<22}{:<16}{:>12}{:>13}{:>8}{:>11}{:>8}{:>8}".format(*head))
    for name, (model, trees, few) in models(X, y, 50 if quick else 500).items():
        for game in ("path-dependent", "interventional"):
            line = compare(model, trees, X, few, 2 if quick else 4, game)
            print("{:<22}{:<16}{:>12}{:>13}{:>8}{:>11}{:>8}{:>8}".format(name, *line), flush=True)


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError

    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
