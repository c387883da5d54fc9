import warnings

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.linear_shap import LinearSHAP
from twins.shapley_enumeration import gaussian_worth, marginal_worth, shapley_values

RNG = generator(0, "test linear")
MIX = RNG.normal(size=(5, 5))
X = RNG.normal(size=(200, 5)) @ MIX
Y = X @ np.array([1.0, -2.0, 0.5, 0.0, 3.0]) + RNG.normal(size=200)


def regression() -> object:
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(X, Y)


def logistic(classes: int) -> object:
    from sklearn.linear_model import LogisticRegression

    edges = np.quantile(Y, np.linspace(0, 1, classes + 1)[1:-1])
    return LogisticRegression(max_iter=2000).fit(X, np.digitize(Y, edges))


def test_independent_features_are_coefficient_times_distance_from_the_mean() -> None:
    model = regression()
    found = pel.explain(model, X[:3], method="linear_shap", background=X)
    np.testing.assert_allclose(found.values, model.coef_ * (X[:3] - X.mean(axis=0)), atol=1e-12)
    np.testing.assert_allclose(found.base, model.predict(X).mean())
    assert found.exact


def test_it_is_chosen_for_linear_models_and_agrees_with_enumeration() -> None:
    model = logistic(3)
    found = pel.explain(model, X[:3], background=X[:50])
    assert found.method == "linear_shap"
    exact = pel.explain(model, X[:3], background=X[:50], method="exact_shap", scale=found.scale)
    np.testing.assert_allclose(found.values, exact.values, atol=1e-10)
    np.testing.assert_allclose(found.base, exact.base, atol=1e-10)
    assert found.dims == ("sample", "feature", "class")


def test_the_other_class_gets_the_opposite() -> None:
    one, other = (
        pel.explain(logistic(2), X[:3], background=X, method="linear_shap", target=target)
        for target in (1, 0)
    )
    np.testing.assert_allclose(one.values, -other.values)
    np.testing.assert_allclose(one.base, -other.base)
    np.testing.assert_allclose(other.gap(), 0, atol=1e-12)


@pytest.mark.parametrize("features", ["independent", "correlated"])
def test_one_hot_columns_come_back_as_the_users_column(features: str) -> None:
    pd = pytest.importorskip("pandas")
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    size = 150
    frame = pd.DataFrame(
        {
            "town": RNG.choice(["Oslo", "Rome", "Lima"], size),
            "age": RNG.normal(size=size),
            "size": RNG.normal(size=size),
        }
    )
    target = (frame["town"] == "Rome") * 2 + frame["age"] + RNG.normal(size=size)
    encoder = make_column_transformer(
        (OneHotEncoder(), ["town"]), (StandardScaler(), ["age", "size"])
    )
    model = make_pipeline(encoder, Ridge()).fit(frame, target)
    found = pel.explain(model, frame[:4], background=frame, method=LinearSHAP(features=features))
    assert found.features == ("town", "age", "size")
    assert np.abs(found.gap()).max() < 1e-9
    if features == "correlated":
        return

    def predict(rows: np.ndarray) -> np.ndarray:
        return model.predict(
            pd.DataFrame(rows, columns=frame.columns).astype(frame.dtypes.to_dict())
        )

    row, background = frame.iloc[0].to_numpy(object), frame.to_numpy(object)
    truth = shapley_values(marginal_worth(predict, row, background), 3)[:, 0]
    np.testing.assert_allclose(found.values[0], truth, atol=1e-10)


def test_correlated_features_against_the_definition() -> None:
    model = regression()
    found = pel.explain(model, X[:3], background=X, method=LinearSHAP(features="correlated"))
    mean, covariance = X.mean(axis=0), np.cov(X.T, bias=True)
    for row, values in zip(X[:3], found.values, strict=True):
        worth = gaussian_worth(model.coef_, model.intercept_, row, mean, covariance)
        np.testing.assert_allclose(values, shapley_values(worth, 5)[:, 0], atol=1e-9)
    assert found.exact
    assert any("normal distribution" in note for note in found.notes)


def test_a_column_and_its_copy_share_what_the_column_is_worth() -> None:
    from sklearn.linear_model import LinearRegression

    doubled = np.column_stack([X[:, :3], X[:, 0], np.ones(len(X))])
    model = LinearRegression().fit(X[:, :3], Y)
    wide = LinearRegression().fit(doubled, Y)
    wide.coef_ = np.array([*model.coef_, 0.0, 0.0])
    wide.intercept_ = model.intercept_
    found = pel.explain(
        wide, doubled[:3], background=doubled, method=LinearSHAP(features="correlated")
    )
    np.testing.assert_allclose(found.values[:, 0], found.values[:, 3], atol=1e-6)
    np.testing.assert_allclose(found.values[:, 4], 0, atol=1e-9)
    assert np.abs(found.gap()).max() < 1e-9
    assert any("1e-8" in note for note in found.notes)
    mean, covariance = doubled.mean(axis=0), np.cov(doubled.T, bias=True)
    worth = gaussian_worth(wide.coef_, wide.intercept_, doubled[0], mean, covariance)
    np.testing.assert_allclose(found.values[0], shapley_values(worth, 5)[:, 0], atol=1e-5)


