"""XGBoost and LightGBM models on every scale and from every kind of table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from pellucid.core.errors import (
    CannotExplain,
    ColumnMismatch,
    InvalidSetting,
    NotFitted,
    WrongType,
)
from pellucid.models.as_model import as_model

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
X[RNG.random(X.shape) < 0.1] = np.nan
SIGNAL = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2
TWO = (SIGNAL > 0.7).astype(int)
THREE = np.digitize(SIGNAL, [0.2, 1.2])
COUNTS = RNG.poisson(np.exp(SIGNAL / 2)) + 1.0
SMALL = {"n_estimators": 8, "max_depth": 3}
QUIET = {**SMALL, "verbose": -1, "min_child_samples": 5}

FRAME = pd.DataFrame(
    {
        "a": X[:, 0],
        "city": pd.Categorical(RNG.choice(["rome", "oslo", "bonn"], 300)),
        "b": X[:, 1],
        "grade": pd.Categorical(RNG.choice([3, 1, 2], 300)),
        "n": RNG.integers(0, 9, 300),
    }
)
FRAME.loc[:9, "city"] = None
MIXED = (SIGNAL + 2 * (FRAME["city"] == "oslo") + (FRAME["grade"] == 3) > 1.2).astype(int)


def tables() -> dict[str, object]:
    polars = pl.from_pandas(FRAME)
    return {
        "pandas": FRAME,
        "polars": polars,
        "arrow": polars.to_arrow(),
        "texts": FRAME.assign(city=FRAME["city"].astype(object)),
        "rows": polars.to_dicts(),
        "turned": FRAME[FRAME.columns[::-1]],
        "other codes": FRAME.assign(
            city=FRAME["city"].cat.reorder_categories(["rome", "bonn", "oslo"])
        ),
    }


def holds_together(model, table, natural: str, margin: np.ndarray) -> None:
    """The margin is the library's, and the trees add up to it."""
    margin = np.asarray(margin, dtype=float).reshape(len(margin), -1)
    assert model.scales[0] == natural
    np.testing.assert_allclose(model.predict(table, natural), margin, rtol=1e-12)
    if "trees" in model.can:
        ours = model.trees(natural).predict(model.encode(table))
        np.testing.assert_allclose(ours, margin, atol=2e-5)


@pytest.mark.parametrize(
    "objective", ["binary:logistic", "binary:logitraw", "binary:hinge", "reg:logistic"]
)
def test_xgboost_for_two_classes(objective) -> None:
    booster = xgb.train(
        {"objective": objective, "max_depth": 3}, xgb.DMatrix(X, label=TWO), num_boost_round=6
    )
    model = as_model(booster)
    margin = booster.predict(xgb.DMatrix(X), output_margin=True)
    value = booster.predict(xgb.DMatrix(X))
    if objective == "binary:hinge":
        holds_together(model, X, "raw", margin)
        return
    holds_together(model, X, "logit", margin)
    other = "raw" if objective.startswith("reg") else "probability"
    want = expit(margin.astype(float)) if objective == "binary:logitraw" else value
    np.testing.assert_allclose(model.predict(X, other)[:, 0], want, rtol=1e-6)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_xgboost_for_three_classes(objective) -> None:
    booster = xgb.train(
        {"objective": objective, "num_class": 3}, xgb.DMatrix(X, label=THREE), num_boost_round=4
    )
    model = as_model(booster)
    margin = booster.predict(xgb.DMatrix(X), output_margin=True)
    holds_together(model, X, "logit", margin)
    assert model.classes == (0, 1, 2)
    np.testing.assert_allclose(
        model.predict(X, "probability"), softmax(margin.astype(float), axis=1), atol=1e-6
    )


