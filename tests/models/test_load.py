"""Models from files: what is loaded, what is refused, and that nothing runs on the way."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import pickletools
import subprocess
import sys
import zipfile
import zlib

import joblib
import numpy as np
import pytest
import sklearn.base
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pellucid.core.errors import CannotExplain, UnreadableFile, UntrustedFile
from pellucid.models import file_kinds
from pellucid.models.as_model import as_model
from pellucid.models.load import describe_file, load_model
from pellucid.models.pickle_scan import is_pickle, scan

X, Y = make_classification(120, 5, random_state=0)
FOREST = RandomForestClassifier(4, random_state=0).fit(X, Y)
SUFFIXES = [".json", ".ubj", ".txt", ".skops", ".pkl", ".joblib", ".csv", ""]


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def through_the_memo(command: str) -> bytes:
    """os.system assembled from memoised strings, in an order that no grep would find."""
    return b"".join(
        [
            b"\x80\x04",
            b"\x8c\x06system\x94",
            b"\x8c\x02os\x94",
            b"00",
            b"h\x01h\x00\x93",
            b"\x8c" + bytes([len(command)]) + command.encode(),
            b"\x85R.",
        ]
    )


def attacks(path) -> dict[str, bytes]:
    evil, mark = Evil(path), f"touch {path}"
    packed = io.BytesIO()
    joblib.dump({"model": FOREST, "more": [evil]}, packed)
    small = {"a": np.arange(30.0), "b": evil, "c": np.array(["x", None], dtype=object)}
    with_arrays = io.BytesIO()
    joblib.dump(small, with_arrays)
    return {
        **{f"protocol {p}": pickle.dumps(evil, protocol=p) for p in range(6)},
        "nested": pickle.dumps({"model": FOREST, "hidden": [({"deep": evil},)]}),
        "memo": through_the_memo(mark),
        "eval": b"c__builtin__\neval\n(V__import__('os').system('" + mark.encode() + b"')\ntR.",
        "inst": b"(S'" + mark.encode() + b"'\nios\nsystem\n.",
        "joblib": packed.getvalue(),
        "joblib with arrays": with_arrays.getvalue(),
        "zlib": zlib.compress(pickle.dumps(evil)),
        "gzip": gzip.compress(pickle.dumps(evil)),
        "bz2": bz2.compress(pickle.dumps(evil)),
        "xz": lzma.compress(pickle.dumps(evil)),
        "lzma": lzma.compress(pickle.dumps(evil), format=lzma.FORMAT_ALONE),
    }


NAMES = list(attacks("x"))


@pytest.mark.parametrize("name", NAMES)
def test_the_attacks_are_real(name, tmp_path) -> None:
    mark = tmp_path / "m"
    joblib.load(io.BytesIO(attacks(mark)[name]))
    assert mark.exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", NAMES)
def test_a_pickle_is_refused_under_every_name_and_nothing_runs(name, suffix, tmp_path) -> None:
    mark, path = tmp_path / "m", tmp_path / f"model{suffix}"
    path.write_bytes(attacks(mark)[name])
    with pytest.raises(UntrustedFile) as caught:
        load_model(path)
    file = describe_file(path)
    assert not mark.exists()
    assert caught.value.exit_code == 4
    assert (file.kind, file.tier) == ("pickle", "trusted")
    asked = {"os.system", "posix.system", "nt.system", "__builtin__.eval", "builtins.eval"}
    assert asked & set(file.imports)
    assert any(found in str(caught.value) for found in asked) or len(file.imports) > 12
    assert not file.notes


def test_the_imports_of_honest_files_are_all_found_without_loading(tmp_path) -> None:
    for number, compress in enumerate((0, 3, ("gzip", 3), ("xz", 1))):
        path = tmp_path / f"forest{number}"
        model = make_pipeline(StandardScaler(), FOREST, memory=None)
        arrays = [np.asfortranarray(X), np.array(["ab", "c"]), np.array([1, None], dtype=object)]
        joblib.dump({"m": model, "arrays": arrays, "last": {1}}, path, compress)
        file = describe_file(path)
        assert file.notes == ()
        assert file.imports == really_imported(path.read_bytes())
        assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def really_imported(data: bytes) -> tuple[str, ...]:
    """What joblib asks for by name while it loads."""
    from joblib.numpy_pickle import NumpyUnpickler

    found = set()
    data = file_kinds.unpacked(data, "")

    def note(self, module, name):
        found.add(f"{module}.{name}")
        return pickle._Unpickler.find_class(self, module, name)

    kind = type("Noting", (NumpyUnpickler,), {"find_class": note})
    file = io.BytesIO(data)
    kind("", file, ensure_native_byte_order=True).load()
    return tuple(sorted(found))


def test_a_scan_that_breaks_off_says_so_and_shows_what_it_can() -> None:
    data = pickle.dumps(FOREST, protocol=2)
    cut = scan(data[:200] + b"\xff\xff" + b"cos\nsystem\n" + data[200:])
    assert not cut.complete
    assert "os.system" in cut.imports
    assert scan(data).complete
    computed = scan(b"\x80\x04\x8c\x02os\x94cbuiltins\ngetattr\n\x93.")
    assert "os.?" in computed.imports


def test_a_file_that_says_how_long_it_is_and_lies_is_read_no_further() -> None:
    for lie in (
        b"\x80\x04\x8e" + b"\xff" * 8,
        b"\x80\x04\x8d" + b"\x7f" * 8,
        b"\x80\x04" + b"2" * 99,
    ):
        assert not scan(lie).complete


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_are_recognised(protocol) -> None:
    for value in (FOREST, {"a": 1}, [1, "x"], (None, 2.0), "text"):
        data = pickle.dumps(value, protocol=protocol)
        assert is_pickle(data)
        assert pickletools.genops(data)
    for text in (b"a,b\n1,2\n", b"(not a pickle)", b"", b"I am text.", b"c", b"]"):
        assert not is_pickle(text)


def test_with_trust_a_pickle_is_loaded(tmp_path) -> None:
    for name, dump in (
        ("m.pkl", lambda p: p.write_bytes(pickle.dumps(FOREST))),
        ("m.joblib", lambda p: joblib.dump(FOREST, p)),
        ("m.gz", lambda p: joblib.dump(FOREST, p, compress=("gzip", 3))),
        ("m.xz", lambda p: joblib.dump(FOREST, p, compress=("xz", 3))),
    ):
        dump(tmp_path / name)
        model, file = load_model(tmp_path / name, trust=True)
        assert (file.tier, file.kind) == ("trusted", "pickle")
        np.testing.assert_array_equal(model.predict_proba(X), FOREST.predict_proba(X))
        assert as_model(model).fingerprint() == as_model(FOREST).fingerprint()


def test_a_missing_package_and_another_version_are_said(tmp_path, monkeypatch) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(b"cno_such_package.models\nNet\n.")
    with pytest.raises(UnreadableFile, match="no_such_package, which is not installed"):
        load_model(path, trust=True)
    path.write_bytes(b"c__main__\nMyOwnModel\n.")
    with pytest.raises(UnreadableFile, match="MyOwnModel"):
        load_model(path, trust=True)
    fitted = LogisticRegression().fit(X, Y)
    monkeypatch.setattr(sklearn.base, "__version__", "1.3.0")
    path.write_bytes(pickle.dumps(fitted))
    monkeypatch.undo()
    _, file = load_model(path, trust=True)
    assert any("version" in note for note in file.notes)


boosted = pytest.importorskip("xgboost")


@pytest.mark.parametrize("suffix", [".json", ".ubj"])
@pytest.mark.parametrize("kind", ["XGBClassifier", "XGBRegressor", "XGBRanker", "Booster"])
def test_xgboost_files_come_back_as_what_wrote_them(kind, suffix, tmp_path) -> None:
    if kind == "Booster":
        source = boosted.train({"max_depth": 2}, boosted.DMatrix(X, label=Y), 3)
    else:
        extra = {"group": [len(X)]} if kind == "XGBRanker" else {}
        source = getattr(boosted, kind)(n_estimators=3).fit(X, Y, **extra)
    source.save_model(tmp_path / f"m{suffix}")
    renamed = tmp_path / "m.pkl"  # the name does not matter
    renamed.write_bytes((tmp_path / f"m{suffix}").read_bytes())
    model, file = load_model(renamed)
    assert type(model).__name__ == kind
    assert (file.tier, file.kind) == ("data", f"xgboost-{suffix[1:]}")
    first, second = as_model(source), as_model(model)
    for scale in first.scales:
        np.testing.assert_array_equal(first.predict(X, scale), second.predict(X, scale))


def test_lightgbm_files_are_loaded_and_broken_ones_refused(tmp_path) -> None:
    lgb = pytest.importorskip("lightgbm")
    source = lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, Y)
    path = tmp_path / "m.json"
    source.booster_.save_model(str(path))
    model, file = load_model(path)
    assert (file.tier, file.kind) == ("data", "lightgbm")
    np.testing.assert_array_equal(model.predict(X), source.predict_proba(X)[:, 1])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UnreadableFile, match="breaks off"):
        load_model(path)


def skops_of(model, path):
    sio = pytest.importorskip("skops.io")
    sio.dump(model, path)
    return path


@pytest.mark.parametrize(
    "model",
    [
        FOREST,
        LogisticRegression().fit(X, Y),
        make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=3)).fit(X, Y),
        boosted.XGBClassifier(n_estimators=2).fit(X, Y),
    ],
    ids=lambda m: type(m).__name__,
)
def test_skops_files_of_reviewed_types_are_loaded(model, tmp_path) -> None:
    path = skops_of(model, tmp_path / "m.zip")
    again, file = load_model(path)
    assert (file.tier, file.kind) == ("reviewed", "skops")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_skops_file_with_an_unreviewed_type_is_refused_by_name(tmp_path) -> None:
    step = FunctionTransformer(os.path.basename)
    path = skops_of(make_pipeline(step, LogisticRegression()), tmp_path / "m.skops")
    with pytest.raises(UntrustedFile, match="basename"):
        load_model(path)
    assert describe_file(path).tier == "trusted"
    assert load_model(path, trust=True)[1].tier == "trusted"


def archive(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return sink.getvalue()


NOT_MODELS = {
    "empty": (b"", "empty"),
    "blank": (b"  \n", "empty"),
    "csv": (b"age,income\n1,2\n3,4\n", "text"),
    "json": (b'{"a": 1}', "JSON, not a model"),
    "broken json": (b'{"learner": {"a": ', "damaged"),
    "lightgbm json": (b'{"tree_info": []}', "LightGBM"),
    "broken catboost": (b"CBM1\x00\x01", "loaded as catboost-cbm"),
    "keras": (archive(config_dot_json=b"{}", **{"model.weights.h5": b""}), "Keras"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 20, "Keras"),
    "npz": (archive(x_dot_npy=b"\x93NUMPY"), "NumPy"),
    "parquet": (b"PAR1\x00\x00", "Parquet"),
    "safetensors": ((16).to_bytes(8, "little") + b'{"a":{"b":1}}   rest', "safetensors"),
    "noise": (bytes(range(128, 256)), "not a model"),
    "broken zip": (b"PK\x03\x04" + b"\0" * 30, "archive"),
    "broken gzip": (gzip.compress(b"x" * 100)[:-9], "packed"),
    "gzip of text": (gzip.compress(b"a,b\n"), "not a model"),
}


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("name", NOT_MODELS)
def test_what_is_no_model_is_named_and_never_tried_otherwise(name, trust, tmp_path) -> None:
    data, message = NOT_MODELS[name]
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match=message):
        load_model(path, trust=trust)


def test_bombs_are_refused_before_they_go_off(tmp_path, monkeypatch) -> None:
    path = tmp_path / "m.skops"
    path.write_bytes(archive(schema_dot_json=b"{}", big=b"\0" * (1 << 27)))
    with pytest.raises(UnreadableFile, match="unpacks to 128 MiB"):
        load_model(path, trust=True)
    monkeypatch.setattr(file_kinds, "LIMIT", 1 << 20)
    for pack in (zlib.compress, gzip.compress, bz2.compress, lzma.compress):
        path.write_bytes(pack(pickle.dumps(b"\0" * (1 << 22))))
        with pytest.raises(UnreadableFile, match="more than 1 MiB"):
            load_model(path, trust=True)


def test_damaged_files_of_a_known_kind_are_refused(tmp_path) -> None:
    path = tmp_path / "m"
    path.write_text(json.dumps({"learner": {}, "version": [3, 0, 0]}))
    with pytest.raises(UnreadableFile, match="xgboost-json"):
        load_model(path)
    path.write_bytes(pickle.dumps(FOREST)[:-40])
    with pytest.raises(UnreadableFile, match="as pickle"):
        load_model(path, trust=True)
    path.write_bytes(archive(schema_dot_json=b'{"__loader__": "Nothing"}'))
    with pytest.raises((UnreadableFile, UntrustedFile)):
        load_model(path)


def test_absent_files_and_folders_are_said(tmp_path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        load_model(tmp_path / "nothing.pkl")
    with pytest.raises(UnreadableFile, match="a folder"):
        load_model(tmp_path)


def test_a_function_by_name_needs_trust(tmp_path, monkeypatch) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "my_scoring.py").write_text(
        f"open({str(mark)!r}, 'w').close()\ndef total(X):\n    return X.sum(axis=1)\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedFile, match="my_scoring:total"):
        load_model("my_scoring:total")
    assert describe_file("my_scoring:total").kind == "function"
    assert not mark.exists()
    function, file = load_model("my_scoring:total", trust=True)
    np.testing.assert_array_equal(as_model(function).predict(X, "raw")[:, 0], X.sum(axis=1))
    assert file.tier == "trusted"
    assert len(file.sha256) == 64
    for wrong in ("my_scoring:nothing", "no_such_module_here:f"):
        with pytest.raises(UnreadableFile, match="cannot be imported"):
            load_model(wrong, trust=True)


def test_reading_a_file_imports_no_library_that_it_does_not_need(tmp_path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(FOREST))
    code = (
        "import sys; from pellucid.models.load import describe_file;"
        f"describe_file({str(path)!r});"
        "print({'sklearn', 'joblib', 'xgboost', 'pandas', 'numba'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_a_device_is_neither_read_nor_called_a_folder() -> None:
    with pytest.raises(UnreadableFile, match="no ordinary file"):
        load_model("/dev/zero")


@pytest.mark.parametrize("kind", ["cbm", "json"])
def test_catboost_files_are_data_and_come_back_whole(kind, tmp_path) -> None:
    catboost = pytest.importorskip("catboost")
    rows = np.array([[i % 7 / 3, "abc"[i % 3], i % 5] for i in range(60)], dtype=object)
    y = np.where(rows[:, 1] == "a", "good", "bad")
    model = catboost.CatBoostClassifier(
        iterations=5,
        verbose=0,
        cat_features=[1, 2],
        max_ctr_complexity=1,
        allow_writing_files=False,
    ).fit(rows, y)
    path = tmp_path / "a file without a telling name"
    model.save_model(str(path), format=kind)
    loaded, file = load_model(path)
    assert (file.kind, file.tier) == (f"catboost-{kind}", "data")
    adapter = as_model(loaded)
    assert adapter.classes == ("bad", "good")
    assert "trees" in adapter.can
    np.testing.assert_allclose(
        adapter.predict(rows, "probability")[:, 0], model.predict_proba(rows)[:, 1], atol=1e-12
    )
    if kind == "cbm":  # its JSON drops the last digit
        assert adapter.fingerprint() == as_model(model).fingerprint()
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UnreadableFile):
        load_model(path)


def test_what_load_model_returns_is_taken_as_the_model(tmp_path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(FOREST, path)
    pair = load_model(path, trust=True)
    assert as_model(pair).fingerprint() == as_model(pair[0]).fingerprint()
    with pytest.raises(CannotExplain, match="tuple"):
        as_model((FOREST, "model.skops"))
