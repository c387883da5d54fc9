"""``pel.explain`` takes the path of a table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import RandomForestRegressor

import pellucid as pel
from pellucid.core.errors import InvalidSetting, WrongType


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[RandomForestRegressor, Path]:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 3)), columns=list("abc"))
    path = tmp_path_factory.mktemp("long") / "rows.parquet"
    X.to_parquet(path, row_group_size=200, index=False)
    return RandomForestRegressor(5, random_state=0).fit(X, X.a * X.b), path


def test_what_is_written_is_what_explain_returns(
    table: tuple[RandomForestRegressor, Path], tmp_path: Path
) -> None:
    model, path = table
    job = pel.explain(model, path, output=tmp_path / "shares.parquet", workers=2, seed=0)
    assert job.rows == 500
    written = pd.read_parquet(tmp_path / "shares.parquet")
    whole = pel.explain(model, pd.read_parquet(path))
    assert written[list("abc")].to_numpy() == pytest.approx(whole.values, abs=1e-12)


def test_what_cannot_be_streamed_is_said(
    table: tuple[RandomForestRegressor, Path], tmp_path: Path
) -> None:
    model, path = table
    with pytest.raises(WrongType, match="output="):
        pel.explain(model, path)
    with pytest.raises(InvalidSetting, match="path of the table"):
        pel.explain(model, pd.read_parquet(path), output=tmp_path / "x.parquet")
    with pytest.raises(InvalidSetting, match="max_seconds"):
        pel.explain(model, path, output=tmp_path / "x.parquet", max_evaluations=5)


def test_a_tolerance_holds_for_streamed_tables_too(
    table: tuple[RandomForestRegressor, Path], tmp_path: Path
) -> None:
    model, path = table
    X = pd.read_parquet(path)
    settings = {"method": "kernel_shap", "background": X[:20], "budget": 8, "seed": 0}
    whole = pel.explain(model, X, tolerance=9.0, **settings)
    pel.explain(model, path, output=tmp_path / "a.parquet", tolerance=9.0, **settings)
    written = pd.read_parquet(tmp_path / "a.parquet")
    assert written[list("abc")].to_numpy() == pytest.approx(whole.values, abs=1e-12)
    said = pq.read_schema(tmp_path / "a.parquet").metadata[b"pellucid"]
    assert json.loads(said)["params"]["tolerance"] == 9.0
