import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pellucid.core.errors import InvalidSetting
from pellucid.explainers.surrogate.lime import LIME


def frame(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "useless"])
    return X.assign(job=rng.choice(["clerk", "cook", "pilot"], n))


def mixed(T):
    job = np.where(np.asarray(T["job"]) == "cook", 2.0, 0.0)
    return 3 * np.asarray(T["a"]) - np.asarray(T["b"]) * np.asarray(T["c"]) + job


def slow_lime(model, X, row, budget, seed, discretise=True):
    """LIME for one row as the paper tells it, with scikit-learn's ridge."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(seed)
    background = X.to_numpy()
    columns = background.shape[1]
    if discretise:
        drawn = np.column_stack([rng.choice(column, budget) for column in background.T])
        cuts = [np.percentile(column, [25, 50, 75]) for column in background.T]
        bins = np.column_stack([np.searchsorted(c, d) for c, d in zip(cuts, drawn.T, strict=True)])
        own = [np.searchsorted(c, v) for c, v in zip(cuts, row, strict=True)]
        design = (bins == own).astype(float)
        distance = np.sqrt((design == 0).sum(axis=1))
        presence = np.ones(columns)
    else:
        mean, spread = background.mean(axis=0), background.std(axis=0)
        design = rng.normal(size=(budget, columns))
        drawn, presence = mean + spread * design, (row - mean) / spread
        distance = np.linalg.norm(design - presence, axis=1)
    weight = np.exp(-(distance**2) / (2 * 0.75**2 * columns))
    fit = Ridge(alpha=1).fit(design, model(drawn), sample_weight=weight)
    return fit.coef_ * presence


def forest():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:, :8]
    return X, y, RandomForestClassifier(30, max_depth=5, random_state=0).fit(X, y)


@pytest.mark.parametrize("discretise", [True, False])
def test_it_agrees_with_the_slow_twin_within_the_errors_it_states(discretise):
    X, _, model = forest()
    rows = X.iloc[[3, 100]]
    found = LIME(discretise=discretise, budget=4000).explain(
        model, rows, background=X, seed=0, scale="probability"
    )

    def f(drawn):
        return model.predict_proba(pd.DataFrame(drawn, columns=X.columns))[:, 1]

    for i in range(2):
        slow = np.mean(
            [slow_lime(f, X, rows.iloc[i].to_numpy(), 4000, s, discretise) for s in range(10)],
            axis=0,
        )
        assert np.all(np.abs(found.values[i] - slow) < 4.5 * np.sqrt(1.1) * found.error[i])


@pytest.mark.parametrize("discretise", [True, False])
def test_it_ranks_features_as_the_lime_package_does(discretise):
    tabular = pytest.importorskip("lime.lime_tabular")
    X, _, model = forest()
    rows = X.iloc[[10, 200, 400]]
    ours = np.mean(
        [
            LIME(discretise=discretise, budget=3000)
            .explain(model, rows, background=X, seed=s, scale="probability")
            .values
            for s in range(6)
        ],
        axis=0,
    )

    def f(drawn):
        return model.predict_proba(pd.DataFrame(drawn, columns=X.columns))

    for i in range(3):
        row, slopes = rows.iloc[i].to_numpy(), []
        for seed in range(6):
            theirs = tabular.LimeTabularExplainer(
                X.to_numpy(),
                discretize_continuous=discretise,
                discretizer="quartile",
                random_state=seed,
            ).explain_instance(row, f, num_features=8, num_samples=3000)
            slopes.append([slope for _, slope in sorted(theirs.as_map()[1])])
        presence = 1.0 if discretise else ((row - X.mean()) / X.std(ddof=0)).to_numpy()
        theirs_values = np.mean(slopes, axis=0) * presence
        assert spearmanr(ours[i], theirs_values).statistic > 0.9


def test_the_stated_error_is_the_scatter_over_seeds():
    X = frame()
    for discretise in (True, False):
        recipe = LIME(budget=800, discretise=discretise)
        runs = [recipe.explain(mixed, X.head(3), background=X, seed=s) for s in range(60)]
        scatter = np.std([run.values for run in runs], axis=0, ddof=1)
        said = np.mean([run.error for run in runs], axis=0)
        np.testing.assert_allclose(said[scatter > 0], scatter[scatter > 0], rtol=0.4)
        assert np.mean(said / scatter) == pytest.approx(1, abs=0.1)


def test_a_linear_model_gives_back_its_slopes_and_adds_up():
    X = frame().drop(columns="job")

    def model(T):
        return 3 * np.asarray(T["a"]) - np.asarray(T["b"]) + 7

    found = LIME(discretise=False, ridge=1e-6).explain(model, X.head(5), background=X, seed=0)
    mean = X.mean()
    np.testing.assert_allclose(found.sel(feature="a").values, 3 * (X["a"].head(5) - mean["a"]))
    np.testing.assert_allclose(found.sel(feature="useless").values, 0, atol=1e-6)
    np.testing.assert_allclose(found.gap(), 0, atol=1e-6)
    assert any("1.00 to 1.00" in note for note in found.notes)


def test_a_category_gets_what_staying_in_it_is_worth():
    X = frame()

    def model(T):
        return np.where(np.asarray(T["job"]) == "cook", 2.0, 0.0)

    found = LIME().explain(model, X.head(20), background=X, seed=0)
    job = found.sel(feature="job").values
    cook = X["job"].head(20).to_numpy() == "cook"
    np.testing.assert_allclose(job[cook], 2, rtol=0.01)
    assert np.all(job[~cook] < -0.5)
    for name in ("a", "b", "c", "useless"):
        one = found.sel(feature=name)
        assert np.mean(np.abs(one.values) <= 3.5 * one.error + 1e-9) > 0.95


def test_rows_together_equal_rows_apart():
    X = frame()
    together = LIME(budget=500).explain(mixed, X.head(6), background=X, seed=2)
    for i in range(6):
        apart = LIME(budget=500).explain(mixed, X.iloc[[i]], background=X, seed=2)
        np.testing.assert_allclose(apart.values[0], together.values[i], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(apart.error[0], together.error[i], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(apart.base[0], together.base[i], rtol=1e-9)


def test_one_set_of_perturbed_rows_serves_every_row():
    X = frame()
    found = LIME(budget=700).explain(mixed, X.head(50), background=X)
    assert found.evaluations == 700 + 50


def test_many_rows_in_blocks_equal_one_block(monkeypatch):
    X = frame()
    whole = LIME(budget=300).explain(mixed, X.head(30), background=X, seed=1)
    monkeypatch.setattr("pellucid.explainers.surrogate.lime.CELLS", 300 * 5 * 4)
    blocks = LIME(budget=300).explain(mixed, X.head(30), background=X, seed=1)
    np.testing.assert_allclose(blocks.values, whole.values, rtol=1e-9, atol=1e-12)


def test_every_class_has_its_values_and_they_cancel():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    found = LIME(budget=500).explain(model, X.head(4), background=X, seed=0)
    assert found.dims == ("sample", "feature", "class")
    np.testing.assert_allclose(found.values.sum(axis=2), 0, atol=1e-9)
    one = LIME(budget=500).explain(model, X.head(4), background=X, seed=0, target=2)
    np.testing.assert_allclose(one.values, found.sel(**{"class": 2}).values, atol=1e-12)
    np.testing.assert_allclose(one.base, found.base[:, 2], atol=1e-12)


def test_fewer_features_are_the_strongest_fitted_again():
    X = frame()
    found = LIME(features=2, budget=1000).explain(mixed, X.head(10), background=X, seed=0)
    assert np.all((found.values != 0).sum(axis=1) == 2)
    full = LIME(budget=1000).explain(mixed, X.head(10), background=X, seed=0)
    strongest = np.argsort(-np.abs(full.values), axis=1)[:, :2]
    assert np.all(np.take_along_axis(found.values, strongest, axis=1) != 0)


def test_missing_values_are_a_category_of_their_own():
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    a[rng.random(400) < 0.3] = np.nan
    X = pd.DataFrame({"a": a, "b": rng.normal(size=400)})

    def model(T):
        return np.isnan(np.asarray(T["a"])) * 4.0

    found = LIME().explain(model, X.head(20), background=X, seed=0)
    gone = X["a"].head(20).isna().to_numpy()
    np.testing.assert_allclose(found.sel(feature="a").values[gone], 4, rtol=0.01)
    smooth = LIME(discretise=False).explain(
        lambda T: np.nan_to_num(np.asarray(T["a"])), X.head(20), background=X
    )
    assert np.all(smooth.sel(feature="a").values[gone] == 0)


def test_integers_stay_integers_and_dates_and_booleans_work():
    rng = np.random.default_rng(1)
    n = 200
    X = pd.DataFrame(
        {
            "count": rng.integers(0, 9, n),
            "ok": rng.random(n) < 0.5,
            "when": pd.to_datetime("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 99, n), unit="D"),
            "constant": 1.0,
        }
    )

    def model(T):
        assert T["count"].dtype == X["count"].dtype
        return np.asarray(T["count"]) + 5.0 * np.asarray(T["ok"])

    for discretise in (True, False):
        found = LIME(discretise=discretise, budget=2000).explain(
            model, X.head(30), background=X, seed=0
        )
        ok = found.sel(feature="ok").values
        np.testing.assert_allclose(ok, np.where(X["ok"].head(30), 5, -5), rtol=0.25)
        np.testing.assert_allclose(found.sel(feature="constant").values, 0, atol=1e-12)


def test_the_fit_and_the_stability_are_said():
    X = frame()
    found = LIME().explain(mixed, X.head(10), background=X, seed=0)
    assert any("Local R²" in note for note in found.notes)
    assert any("told apart" in note for note in found.notes)


def test_a_wrong_setting_is_refused():
    for wrong in ({"budget": 1}, {"ridge": 0}, {"kernel_width": -1.0}, {"features": 0}):
        with pytest.raises(InvalidSetting, match=next(iter(wrong))):
            LIME(**wrong)


def test_a_wide_regression_keeps_its_true_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 30))
    model = RandomForestRegressor(20, random_state=0).fit(X, 5 * X[:, 4] - 5 * X[:, 9])
    found = LIME(discretise=False).explain(model, X[:40], background=X, seed=0)
    assert set(found.top(2).features) == {"x4", "x9"}