def test_sampled_orders_agree_with_enumeration_within_their_error() -> None:
    from sklearn.linear_model import LinearRegression

    blocks = RNG.normal(size=(4, 4)) / 2 + np.eye(4)
    wide = np.concatenate([RNG.normal(size=(400, 4)) @ blocks for _ in range(4)], axis=1)
    wide -= wide.mean(axis=0)
    model = LinearRegression().fit(wide, wide @ RNG.normal(size=16))
    inside = []
    for seed in range(20):
        recipe = LinearSHAP(features="correlated", orders=30)
        found = pel.explain(model, wide[:2], background=wide, method=recipe, seed=seed)
        assert np.abs(found.gap()).max() < 1e-9
        assert found.seed == seed
        inside.append((found.values, found.error))
    covariance = np.cov(wide.T, bias=True)
    values, error = (np.array(part) for part in zip(*inside, strict=True))
    exact = long_permutations(model.coef_, wide[:2], covariance)
    covered = (np.abs(values - exact) <= 1.96 * error).mean()
    assert 0.9 < covered < 0.99


def long_permutations(coef: np.ndarray, rows: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Conditional expectations solved afresh in 1500 random orders of the columns."""
    rng = generator(0, "long permutations")
    values = np.zeros(rows.shape)
    for _ in range(1500):
        order, before = rng.permutation(len(coef)), np.zeros(len(rows))
        for step, column in enumerate(order):
            known, hidden = order[: step + 1], order[step + 1 :]
            now = rows[:, known] @ coef[known]
            if len(hidden):
                slope = np.linalg.solve(
                    covariance[np.ix_(known, known)], covariance[np.ix_(known, hidden)]
                )
                now = now + rows[:, known] @ slope @ coef[hidden]
            values[:, column] += (now - before) / 1500
            before = now
    return values


def test_shap_estimates_the_same_correlated_values() -> None:
    shap = pytest.importorskip("shap")
    model = regression()
    mine = pel.explain(model, X[:5], background=X, method=LinearSHAP(features="correlated")).values
    runs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(10):
            np.random.seed(seed)  # noqa: NPY002 (the peer draws from the global stream)
            peer = shap.LinearExplainer(model, shap.maskers.Impute(X), nsamples=400)
            runs.append(peer.shap_values(X[:5]))
    noise = np.std(runs, axis=0, ddof=1) / np.sqrt(len(runs))
    assert np.all(np.abs(mine - np.mean(runs, axis=0)) <= 5 * noise + 1e-9)
    assert noise.max() < 0.05 * np.abs(mine).mean()


def test_only_independent_features_promise_nothing_for_unused_columns() -> None:
    assert "dummy" in LinearSHAP().laws
    assert "dummy" not in LinearSHAP(features="correlated").laws
    assert LinearSHAP().exact
    assert (
        repr(LinearSHAP(features="correlated")) == "LinearSHAP(features='correlated', orders=256)"
    )


def test_the_rows_to_explain_serve_as_background_and_that_is_said() -> None:
    found = pel.explain(regression(), X[:5], method="linear_shap")
    assert any("No background" in note for note in found.notes)
    np.testing.assert_allclose(found.values.sum(axis=0), 0, atol=1e-10)
    with pytest.raises(InvalidSetting, match="background"):
        pel.explain(regression(), X[:1], method="linear_shap")


def test_a_scale_on_which_the_model_is_no_sum_is_refused() -> None:
    with pytest.raises(CannotExplain, match="logit"):
        pel.explain(logistic(2), X[:3], background=X, method="linear_shap", scale="probability")


@pytest.mark.parametrize("settings", [{"features": "both"}, {"orders": 1}, {"orders": None}])
def test_settings_outside_what_is_allowed_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidSetting):
        LinearSHAP(**settings)


def test_statsmodels_fits_the_same_shares() -> None:
    import statsmodels.api as sm
    from sklearn.linear_model import LinearRegression, LogisticRegression

    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=4)
    y = X @ [2.0, -1.0, 0.0, 0.5] + rng.normal(size=400)
    away = X[:20] - X.mean(axis=0)

    ols = sm.OLS(y, sm.add_constant(X)).fit()
    ours = pel.explain(LinearRegression().fit(X, y), X[:20], background=X)
    np.testing.assert_allclose(ours.values, ols.params[1:] * away, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.base, y.mean(), rtol=1e-8)
    np.testing.assert_allclose(ours.output, ols.fittedvalues[:20], rtol=1e-8)

    event = (y > y.mean()).astype(int)
    logit = sm.Logit(event, sm.add_constant(X)).fit(disp=False)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, event)
    ours = pel.explain(model, X[:20], background=X)
    assert ours.scale == "logit"
    np.testing.assert_allclose(ours.values, logit.params[1:] * away, rtol=1e-4, atol=1e-4)
