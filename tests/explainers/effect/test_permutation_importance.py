import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.inspection import permutation_importance as sklearn_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.svm import LinearSVC

import pellucid as pel
from pellucid.core.errors import (
    CannotExplain,
    InvalidData,
    InvalidSetting,
    UnknownName,
    WrongTarget,
)
from pellucid.explainers.effect.permutation_importance import PermutationImportance


def line(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "useless"])
    y = 2 * X["a"] + X["b"] + rng.normal(size=n) * 0.5
    return X, y.to_numpy()


def two_a_and_b(T):
    return 2 * np.asarray(T["a"]) + np.asarray(T["b"])


def test_with_all_pairs_it_is_the_mean_over_every_pair_of_rows():
    X, y = line(25)

    def model(T):
        return np.asarray(T["a"]) * np.asarray(T["b"]) + np.asarray(T["a"])

    found = PermutationImportance(repeats=1000).explain(model, X, y=y)
    own = (model(X) - y) ** 2
    for name in X.columns:
        rises = []
        for i in range(25):
            for j in range(25):
                if i != j:
                    row = X.iloc[[i]].assign(**{name: X[name].iloc[j]})
                    rises.append(float((model(row)[0] - y[i]) ** 2) - own[i])
        assert found.sel(feature=name).values == pytest.approx(np.mean(rises), abs=1e-12)
    assert found.evaluations == 25 * (1 + 3 * 24)


def test_the_loss_of_a_true_line_rises_by_twice_the_explained_variance():
    """For y = Σ w x + noise and independent columns, E[rise of the mse] = 2 w² var(x)."""
    X, y = line(4000)
    found = PermutationImportance(repeats=20).explain(two_a_and_b, X, y=y)
    assert found.dims == ("feature",)
    np.testing.assert_allclose(found.values, [8, 2, 0], rtol=0.1, atol=1e-12)
    assert found.base == pytest.approx(0.25, rel=0.1)
    assert found.output is None
    assert found.scale == "loss"
    assert found.target is None


@pytest.mark.parametrize(
    ("metric", "scoring", "sign"),
    [
        ("log_loss", "neg_log_loss", 1),
        ("brier", "neg_brier_score", 1),
        ("accuracy", "accuracy", 1),
        ("roc_auc", "roc_auc", 1),
    ],
)
def test_it_agrees_with_scikit_learn_within_both_errors(metric, scoring, sign):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = (X / X.std()).iloc[:200, :5]
    y = y[:200]
    model = LogisticRegression(C=0.05).fit(X, y)
    ours = PermutationImportance(metric=metric, repeats=60).explain(model, X, y=y, seed=0)
    theirs = sklearn_importance(model, X, y, scoring=scoring, n_repeats=60, random_state=0)
    noise = theirs.importances_std / np.sqrt(60)
    expected = theirs.importances_mean * 200 / 199
    assert np.all(np.abs(ours.values - expected) < 4.5 * noise + 1e-12)


@pytest.mark.parametrize(("metric", "scoring"), [("mae", "neg_mean_absolute_error"), ("r2", "r2")])
def test_regression_metrics_agree_with_scikit_learn(metric, scoring):
    X, y = line()
    model = LinearRegression().fit(X, y)
    ours = PermutationImportance(metric=metric, repeats=60).explain(model, X, y=y, seed=0)
    theirs = sklearn_importance(model, X, y, scoring=scoring, n_repeats=60, random_state=0)
    noise = theirs.importances_std / np.sqrt(60)
    expected = theirs.importances_mean * 300 / 299
    assert np.all(np.abs(ours.values - expected) < 4.5 * noise + 1e-12)


@pytest.mark.parametrize("metric", ["mse", "r2"])
def test_the_interval_covers_the_truth_in_95_of_100_data_sets(metric):
    held = []
    for seed in range(200):
        X, y = line(120, seed)
        found = PermutationImportance(metric=metric, repeats=5).explain(
            two_a_and_b, X, y=y, seed=seed
        )
        truth = np.array([8.0, 2.0]) / (5.25 if metric == "r2" else 1.0)
        held.append(np.abs(found.values[:2] - truth) <= 1.96 * found.error[:2])
    assert 0.89 <= np.mean(held) <= 0.99


def test_a_useless_column_has_exactly_none_and_a_noise_column_none_within_its_interval():
    X, y = line()
    found = PermutationImportance().explain(two_a_and_b, X, y=y)
    assert found.sel(feature="useless").values == 0
    assert found.sel(feature="useless").error == 0
    half, rest = slice(0, 150), slice(150, None)
    model = LinearRegression().fit(X[half], y[half])
    found = PermutationImportance().explain(model, X[rest], y=y[rest])
    useless = found.sel(feature="useless")
    assert abs(useless.values) < 3 * useless.error


