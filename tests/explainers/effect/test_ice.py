import numpy as np
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from pellucid.explainers.effect.ice import ICE


def product(T):
    return np.asarray(T["a"]) * np.asarray(T["b"])


def frame(n=50):
    rng = np.random.default_rng(2)
    return pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"], index=np.arange(n) + 100)


def test_each_row_has_its_own_line():
    X = frame()
    curve = ICE(feature="a", points=7).explain(product, X)
    np.testing.assert_allclose(curve.values, np.outer(X["b"], curve.grid), rtol=1e-12)
    assert curve.coords["sample"] == tuple(X.index)
    assert curve.seed is None


def test_centred_lines_begin_at_zero_and_keep_their_shape():
    X = frame()
    plain = ICE(feature="a", points=7).explain(product, X)
    centred = ICE(feature="a", points=7, centred=True).explain(product, X)
    np.testing.assert_array_equal(centred.values[:, 0], 0)
    np.testing.assert_allclose(np.diff(centred.values), np.diff(plain.values), atol=1e-14)


def test_rows_together_equal_rows_apart_with_a_background():
    X = frame()
    together = ICE(feature="b").explain(product, X.head(3), background=X)
    for i in range(3):
        apart = ICE(feature="b").explain(product, X.iloc[[i]], background=X)
        np.testing.assert_array_equal(apart.values[0], together.values[i])


def test_several_classes_come_last_and_add_up_to_one():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    curves = ICE(points=5).explain(model, X.head(4), background=X, scale="probability")
    assert [c.feature for c in curves] == list(X.columns)
    assert curves[0].dims == ("sample", "point", "class")
    np.testing.assert_allclose(curves[0].values.sum(axis=2), 1)


def test_it_costs_rows_times_points():
    X = frame()
    assert ICE(feature="a", points=9).explain(product, X).evaluations == 9 * len(X)
