"""Pipelines: what the last step sees, and which of the user's columns it comes from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from pellucid.core.errors import CannotExplain, ColumnMismatch, InvalidData, MissingValues
from pellucid.models.as_model import as_model
from pellucid.models.pipeline import PipelineModel

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

N = 300
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, N).astype(float),
        "city": RNG.choice(["rome", "oslo", "bonn", "kiel"], N, p=[0.5, 0.3, 0.18, 0.02]),
        "amount": RNG.gamma(2, 1000, N),
        "job": RNG.choice(["a", "b"], N),
        "score": RNG.normal(size=N),
    }
)
Y = ((FRAME["age"] > 50) ^ (FRAME["city"] == "oslo")).to_numpy().astype(int)
Y3 = np.digitize(FRAME["score"], [-0.5, 0.5])
NUMERIC, TEXT = ["age", "amount", "score"], ["city", "job"]
HOLED = FRAME.copy()
HOLED.loc[RNG.random(N) < 0.1, "amount"] = np.nan
HOLED.loc[RNG.random(N) < 0.1, "city"] = np.nan
HOLED["empty"] = np.nan

MIXED = ColumnTransformer([("n", StandardScaler(), NUMERIC), ("t", OneHotEncoder(), TEXT)])


def probed(model: PipelineModel, frame) -> list[set[int]]:
    """For each encoded column, the user's columns that move it: found from outside."""
    before = model.encode(frame)
    moves: list[set[int]] = [set() for _ in range(before.shape[1])]
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(frame))
        for j in range(frame.shape[1]):
            changed = frame.copy()
            changed[frame.columns[j]] = frame[frame.columns[j]].to_numpy()[order]
            after = model.encode(changed)
            same = (before == after) | (np.isnan(before) & np.isnan(after))
            for e in np.flatnonzero(~same.all(axis=0)):
                moves[e].add(j)
    return moves


def numeric(step, *more):
    return make_pipeline(ColumnTransformer([("n", step, NUMERIC), *more]), LogisticRegression())


TRACED = {
    "scaled and one-hot": make_pipeline(MIXED, LogisticRegression()),
    "dense": make_pipeline(
        ColumnTransformer([("t", OneHotEncoder(sparse_output=False), TEXT)]), LogisticRegression()
    ),
    "sparse": make_pipeline(
        ColumnTransformer([("t", OneHotEncoder(), TEXT)], sparse_threshold=1.0),
        RandomForestClassifier(3),
    ),
    "remainder first by name": make_pipeline(
        ColumnTransformer(
            [("t", OneHotEncoder(drop="first"), ["job", "city"])], remainder="passthrough"
        ),
        LogisticRegression(max_iter=5000),
    ),
    "remainder estimator": make_pipeline(
        ColumnTransformer([("t", OneHotEncoder(), [1, 3])], remainder=MinMaxScaler()),
        LogisticRegression(),
    ),
    "rare merged": make_pipeline(
        ColumnTransformer([("t", OneHotEncoder(min_frequency=0.1), TEXT)], remainder="drop"),
        LogisticRegression(),
    ),
    "rare merged and dropped": make_pipeline(
        ColumnTransformer(
            [("t", OneHotEncoder(max_categories=3, drop="if_binary"), TEXT)], remainder="drop"
        ),
        LogisticRegression(),
    ),
    "selectors": make_pipeline(
        ColumnTransformer(
            [
                ("t", OrdinalEncoder(), make_column_selector(dtype_exclude=np.number)),
                ("n", RobustScaler(), make_column_selector(dtype_include=np.number)),
            ]
        ),
        RandomForestClassifier(3),
    ),
    "slices and masks": make_pipeline(
        ColumnTransformer(
            [
                ("a", OrdinalEncoder(), slice("city", "city")),
                ("b", "passthrough", [True, False, True, False, False]),
                ("c", StandardScaler(), slice(4, 5)),
                ("d", "drop", ["job"]),
            ]
        ),
        RandomForestClassifier(3),
    ),
    "target": make_pipeline(
        ColumnTransformer([("t", TargetEncoder(random_state=0), TEXT)], remainder="passthrough"),
        LogisticRegression(max_iter=5000),
    ),
    "bins": numeric(KBinsDiscretizer(4)),
    "ordinal bins": numeric(KBinsDiscretizer(4, encode="ordinal")),
    "splines": numeric(SplineTransformer(n_knots=4)),
    "splines without bias": numeric(SplineTransformer(n_knots=4, include_bias=False)),
    "periodic splines": numeric(SplineTransformer(n_knots=5, extrapolation="periodic")),
    "power": numeric(PowerTransformer()),
    "quantiles": numeric(QuantileTransformer(n_quantiles=20)),
    "binary": numeric(Binarizer(threshold=1.0)),
    "linear polynomial": numeric(PolynomialFeatures(1, include_bias=False)),
    "identity function": numeric(FunctionTransformer()),
    "nested": make_pipeline(
        ColumnTransformer(
            [
                ("t", make_pipeline(OrdinalEncoder(), OneHotEncoder()), TEXT),
                ("n", Pipeline([("s", StandardScaler()), ("k", SelectKBest(k=2))]), NUMERIC),
            ]
        ),
        VarianceThreshold(0.02),
        LogisticRegression(),
    ),
    "union": make_pipeline(
        ColumnTransformer(
            [("n", make_union(StandardScaler(), "passthrough", KBinsDiscretizer(3)), NUMERIC)]
        ),
        LogisticRegression(max_iter=5000),
    ),
    "selection by a model": make_pipeline(
        MIXED, SelectFromModel(Lasso(alpha=0.02)), LogisticRegression()
    ),
    "native categories last": make_pipeline(
        ColumnTransformer([("t", OrdinalEncoder(), TEXT)], remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=5, categorical_features=[0, 1]),
    ),
    "frames inside": make_pipeline(
        ColumnTransformer([("n", StandardScaler(), NUMERIC), ("t", OrdinalEncoder(), TEXT)]),
        RandomForestClassifier(3),
    ).set_output(transform="pandas"),
}


