"""Small files as a user has them, and the command line called as a user calls it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from pellucid.cli import app

COLUMNS = ["age", "income", "base", "debt"]

WILD = """
import numpy as np

def parity(X):
    return np.prod(np.sign(np.sin(40 * np.asarray(X, dtype=float))), axis=1)

def broken(X):
    raise RuntimeError("the model broke")
"""
"""A function that no sampler explains with few samples, and one that fails."""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as stop:
            app.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Ran(stop.value.code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models and tables; tests only read here."""
    folder = tmp_path_factory.mktemp("shelf")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(160, 4)).round(3), columns=COLUMNS)
    good = np.where(frame["age"] + frame["debt"] * frame["income"] > 0, "good", "bad")
    three = np.digitize(frame["age"] - frame["debt"], [-1, 1])
    train, rows = frame[:100], frame[100:]
    models(folder, train, good[:100], three[:100])
    tables(folder, train, rows, good)
    rows.assign(risk=three[100:]).to_parquet(folder / "three.parquet")
    (folder / "wild.py").write_text(WILD)
    return folder


def models(folder: Path, train: pd.DataFrame, good: np.ndarray, three: np.ndarray) -> None:
    boosted = xgboost.XGBClassifier(n_estimators=8, max_depth=3, random_state=0)
    boosted.fit(train, (good == "good").astype(int)).save_model(folder / "boosted.json")
    skops.io.dump(LogisticRegression().fit(train, good), folder / "linear.skops")
    skops.io.dump(LinearRegression().fit(train, train["age"] * 2), folder / "amount.skops")
    forest = RandomForestClassifier(5, max_depth=4, random_state=0)
    skops.io.dump(forest.fit(train, three), folder / "three.skops")
    joblib.dump(forest.fit(train, good), folder / "forest.joblib")
    one = RandomForestClassifier(3, random_state=0).fit(train, np.zeros(len(train)))
    joblib.dump(one, folder / "one_class.joblib")


def tables(folder: Path, train: pd.DataFrame, rows: pd.DataFrame, good: np.ndarray) -> None:
    def write(name: str, table: pd.DataFrame) -> None:
        table.to_csv(folder / name, index=False)

    whole = rows.assign(risk=good[100:])
    train.assign(risk=good[:100]).to_parquet(folder / "train.parquet")
    write("rows.csv", whole)
    write("features.csv", rows)
    write("numbers.csv", rows.assign(risk=(good[100:] == "good").astype(int)))
    write("one_row.csv", whole.head(1))
    write("one_answer.csv", whole.assign(risk="good"))
    write("constant.csv", whole.assign(income=2.0))
    write("missing.csv", whole.assign(income=whole["income"].where(whole.index != 103)))
    write("text.csv", whole.assign(income="much"))
    write("no_age.csv", whole.drop(columns="age"))
    write("renamed.csv", whole.rename(columns={"age": "years"}))
    write("unknown_class.csv", whole.assign(risk=whole["risk"].where(whole.index > 102, "ugly")))
    write("no_answer.csv", whole.assign(risk=whole["risk"].where(whole.index > 102)))
    write("header.csv", whole.head(0))
    (folder / "empty.csv").write_bytes(b"")
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 4)
    (folder / "note.txt").write_text("This is a letter, not a model.\n")
    (folder / "cut.json").write_bytes((folder / "boosted.json").read_bytes()[:700])
    (folder / "cut.parquet").write_bytes((folder / "train.parquet").read_bytes()[:700])
    (folder / "folder").mkdir()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("PELLUCID_DATA") or beside)
    if not folder.is_dir():
        pytest.skip("real data sets: neither PELLUCID_DATA nor ../shared/data is there")
    return folder