@pytest.mark.parametrize(
    ("estimator", "y", "natural"),
    [
        (xgb.XGBRegressor(**SMALL), SIGNAL, "raw"),
        (xgb.XGBRegressor(**SMALL, booster="dart", rate_drop=0.5), SIGNAL, "raw"),
        (xgb.XGBRegressor(**SMALL, booster="gblinear"), SIGNAL, "raw"),
        (xgb.XGBRegressor(**SMALL, objective="count:poisson"), COUNTS, "log"),
        (xgb.XGBRegressor(**SMALL, objective="reg:gamma"), COUNTS, "log"),
        (xgb.XGBRegressor(**SMALL, objective="reg:tweedie"), COUNTS, "log"),
        (xgb.XGBRegressor(**SMALL, objective="survival:cox"), COUNTS, "log"),
        (xgb.XGBRegressor(**SMALL, objective="reg:absoluteerror"), SIGNAL, "raw"),
        (xgb.XGBRegressor(**SMALL), np.c_[SIGNAL, COUNTS], "raw"),
        (xgb.XGBRFRegressor(n_estimators=5), SIGNAL, "raw"),
        (lgb.LGBMRegressor(**QUIET), SIGNAL, "raw"),
        (lgb.LGBMRegressor(**QUIET, objective="poisson"), COUNTS, "log"),
        (lgb.LGBMRegressor(**QUIET, objective="gamma"), COUNTS, "log"),
        (lgb.LGBMRegressor(**QUIET, objective="tweedie"), COUNTS, "log"),
        (lgb.LGBMRegressor(**QUIET, objective="l1"), SIGNAL, "raw"),
        (lgb.LGBMRegressor(**QUIET, objective="quantile"), SIGNAL, "raw"),
        (lgb.LGBMRegressor(**QUIET, reg_sqrt=True), COUNTS, "margin"),
        (lgb.LGBMRegressor(**QUIET, boosting_type="dart"), SIGNAL, "raw"),
        (lgb.LGBMRegressor(**QUIET, linear_tree=True), SIGNAL, "raw"),
    ],
    ids=lambda value: getattr(value, "objective", None) or type(value).__name__,
)
def test_regressors(estimator, y, natural) -> None:
    estimator.fit(X, y)
    model = as_model(estimator)
    raw = {"raw_score": True} if isinstance(estimator, lgb.LGBMModel) else {"output_margin": True}
    assert model.task == "regression"
    holds_together(model, X, natural, estimator.predict(X, **raw))
    if natural != "margin":
        value = estimator.predict(X).reshape(len(X), -1)
        np.testing.assert_allclose(model.predict(X, "raw"), value, rtol=1e-12)
    if natural == "log":
        np.testing.assert_allclose(
            np.exp(model.predict(X, "log")), model.predict(X, "raw"), rtol=1e-5
        )


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(
    "estimator",
    [
        xgb.XGBClassifier(**SMALL),
        xgb.XGBRFClassifier(n_estimators=5),
        xgb.XGBClassifier(**SMALL, missing=0.0),
        lgb.LGBMClassifier(**QUIET),
        lgb.LGBMClassifier(**QUIET, boosting_type="rf", bagging_freq=1, bagging_fraction=0.7),
    ],
    ids=lambda e: f"{type(e).__name__}-{e.get_params().get('boosting_type')}",
)
def test_classifiers_agree_with_predict_proba(estimator, y) -> None:
    table = np.nan_to_num(X) if getattr(estimator, "missing", None) == 0.0 else X
    estimator.fit(table, y)
    model = as_model(estimator)
    p = estimator.predict_proba(table)
    want = p[:, 1:] if p.shape[1] == 2 else p
    np.testing.assert_allclose(model.predict(table, "probability"), want, rtol=1e-12)
    logit = model.predict(table, "logit")
    back = expit(logit) if p.shape[1] == 2 else softmax(logit, axis=1)
    np.testing.assert_allclose(back, want, atol=1e-6)
    np.testing.assert_allclose(model.trees("logit").predict(model.encode(table)), logit, atol=2e-5)
    with pytest.raises(CannotExplain):
        model.trees("probability")


def test_labels_of_lightgbm_are_kept() -> None:
    labels = np.array(["low", "mid", "top"])[THREE]
    model = as_model(lgb.LGBMClassifier(**QUIET).fit(X, labels))
    assert model.classes == ("low", "mid", "top")


