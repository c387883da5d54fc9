"""Shapley values of trees: Pellucid beside shap and woodelf, in one process.

    python benchmarks/tree_shap.py [--quick]

Every pair is timed in turns on the same model, one thread each, and the best of several turns
counts, so that what else runs on the machine falls out of the ratio. shap delegates XGBoost and
LightGBM to the libraries' own code for the path-dependent game.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from record import Measured, record

import pellucid as pel
from pellucid.maths.tree_shapley import (
    interventional,
    path_dependent,
    prepare,
    read_background,
    single_rounding,
)
from pellucid.models import lightgbm_trees, sklearn_trees, xgboost_trees

ROWS, COLUMNS, DEEP_ROWS = 10_000, 25, 256
UNLIMITED = "forest, unlimited"

TARGETS = {  # model -> path-dependent, background of 100, of 1000
    "XGBoost, depth 6": (40, 100, 700),
    "XGBoost, depth 8": (40, 100, 700),
    "LightGBM, 63 leaves": (40, None, None),
    "forest, depth 10": (40, 10, 100),
    UNLIMITED: (60, None, None),
}

FIRST_CALL = """
import sys, time
start = time.perf_counter()
import numpy as np
from sklearn.tree import DecisionTreeRegressor
from pellucid.maths.tree_shapley import interventional, path_dependent
from pellucid.models import sklearn_trees
X = np.random.default_rng(0).normal(size=(200, 4))
trees = sklearn_trees.read(DecisionTreeRegressor(max_depth=4).fit(X, X[:, 0]))
begin = time.perf_counter()
path_dependent(trees, X)
interventional(trees, X, X[:20])
print(time.perf_counter() - begin)
"""

Run = Callable[[], Any]


def data() -> tuple[np.ndarray, np.ndarray]:
    """Numbers with main effects, waves and interactions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, COLUMNS)).astype(np.float32).astype(np.float64)
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
    for name, depth, few in (("forest, depth 10", 10, 8), (UNLIMITED, None, 2)):
        forest = RandomForestRegressor(max(trees // 5, 1), max_depth=depth, n_jobs=2)
        forest.set_params(random_state=0).fit(X, y).set_params(n_jobs=1)
        found[name] = forest, sklearn_trees.read(forest), few
    return found


def best(work: dict[str, Run], turns: int, clock: Callable[[], float]) -> dict[str, float]:
    """Shortest time of each piece of work, taking turns."""
    shortest = dict.fromkeys(work, np.inf)
    for _ in range(turns):
        for name, run in work.items():
            start = clock()
            run()
            shortest[name] = min(shortest[name], clock() - start)
    return shortest


def speeds(task: str, ours: Run, theirs: Run, rows: int, few: int, target: float | None,
           turns: int, **more: Any) -> Measured:  # fmt: skip
    """Rows per second on one thread."""
    took = best({"ours": ours, "theirs": theirs}, turns, time.process_time)
    here, there = rows / took["ours"], few / took["theirs"]
    return Measured(
        task=task, ours=f"{here:,.0f} rows/s", peer=f"{there:,.1f} rows/s", ratio=here / there,
        target=target, **{"against": "shap 0.51", **more},
    )  # fmt: skip


def latency(task: str, ours: Run, theirs: Run, turns: int, note: str = "") -> Measured:
    """Milliseconds for one row, on one thread."""
    took = best({"ours": ours, "theirs": theirs}, turns, time.process_time)
    here, there = took["ours"] * 1e3, took["theirs"] * 1e3
    return Measured(task=task, ours=f"{here:.1f} ms", peer=f"{there:.1f} ms", against="shap 0.51",
                    ratio=there / here, target=1, note=note)  # fmt: skip


def followed(name: str, model: Any, trees: Any, X: np.ndarray, few: int, turns: int) -> Any:
    """The path-dependent game: many rows in 64 and in 32 bits, and one row."""
    import shap

    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    plan, rows = prepare(trees), X[: DEEP_ROWS if name == UNLIMITED else ROWS]

    def theirs(part: np.ndarray) -> Any:
        return explainer.shap_values(part, check_additivity=False)

    exact = path_dependent(trees, rows, plan=plan).values
    rough = path_dependent(trees, rows, plan=plan, single=True).values
    gap = np.abs(exact[:few, :, 0] - theirs(rows[:few])).max()
    off, most = np.abs(exact - rough).max(), single_rounding(trees, plan)
    task = f"{name}: path-dependent"
    yield speeds(task, lambda: path_dependent(trees, rows, plan=plan), lambda: theirs(rows[:few]),
                 len(rows), few, TARGETS[name][0], turns,
                 note=f"Largest difference {gap:.0e}."
                 + (" XGBoost sums in 32 bits." if name.startswith("XGBoost") else "")
                 )  # fmt: skip
    yield speeds(f"{task}, 32 bits", lambda: path_dependent(trees, rows, plan=plan, single=True),
                 lambda: theirs(rows[:few]), len(rows), few, 80, turns,
                 note=f"Off by {off:.0e} at most; stated: {most:.0e}.")  # fmt: skip
    yield latency(f"{task}, one row", lambda: path_dependent(trees, rows[:1], plan=plan),
                  lambda: theirs(rows[:1]), 3 * turns)  # fmt: skip


def replaced(name: str, model: Any, trees: Any, X: np.ndarray, behind: int, turns: int) -> Any:
    """The interventional game: many rows, and one row."""
    import shap

    few = 2 if behind > 100 or name == UNLIMITED else 6
    background, plan = X[-behind:], prepare(trees)
    rows = X[: 64 if name == UNLIMITED else ROWS]
    explainer = shap.TreeExplainer(
        model,
        shap.maskers.Independent(background, max_samples=behind),
        feature_perturbation="interventional",
    )
    once = read_background(trees, background)

    def ours(part: np.ndarray) -> Any:
        return interventional(trees, part, once, plan=plan).values

    def theirs(part: np.ndarray) -> Any:
        return explainer.shap_values(part, check_additivity=False)

    gap = np.abs(ours(rows[:few])[..., 0] - theirs(rows[:few])).max()
    target = TARGETS[name][1 if behind == 100 else 2]
    task = f"{name}: interventional, {behind} background rows"
    note = f"Largest difference {gap:.0e}; shap keeps weights in 32 bits."
    yield speeds(task, lambda: ours(rows), lambda: theirs(rows[:few]), len(rows), few, target,
                 turns, note=note)  # fmt: skip
    if behind == 100:
        yield latency(f"{task}, one row", lambda: ours(rows[:1]), lambda: theirs(rows[:1]), 5)


def two_threads(name: str, trees: Any, X: np.ndarray, turns: int) -> Any:
    """Two threads over one, by the wall."""
    plan, rows, background = prepare(trees), X[:ROWS], X[-100:]
    games = {
        "path-dependent": lambda k: path_dependent(trees, rows, plan=plan, threads=k),
        "interventional": lambda k: interventional(trees, rows, background, plan=plan, threads=k),
    }
    for game, run in games.items():
        work = {str(k): lambda k=k, run=run: run(k) for k in (1, 2)}
        took = best(work, 2 * turns, time.perf_counter)
        yield Measured(task=f"{name}: {game}, two threads", ours=f"{ROWS / took['2']:,.0f} rows/s",
                       peer=f"{ROWS / took['1']:,.0f} rows/s", against="one thread",
                       ratio=took["1"] / took["2"], target=1.8,
                       note="By the wall: meaningful on an idle machine only.")  # fmt: skip


def woodelf(model: Any, trees: Any, X: np.ndarray) -> Any:
    """The strongest peer, which needs many rows at once."""
    try:
        from woodelf import WoodelfExplainer
    except ImportError:
        print("woodelf is not installed: left out")
        return
    import pandas as pd

    rows, plan = pd.DataFrame(X[:ROWS], columns=[f"f{j}" for j in range(COLUMNS)]), prepare(trees)
    explainer = WoodelfExplainer(model)

    def theirs() -> np.ndarray:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # it narrates
            return np.asarray(explainer.shap_values(rows))

    gap = np.abs(path_dependent(trees, X[:ROWS], plan=plan).values[..., 0] - theirs()).max()
    yield speeds(
        f"XGBoost, depth 6: path-dependent, {ROWS:,} rows at once",
        lambda: path_dependent(trees, X[:ROWS], plan=plan), theirs, ROWS, ROWS, 6, 1,
        against="woodelf 0.4.8", note=f"Largest difference {gap:.0e}; woodelf works in 32 bits.",
    )  # fmt: skip


def hundred() -> dict[str, Any]:
    """Every library's model of a hundred trees, not yet fitted."""
    import lightgbm
    import sklearn.ensemble as sk
    import xgboost

    found: dict[str, Any] = {
        "XGBoost, depth 6": xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=1),
        "LightGBM, 31 leaves": lightgbm.LGBMClassifier(n_estimators=100, verbose=-1, n_jobs=1),
        "random forest, depth 10": sk.RandomForestClassifier(100, max_depth=10, random_state=0),
        "extra trees, depth 10": sk.ExtraTreesClassifier(100, max_depth=10, random_state=0),
        "gradient boosting": sk.GradientBoostingClassifier(n_estimators=100, random_state=0),
        "histogram boosting": sk.HistGradientBoostingClassifier(max_iter=100, random_state=0),
    }
    try:
        import catboost
    except ImportError:
        print("catboost is not installed: left out")
        return found
    found["CatBoost"] = catboost.CatBoostClassifier(
        iterations=100, verbose=0, thread_count=1, allow_writing_files=False
    )
    return found


def front_door(X: np.ndarray, y: np.ndarray, turns: int) -> Any:
    """A small problem as a user asks it: model in, values out, everything else included."""
    import pandas as pd
    import shap

    sorts, plain = (y[:1000] > np.median(y)).astype(int), X[:1000, :20]
    frame = pd.DataFrame(plain, columns=[f"f{j}" for j in range(20)])
    for (name, blank), (kind, table) in product(
        hundred().items(), (("NumPy", plain), ("pandas", frame))
    ):
        model = blank.fit(table, sorts)
        for game, behind in (("path-dependent", None), ("interventional", table[-100:])):
            how = {"feature_perturbation": game.replace("path", "tree_path").replace("-", "_")}

            def ours(model: Any = model, behind: Any = behind, row: Any = table[:1]) -> Any:
                return pel.explain(model, row, background=behind, method="tree_shap", threads=1)

            def theirs(
                model: Any = model, behind: Any = behind, row: Any = table[:1], how: Any = how
            ) -> Any:
                return shap.TreeExplainer(model, behind, **how)(row, check_additivity=False)

            ours(), theirs()
            task = f"pel.explain, one row from {kind}, {name}, 100 trees, {game}"
            yield latency(task, ours, theirs, turns)


def first_calls() -> Any:
    """What compiling costs once, and what loading it from disk costs in each process."""
    with tempfile.TemporaryDirectory() as folder:
        given = {**os.environ, "NUMBA_CACHE_DIR": folder}
        took = [
            float(subprocess.run([sys.executable, "-c", FIRST_CALL], env=given, check=True,
                                 capture_output=True, text=True).stdout)
            for _ in range(2)
        ]  # fmt: skip
    yield Measured(
        task="first call in a process, both games", ours=f"{took[1]:.2f} s",
        peer=f"{took[0]:.1f} s", against="compiling, once per machine",
        ratio=took[0] / took[1], note="By the wall; kept on disk afterwards.",
    )  # fmt: skip


def measured(X: np.ndarray, y: np.ndarray, trees: int, turns: int, quick: bool) -> Any:
    """All lines, one after another."""
    found = models(X, y, trees)
    for name, (model, read, few) in found.items():
        yield from followed(name, model, read, X, few, turns)
        yield from replaced(name, model, read, X, 100, max(turns - 1, 1))
        if name != UNLIMITED:
            yield from replaced(name, model, read, X, 1000, 1)
    name = "XGBoost, depth 6"
    yield from two_threads(name, found[name][1], X, turns)
    yield from front_door(X, y, 8 if quick else 20)
    if not quick:
        yield from woodelf(*found[name][:2], X)
        yield from first_calls()


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer trees and turns")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore")
    trees, turns = (50, 1) if quick else (500, 3)
    X, y = data()
    lines: list[Measured] = []
    for line in measured(X, y, trees, turns, quick):
        print(f"  ×{line.ratio:.3g}  {line.task}", flush=True)
        lines.append(line)
    setting = (
        f"{trees} trees of boosting, {trees // 5} of forests, {ROWS:,} rows × {COLUMNS} columns "
        f"({DEEP_ROWS} for unlimited forests), shap on the first few of the same rows; processor "
        f"time of one thread, 64 bits, best of {turns} turns. shap is given "
        "maskers.Independent(max_samples=…), without which it silently cuts a background to 100."
        " XGBoost 3.4, which has the same method, needs Python 3.12 and is not compared."
    )
    record("tree_shap", "Shapley values of trees", setting, lines)


if __name__ == "__main__":
    main()