@pytest.mark.filterwarnings("ignore:Bins whose width")
@pytest.mark.parametrize("name", TRACED)
def test_every_encoded_column_is_traced_to_the_column_that_moves_it(name) -> None:
    source = TRACED[name].fit(FRAME, Y)
    model = as_model(source)
    origin = model.encoded_from
    assert origin is not None
    moves = probed(model, FRAME)
    assert len(origin) == len(moves)
    for claimed, found in zip(origin.tolist(), moves, strict=True):
        assert found <= {claimed}
    assert sum(map(bool, moves)) >= len(moves) - 2  # hardly any column stands still by chance
    model.check_provenance(FRAME)


@pytest.mark.parametrize("name", TRACED)
def test_a_pipeline_agrees_with_itself_and_adds_up(name) -> None:
    source = TRACED[name].fit(FRAME, Y)
    model = as_model(source)
    want = source.predict_proba(FRAME)[:, 1:]
    np.testing.assert_allclose(model.predict(FRAME, "probability"), want, rtol=1e-12)
    natural = model.scales[0]
    margin = model.predict(FRAME, natural)
    assert model.can & {"trees", "linear"}
    if "trees" in model.can:
        found = model.trees(natural).predict(model.encode(FRAME))
    else:
        linear = model.linear(natural)
        found = model.encode(FRAME) @ linear.coef.T + linear.intercept
    np.testing.assert_allclose(found, margin, atol=1e-9)


@pytest.mark.parametrize(
    "step",
    [
        SimpleImputer(),
        SimpleImputer(add_indicator=True),
        SimpleImputer(keep_empty_features=True),
        make_union(SimpleImputer(), MissingIndicator(features="all")),
    ],
    ids=["plain", "indicator", "keeps empty", "union"],
)
@pytest.mark.filterwarnings("ignore:Skipping features")
def test_imputers_are_traced_also_when_they_drop_empty_columns(step) -> None:
    numbers = [*NUMERIC, "empty"]
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    encode = ColumnTransformer([("n", step, numbers), ("t", text, TEXT)])
    source = make_pipeline(encode, LogisticRegression(max_iter=5000))
    model = as_model(source.fit(HOLED, Y))
    origin = model.encoded_from
    assert origin is not None
    for claimed, found in zip(origin.tolist(), probed(model, HOLED), strict=True):
        assert found <= {claimed}