@pytest.mark.parametrize("objective", ["multiclassova", "cross_entropy", "binary sloped"])
def test_other_lightgbm_classifications(objective) -> None:
    y = THREE if objective == "multiclassova" else TWO
    extra = {"num_class": 3} if objective == "multiclassova" else {}
    if "sloped" in objective:
        extra = {"sigmoid": 2.0}
    settings = {"objective": objective.split()[0], "verbose": -1, **extra}
    booster = lgb.train(settings, lgb.Dataset(X, label=y), num_boost_round=5)
    model = as_model(booster)
    value = booster.predict(X).reshape(len(X), -1)
    natural = "raw" if extra == {"sigmoid": 2.0} else "logit"
    holds_together(model, X, natural, booster.predict(X, raw_score=True))
    np.testing.assert_allclose(model.predict(X, "probability"), value, rtol=1e-12)
    np.testing.assert_allclose(expit(model.predict(X, "logit")), value, rtol=1e-9)


def own(y: np.ndarray, margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = expit(margin)
    return p - y, p * (1 - p)


def test_an_objective_of_ones_own_is_read_as_the_library_reads_it() -> None:
    light = lgb.LGBMRegressor(**QUIET, objective=own).fit(X, TWO)
    model = as_model(light)
    assert model.scales == ("raw",)
    assert model.notes
    np.testing.assert_array_equal(model.predict(X, "raw")[:, 0], light.predict(X))
    extreme = xgb.XGBClassifier(**SMALL, objective=own).fit(X, TWO)
    np.testing.assert_array_equal(
        as_model(extreme).predict(X, "probability")[:, 0], extreme.predict_proba(X)[:, 1]
    )


@pytest.mark.parametrize("library", [xgb, lgb], ids=["xgboost", "lightgbm"])
def test_rankers_answer_with_their_score(library) -> None:
    if library is xgb:
        ranker = xgb.XGBRanker(**SMALL).fit(X, THREE, group=[100, 200])
    else:
        ranker = lgb.LGBMRanker(**QUIET).fit(X, THREE, group=[100, 200])
    model = as_model(ranker)
    assert (model.task, model.scales) == ("regression", ("raw",))
    holds_together(model, X, "raw", ranker.predict(X))


def test_early_stopping_is_followed_where_the_library_follows_it() -> None:
    rows = (X[200:], TWO[200:])
    extreme = xgb.XGBClassifier(n_estimators=200, learning_rate=1.0, early_stopping_rounds=2)
    extreme.fit(X[:200], TWO[:200], eval_set=[rows], verbose=False)
    assert extreme.best_iteration < extreme.get_booster().num_boosted_rounds() - 1
    holds_together(as_model(extreme), X, "logit", extreme.predict(X, output_margin=True))
    booster = extreme.get_booster()
    whole = booster.predict(xgb.DMatrix(X), output_margin=True)
    holds_together(as_model(booster), X, "logit", whole)
    assert as_model(booster).fingerprint() != as_model(extreme).fingerprint()
    light = lgb.LGBMClassifier(n_estimators=200, learning_rate=1.0, verbose=-1)
    light.fit(X[:200], TWO[:200], eval_set=[rows], callbacks=[lgb.early_stopping(2, verbose=False)])
    holds_together(as_model(light), X, "logit", light.predict(X, raw_score=True))
    holds_together(as_model(light.booster_), X, "logit", light.predict(X, raw_score=True))


@pytest.mark.parametrize("kind", tables())
@pytest.mark.parametrize("library", [xgb, lgb], ids=["xgboost", "lightgbm"])
def test_categories_mean_the_same_from_every_kind_of_table(library, kind) -> None:
    if library is xgb:
        estimator = xgb.XGBClassifier(**SMALL, enable_categorical=True).fit(FRAME, MIXED)
        margin = estimator.predict(FRAME, output_margin=True)
    else:
        estimator = lgb.LGBMClassifier(**QUIET).fit(FRAME, MIXED)
        margin = estimator.predict(FRAME, raw_score=True)
    model = as_model(estimator)
    assert model.columns == tuple(FRAME.columns)
    assert len(np.unique(margin)) > 20
    holds_together(model, tables()[kind], "logit", margin)
    for each in (estimator, model):  # the library's own Booster holds the categories too
        booster = getattr(each, "booster_", None) or each
        np.testing.assert_allclose(
            as_model(booster).predict(tables()[kind], "logit")[:, 0], margin, rtol=1e-12
        )


def test_a_category_never_seen_is_refused_by_xgboost_and_missing_to_lightgbm() -> None:
    strange = FRAME.assign(city=pd.Categorical(["lima"] * 300))
    extreme = as_model(xgb.XGBClassifier(**SMALL, enable_categorical=True).fit(FRAME, MIXED))
    with pytest.raises(WrongType, match=r"'city'.*lima"):
        extreme.predict(strange, "logit")
    light = lgb.LGBMClassifier(**QUIET).fit(FRAME, MIXED)
    np.testing.assert_array_equal(
        as_model(light).predict(strange, "logit")[:, 0], light.predict(strange, raw_score=True)
    )


def test_categories_as_codes_in_an_array_are_taken_as_they_are() -> None:
    codes = np.column_stack([X[:, 0], RNG.integers(0, 5, 300), X[:, 1]])
    target = (codes[:, 1] == 3) | (np.nan_to_num(X[:, 0]) > 1)
    extreme = xgb.train(
        {"objective": "binary:logistic"},
        xgb.DMatrix(codes, label=target, feature_types=["q", "c", "q"], enable_categorical=True),
        num_boost_round=5,
    )
    own_data = xgb.DMatrix(codes, feature_types=["q", "c", "q"], enable_categorical=True)
    holds_together(as_model(extreme), codes, "logit", extreme.predict(own_data, output_margin=True))
    light = lgb.LGBMClassifier(**QUIET).fit(codes, target, categorical_feature=[1])
    holds_together(as_model(light), codes, "logit", light.predict(codes, raw_score=True))


def test_blanks_in_names_do_not_confuse_lightgbm() -> None:
    frame = pd.DataFrame(X, columns=["my a", "b", "c", "d"])
    light = lgb.LGBMClassifier(**QUIET).fit(frame, TWO)
    model = as_model(light)
    want = light.predict(frame, raw_score=True)
    np.testing.assert_array_equal(
        model.predict(frame[["d", "c", "b", "my a"]], "logit")[:, 0], want
    )
    with pytest.raises(ColumnMismatch, match="not known e"):
        model.predict(frame.assign(e=1.0), "logit")


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_the_fingerprint_survives_saving(name, tmp_path) -> None:
    path = str(tmp_path / "model.txt")
    if name == "xgboost":
        booster = xgb.XGBClassifier(**SMALL).fit(X, TWO).get_booster()
        copy = xgb.Booster(model_file=booster.save_model(path + ".ubj") or path + ".ubj")
    else:
        booster = lgb.LGBMClassifier(**QUIET).fit(X, TWO).booster_
        copy = lgb.Booster(model_file=str(booster.save_model(path) and path))
    assert as_model(booster).fingerprint() == as_model(copy).fingerprint()


def test_unfitted_models_and_other_objects_are_refused() -> None:
    for estimator in (xgb.XGBClassifier(), lgb.LGBMRegressor()):
        with pytest.raises(NotFitted):
            as_model(estimator)
    for other in (xgb.DMatrix(X), lgb.Dataset(X)):
        with pytest.raises(CannotExplain, match="not a model"):
            as_model(other)
    with pytest.raises(InvalidSetting):
        as_model(xgb.XGBClassifier(**SMALL).fit(X, TWO)).predict(X, "raw")
    with pytest.raises(WrongType, match="'b' holds"):
        as_model(xgb.XGBClassifier(**SMALL).fit(pd.DataFrame(X, columns=list("abcd")), TWO)).check(
            pd.DataFrame(X, columns=list("abcd")).assign(b="text")
        )


def test_gaps_are_accepted() -> None:
    for estimator in (xgb.XGBClassifier(**SMALL), lgb.LGBMClassifier(**QUIET)):
        assert as_model(estimator.fit(X, TWO)).check(X) == ()
