"""Attributions: axes are checked, verbs keep the numbers, files give them back."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pellucid.core.attribution import Attribution
from pellucid.core.curve import Curve
from pellucid.core.errors import AxisError, InvalidSetting, UnreadableFile
from pellucid.core.explanation import Explanation
from pellucid.core.provenance import Provenance

MADE = Provenance(method="tree_shap", params={"depth": 3}, target="bad", scale="logit", seed=7)


def attribution(**changes: object) -> Attribution:
    values = np.arange(24, dtype=float).reshape(4, 3, 2) - 7.5
    fields = {
        "values": values,
        "dims": ("sample", "feature", "class"),
        "coords": {
            "sample": [10, 11, 12, 13],
            "feature": ["age", "sex", "job"],
            "class": ["a", "b"],
        },
        "base": np.ones((4, 2)),
        "output": 1 + values.sum(axis=1),
        "error": np.full((4, 3, 2), 0.5),
        "inputs": {
            "age": np.array([1.0, 2, 3, np.nan]),
            "sex": np.array(["m", "f", None, "f"], object),
        },
        "provenance": MADE,
    }
    return Attribution(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dims": ("sample", "feature")}, "one axis name for each axis"),
        ({"dims": ("sample", "feature", "feature")}, "axis name twice"),
        ({"coords": {"sample": range(4), "feature": ["age", "sex", "job"]}}, "exactly its axes"),
        ({"coords": {"sample": range(3), "feature": "abc", "class": "ab"}}, "has 4 places"),
        ({"coords": {"sample": range(4), "feature": "aab", "class": "ab"}}, "label twice"),
        ({"base": np.ones(3)}, "base does not fit"),
        ({"error": np.ones((4, 2))}, "error does not fit"),
        ({"inputs": {"age": np.ones(3)}}, "input column 'age'"),
    ],
)
def test_axes_that_do_not_agree_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(AxisError, match=words):
        attribution(**changes)


def test_a_frame_index_may_repeat_but_a_feature_may_not() -> None:
    coords = {"sample": [1, 1, 1, 2], "feature": ["age", "sex", "job"], "class": ["a", "b"]}
    assert attribution(coords=coords).sel(sample=1).values.shape == (3, 3, 2)


def test_selecting_by_label_takes_the_same_numbers_as_by_hand() -> None:
    whole = attribution()
    one = whole.sel(sample=12, **{"class": "b"})
    assert one.dims == ("feature",)
    np.testing.assert_array_equal(one.values, whole.values[2, :, 1])
    assert float(one.base) == 1.0  # type: ignore[arg-type]
    assert float(one.output) == pytest.approx(whole.output[2, 1])  # type: ignore[index]
    span = whole.sel(feature=slice("sex", "job"))
    assert span.features == ("sex", "job")
    assert whole.sel(feature=["job", "age"]).features == ("job", "age")


def test_selecting_rows_takes_their_inputs_along() -> None:
    part = attribution().isel(sample=[2, 0])
    assert part.coords["sample"] == (12, 10)
    assert part.inputs is not None
    assert list(part.inputs["sex"]) == [None, "m"]


@pytest.mark.parametrize("index", [7, [0, 9], [True, False], "a", 1.5])
def test_a_place_that_is_not_there_is_named(index: object) -> None:
    with pytest.raises(AxisError, match="sample"):
        attribution().isel(sample=index)  # type: ignore[arg-type]


def test_a_wrong_label_says_which_is_close() -> None:
    with pytest.raises(AxisError, match="Did you mean 'age'"):
        attribution().sel(feature="agee")
    with pytest.raises(AxisError, match="no axis 'row'"):
        attribution().sel(row=1)


def test_mean_and_sum_never_understate_the_error() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=2000)  # the same error in every row: nothing averages out
    rows = attribution(error=np.full((4, 3, 2), shared.std()))
    assert np.all(rows.mean("sample").error >= shared.std() - 1e-12)
    assert np.all(rows.sum("feature").error >= 3 * shared.std() - 1e-12)


def test_a_mean_over_rows_still_adds_up_and_magnitudes_do_not_claim_to() -> None:
    assert np.allclose(attribution().mean("sample").gap(), 0)
    with pytest.raises(AxisError, match="cannot add up"):
        attribution().abs().gap()


def test_the_gap_is_what_is_missing() -> None:
    assert np.allclose(attribution(output=3 + attribution().values.sum(axis=1)).gap(), 2)


def test_top_orders_by_mean_magnitude() -> None:
    values = np.array([[1.0, -5.0, 3.0], [1.0, 5.0, -3.0]])
    coords = {"sample": [0, 1], "feature": ["a", "b", "c"]}
    whole = attribution(
        values=values, dims=("sample", "feature"), coords=coords, base=0.0, output=0.0, error=None,
        inputs=None,
    )  # fmt: skip
    assert whole.top(2).features == ("b", "c")
    assert whole.exact
    with pytest.raises(InvalidSetting, match="k ≥ 1"):
        whole.top(0)


def test_an_explanation_cannot_be_changed() -> None:
    whole = attribution()
    with pytest.raises(ValueError, match="read-only"):
        whole.values[0, 0, 0] = 1
    with pytest.raises(AttributeError):
        whole.scale = "raw"  # type: ignore[misc]


def test_the_callers_array_stays_writable() -> None:
    mine = np.zeros((4, 3, 2))
    attribution(values=mine, output=None)
    mine[0, 0, 0] = 1


def test_saving_and_loading_gives_everything_back(tmp_path: Path) -> None:
    whole = attribution()
    path = whole.save(tmp_path / "att.pel")
    back = Explanation.load(path)
    assert isinstance(back, Attribution)
    for name in ("values", "base", "output", "error"):
        np.testing.assert_array_equal(getattr(back, name), getattr(whole, name))
    assert (back.dims, back.coords, back.provenance) == (whole.dims, whole.coords, whole.provenance)
    assert back.inputs is not None
    assert list(back.inputs["sex"]) == ["m", "f", None, "f"]
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UnreadableFile, match="another kind"):
        Curve.load(path)


def test_a_file_is_never_a_pickle_and_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = attribution().save(tmp_path / "att.pel")
    with zipfile.ZipFile(path) as archive:
        assert all(not archive.read(name).startswith(b"\x80") for name in archive.namelist())
    bad = tmp_path / "bad.pel"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("explanation.json", json.dumps({"schema": 1, "kind": "attribution"}))
        archive.writestr("values.npy", pickle.dumps(print))
    with pytest.raises(UnreadableFile):
        Explanation.load(bad)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"{}", b"\x80\x04K\x01."])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pel"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"x\.pel"):
        Explanation.load(path)


def test_a_newer_file_says_update(tmp_path: Path) -> None:
    path = tmp_path / "new.pel"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("explanation.json", json.dumps({"schema": 99, "kind": "attribution"}))
    with pytest.raises(UnreadableFile, match="Update Pellucid"):
        Explanation.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = attribution().save(tmp_path / "att.pel")
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="disk full"):
        attribution().save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_a_frame_has_one_row_for_each_number(backend: str) -> None:
    frame = attribution().to_frame(backend=backend)
    assert len(frame) == 24
    columns = frame.column_names if backend == "pyarrow" else list(frame.columns)
    assert columns == ["sample", "feature", "class", "value", "error"]


def test_to_dict_is_json() -> None:
    text = json.dumps(attribution(values=np.full((4, 3, 2), np.nan)).to_dict(), allow_nan=False)
    assert json.loads(text)["coords"]["feature"] == ["age", "sex", "job"]


def test_the_repr_names_method_scale_target_and_the_strongest_feature() -> None:
    text = repr(attribution())
    assert "tree_shap" in text
    assert "logit of bad" in text
    assert text.splitlines()[2].startswith("job")
    assert "<table>" in attribution()._repr_html_()
    evil = attribution(coords={"sample": range(4), "feature": ["<b>", "c", "d"], "class": "ab"})
    assert "<b>" not in evil._repr_html_().replace("<b>Attribution</b>", "")


def test_labels_that_repeat_are_all_selected() -> None:
    coords = {"sample": ["x", "x", "y", "x"], "feature": ["age", "sex", "job"], "class": "ab"}
    whole = attribution(coords=coords)
    for wanted in ("x", ["x"], {"x"}):
        assert whole.sel(sample=wanted).values.shape == (3, 3, 2)
    assert whole.sel(sample=["y", "x"]).coords["sample"] == ("y", "x", "x", "x")
    assert whole.sel(sample=slice("x", "x")).values.shape == (4, 3, 2)


def test_dates_and_tuples_are_labels_that_a_file_gives_back(tmp_path: Path) -> None:
    day, pair = np.datetime64("2024-05-01", "ns"), (1, "north")
    noon = datetime.datetime(2024, 5, 1, 12)
    coords = {"sample": [day, noon, pair, None], "feature": ["age", "sex", "job"], "class": "ab"}
    whole = attribution(coords=coords)
    labels = ("2024-05-01", "2024-05-01 12:00:00", "1 / north", "missing")
    assert whole.coords["sample"] == labels
    assert Explanation.load(whole.save(tmp_path / "a.pel")).coords["sample"] == labels
    for wanted in (day, noon, pair, labels[0]):
        assert whole.sel(sample=wanted).dims == ("feature", "class")


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_labels_of_mixed_kinds_become_text_in_a_frame(backend: str) -> None:
    coords = {"sample": [1, "b", True, 2.5], "feature": ["age", "sex", "job"], "class": [True, "x"]}
    frame = attribution(coords=coords).to_frame(backend=backend)
    assert list(map(str, frame["sample"]))[::6] == ["1", "b", "True", "2.5"]


@pytest.mark.parametrize("index", [slice("x", "y"), slice(None, None, 0), slice(1.5)])
def test_a_slice_that_is_none_of_positions_is_named(index: slice) -> None:
    with pytest.raises(AxisError, match="sample"):
        attribution().isel(sample=index)


def test_a_frame_of_an_unknown_library_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="pandas, polars, pyarrow"):
        attribution().to_frame(backend="json")


def test_a_file_keeps_every_digit(tmp_path: Path) -> None:
    whole = attribution(base=np.full((4, 2), 1 / 3), output=np.full((4, 2), np.pi), error=1 / 7)
    back = Explanation.load(whole.save(tmp_path / "a.pel"))
    for name in ("base", "output", "error"):
        assert np.array_equal(getattr(back, name), getattr(whole, name))


def test_dates_among_the_inputs_are_iso_text_in_json() -> None:
    days = np.array(["2024-05-01", "NaT", "2024-05-03", "2024-05-04"], dtype="M8[D]")
    given = attribution(inputs={"day": days}).to_dict()
    assert given["input0"][:2] == ["2024-05-01", None]


def test_whatever_happens_to_a_file_it_loads_or_is_named(tmp_path: Path) -> None:
    whole = attribution().save(tmp_path / "att.pel").read_bytes()
    rng, path = np.random.default_rng(0), tmp_path / "damaged.pel"
    for _ in range(400):
        torn = bytearray(whole)
        for place in rng.integers(len(torn), size=rng.integers(1, 6)):
            torn[place] = rng.integers(256)
        path.write_bytes(torn)
        with contextlib.suppress(UnreadableFile):
            Explanation.load(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("explanation.json", b"[1]"),
        ("explanation.json", b"[" * 100_000),
        ("explanation.json", b'{"schema": "a", "kind": "attribution"}'),
        ("explanation.json", b'{"schema": 1, "kind": [1]}'),
        ("explanation.json", b'{"schema": 1, "kind": "scores", "fields": [], "provenance": {}}'),
        ("values.npy", (10**13,)),
        ("values.npy", (10**30,)),
    ],
)
def test_a_forged_file_is_named(tmp_path: Path, name: str, content: bytes | tuple[int]) -> None:
    with zipfile.ZipFile(attribution().save(tmp_path / "att.pel")) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    if isinstance(content, tuple):
        header = io.BytesIO()
        shape = {"descr": "<f8", "fortran_order": False, "shape": content}
        np.lib.format.write_array_header_1_0(header, shape)
        content = header.getvalue()
    with zipfile.ZipFile(tmp_path / "forged.pel", "w") as archive:
        for member, own in {**members, name: content}.items():
            archive.writestr(member, own)
    with pytest.raises(UnreadableFile, match=r"forged\.pel"):
        Explanation.load(tmp_path / "forged.pel")


def test_some_of_the_shares_do_not_claim_to_add_up() -> None:
    whole = attribution()
    for part in (whole.top(2), whole.sel(feature=["age"]), whole.isel(feature=0)):
        with pytest.raises(AxisError, match="cannot add up"):
            part.gap()
    assert np.allclose(whole.isel(feature=[2, 0, 1]).gap(), whole.gap())
