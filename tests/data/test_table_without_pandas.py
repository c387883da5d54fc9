"""The base install has neither pandas nor Polars."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pandas", "polars"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import datetime, tempfile, pathlib
import numpy as np, pyarrow as pa
from pellucid.core.errors import MissingExtra
from pellucid.data.datasets import load_dataset
from pellucid.data.files import read_table, split_target, write_parquet
from pellucid.data.planted import planted_additive
from pellucid.data.table import Table
columns = {"n": [1, None], "t": ["b", "a"], "b": [True, False]}
columns["d"] = [datetime.datetime(2024, 5, 1), None]
codes = [Table.of(X).codes for X in (pa.table(columns), columns, pa.table(columns).to_pylist())]
for other in codes[1:]:
    np.testing.assert_array_equal(codes[0], other)
assert Table.of(pa.table(columns)).native().to_pydict() == columns
assert Table.of(columns).native() == columns
nano = pa.table({"d": pa.array([1, None], pa.timestamp("ns"))})
assert Table.of(nano).native().equals(nano)
path = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
path.write_text("a,b,c\\n1,x,2024-05-01\\n2,y,2024-05-02\\n")
X, y = split_target(read_table(path), "b")
assert list(y) == ["x", "y"]
write_parquet(path.with_suffix(".parquet"), {"a": np.ones(3)})
assert load_dataset("diabetes").X.shape == (442, 10)
assert planted_additive(0, 10).X.shape == (10, 6)
try:
    load_dataset("iris", frame="pandas")
except MissingExtra:
    print("works")
"""


def test_everything_works_without_pandas_and_polars() -> None:
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    run = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False
    )
    assert run.stdout.strip() == "works", run.stderr


def test_a_table_of_numbers_loads_neither_pandas_nor_arrow() -> None:
    code = (
        "import sys, numpy as np\n"
        "from pellucid.data.table import Table\n"
        "Table.of(np.eye(3)).native()\n"
        "print(sorted({'pandas', 'polars', 'pyarrow', 'sklearn'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert run.stdout.strip() == "[]"
