"""A table larger than memory: rows per second and peak memory of a streamed explanation.

    python benchmarks/scale.py [--quick] [--rows N]

Our job against the loop that a careful person writes around the same kernel, and against what
XGBoost and shap need for the same values. `--rows 16000000` is the measure of the memory target.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost

sys.path.insert(0, str(Path(__file__).parent))
from record import Measured, record

FEATURES, GROUP_ROWS = 20, 131_072
NAMES = [f"f{j}" for j in range(FEATURES)]
LIMIT_MB = 1024.0

JOB = """
import resource, sys, time
from pellucid.explainers.streamed.job import explain_table
from pellucid.models.load import load_model
model, rows, out, workers, warm = sys.argv[1:6]
explain_table(load_model(model)[0], warm, out, fresh=True)
started, cpu = time.perf_counter(), time.process_time()
job = explain_table(load_model(model)[0], rows, out, dtype="float32",
    workers=int(workers), fresh=True)
print(time.perf_counter() - started, time.process_time() - cpu,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, *job.rows_per_second.values())
"""


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--rows", type=int, default=None)
    asked.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = asked.parse_args()
    rows = given.rows or (300_000 if given.quick else 2_000_000)
    folder = Path(tempfile.mkdtemp(prefix="pellucid-scale-", dir=given.folder))
    try:
        measure(folder, rows)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, rows: int) -> None:
    model = fitted(folder)
    table(folder / "rows.parquet", rows)
    few = min(rows, 600_000)
    table(folder / "few.parquet", few)
    turns = [(streamed(folder, "few", 1), inline(folder, model)) for _ in range(3)]
    ours = min(turn[0]["cpu"] for turn in turns)
    loop = min(turn[1] for turn in turns)
    one = streamed(folder, "rows", 1)
    both = streamed(folder, "rows", 2)
    speed = few / ours
    peers = {
        "xgboost pred_contribs": (lambda: contributions(folder, model, 20_000), 20_000),
        "shap TreeExplainer": (lambda: by_shap(folder, model, 2_000), 2_000),
    }
    lines = [
        Measured(
            task=f"the whole job, one worker, {few:,} rows",
            ours=f"{speed:,.0f} rows/CPU-s",
            peer=f"{few / loop:,.0f} rows/CPU-s",
            against="a bare loop: read, kernel, predict, write",
            ratio=loop / ours,
            target=0.8,
            note="What plan, receipts, hashes, fsync and checks cost.",
        ),
        *(peer_line(name, run, count, speed) for name, (run, count) in peers.items()),
        Measured(
            task=f"two workers, {rows:,} rows",
            ours=f"{rows / both['wall']:,.0f} rows/s",
            peer=f"{rows / one['wall']:,.0f} rows/s",
            against="one worker",
            ratio=one["wall"] / both["wall"],
            target=1.8,
            note="Wall-clock time: says little on a machine that others use too.",
        ),
        Measured(
            task=f"peak memory, two workers, {rows:,} rows × {FEATURES}",
            ours=f"{both['peak']:,.0f} MB",
            peer=f"{LIMIT_MB:,.0f} MB",
            against="the limit",
            ratio=LIMIT_MB / both["peak"],
            target=1.0,
            note=f"{rows * FEATURES * 8 / 2**20:,.0f} MB of float64 would be the matrix alone.",
        ),
        Measured(
            task="reading, and writing, one worker",
            ours=f"{one['read']:,.0f} and {one['write']:,.0f} rows/s",
            peer=f"{one['method']:,.0f} rows/s",
            against="the method",
            ratio=1 / (one["method"] / one["read"] + one["method"] / one["write"]),
        ),
    ]
    setting = (
        f"XGBoost, 100 trees of depth 6, {FEATURES} columns of float32 in row groups of "
        f"{GROUP_ROWS:,}; path-dependent TreeSHAP, all shares written as float32. Processor time, "
        f"once warm, least of three turns, ours and the loop in turns; {os.cpu_count()} cores."
    )
    record("scale", "A table larger than memory", setting, lines)


def peer_line(name: str, run: Callable[[], Any], count: int, speed: float) -> Measured:
    task = f"shares of {count:,} rows, without reading and writing"
    ours = f"{speed:,.0f} rows/CPU-s, with them"
    try:
        run()
        seconds = min(timed(run) for _ in range(2))
    except ImportError as missing:
        return Measured(
            task=task, ours=ours, peer="not installed", against=name, ratio=float("nan"),
            note=str(missing),
        )  # fmt: skip
    return Measured(
        task=task, ours=ours, peer=f"{count / seconds:,.0f} rows/CPU-s", against=name,
        ratio=speed * seconds / count,
    )  # fmt: skip


def timed(run: Callable[[], Any]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def fitted(folder: Path) -> xgboost.XGBClassifier:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, FEATURES)).astype(np.float32)
    y = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(3 * X[:, 3]) + rng.normal(size=len(X)) > 0
    model = xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=1, random_state=0)
    model.fit(X, y.astype(int))
    model.get_booster().feature_names = NAMES
    model.save_model(folder / "model.json")
    return model


def table(path: Path, rows: int) -> None:
    schema = pa.schema([(name, pa.float32()) for name in NAMES])
    rng = np.random.default_rng(1)
    with pq.ParquetWriter(path, schema, use_dictionary=False, compression="zstd") as writer:
        for start in range(0, rows, GROUP_ROWS):
            X = rng.standard_normal((FEATURES, min(GROUP_ROWS, rows - start)), dtype=np.float32)
            writer.write_table(pa.table(list(X), schema=schema))


def streamed(folder: Path, name: str, workers: int) -> dict[str, float]:
    """Wall and processor seconds, peak memory and rows per second of our job in its own process."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    warm = folder / "warm.parquet"
    if not warm.exists():
        table(warm, 100)
    arguments = [folder / "model.json", folder / f"{name}.parquet", out, workers, warm]
    ran = subprocess.run(
        [sys.executable, "-c", JOB, *map(str, arguments)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    shutil.rmtree(out, ignore_errors=True)
    names = ("wall", "cpu", "peak", "read", "method", "write")
    return dict(zip(names, map(float, ran.stdout.split()), strict=True))


def inline(folder: Path, model: xgboost.XGBClassifier) -> float:
    """Processor seconds of a bare loop over row groups, around the same kernel."""
    from pellucid.maths.tree_shapley import path_dependent
    from pellucid.models.as_model import as_model

    trees = as_model(model).trees("logit")
    booster = model.get_booster()
    source = pq.ParquetFile(folder / "few.parquet")
    path_dependent(trees, np.zeros((1, FEATURES)), threads=1)
    started = time.process_time()
    schema = pa.schema([(name, pa.float32()) for name in ["prediction", *NAMES]])
    with pq.ParquetWriter(
        folder / "loop.parquet",
        schema,
        use_dictionary=False,
        compression="zstd",
        compression_level=1,
    ) as writer:
        for group in range(source.num_row_groups):
            columns = source.read_row_group(group, use_threads=False).columns
            X = np.empty((len(columns[0]), FEATURES))
            for j, column in enumerate(columns):
                X[:, j] = column.to_numpy()
            values = path_dependent(trees, X, threads=1).values[:, :, 0]
            margin = booster.inplace_predict(X, predict_type="margin", validate_features=False)
            found = [margin, *values.T.astype(np.float32)]
            writer.write_table(pa.table([pa.array(each) for each in found], schema=schema))
    return time.process_time() - started


def rows_of(folder: Path, count: int) -> np.ndarray:
    group = pq.ParquetFile(folder / "few.parquet").read_row_group(0).slice(0, count)
    return np.column_stack([column.to_numpy() for column in group.columns])


def contributions(folder: Path, model: xgboost.XGBClassifier, count: int) -> Any:
    data = xgboost.DMatrix(rows_of(folder, count), feature_names=NAMES, nthread=1)
    return model.get_booster().predict(data, pred_contribs=True)


def by_shap(folder: Path, model: xgboost.XGBClassifier, count: int) -> Any:
    import shap

    explainer = shap.TreeExplainer(model.get_booster(), feature_perturbation="tree_path_dependent")
    explainer.model.original_model = None  # its own loop, and not XGBoost's
    explainer.model.model_type = "internal"
    return explainer.shap_values(rows_of(folder, count))


if __name__ == "__main__":
    main()
