"""A table in parts gives what the whole table gives, whoever does the parts and however often."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

import pellucid as pel
from pellucid.core.errors import BudgetExceeded, CannotExplain, InvalidSetting, PellucidError
from pellucid.explainers.streamed.compared import Fairness
from pellucid.explainers.streamed.inspect import status, verify
from pellucid.explainers.streamed.job import explain_table, is_long
from pellucid.explainers.streamed.summaries import MeanAbs

from .conftest import NAMES

SIDE = {"id": "customer", "leave_out": ["region", "answer"]}


def digest(folder: Path) -> str:
    """Of all parts, by name and content."""
    found = hashlib.sha256()
    for path in sorted((folder / "data").iterdir()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def whole(desk) -> pel.Attribution:
    return pel.explain(desk.model, desk.features)


# --- what is written


def test_parts_hold_what_the_whole_table_gives(desk, whole, tmp_path) -> None:
    job = explain_table(desk.model, desk.rows, tmp_path / "out", part_rows=450, **SIDE)
    assert (job.rows, job.method, job.scale) == (3000, "tree_shap", "logit")
    found = pd.read_parquet(tmp_path / "out" / "data")
    assert list(found) == ["customer", "prediction", "base", "error", *NAMES]
    assert found["customer"].tolist() == desk.table["customer"].to_pylist()
    np.testing.assert_array_equal(found[NAMES], whole.values)
    np.testing.assert_array_equal(found["prediction"], whole.output)
    assert verify(tmp_path / "out").ok
    assert status(tmp_path / "out").complete


def test_one_file_holds_the_same_rows_and_nothing_is_left_beside_it(desk, whole, tmp_path) -> None:
    job = explain_table(desk.model, desk.rows, tmp_path / "out.parquet", part_rows=450, **SIDE)
    assert job.parts > 5
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    found = pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_array_equal(found[NAMES], whole.values)
    said = json.loads(pq.read_schema(tmp_path / "out.parquet").metadata[b"pellucid"])
    assert said["complete"] is True
    assert said["method"] == "tree_shap"
    assert said["base"] == [whole.base[0]]
    assert said["model_fingerprint"] == whole.provenance.model_fingerprint
    assert verify(tmp_path / "out.parquet").ok


def test_floats_are_not_dictionaries(desk, tmp_path) -> None:
    """A dictionary of numbers that are all different costs three times the time."""
    explain_table(desk.model, desk.rows, tmp_path / "out", **SIDE)
    (path,) = (tmp_path / "out" / "data").iterdir()
    group = pq.ParquetFile(path).metadata.row_group(0)
    encodings = {
        group.column(j).path_in_schema: group.column(j).encodings for j in range(group.num_columns)
    }
    for name in [*NAMES, "prediction"]:
        assert not any("DICTIONARY" in each for each in encodings[name]), name
    assert group.column(0).compression == "ZSTD"


def test_the_strongest_and_the_rest_add_up(desk, whole, tmp_path) -> None:
    explain_table(desk.model, desk.rows, tmp_path / "out", top=2, part_rows=700, **SIDE)
    found = pd.read_parquet(tmp_path / "out" / "data")
    order = np.argsort(-np.abs(whole.values), axis=1, kind="stable")[:, :2]
    np.testing.assert_array_equal(np.stack(found["top_idx"]), order)
    np.testing.assert_array_equal(np.stack(found["top_name"]), np.array(whole.features)[order])
    top = np.stack(found["top_phi"])
    np.testing.assert_array_equal(top, np.take_along_axis(whole.values, order, axis=1))
    total = found["rest"] + top.sum(axis=1) + whole.base[0]
    np.testing.assert_allclose(total, whole.output, atol=1e-6)
    assert verify(tmp_path / "out").ok


def test_numbers_of_32_bits_are_half_as_long_and_still_add_up(desk, whole, tmp_path) -> None:
    explain_table(desk.model, desk.rows, tmp_path / "out.parquet", dtype="float32", **SIDE)
    found = pq.read_table(tmp_path / "out.parquet")
    assert {str(found.schema.field(name).type) for name in [*NAMES, "base"]} == {"float"}
    np.testing.assert_array_equal(found["age"].to_numpy(), whole.values[:, 0].astype(np.float32))
    assert verify(tmp_path / "out.parquet").ok


def test_several_classes_are_a_line_each(desk, tmp_path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    X = np.nan_to_num(desk.features.to_pandas().to_numpy())
    model = RandomForestClassifier(3, max_depth=3, random_state=0)
    model.fit(X, np.digitize(X[:, 0], [-1, 1]))
    pq.write_table(pa.table(dict(zip(NAMES, X.T, strict=True))), tmp_path / "rows.parquet")
    explain_table(model, tmp_path / "rows.parquet", tmp_path / "out", part_rows=999)
    found = pd.read_parquet(tmp_path / "out" / "data")
    said = pel.explain(model, X)
    assert found["row"].tolist() == np.repeat(np.arange(3000), 3).tolist()
    assert found["class"].tolist()[:4] == ["0", "1", "2", "0"]
    np.testing.assert_array_equal(
        found[NAMES].to_numpy().reshape(3000, 3, 5), np.moveaxis(said.values, 2, 1)
    )
    assert verify(tmp_path / "out").ok


# --- the same bytes, whoever does it


@pytest.mark.parametrize("part_rows", [None, 260])
def test_workers_and_engines_leave_the_same_bytes(desk, tmp_path, part_rows) -> None:
    hashes, files = set(), set()
    crews = [("threads", 1), ("threads", 2), ("processes", 2)][: 3 if part_rows else 2]
    for number, (engine, workers) in enumerate(crews):
        given = {"engine": engine, "workers": workers, "part_rows": part_rows, **SIDE}
        folder = tmp_path / f"{number}"
        explain_table(desk.model, desk.rows, folder, **given)
        hashes.add(digest(folder))
        if engine == "threads":
            explain_table(desk.model, desk.rows, folder / "one.parquet", **given)
            files.add(hashlib.sha256((folder / "one.parquet").read_bytes()).hexdigest())
    assert len(hashes) == 1
    assert len(files) == 1


@pytest.fixture(scope="module")
def wide() -> tuple[LogisticRegression, pa.Table]:
    """A model of eight columns, and rows: more than samplers enumerate."""
    X = np.random.default_rng(4).normal(size=(300, 8))
    table = pa.table({f"x{i}": X[:, i] for i in range(8)})
    model = LogisticRegression().fit(table.to_pandas(), X[:, 0] + X[:, 1] * X[:, 2] > 0)
    return model, table


@pytest.mark.parametrize("method", ["permutation_shap", "kernel_shap", "lime"])
def test_a_sampler_gives_a_row_the_same_numbers_in_every_cut(wide, tmp_path, method) -> None:
    model, table = wide
    given = {"method": method, "budget": 40, "seed": 3, "background": table.slice(200, 20)}
    pq.write_table(table.slice(0, 90), tmp_path / "rows.parquet")
    found = []
    for rows, workers in ((90, 1), (17, 2), (1, 2)):
        out = tmp_path / f"{rows}.parquet"
        args = (model, tmp_path / "rows.parquet", out)
        explain_table(*args, part_rows=rows, workers=workers, scale="probability", **given)
        found.append(pd.read_parquet(out)[["prediction", "error", *table.column_names]].to_numpy())
    said = pel.explain(model, table.slice(0, 90), scale="probability", **given)
    assert said.error is None or said.error.max() > 0
    np.testing.assert_allclose(found[0][:, 2:], said.values, rtol=0, atol=1e-12)
    for other in found[1:]:
        np.testing.assert_allclose(other[:, 2:], found[0][:, 2:], rtol=0, atol=1e-12)
        np.testing.assert_allclose(other[:, :2], found[0][:, :2], rtol=0, atol=1e-9)


def test_a_reference_that_is_not_given_is_drawn_from_all_rows(desk, tmp_path) -> None:
    """The rows of a part would be a poor reference in a sorted table, and another for each part."""
    few = desk.table.slice(0, 300)
    pq.write_table(few, tmp_path / "rows.parquet")
    out = tmp_path / "out.parquet"
    given = {"method": "exact_shap", "seed": 5}
    job = explain_table(desk.model, tmp_path / "rows.parquet", out, part_rows=77, **given, **SIDE)
    said = pel.explain(desk.model, few.select(NAMES), **given)
    np.testing.assert_allclose(pd.read_parquet(out)[NAMES], said.values, rtol=0, atol=1e-12)
    assert any("100 of 300" in note for note in job.notes)


def test_a_category_first_seen_late_is_explained_as_in_the_whole(tmp_path) -> None:
    rng = np.random.default_rng(0)
    town = np.r_[["Ulm"] * 5000, np.array(["Bonn", "Ulm", "Jena"])[rng.integers(0, 3, 500)]]
    table = pa.table({"town": town, "size": rng.normal(size=5500)})
    pq.write_table(table, tmp_path / "rows.parquet")

    def model(X: pa.Table) -> np.ndarray:
        far = {"Ulm": 0.0, "Bonn": 1.0, "Jena": 5.0}
        return np.array([far[t] for t in X["town"].to_pylist()]) * X["size"].to_numpy()

    out = tmp_path / "out.parquet"
    background = table.slice(5000, 40)
    explain_table(model, tmp_path / "rows.parquet", out, background=background, part_rows=1024)
    said = pel.explain(model, table, background=background)
    found = pd.read_parquet(out)
    np.testing.assert_allclose(found[["town", "size"]], said.values, rtol=0, atol=1e-12)


# --- every kind of input


def test_every_kind_of_input_gives_the_same_shares(desk, whole, tmp_path) -> None:
    flat = desk.folder / "flat"
    flat.mkdir(exist_ok=True)
    pyarrow.csv.write_csv(desk.table, flat / "rows.csv")
    pyarrow.feather.write_feather(desk.table, flat / "rows.feather")
    with pa.ipc.new_stream(str(flat / "rows.arrows"), desk.table.schema) as writer:
        writer.write_table(desk.table, max_chunksize=400)
    inputs = {
        "folder": desk.rows,
        "glob": f"{desk.rows}/*.parquet",
        "csv": flat / "rows.csv",
        "feather": flat / "rows.feather",
        "stream": flat / "rows.arrows",
        "dataset": pyarrow.dataset.dataset(desk.rows),
        "reader": desk.table.to_reader(max_chunksize=333),
        "table": desk.table,
    }
    for name, source in inputs.items():
        out = tmp_path / f"{name}.parquet"
        explain_table(desk.model, source, out, part_rows=800, **SIDE)
        found = pd.read_parquet(out)
        np.testing.assert_allclose(found[NAMES], whole.values, rtol=0, atol=1e-9, err_msg=name)
        assert found["customer"].tolist() == desk.table["customer"].to_pylist(), name
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet"}


# --- going on


class Fails:
    """A model that breaks for some rows, until it is mended; sendable, and the same to all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, X: pa.Table) -> np.ndarray:
        age = np.nan_to_num(X["age"].to_numpy())
        if not self.path.exists() and (age > 2.9).any():
            raise RuntimeError("too old")
        return age


