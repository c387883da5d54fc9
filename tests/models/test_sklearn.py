"""scikit-learn estimators, asked on every scale, held to the estimator's own answers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn import ensemble, linear_model, naive_bayes, neighbors, svm, tree
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from pellucid.core.errors import (
    CannotExplain,
    ColumnMismatch,
    EmptyData,
    InvalidSetting,
    MissingValues,
    NotFitted,
    WrongType,
)
from pellucid.models.adapter import Model
from pellucid.models.as_model import as_model

X2, Y2 = make_classification(200, 6, n_informative=4, random_state=0)
X3, Y3 = make_classification(240, 6, n_informative=4, n_classes=3, random_state=1)
XR, YR = make_regression(150, 5, noise=5.0, random_state=0)
COUNTS = np.random.default_rng(0).poisson(np.exp(XR[:, 0] / 2)) + 1.0

PROBABILISTIC = [
    linear_model.LogisticRegression(),
    linear_model.LogisticRegressionCV(l1_ratios=(0,), use_legacy_attributes=False),
    linear_model.SGDClassifier(loss="log_loss", random_state=0),
    linear_model.SGDClassifier(loss="modified_huber", random_state=0),
    LinearDiscriminantAnalysis(),
    tree.DecisionTreeClassifier(max_depth=3),
    ensemble.RandomForestClassifier(10, random_state=0),
    ensemble.ExtraTreesClassifier(10, random_state=0),
    ensemble.GradientBoostingClassifier(n_estimators=10),
    ensemble.HistGradientBoostingClassifier(max_iter=10),
    ensemble.AdaBoostClassifier(n_estimators=5),
    ensemble.BaggingClassifier(n_estimators=3),
    ensemble.VotingClassifier([("a", naive_bayes.GaussianNB())], voting="soft"),
    CalibratedClassifierCV(svm.LinearSVC()),
    naive_bayes.GaussianNB(),
    neighbors.KNeighborsClassifier(),
    MLPClassifier((4,), max_iter=50, random_state=0),
]
LINEAR_REGRESSORS = [
    linear_model.LinearRegression(),
    linear_model.Ridge(),
    linear_model.RidgeCV(),
    linear_model.Lasso(),
    linear_model.LassoCV(),
    linear_model.ElasticNet(),
    linear_model.ElasticNetCV(),
    linear_model.HuberRegressor(max_iter=500),
    linear_model.TheilSenRegressor(max_subpopulation=100),
    linear_model.RANSACRegressor(random_state=0),
    linear_model.SGDRegressor(),
    linear_model.BayesianRidge(),
    linear_model.QuantileRegressor(),
    svm.LinearSVR(),
]
LOG_LINKS = [
    linear_model.PoissonRegressor(),
    linear_model.GammaRegressor(),
    linear_model.TweedieRegressor(power=1.5),
    ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=10),
    ensemble.HistGradientBoostingRegressor(loss="gamma", max_iter=10),
]


def label(estimator: BaseEstimator) -> str:
    return type(estimator).__name__ + str(getattr(estimator, "loss", ""))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", PROBABILISTIC, ids=label)
@pytest.mark.parametrize(("X", "y"), [(X2, Y2), (X3, Y3)], ids=["two", "three"])
def test_a_classifier_agrees_with_itself_on_every_scale(estimator, X, y) -> None:
    estimator.fit(X, y)
    model = as_model(estimator)
    p = estimator.predict_proba(X)
    k = p.shape[1]
    assert model.task == "classification"
    assert model.classes == tuple(range(k))
    assert {"probability", "logit"} <= set(model.scales)
    np.testing.assert_array_equal(model.predict(X, "probability"), p[:, 1:] if k == 2 else p)
    logit = model.predict(X, "logit")
    inside = ((p > 1e-5) & (p < 1 - 1e-5)).all(axis=1)
    back = expit(logit) if k == 2 else softmax(logit, axis=1)
    assert logit.shape == (len(X), 1 if k == 2 else k)
    np.testing.assert_allclose(back[inside], (p[:, 1:] if k == 2 else p)[inside], atol=1e-9)
    assert np.isfinite(logit).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", PROBABILISTIC, ids=label)
@pytest.mark.parametrize(("X", "y"), [(X2, Y2), (X3, Y3)], ids=["two", "three"])
def test_what_a_classifier_claims_adds_up_on_its_natural_scale(estimator, X, y) -> None:
    model = as_model(estimator.fit(X, y))
    natural = model.scales[0]
    want = model.predict(X, natural)
    if "trees" in model.can:
        np.testing.assert_allclose(model.trees(natural).predict(model.encode(X)), want, atol=1e-9)
    if "linear" in model.can:
        found = model.linear(natural)
        np.testing.assert_allclose(model.encode(X) @ found.coef.T + found.intercept, want)
    for scale in model.scales[1:]:
        with pytest.raises(CannotExplain):
            model.trees(scale)
        with pytest.raises(CannotExplain):
            model.linear(scale)


def test_the_natural_scales_and_capabilities_are_as_documented() -> None:
    def says(estimator: BaseEstimator, X=X2, y=Y2) -> tuple[str, set[str]]:
        model = as_model(estimator.fit(X, y))
        return model.scales[0], set(model.can) - {"predict"}

    boosted = {"proba", "trees"}
    assert says(ensemble.RandomForestClassifier(3)) == ("probability", boosted)
    assert says(ensemble.HistGradientBoostingClassifier(max_iter=3)) == ("logit", boosted)
    assert says(ensemble.GradientBoostingClassifier(n_estimators=3)) == ("logit", boosted)
    exponential = ensemble.GradientBoostingClassifier(n_estimators=3, loss="exponential")
    assert says(exponential) == ("raw", boosted)
    assert says(linear_model.LogisticRegression()) == ("logit", {"proba", "linear"})
    assert says(svm.LinearSVC()) == ("raw", {"linear"})
    assert says(svm.SVC(kernel="rbf")) == ("raw", set())
    assert says(naive_bayes.GaussianNB()) == ("probability", {"proba"})
    assert says(ensemble.RandomForestRegressor(3), XR, YR) == ("raw", {"trees"})
    assert says(linear_model.PoissonRegressor(), XR, COUNTS) == ("log", {"linear"})


def test_multiclass_logit_is_the_softmax_margin_and_else_log_p() -> None:
    boosted = ensemble.HistGradientBoostingClassifier(max_iter=5).fit(X3, Y3)
    np.testing.assert_array_equal(
        as_model(boosted).predict(X3, "logit"), boosted.decision_function(X3)
    )
    bayes = naive_bayes.GaussianNB().fit(X3, Y3)
    p = bayes.predict_proba(X3)
    inside = (p > 1e-6).all(axis=1)
    np.testing.assert_allclose(as_model(bayes).predict(X3, "logit")[inside], np.log(p)[inside])
    margin = boosted.decision_function(X3)
    np.testing.assert_allclose(log_softmax(margin, axis=1), np.log(boosted.predict_proba(X3)))


def test_clipping_of_certain_probabilities_is_said() -> None:
    forest = as_model(tree.DecisionTreeClassifier().fit(X2, Y2))
    assert np.abs(forest.predict(X2, "logit")).max() == pytest.approx(np.log(1e6 - 1))
    assert any("clipped" in note for note in forest.notes)
    assert not as_model(linear_model.LogisticRegression().fit(X2, Y2)).notes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", LINEAR_REGRESSORS, ids=label)
def test_a_linear_regressor_is_its_coefficients(estimator) -> None:
    model = as_model(estimator.fit(XR, YR))
    found = model.linear("raw")
    np.testing.assert_allclose(model.predict(XR, "raw")[:, 0], estimator.predict(XR))
    np.testing.assert_allclose(
        (XR @ found.coef.T + found.intercept)[:, 0], estimator.predict(XR), atol=1e-9
    )


@pytest.mark.parametrize("estimator", LOG_LINKS, ids=label)
def test_a_log_link_adds_up_on_the_log_scale(estimator) -> None:
    model = as_model(estimator.fit(XR, COUNTS))
    assert model.scales == ("log", "raw")
    np.testing.assert_allclose(model.predict(XR, "raw")[:, 0], estimator.predict(XR))
    want = np.log(estimator.predict(XR))
    if "linear" in model.can:
        found = model.linear("log")
        ours = XR @ found.coef.T + found.intercept
    else:
        ours = model.trees("log").predict(model.encode(XR))
    np.testing.assert_allclose(ours[:, 0], want, atol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        svm.LinearSVC(),
        linear_model.RidgeClassifier(),
        linear_model.Perceptron(),
        linear_model.SGDClassifier(random_state=0),
    ],
    ids=label,
)
@pytest.mark.parametrize(("X", "y"), [(X2, Y2), (X3, Y3)], ids=["two", "three"])
def test_a_score_that_is_no_logit_is_called_raw(estimator, X, y) -> None:
    model = as_model(estimator.fit(X, y))
    assert model.scales == ("raw",)
    assert "proba" not in model.can
    score = estimator.decision_function(X).reshape(len(X), -1)
    np.testing.assert_array_equal(model.predict(X, "raw"), score)
    found = model.linear("raw")
    np.testing.assert_allclose(X @ found.coef.T + found.intercept, score, atol=1e-9)


def test_a_classifier_that_only_votes_gives_zero_or_one_and_says_so() -> None:
    voter = ensemble.VotingClassifier([("a", svm.LinearSVC()), ("b", naive_bayes.GaussianNB())])
    model = as_model(voter.fit(X3, Y3))
    votes = model.predict(X3, "probability")
    assert set(np.unique(votes)) == {0.0, 1.0}
    np.testing.assert_array_equal(votes.argmax(axis=1), voter.predict(X3))
    assert "proba" not in model.can
    assert model.notes


def test_class_labels_are_kept_and_the_second_of_two_is_explained() -> None:
    labels = np.where(Y2 == 1, "bad", "good")
    estimator = linear_model.LogisticRegression().fit(X2, labels)
    model = as_model(estimator)
    assert model.classes == ("bad", "good")
    np.testing.assert_array_equal(
        model.predict(X2, "probability")[:, 0], estimator.predict_proba(X2)[:, 1]
    )


def test_outlier_detectors_answer_with_their_own_score() -> None:
    forest = ensemble.IsolationForest(n_estimators=20, random_state=0).fit(X2)
    model = as_model(forest)
    assert (model.task, model.scales) == ("outlier", ("path length", "raw"))
    np.testing.assert_array_equal(model.predict(X2, "raw")[:, 0], forest.decision_function(X2))
    length = model.predict(X2, "path length")
    np.testing.assert_allclose(model.trees("path length").predict(model.encode(X2)), length)
    order = np.argsort(length[:, 0])
    assert (np.diff(forest.score_samples(X2)[order]) >= -1e-12).all()  # short paths are odd rows
    svc = svm.OneClassSVM().fit(X2)
    assert as_model(svc).scales == ("raw",)
    np.testing.assert_array_equal(as_model(svc).predict(X2, "raw")[:, 0], svc.decision_function(X2))


def test_wrappers_are_read_through() -> None:
    grid = {"max_depth": [2, 3]}
    search = GridSearchCV(tree.DecisionTreeClassifier(), grid).fit(X2, Y2)
    model = as_model(search)
    assert model.source is search
    assert model.name == "GridSearchCV(DecisionTreeClassifier)"
    assert "trees" in model.can
    np.testing.assert_array_equal(
        model.predict(X2, "probability")[:, 0], search.predict_proba(X2)[:, 1]
    )
    fixed = FixedThresholdClassifier(linear_model.LogisticRegression(), threshold=0.8).fit(X2, Y2)
    np.testing.assert_array_equal(
        as_model(fixed).predict(X2, "probability")[:, 0], fixed.predict_proba(X2)[:, 1]
    )


def test_a_transformed_target_is_predicted_in_its_own_unit_and_has_no_coefficients() -> None:
    inner = linear_model.LinearRegression()
    estimator = TransformedTargetRegressor(inner, func=np.log, inverse_func=np.exp)
    estimator.fit(XR, COUNTS)
    model = as_model(estimator)
    assert model.can == {"predict"}
    np.testing.assert_array_equal(model.predict(XR, "raw")[:, 0], estimator.predict(XR))


def test_regression_with_several_targets_gives_several_outputs() -> None:
    Y = np.column_stack([YR, -YR, YR**2])
    for estimator in (linear_model.Ridge(), ensemble.RandomForestRegressor(3, random_state=0)):
        model = as_model(estimator.fit(XR, Y))
        np.testing.assert_array_equal(model.predict(XR, "raw"), estimator.predict(XR))
    assert as_model(linear_model.Ridge().fit(XR, Y)).linear("raw").coef.shape == (3, 5)


class Own(ensemble.RandomForestClassifier):
    """A user's subclass."""