def test_duplicated_columns_share_the_same_shuffles():
    X, y = line()
    X = X.assign(copy=X["a"])

    def model(T):
        return np.asarray(T["a"]) + np.asarray(T["copy"]) + np.asarray(T["b"])

    found = PermutationImportance().explain(model, X, y=y, seed=1)
    assert found.sel(feature="a").values == pytest.approx(found.sel(feature="copy").values)


def test_the_same_seed_gives_the_same_answer_whatever_the_batch():
    X, y = line(90)
    one = PermutationImportance().explain(two_a_and_b, X, y=y, seed=4)
    two = PermutationImportance().explain(two_a_and_b, X, y=y, seed=4, batch_size=17)
    other = PermutationImportance().explain(two_a_and_b, X, y=y, seed=5)
    np.testing.assert_allclose(one.values, two.values, rtol=1e-12)
    assert np.any(one.values != other.values)
    assert one.seed == 4


def test_several_classes_and_named_classes_are_judged_as_a_whole():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = RandomForestClassifier(20, random_state=0, max_depth=3).fit(X, names)
    found = PermutationImportance().explain(model, X, y=names, seed=0)
    assert found.dims == ("feature",)
    theirs = sklearn_importance(model, X, names, scoring="neg_log_loss", random_state=0)
    assert np.argmax(found.values) == np.argmax(theirs.importances_mean)
    for metric in ("roc_auc", "accuracy", "brier"):
        again = PermutationImportance(metric=metric).explain(model, X, y=names, seed=0)
        assert again.top(2).features[0] in ("petal length (cm)", "petal width (cm)")
    one = PermutationImportance().explain(model, X, y=names, seed=0, target="setosa")
    np.testing.assert_array_equal(one.values, found.values)


def test_a_classifier_without_probabilities_is_judged_by_accuracy():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = (X / X.std()).iloc[:, :3]
    model = LinearSVC().fit(X, y)
    found = PermutationImportance().explain(model, X, y=y)
    assert found.base == pytest.approx(model.score(X, y))
    assert any("accuracy" in note for note in found.notes)
    with pytest.raises(CannotExplain, match="roc_auc"):
        PermutationImportance(metric="log_loss").explain(model, X, y=y)


def test_wrong_answers_metrics_and_models_are_refused():
    X, y = line(20)
    explain = PermutationImportance().explain
    with pytest.raises(CannotExplain, match="y="):
        explain(two_a_and_b, X)
    with pytest.raises(WrongTarget, match="1 of 20"):
        explain(two_a_and_b, X, y=np.where(np.arange(20) == 3, np.nan, y))
    with pytest.raises(WrongTarget, match="not numbers"):
        explain(two_a_and_b, X, y=["yes"] * 20)
    with pytest.raises(InvalidData, match="two rows"):
        explain(two_a_and_b, X.head(1), y=y[:1])
    with pytest.raises(CannotExplain, match="mse"):
        PermutationImportance(metric="accuracy").explain(two_a_and_b, X, y=y)
    with pytest.raises(UnknownName, match="log_loss"):
        PermutationImportance(metric="logloss")
    with pytest.raises(InvalidSetting, match="repeats"):
        PermutationImportance(repeats=0)
    with pytest.raises(CannotExplain, match="outlier"):
        explain(IsolationForest(n_estimators=5).fit(X), X, y=y)
    model = LogisticRegression().fit(X, y > 0)
    with pytest.raises(WrongTarget, match="maybe"):
        explain(model, X, y=["maybe"] * 20)
    with pytest.raises(WrongTarget, match="every class"):
        PermutationImportance(metric="roc_auc").explain(model, X, y=[True] * 20)
    with pytest.raises(WrongTarget, match="equal"):
        PermutationImportance(metric="r2").explain(two_a_and_b, X, y=[1.0] * 20)


def test_it_is_found_by_its_name_and_listed():
    X, y = line(30)
    found = pel.explain(two_a_and_b, X, y=y, method="permutation_importance", seed=0)
    assert found.method == "permutation_importance"
    listed = {row["name"]: row for row in pel.methods(two_a_and_b)}
    for name in ("partial_dependence", "ice", "ale", "lime"):
        assert listed[name]["fits"]


def profit(y, prediction):
    """A score of the user's own, imported by its name."""
    return float(np.mean(-(np.abs(np.asarray(y) - prediction) ** 1.5)))


def hits(y, prediction):
    return float(np.mean(np.array(["no", "yes"])[prediction.argmax(axis=1)] == y))


def test_columns_of_a_group_are_shuffled_together():
    X, y = line(400)
    X = X.assign(copy=X["a"])

    def model(T):
        return np.asarray(T["a"]) + np.asarray(T["copy"]) + np.asarray(T["b"])

    found = PermutationImportance().explain(model, X, y=y, seed=0, groups={"both": ["a", "copy"]})
    alone = PermutationImportance().explain(two_a_and_b, X, y=y, seed=0)
    assert found.features == ("both", "b", "useless")
    assert found.sel(feature="both").values == pytest.approx(alone.sel(feature="a").values)