def test_a_part_that_fails_is_told_and_only_it_is_made_again(desk, tmp_path) -> None:
    model = Fails(tmp_path / "mended")
    given = {"background": desk.features.slice(0, 5), "part_rows": 300, "workers": 2, **SIDE}
    out = tmp_path / "out"
    with pytest.raises(CannotExplain, match=r"of \d+ parts failed; the others are done") as told:
        explain_table(model, desk.rows, out, **given)
    assert "RuntimeError: too old" in str(told.value)
    before = status(out)
    assert 0 < len(before.failed) < before.parts
    assert before.done == before.parts - len(before.failed)
    assert not verify(out).ok
    assert not (out / "_SUCCESS.json").exists()
    made = {path: path.stat().st_mtime_ns for path in (out / "data").iterdir()}
    (tmp_path / "mended").touch()
    job = explain_table(model, desk.rows, out, **given)
    assert job.computed == len(before.failed)
    assert all(path.stat().st_mtime_ns == time for path, time in made.items())
    assert verify(out).ok
    assert (out / "_SUCCESS.json").exists()
    assert explain_table(model, desk.rows, out, **given).computed == 0


@pytest.mark.parametrize("damage", ["torn", "altered", "gone", "no receipt", "stray"])
def test_only_what_is_damaged_is_made_again(desk, tmp_path, damage) -> None:
    out = tmp_path / "out"
    given = {"part_rows": 400, **SIDE}
    explain_table(desk.model, desk.rows, out, **given)
    before = digest(out)
    part, receipt = out / "data" / "part-000003.parquet", out / "_receipts" / "000003.json"
    if damage == "torn":
        part.write_bytes(part.read_bytes()[:-100])
    elif damage == "altered":
        content = bytearray(part.read_bytes())
        content[200] ^= 1
        part.write_bytes(content)
    elif damage == "gone":
        part.unlink()
    elif damage == "no receipt":
        receipt.unlink()
    else:
        receipt.unlink()
        part.write_bytes(b"PAR1 half of a part")
        (out / "data" / ".part-000003.parquet.99aa").write_bytes(b"left by kill -9")
    assert not verify(out).ok
    assert explain_table(desk.model, desk.rows, out, **given).computed == 1
    assert digest(out) == before
    assert not list(out.rglob(".*"))