class Stump(ClassifierMixin, BaseEstimator):
    """A user's estimator."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.cut_ = float(np.median(X[:, 0]))
        return self

    def predict(self, X):
        return self.classes_[(np.asarray(X)[:, 0] > self.cut_).astype(int)]


def test_users_own_estimators_are_read_as_what_they_extend() -> None:
    model = as_model(Own(5, random_state=0).fit(X2, Y2))
    assert model.name == "Own"
    assert "trees" in model.can
    votes = as_model(Stump().fit(X2, Y2))
    assert votes.scales == ("probability",)
    np.testing.assert_array_equal(
        votes.predict(X2, "probability")[:, 0], X2[:, 0] > votes.source.cut_
    )


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KMeans(2, n_init=1).fit(X2), "no prediction"),
        (StandardScaler().fit(X2), "no prediction"),
        (neighbors.LocalOutlierFactor().fit(X2), "no prediction"),
        (MultiOutputClassifier(tree.DecisionTreeClassifier()).fit(X2, np.c_[Y2, Y2]), "several"),
        (ensemble.RandomForestClassifier(2).fit(X2, np.c_[Y2, 1 - Y2]), "several"),
        (tree.DecisionTreeClassifier().fit(X2, np.zeros(200)), "single class"),
        ("a path", "not a model"),
        (None, "not a model"),
    ],
    ids=str,
)
def test_what_cannot_be_explained_is_refused_with_a_reason(estimator, message) -> None:
    with pytest.raises(CannotExplain, match=message):
        as_model(estimator)


def test_an_object_with_a_predict_method_is_told_to_pass_the_method() -> None:
    class Other:
        def predict(self, X):
            return X

    with pytest.raises(CannotExplain, match=r"model\.predict"):
        as_model(Other())


@pytest.mark.parametrize(
    "estimator",
    [
        linear_model.LogisticRegression,
        linear_model.LogisticRegression(),
        GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [1]}),
        GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [1]}, refit=False).fit(X2, Y2),
    ],
    ids=str,
)
def test_what_was_never_fitted_says_so(estimator) -> None:
    with pytest.raises(NotFitted):
        as_model(estimator)


def test_as_model_is_idempotent_and_leaves_the_estimator_alone() -> None:
    estimator = ensemble.RandomForestClassifier(5, random_state=0).fit(X2, Y2)
    before = pickle.dumps(estimator)
    model = as_model(estimator)
    assert as_model(model) is model
    assert model.source is estimator
    _ = model.can, model.encode(X2), model.predict(X2, "logit"), model.check(X2)
    assert pickle.dumps(estimator) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", PROBABILISTIC, ids=label)
def test_the_fingerprint_survives_saving_and_tells_models_apart(estimator) -> None:
    first = as_model(estimator.fit(X2, Y2))
    copy = as_model(pickle.loads(pickle.dumps(estimator)))
    assert first.fingerprint() == copy.fingerprint()
    assert first.fingerprint().startswith("sha256:")
    other = as_model(pickle.loads(pickle.dumps(estimator)).fit(X2[:150], Y2[:150]))
    assert other.fingerprint() != first.fingerprint()


def test_unknown_scales_and_empty_tables_are_refused() -> None:
    model = as_model(linear_model.LogisticRegression().fit(X2, Y2))
    with pytest.raises(InvalidSetting, match="logit, probability"):
        model.predict(X2, "margin")
    with pytest.raises(EmptyData):
        model.predict(X2[:0], "logit")
    with pytest.raises(WrongType, match="reshape"):
        model.predict(X2[0], "logit")
    with pytest.raises(ColumnMismatch, match="6 columns"):
        model.check(X2[:, :4])


def refused(model: Model, X: np.ndarray) -> str:
    with pytest.raises(MissingValues) as caught:
        model.check(X)
    return str(caught.value)


def test_missing_values_are_refused_by_column_only_where_the_model_refuses_them() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X2, columns=list("abcdef"))
    holed = frame.copy()
    holed.loc[[3, 5], "b"] = np.nan
    holed.loc[7, "e"] = np.inf
    strict = as_model(linear_model.LogisticRegression().fit(frame, Y2))
    assert "b (2 rows)" in refused(strict, holed)
    assert "e (1 rows)" in refused(strict, holed.fillna(0.0))
    only_missing = holed.assign(e=0.0)
    as_model(ensemble.HistGradientBoostingClassifier().fit(frame, Y2)).check(only_missing)
    as_model(ensemble.RandomForestClassifier(3).fit(only_missing, Y2)).check(only_missing)
    with pytest.raises(MissingValues):
        strict.predict(holed, "logit")


def test_columns_are_matched_by_name() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X2, columns=list("abcdef"))
    model = as_model(linear_model.LogisticRegression().fit(frame, Y2))
    assert model.columns == tuple("abcdef")
    want = model.predict(frame, "logit")
    turned = frame[list("fedcba")]
    np.testing.assert_array_equal(model.predict(turned, "logit"), want)
    np.testing.assert_array_equal(model.encode(turned), X2)
    assert any("order" in note for note in model.check(turned))
    assert any("position" in note for note in model.check(X2))
    assert model.check(frame) == ()
    with pytest.raises(ColumnMismatch, match="missing a; not known g"):
        model.check(frame.rename(columns={"a": "g"}))
    with pytest.raises(WrongType, match="could not convert"):
        model.check(frame.assign(c="text"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "numpy", "dict", "rows"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_every_kind_of_table_gives_the_same_answer_without_a_warning(kind, named) -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pd.DataFrame(X2, columns=list("abcdef"))
    tables = {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "arrow": pl.from_pandas(frame).to_arrow(),
        "numpy": X2,
        "dict": {name: frame[name].to_numpy() for name in frame},
        "rows": frame.to_dict("records"),
    }
    estimator = linear_model.LogisticRegression().fit(frame if named else X2, Y2)
    want = estimator.decision_function(frame if named else X2)
    model = as_model(estimator)
    np.testing.assert_allclose(model.predict(tables[kind], "logit")[:, 0], want, rtol=1e-12)
    np.testing.assert_array_equal(model.encode(tables[kind]), X2)


def test_native_categories_of_histogram_boosting_are_traced_though_they_move_to_the_front() -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": X2[:, 0], "k": rng.choice(list("xyz"), 200), "b": X2[:, 1]})
    frame["k"] = frame["k"].astype("category")
    estimator = ensemble.HistGradientBoostingClassifier(
        categorical_features="from_dtype", max_iter=10
    ).fit(frame, Y2 ^ (frame["k"] == "x"))
    model = as_model(estimator)
    np.testing.assert_array_equal(model.encoded_from, [1, 0, 2])
    model.check_provenance(frame)
    want = estimator.decision_function(frame)
    for table in (frame, pl.from_pandas(frame), pl.from_pandas(frame).to_arrow()):
        np.testing.assert_allclose(model.trees("logit").predict(model.encode(table))[:, 0], want)


def test_scores_of_pairs_are_refused_where_there_are_as_many_pairs_as_classes() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.repeat(["a", "b", "c"], 20)
    model = as_model(svm.SVC(decision_function_shape="ovo").fit(X, y))
    with pytest.raises(CannotExplain, match="pairs of classes"):
        model.predict(X, "raw")