def test_groups_are_shuffled_alike_by_trees_and_by_asking():
    X, y = line(120)
    forest = RandomForestRegressor(10, random_state=0).fit(X, y)
    groups = {"ab": ["a", "b"]}
    for conditional in (False, True):
        recipe = PermutationImportance(repeats=4, conditional=conditional)
        found = recipe.explain(forest, X, y=y, seed=0, groups=groups)
        asked = recipe.explain(lambda T: forest.predict(T), X, y=y, seed=0, groups=groups)
        np.testing.assert_allclose(found.values, asked.values, atol=1e-9)
        np.testing.assert_allclose(found.error, asked.error, atol=1e-9)


def test_conditionally_a_copy_tells_nothing_and_an_independent_column_all_it_knows():
    X, y = line(1500)
    X = X.assign(copy=X["a"] + np.random.default_rng(1).normal(size=1500) * 1e-3)

    def model(T):
        return np.asarray(T["a"]) + np.asarray(T["copy"]) + np.asarray(T["b"])

    free = PermutationImportance().explain(model, X, y=y, seed=0)
    given = PermutationImportance(conditional=True).explain(model, X, y=y, seed=0)
    assert given.sel(feature="a").values < 0.02 * free.sel(feature="a").values
    b = given.sel(feature="b")
    assert abs(b.values - 2) < 4 * b.error
    assert any("alike in the other columns" in note for note in given.notes)


def test_conditional_importance_of_correlated_columns_nears_the_closed_form():
    """E(rise) = 2 w² var(x | others): of a normal pair with correlation r that is 2 w² (1 − r²)."""
    rng = np.random.default_rng(0)
    n, r = 4000, 0.8
    a = rng.normal(size=n)
    X = pd.DataFrame({"a": a, "b": r * a + np.sqrt(1 - r**2) * rng.normal(size=n)})
    y = (X["a"] + X["b"]).to_numpy()
    found = PermutationImportance(conditional=True).explain(
        lambda T: np.asarray(T["a"]) + np.asarray(T["b"]), X, y=y, seed=0
    )
    truth = 2 * (1 - r**2)
    assert np.all(found.values > truth - 4 * found.error)
    assert np.all(found.values < 1.25 * truth)


def test_a_function_of_ones_own_is_kept_by_its_name():
    X, y = line(100)
    recipe = PermutationImportance(metric=profit)
    assert recipe.metric == f"{__name__}:profit"
    assert eval(repr(recipe)) == recipe == PermutationImportance(metric=recipe.metric)
    found = recipe.explain(two_a_and_b, X, y=y, seed=0)
    assert found.base == pytest.approx(profit(y, two_a_and_b(X)))
    assert found.features[int(np.argmax(found.values))] == "a"
    assert found.sel(feature="useless").values == found.sel(feature="useless").error == 0
    labels = np.where(y > 0, "yes", "no")
    model = LogisticRegression().fit(X, labels)
    own = PermutationImportance(metric=hits).explain(model, X, y=labels, seed=0)
    ours = PermutationImportance(metric="accuracy").explain(model, X, y=labels, seed=0)
    np.testing.assert_allclose(own.values, ours.values, atol=1e-12)
    with pytest.raises(InvalidSetting, match="imported"):
        PermutationImportance(metric=lambda y, p: 0.0)
    with pytest.raises(InvalidSetting, match="no such function"):
        PermutationImportance(metric="no_such_module:f").explain(model, X, y=labels)


@pytest.mark.parametrize("metric", ["median_ae", "mse", profit])
def test_the_error_of_any_metric_is_the_scatter_over_new_rows(metric):
    values, errors = [], []
    for seed in range(120):
        X, y = line(150, seed)
        found = PermutationImportance(metric=metric, repeats=4).explain(
            two_a_and_b, X, y=y, seed=seed
        )
        values.append(found.values[:2])
        errors.append(found.error[:2])
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / np.std(values, axis=0)
    assert np.all((ratio > 0.75) & (ratio < 1.5))


@pytest.mark.parametrize(
    "name", ["balanced_accuracy", "f1", "average_precision", "matthews_corrcoef", "f1_macro"]
)
def test_scikit_learns_names_of_scorers_are_known(name):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, y = (X / X.std()).iloc[:150, :4], y[:150]
    model = LogisticRegression(C=0.05).fit(X, y)
    ours = PermutationImportance(metric=name, repeats=40).explain(model, X, y=y, seed=0)
    theirs = sklearn_importance(model, X, y, scoring=name, n_repeats=40, random_state=0)
    assert ours.base == pytest.approx(get_scorer(name)(model, X, y))
    noise = theirs.importances_std / np.sqrt(40)
    apart = np.abs(ours.values - theirs.importances_mean * 150 / 149)
    assert np.all(apart < 5 * noise + 2e-3)