CHANGES = [
    *("model", "method", "background", "input", "output", "columns", "seed", "parts", "question"),
    "summaries",
]


@pytest.mark.parametrize("changed", CHANGES)
def test_other_work_is_refused_and_not_mixed(desk, tmp_path, changed) -> None:
    import xgboost

    rows = tmp_path / "rows.parquet"
    pq.write_table(desk.table, rows)
    given = {"part_rows": 900, "seed": 0, "scale": "logit", "summaries": [MeanAbs()], **SIDE}
    out = tmp_path / "out"
    explain_table(desk.model, rows, out, **given)
    before = digest(out)
    model = desk.model
    if changed == "model":
        model = xgboost.XGBClassifier(n_estimators=2).fit(
            desk.features.to_pandas(), desk.table["answer"].to_numpy()
        )
    elif changed == "input":
        pq.write_table(desk.table.slice(1), rows)
    else:
        given |= {
            "method": {"method": "exact_shap"},
            "background": {"background": desk.features.slice(0, 9), "summaries": []},
            "output": {"dtype": "float32"},
            "columns": {
                "leave_out": ["region"],
                "y": "answer",
                "summaries": [Fairness(group="region")],
            },
            "seed": {"seed": 1},
            "summaries": {"summaries": []},
            "parts": {"part_rows": 800},
            "question": {"batch_size": 100},
        }[changed]
    with pytest.raises(InvalidSetting, match=f"not mixed.*another .*{changed}"):
        explain_table(model, rows, out, **given)
    assert digest(out) == before
    job = explain_table(model, rows, out, fresh=True, **given)
    assert job.computed == job.parts
    assert verify(out).ok


