"""A table in several files, with row groups of uneven sizes, and models for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost

NAMES = ["age", "income", "debt", "years", "size"]


@dataclass(frozen=True)
class Desk:
    folder: Path
    table: pa.Table
    model: xgboost.XGBClassifier

    @property
    def rows(self) -> str:
        return str(self.folder / "rows")

    @property
    def features(self) -> pa.Table:
        return self.table.select(NAMES)


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 5))
    X[rng.random(X.shape) < 0.05] = np.nan
    score = np.nan_to_num(X[:, 0] + X[:, 1] * X[:, 2])
    answer = (score + rng.normal(0, 0.3, 3000) > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=12, max_depth=4, random_state=0, n_jobs=1)
    model.fit(X, answer)
    model.get_booster().feature_names = NAMES
    columns = {name: X[:, j] for j, name in enumerate(NAMES)}
    named = {"customer": [f"c{i:04d}" for i in range(3000)], **columns}
    region = np.array(["north", "south", "west"])[rng.integers(0, 3, 3000)]
    table = pa.table({**named, "region": region, "answer": answer})
    (folder / "rows").mkdir()
    for number, (start, stop, size) in enumerate(
        [(0, 1200, 500), (1200, 1210, 7), (1210, 3000, 2000)]
    ):
        part = table.slice(start, stop - start)
        pq.write_table(part, folder / "rows" / f"{number}.parquet", row_group_size=size)
    return Desk(folder, table, model)