def test_multiclass_target_encoding_gives_one_column_for_each_class() -> None:
    encode = ColumnTransformer([("t", TargetEncoder(random_state=0), TEXT)])
    model = as_model(make_pipeline(encode, LogisticRegression()).fit(FRAME, Y3))
    np.testing.assert_array_equal(model.encoded_from, [1, 1, 1, 3, 3, 3])
    model.check_provenance(FRAME)


class Ratio(TransformerMixin, BaseEstimator):
    """A user's transformer that mixes columns."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.asarray(X) / (1 + np.abs(np.asarray(X)[:, :1]))


class Sneaky(StandardScaler):
    """A user's scaler that is none."""

    def transform(self, X):
        return super().transform(X)[:, ::-1]


class Kept(StandardScaler):
    """A user's scaler that is one."""


@pytest.mark.parametrize(
    "step",
    [
        PCA(2),
        PolynomialFeatures(2),
        KNNImputer(),
        IterativeImputer(),
        Normalizer(),
        FunctionTransformer(np.cumsum, kw_args={"axis": 1}),
        Ratio(),
        FeatureUnion([("a", StandardScaler()), ("b", PCA(1))]),
    ],
    ids=lambda step: type(step).__name__,
)
def test_a_step_that_mixes_columns_takes_the_exact_methods_away_and_says_so(step) -> None:
    model = as_model(numeric(step).fit(FRAME, Y))
    assert model.encoded_from is None
    assert model.can == {"predict", "proba"}
    assert any("mix" in note for note in model.notes)
    with pytest.raises(CannotExplain, match="only predictions"):
        model.linear("logit")
    model.predict(FRAME, "logit")


def test_a_subclass_is_trusted_only_while_it_transforms_as_its_parent() -> None:
    assert as_model(numeric(Kept()).fit(FRAME, Y)).encoded_from is not None
    assert as_model(numeric(Sneaky()).fit(FRAME, Y)).encoded_from is None


def test_a_wrong_provenance_is_caught_by_probing() -> None:
    model = as_model(numeric(StandardScaler()).fit(FRAME, Y))
    model._origin = model._origin[::-1]
    with pytest.raises(CannotExplain, match="'age' moves"):
        model.check_provenance(FRAME)


def test_names_and_sources_are_the_users() -> None:
    source = make_pipeline(MIXED, RandomForestClassifier(3)).fit(FRAME, Y)
    model = as_model(source)
    assert model.source is source
    assert model.name == "Pipeline(ColumnTransformer → RandomForestClassifier)"
    assert model.columns == tuple(FRAME.columns)
    search = GridSearchCV(source, {"randomforestclassifier__max_depth": [2, 3]}).fit(FRAME, Y)
    model = as_model(search)
    assert model.name.startswith("GridSearchCV(Pipeline(")
    assert "trees" in model.can


def test_pipelines_in_pipelines_are_read_through() -> None:
    inner = make_pipeline(StandardScaler(with_mean=False), LogisticRegression())
    source = make_pipeline(MIXED, "passthrough", inner).fit(FRAME, Y)
    model = as_model(source)
    linear = model.linear("logit")
    ours = model.encode(FRAME) @ linear.coef.T + linear.intercept
    np.testing.assert_allclose(ours[:, 0], source.decision_function(FRAME))
    model.check_provenance(FRAME)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosted_models_end_a_pipeline(library) -> None:
    boost = pytest.importorskip(library)
    kind = boost.XGBClassifier if library == "xgboost" else boost.LGBMClassifier
    quiet = {} if library == "xgboost" else {"verbose": -1}
    source = make_pipeline(MIXED, kind(n_estimators=5, **quiet)).fit(FRAME, Y)
    model = as_model(source)
    assert model.scales == ("logit", "probability")
    np.testing.assert_allclose(
        model.predict(FRAME, "probability")[:, 0], source.predict_proba(FRAME)[:, 1], rtol=1e-12
    )
    ours = model.trees("logit").predict(model.encode(FRAME))
    np.testing.assert_allclose(ours, model.predict(FRAME, "logit"), atol=1e-5)