def test_a_seed_that_was_drawn_is_kept_for_the_next_run(wide, tmp_path) -> None:
    model, table = wide
    given = {"method": "permutation_shap", "background": table.slice(200, 9), "budget": 40}
    rows = tmp_path / "rows.parquet"
    pq.write_table(table.slice(0, 40), rows)
    args = (model, rows, tmp_path / "out")
    explain_table(*args, part_rows=9, scale="probability", **given)
    before = digest(tmp_path / "out")
    (tmp_path / "out" / "_receipts" / "000001.json").unlink()
    assert explain_table(*args, part_rows=9, scale="probability", **given).computed == 1
    assert digest(tmp_path / "out") == before


def test_a_time_limit_keeps_what_is_done(desk, tmp_path) -> None:
    given = {"part_rows": 200, "workers": 1, **SIDE}
    with pytest.raises(BudgetExceeded, match="run the same again"):
        explain_table(desk.model, desk.rows, tmp_path / "out", max_seconds=1e-9, **given)
    job = explain_table(desk.model, desk.rows, tmp_path / "out", **given)
    assert verify(tmp_path / "out").ok
    assert job.parts >= job.computed


# --- refusals


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"top": 0}, "top is a number"),
        ({"dtype": "float16"}, "float64, float32"),
        ({"workers": 0}, "workers"),
        ({"engine": "ray"}, "threads, processes"),
        ({"part_rows": 0}, "part_rows"),
        ({"id": "custmer"}, "Did you mean 'customer'"),
        ({"y": "anser"}, "Did you mean 'answer'"),
        ({"method": "ale"}, "share for each row"),
        ({"method": "linear_shap"}, "needs a model with linear"),
        ({"leave_out": ["age"]}, "missing age"),
        ({"method": "lime", "groups": {"g": ["age", "debt"]}}, "explains single columns"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(desk, tmp_path, given, words) -> None:
    with pytest.raises(PellucidError, match=words):
        explain_table(desk.model, desk.rows, tmp_path / "out", **{**SIDE, **given})
    assert not list(tmp_path.iterdir())


def test_a_folder_of_somebody_else_is_not_written_to(desk, tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("my work")
    with pytest.raises(InvalidSetting, match=r"other files.*thesis\.tex"):
        explain_table(desk.model, desk.rows, tmp_path, **SIDE)
    with pytest.raises(InvalidSetting, match="no suffix"):
        explain_table(desk.model, desk.rows, tmp_path / "out.csv", **SIDE)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_value_that_the_model_refuses_is_named_with_its_part(desk, tmp_path) -> None:
    from sklearn.linear_model import LinearRegression

    table = pa.table({"a": np.arange(6000.0), "b": np.r_[np.arange(5999.0) % 7, np.nan]})
    pq.write_table(table, tmp_path / "rows.parquet")
    model = LinearRegression().fit(table.slice(0, 9).to_pandas(), np.arange(9))
    with pytest.raises(CannotExplain, match=r"rows 5000 to 5999.*refuses missing values.*b "):
        explain_table(
            model,
            tmp_path / "rows.parquet",
            tmp_path / "out",
            part_rows=1000,
            background=table.slice(0, 9),
        )


def test_a_model_is_read_once_whatever_it_takes(desk, tmp_path, monkeypatch) -> None:
    from pellucid.models.xgboost import XGBoostModel

    read = []
    begin = XGBoostModel.__init__
    monkeypatch.setattr(
        XGBoostModel, "__init__", lambda self, *a, **k: read.append(1) or begin(self, *a, **k)
    )
    explain_table(desk.model, desk.rows, tmp_path / "out", part_rows=300, workers=2, **SIDE)
    assert len(read) == 1


def test_what_is_streamed_is_told_from_what_is_in_memory(desk) -> None:
    assert is_long("rows.parquet")
    assert is_long(Path("rows"))
    assert is_long(pyarrow.dataset.dataset(desk.rows))
    assert is_long(desk.table.to_reader())
    for X in (desk.table, desk.table.to_pandas(), np.eye(2), {"a": [1]}):
        assert not is_long(X)


def test_groups_are_one_column(desk, tmp_path) -> None:
    given = {"groups": {"money": ["income", "debt"]}}
    explain_table(desk.model, desk.rows, tmp_path / "out", part_rows=900, **given, **SIDE)
    said = pel.explain(desk.model, desk.features, **given)
    found = pd.read_parquet(tmp_path / "out" / "data")
    np.testing.assert_array_equal(found[["age", "money", "years", "size"]], said.values)
