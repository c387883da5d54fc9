"""CatBoost's trees as read predict CatBoost's own formula value, also on odd inputs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pellucid.core.errors import (
    CannotExplain,
    InvalidData,
    MissingValues,
    NotFitted,
)
from pellucid.models.as_model import as_model
from pellucid.models.catboost_trees import category_hash
from pellucid.models.trees import verify

catboost = pytest.importorskip("catboost")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

RNG = np.random.default_rng(3)
ROWS = 300
FRAME = pd.DataFrame(RNG.normal(size=(ROWS, 3)), columns=["a", "b", "c"])
FRAME = FRAME.mask(RNG.random(FRAME.shape) < 0.1)
FRAME["k"] = RNG.choice(["x", "y", "z", "w"], ROWS)
FRAME["m"] = RNG.integers(-3, 5, ROWS)
FRAME["flag"] = RNG.random(ROWS) < 0.5
Y = (FRAME["k"] == "x") * 2 + (FRAME["m"] < 0) * 3 + FRAME["b"].fillna(0) * FRAME["c"].fillna(1)
Y = (Y + FRAME["flag"]).to_numpy(dtype=float)
TWO, THREE = np.where(Y > 2, "good", "bad"), np.digitize(Y, [1, 3])
WORDS = ["k", "m", "flag"]
SMALL: dict[str, Any] = {
    "iterations": 10, "depth": 4, "verbose": 0, "thread_count": 1, "allow_writing_files": False,
    "cat_features": WORDS, "one_hot_max_size": 2, "max_ctr_complexity": 1,
}  # fmt: skip

ODD = FRAME.copy()
ODD.loc[:5, "a"] = [np.inf, -np.inf, 1e300, -1e300, 1e-45, np.nan]
ODD.loc[6:9, "k"] = ["never seen", "", "näher als gedacht: länger als 32 Zeichen", "x" * 100]
ODD.loc[10:11, "m"] = [99, -(2**40)]

TARGETS = {
    "regression": (catboost.CatBoostRegressor, {}, Y, "raw"),
    "classes": (catboost.CatBoostClassifier, {}, THREE, "logit"),
    "one against all": (
        catboost.CatBoostClassifier, {"loss_function": "MultiClassOneVsAll"}, THREE, "logit",
    ),
    "two classes": (catboost.CatBoostClassifier, {}, TWO, "logit"),
    "chances": (
        catboost.CatBoostClassifier, {"loss_function": "CrossEntropy"}, (Y > 2) * 0.9, "logit",
    ),
    "poisson": (catboost.CatBoostRegressor, {"loss_function": "Poisson"}, np.abs(Y), "log"),
    "tweedie": (
        catboost.CatBoostRegressor, {"loss_function": "Tweedie:variance_power=1.5"},
        np.abs(Y), "log",
    ),
    "uncertainty": (
        catboost.CatBoostRegressor, {"loss_function": "RMSEWithUncertainty"}, Y, "margin",
    ),
    "targets": (
        catboost.CatBoostRegressor, {"loss_function": "MultiRMSE", "one_hot_max_size": 50},
        np.c_[Y, -Y], "raw",
    ),
    "counts": (catboost.CatBoostRegressor, {"simple_ctr": "Counter"}, Y, "raw"),
    "buckets": (catboost.CatBoostClassifier, {"simple_ctr": "Buckets"}, THREE, "logit"),
    "several borders": (
        catboost.CatBoostRegressor, {"simple_ctr": "Borders:TargetBorderCount=5"}, Y, "raw",
    ),
    "mean target": (
        catboost.CatBoostRegressor,
        {"simple_ctr": "BinarizedTargetMeanValue:TargetBorderCount=4"}, Y, "raw",
    ),
    "one-hot": (catboost.CatBoostRegressor, {"one_hot_max_size": 50}, Y, "raw"),
    "holes high": (catboost.CatBoostRegressor, {"nan_mode": "Max"}, Y, "raw"),
}  # fmt: skip
SHAPES = ["SymmetricTree", "Depthwise", "Lossguide"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", TARGETS)
def test_every_setting_gives_its_own_formula_value(name: str, shape: str) -> None:
    kind, settings, y, natural = TARGETS[name]
    source = kind(**{**SMALL, "grow_policy": shape, **settings}).fit(FRAME, y)
    model = as_model(source)
    own = source.predict(ODD, prediction_type="RawFormulaVal")
    assert model.scales[0] == natural
    verify(model.trees(natural), model.encode(ODD), own)
    np.testing.assert_array_equal(model.predict(ODD, natural), np.reshape(own, (ROWS, -1)))


@pytest.mark.parametrize(
    ("name", "scale", "kind"),
    [
        ("classes", "probability", "Probability"),
        ("two classes", "probability", "Probability"),
        ("poisson", "raw", "Exponent"),
        ("uncertainty", "raw", "RMSEWithUncertainty"),
    ],
)
def test_other_scales_are_those_of_the_library(name: str, scale: str, kind: str) -> None:
    make, settings, y, _ = TARGETS[name]
    source = make(**{**SMALL, **settings}).fit(FRAME, y)
    own = np.asarray(source.predict(FRAME, prediction_type=kind)).reshape(ROWS, -1)
    own = own[:, 1:] if name == "two classes" else own
    np.testing.assert_array_equal(as_model(source).predict(FRAME, scale), own)


def test_every_kind_of_table_is_read_alike() -> None:
    model = as_model(catboost.CatBoostRegressor(**SMALL).fit(FRAME, Y))
    expected, encoded = model.predict(FRAME, "raw"), model.encode(FRAME)
    polars = pl.from_pandas(FRAME)
    tables = {
        "polars": polars,
        "arrow": polars.to_arrow(),
        "rows": polars.to_dicts(),
        "categories": FRAME.assign(k=FRAME["k"].astype("category")),
        "objects": FRAME.to_numpy(dtype=object),
        "turned": FRAME[FRAME.columns[::-1]],
    }
    for kind, table in tables.items():
        np.testing.assert_array_equal(model.predict(table, "raw"), expected, err_msg=kind)
        np.testing.assert_array_equal(model.encode(table), encoded, err_msg=kind)


def test_hashes_of_categories_are_catboosts_own_at_every_length(tmp_path) -> None:
    words = ["".join(RNG.choice(list("abc é€"), n)) for n in [*range(1, 150), 1000]]
    rows = np.array([[word, i] for i, word in enumerate(words)], dtype=object)
    pool = catboost.Pool(rows, np.arange(len(words)), cat_features=[0, 1])
    model = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False).fit(pool)
    model.save_model(str(tmp_path / "model.json"), format="json", pool=pool)
    info = json.loads((tmp_path / "model.json").read_text())["features_info"]
    theirs = {entry["value"]: entry["hash"] for entry in info["cat_features_hash"]}
    assert {word: category_hash(word) for word in words}.items() <= theirs.items()
    assert {str(i): category_hash(i) for i in range(len(words))}.items() <= theirs.items()


def test_rankers_and_wrapped_models_are_read() -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers = FRAME[["a", "b", "c"]].fillna(0).to_numpy()
    small = {key: value for key, value in SMALL.items() if "cat" not in key}
    ranker = catboost.CatBoostRanker(**small).fit(numbers, Y, group_id=np.arange(ROWS) // 10)
    model = as_model(ranker)
    verify(model.trees("raw"), numbers, ranker.predict(numbers))
    pipe = make_pipeline(StandardScaler(), catboost.CatBoostRegressor(**small)).fit(numbers, Y)
    wrapped = as_model(pipe)
    verify(wrapped.trees("raw"), wrapped.encode(numbers), pipe.predict(numbers))


def test_what_catboost_refuses_is_named() -> None:
    model = as_model(catboost.CatBoostRegressor(**SMALL).fit(FRAME, Y))
    with pytest.raises(MissingValues, match="refuses missing values"):
        model.check(FRAME.assign(k=FRAME["k"].where(FRAME["k"] != "x")))
    with pytest.raises(InvalidData):
        model.predict(FRAME.assign(m=FRAME["m"] + 0.5), "raw")
    with pytest.raises(NotFitted, match="Call fit"):
        as_model(catboost.CatBoostRegressor())
    many = catboost.CatBoostClassifier(
        iterations=2, verbose=0, loss_function="MultiLogloss", allow_writing_files=False
    ).fit(FRAME[["a", "b"]], np.c_[Y > 1, Y > 2])
    with pytest.raises(CannotExplain, match="several questions"):
        as_model(many)


@pytest.mark.parametrize(
    ("settings", "y"),
    [
        ({"loss_function": "MultiRMSE"}, np.c_[Y, -Y]),
        ({"simple_ctr": ["Borders:TargetBorderCount=5", "Borders:TargetBorderCount=2"]}, Y),
    ],
)
def test_statistics_of_several_targets_which_its_json_confuses_are_refused(
    settings: dict[str, Any], y: np.ndarray
) -> None:
    model = as_model(catboost.CatBoostRegressor(**{**SMALL, **settings}).fit(FRAME, y))
    assert "trees" not in model.can
    with pytest.raises(CannotExplain, match="only one of the targets"):
        model.trees("raw")


def test_models_of_texts_are_asked_and_models_of_embeddings_are_refused() -> None:
    small = {"iterations": 3, "verbose": 0, "allow_writing_files": False}
    words = [" ".join(RNG.choice(["good", "bad", "fine"], 3)) for _ in range(ROWS)]
    frame = FRAME[["a"]].assign(words=words)
    source = catboost.CatBoostClassifier(**small, text_features=["words"]).fit(frame, TWO)
    model = as_model(source)
    np.testing.assert_array_equal(
        model.predict(pl.from_pandas(frame), "probability")[:, 0], source.predict_proba(frame)[:, 1]
    )
    assert model.can == {"predict", "proba"}
    assert "texts by their words" in model.notes[0]
    assert model.fingerprint() == as_model(source).fingerprint()
    frame = FRAME[["a"]].assign(points=[[0.5, float(i)] for i in range(ROWS)])
    source = catboost.CatBoostClassifier(**small, embedding_features=["points"]).fit(frame, TWO)
    with pytest.raises(CannotExplain, match="embeddings"):
        as_model(source)