@pytest.mark.parametrize("kind", ["polars", "arrow", "rows", "numpy", "turned"])
def test_every_kind_of_table_goes_through_a_pipeline_by_name(kind) -> None:
    holed = HOLED.drop(columns="empty")
    text = OneHotEncoder(handle_unknown="ignore")
    encode = ColumnTransformer([("n", SimpleImputer(), NUMERIC), ("t", text, TEXT)])
    source = make_pipeline(encode, RandomForestClassifier(5, random_state=0)).fit(holed, Y)
    polars = pl.from_pandas(holed)
    table = {
        "polars": polars,
        "arrow": polars.to_arrow(),
        "rows": polars.to_dicts(),
        "numpy": holed.to_numpy(object),
        "turned": holed[holed.columns[::-1]],
    }[kind]
    want = source.predict_proba(holed)[:, 1]
    assert np.isnan(source[0].named_transformers_["t"].categories_[0][-1])  # missing is a category
    np.testing.assert_allclose(as_model(source).predict(table, "probability")[:, 0], want)


def test_a_gap_means_what_the_encoder_learnt_whichever_library_wrote_it() -> None:
    holed = HOLED.drop(columns="empty")
    polars = pl.from_pandas(holed)
    encode = ColumnTransformer([("n", SimpleImputer(), NUMERIC), ("t", OneHotEncoder(), TEXT)])
    source = make_pipeline(encode, LogisticRegression(max_iter=5000)).fit(polars, Y)
    assert source[0].named_transformers_["t"].categories_[0][-1] is None
    want = source.predict_proba(polars)[:, 1]
    for table in (polars, polars.to_arrow(), holed):
        np.testing.assert_allclose(as_model(source).predict(table, "probability")[:, 0], want)


def test_mistakes_in_the_table_are_named() -> None:
    model = as_model(make_pipeline(MIXED, LogisticRegression()).fit(FRAME, Y))
    assert model.check(FRAME) == ()
    with pytest.raises(ColumnMismatch, match="missing city"):
        model.check(FRAME.drop(columns="city"))
    with pytest.raises(ColumnMismatch, match="not known target"):
        model.check(FRAME.assign(target=1))
    with pytest.raises(MissingValues, match=r"amount \(\d+ rows\)"):
        model.check(HOLED.drop(columns="empty").assign(city=FRAME["city"]))
    with pytest.raises(InvalidData, match="lima"):
        model.check(FRAME.assign(city="lima"))
    with pytest.raises(InvalidData, match="text"):
        model.predict(FRAME.assign(age="text"), "logit")


def test_a_pipeline_that_ends_in_a_transformer_is_refused() -> None:
    with pytest.raises(CannotExplain, match="no prediction"):
        as_model(make_pipeline(MIXED).fit(FRAME))
    with pytest.raises(CannotExplain, match="without a model"):
        as_model(Pipeline([("a", MIXED), ("b", "passthrough")]).fit(FRAME))


def test_german_credit_goes_through_a_real_pipeline() -> None:
    folder = Path(os.environ.get("PELLUCID_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = folder / "german_credit" / "south_german_credit.csv"
    if not path.exists():
        pytest.skip("the German credit table is not here")
    frame = pd.read_csv(path)
    y = frame.pop("credit_risk").to_numpy()
    text = make_column_selector(dtype_exclude=np.number)
    encode = ColumnTransformer(
        [("t", OneHotEncoder(min_frequency=0.03, handle_unknown="infrequent_if_exist"), text)],
        remainder=StandardScaler(),
    )
    for last in (LogisticRegression(max_iter=1000), RandomForestClassifier(20, random_state=0)):
        source = make_pipeline(encode, last).fit(frame, y)
        model = as_model(source)
        model.check_provenance(frame)
        for claimed, found in zip(model.encoded_from, probed(model, frame[:150]), strict=True):
            assert found <= {claimed}
        assert len(set(model.encoded_from.tolist())) == 20
        p = source.predict_proba(frame)[:, 1]
        np.testing.assert_allclose(model.predict(frame, "probability")[:, 0], p)
        arrow = pl.read_csv(path).drop("credit_risk").to_arrow()
        np.testing.assert_allclose(model.predict(arrow, "probability")[:, 0], p)


def test_regression_pipelines_keep_their_unit() -> None:
    source = make_pipeline(MIXED, LinearRegression()).fit(FRAME, FRAME["amount"] * 2)
    model = as_model(source)
    assert model.scales == ("raw",)
    np.testing.assert_allclose(model.predict(FRAME, "raw")[:, 0], FRAME["amount"] * 2)
