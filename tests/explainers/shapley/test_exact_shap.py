import warnings

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from twins.shapley_enumeration import marginal_worth, shapley_values

RNG = generator(0, "test exact")


def forest(classes: int) -> tuple[object, np.ndarray]:
    from sklearn.ensemble import RandomForestClassifier

    X = RNG.normal(size=(200, 5))
    y = np.digitize(X[:, 0] * X[:, 1] + X[:, 2], np.linspace(-0.6, 0.6, classes - 1))
    return RandomForestClassifier(10, max_depth=5, random_state=0).fit(X, y), X


@pytest.mark.parametrize("classes", [2, 3])
def test_a_forest_against_the_definition(classes: int) -> None:
    model, X = forest(classes)
    found = pel.explain(model, X[:3], method="exact_shap", background=X[50:60], scale="probability")
    for row, values in zip(X[:3], found.values, strict=True):
        truth = shapley_values(marginal_worth(model.predict_proba, row, X[50:60]), 5)
        truth = truth[:, 1] if classes == 2 else truth
        np.testing.assert_allclose(values, truth, atol=1e-12)
    assert found.exact
    base = model.predict_proba(X[50:60]).mean(axis=0)
    np.testing.assert_allclose(
        found.base, np.broadcast_to(base[1] if classes == 2 else base, found.base.shape)
    )


def test_the_other_class_gets_the_opposite() -> None:
    model, X = forest(2)
    ask = {"method": "exact_shap", "background": X[50:60], "scale": "probability"}
    one, other = (pel.explain(model, X[:3], target=target, **ask) for target in (1, 0))
    np.testing.assert_allclose(one.values, -other.values, atol=1e-12)
    np.testing.assert_allclose(one.base + other.base, 1)


def test_shap_agrees() -> None:
    shap = pytest.importorskip("shap")
    model, X = forest(3)
    found = ExactSHAP().explain(model, X[:4], background=X[50:80], scale="probability")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masker = shap.maskers.Independent(X[50:80], max_samples=100)
        peer = shap.explainers.Exact(model.predict_proba, masker)(X[:4])
    np.testing.assert_allclose(found.values, peer.values, atol=1e-10)


def test_text_columns_of_a_pipeline_are_the_players() -> None:
    pd = pytest.importorskip("pandas")
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    size = 120
    X = pd.DataFrame(
        {
            "home": RNG.choice(["own", "rent", "free"], size),
            "age": RNG.integers(18, 80, size),
            "job": pd.Categorical(RNG.choice(["a", "b"], size)),
            "income": RNG.normal(size=size),
        }
    )
    y = ((X["home"] == "rent") ^ (X["income"] > 0)).astype(int)
    encoder = make_column_transformer((OneHotEncoder(), ["home", "job"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=2000)).fit(X, y)
    found = pel.explain(model, X[:3], method="exact_shap", background=X[20:30], scale="probability")
    assert found.features == ("home", "age", "job", "income")

    def predict(rows: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(rows, columns=X.columns).astype(X.dtypes.to_dict())
        return model.predict_proba(frame)[:, 1]

    background = X[20:30].to_numpy(dtype=object)
    for place in range(3):
        row = X.iloc[place].to_numpy(dtype=object)
        truth = shapley_values(marginal_worth(predict, row, background), 4)[:, 0]
        np.testing.assert_allclose(found.values[place], truth, atol=1e-12)


def test_too_many_columns_are_refused_with_what_to_do() -> None:
    X = RNG.normal(size=(5, 21))
    with pytest.raises(InvalidSetting, match="kernel_shap"):
        pel.explain(lambda X: X.sum(axis=1), X[:1], method="exact_shap", background=X[1:])


def test_columns_that_do_not_vary_are_no_players() -> None:
    X = np.zeros((3, 500))
    X[:, :4] = RNG.normal(size=(3, 4))
    found = pel.explain(
        lambda X: X[:, 0] * X[:, 1] + X[:, 2] + X[:, 9],
        X[:1],
        method="exact_shap",
        background=X[1:],
    )
    assert not found.values[0, 4:].any()
    assert found.evaluations == 2 + 1 + 2 * 14


def test_a_cut_background_is_said() -> None:
    X = RNG.normal(size=(150, 3))
    ask = {"method": "exact_shap", "background": X, "seed": 1}
    assert any("were drawn" in note for note in pel.explain(np_sum, X[:1], **ask).notes)
    ask["method"] = ExactSHAP(max_background=None)
    whole = pel.explain(np_sum, X[:1], **ask)
    assert not any("were drawn" in note for note in whole.notes)
    np.testing.assert_allclose(whole.values, X[:1] - X.mean(axis=0), atol=1e-12)


def test_twins_share_equally_and_a_sum_of_models_is_the_sum_of_values() -> None:
    X = RNG.normal(size=(20, 3))
    X = np.column_stack([X, X[:, 0]])

    def first(X: np.ndarray) -> np.ndarray:
        return X[:, 0] * X[:, 3] + X[:, 1]

    def second(X: np.ndarray) -> np.ndarray:
        return np.tanh(X[:, 1] * X[:, 2]) + X[:, 0] * X[:, 3]

    one, two, both = (
        pel.explain(f, X[:4], method="exact_shap", background=X[4:]).values
        for f in (first, second, lambda X: first(X) + 2 * second(X))
    )
    np.testing.assert_allclose(one[:, 0], one[:, 3], atol=1e-12)
    np.testing.assert_allclose(one + 2 * two, both, atol=1e-12)


@pytest.mark.parametrize("bad", [0, -1, 2.5, True])
def test_a_background_size_that_is_no_number_of_rows_is_refused(bad: object) -> None:
    with pytest.raises(InvalidSetting, match="max_background"):
        ExactSHAP(max_background=bad)


def np_sum(X: np.ndarray) -> np.ndarray:
    return np.asarray(X).sum(axis=1)


def test_a_part_of_the_background_is_drawn_at_random() -> None:
    rows = np.arange(400.0)[:, None]
    method = ExactSHAP(max_background=50)
    base = [
        pel.explain(lambda X: X[:, 0], rows[:1], method=method, background=rows, seed=s).base[0]
        for s in range(40)
    ]
    assert len(set(base)) == 40
    error = rows.std(ddof=1) * np.sqrt((1 / 50 - 1 / 400) / 40)
    assert abs(np.mean(base) - rows.mean()) < 4 * error


@pytest.mark.parametrize(("columns", "method"), [(12, "exact_shap"), (13, "kernel_shap")])
def test_by_default_up_to_twelve_columns_are_enumerated(columns: int, method: str) -> None:
    X = np.random.default_rng(0).normal(size=(6, columns))
    found = pel.explain(lambda X: X.sum(axis=1), X[:1], background=X[1:3], seed=0)
    assert found.method == method


def test_a_model_too_large_to_be_averaged_is_refused() -> None:
    X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    huge = np.finfo(float).max
    with np.errstate(all="ignore"), pytest.raises(CannotExplain, match="too large"):
        pel.explain(lambda X: np.where(X[:, 0] > 2, huge, -huge), X, method="exact_shap")
