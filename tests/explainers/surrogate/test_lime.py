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
    assert any("keep their order" in note for note in found.notes)


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


def test_bootstrap_errors_are_those_of_the_formula_and_of_new_seeds():
    X = frame()
    given = {"background": X, "seed": 3}
    formula = LIME(budget=3000).explain(mixed, X.head(8), **given)
    redrawn = LIME(budget=3000, bootstrap=400).explain(mixed, X.head(8), **given)
    np.testing.assert_allclose(redrawn.values, formula.values, rtol=1e-9, atol=1e-12)
    assert np.median(redrawn.error / formula.error) == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(redrawn.error, formula.error, rtol=0.35)


def test_a_bootstrap_interval_holds_the_value_of_endless_draws():
    X = frame()
    truth = LIME(budget=200_000).explain(mixed, X.head(4), background=X, seed=99).values
    inside = []
    for seed in range(40):
        found = LIME(budget=1000, bootstrap=100).explain(mixed, X.head(4), background=X, seed=seed)
        inside.append(np.abs(found.values - truth) <= 1.96 * found.error)
    assert 0.9 < np.mean(inside) < 0.98


def test_the_stability_said_is_that_of_new_seeds():
    X = frame()
    recipe = LIME(budget=400, top=3)
    runs = np.abs(
        [recipe.explain(mixed, X.head(10), background=X, seed=s).values for s in range(30)]
    )
    tops = np.argsort(-runs, axis=2)[:, :, :3]
    shared = [
        len(set(tops[a, i]) & set(tops[b, i])) / 3
        for i in range(10)
        for a in range(30)
        for b in range(a)
    ]
    said = []
    for seed in range(5):
        found = recipe.explain(mixed, X.head(10), background=X, seed=seed)
        note = next(note for note in found.notes if "keep their order" in note)
        said.append(float(note.split("redrawn, ")[1].split("%")[0]) / 100)
    assert np.mean(said) == pytest.approx(np.mean(shared), abs=0.06)


def test_draws_are_added_until_the_order_settles_row_by_row():
    X = frame()
    loose = LIME(budget=200, top=3, tolerance=0.3).explain(mixed, X.head(6), background=X, seed=0)
    tight = LIME(budget=200, top=3, tolerance=0.01).explain(mixed, X.head(6), background=X, seed=0)
    assert loose.evaluations < tight.evaluations <= 200 * 32 + 6
    assert tight.error.mean() < loose.error.mean()
    assert any("rows were perturbed" in note for note in tight.notes)
    for i in range(6):
        alone = LIME(budget=200, top=3, tolerance=0.01).explain(
            mixed, X.iloc[[i]], background=X, seed=0
        )
        np.testing.assert_allclose(alone.values[0], tight.values[i], rtol=1e-9)


def test_a_step_in_one_place_takes_a_narrow_kernel_and_a_line_a_wide_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    bent = lambda T: np.abs(T[:, 0]) + 0.1 * T[:, 1]  # noqa: E731
    straight = lambda T: T[:, 0] + 0.1 * T[:, 1]  # noqa: E731

    def width(model, **more):
        recipe = LIME(discretise=False, kernel_width="auto", **more)
        found = recipe.explain(model, np.array([[1.5, 0.0, 0.0]]), background=X, seed=0)
        note = next(note for note in found.notes if "Kernel width" in note)
        return found, float(note.split(": ")[1].split(" ")[0])

    near, narrow = width(bent)
    assert narrow < 0.75 * np.sqrt(3)
    wide_only = LIME(discretise=False, kernel_width=1.5 * np.sqrt(3)).explain(
        bent, np.array([[1.5, 0.0, 0.0]]), background=X, seed=0
    )
    slope = (near.values[0, 0], wide_only.values[0, 0]) / np.float64(1.5 - X[:, 0].mean())
    assert slope[0] > slope[1]
    assert width(straight)[0].gap() == pytest.approx(0, abs=0.02)


def test_draws_around_the_row_see_its_own_slope():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    model = lambda T: T[:, 0] ** 2  # noqa: E731
    row = np.array([[2.0, 0.0]])
    found = LIME(discretise=False, around=True).explain(model, row, background=X, seed=0)
    slope = found.values[0, 0] / (2 - X[:, 0].mean()) * X[:, 0].std()
    assert slope == pytest.approx(4, rel=0.05)
    assert found.evaluations == 5001
    together = LIME(discretise=False, around=True, budget=300).explain(
        model, X[:4], background=X, seed=1
    )
    for i in range(4):
        alone = LIME(discretise=False, around=True, budget=300).explain(
            model, X[i : i + 1], background=X, seed=1
        )
        np.testing.assert_allclose(alone.values[0], together.values[i], rtol=1e-9)


def test_rows_that_the_line_fits_badly_are_named():
    X = frame()
    model = lambda T: np.sin(20 * np.asarray(T["a"]))  # noqa: E731
    found = LIME().explain(model, X.head(3), background=X, seed=0)
    assert any("fits badly" in note and "0, 1, 2" in note for note in found.notes)
    cooks = X[X["job"] == "cook"].head(3)
    fine = LIME().explain(lambda T: 1.0 * (np.asarray(T["job"]) == "cook"), cooks, background=X)
    assert not any("fits badly" in note for note in fine.notes)


def test_settings_that_exclude_each_other_are_refused():
    with pytest.raises(InvalidSetting, match="around"):
        LIME(around=True)
    with pytest.raises(InvalidSetting, match="around"):
        LIME(around=True, discretise=False, tolerance=0.1)
    with pytest.raises(InvalidSetting, match="kernel_width"):
        LIME(kernel_width="wide")
