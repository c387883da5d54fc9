"""Trees asked directly say what their ensemble's own method says; memory that changes shows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression

from pellucid.models import fingerprints, sklearn_asked

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
Y = X[:, 0] + X[:, 1] * X[:, 2]
FORESTS = (RandomForestClassifier, ExtraTreesClassifier, RandomForestRegressor, ExtraTreesRegressor)
NODE = np.dtype({"names": ["a", "b"], "formats": ["<i8", "u1"], "offsets": [0, 8], "itemsize": 16})


@pytest.mark.parametrize("rows", [1, sklearn_asked.FEW_ROWS])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", FORESTS)
def test_the_answer_is_that_of_the_forest_to_the_last_bit(kind, classes, rows) -> None:
    sorts = kind.__name__.endswith("Classifier")
    target = np.digitize(Y, np.quantile(Y, np.arange(1, classes) / classes)) if sorts else Y
    model = kind(30, random_state=0).fit(X, target)
    verb = "predict_proba" if sorts else "predict"
    truth = getattr(model, verb)(X[:rows])
    assert sklearn_asked._is_plain_mean(model, verb)
    assert sklearn_asked.asked(model, verb, X[:rows]).tobytes() == truth.tobytes()


def test_a_forest_refuses_what_its_own_method_refuses() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = RandomForestRegressor(3).fit(frame, Y)
    with pytest.raises(ValueError, match="feature names"):
        sklearn_asked.asked(model, "predict", frame.rename(columns={"a": "z"})[:1])


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize("init", ["zero", None, "fitted"])
def test_boosted_trees_answer_as_their_own_method_to_the_last_bit(classes, init, framed) -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=list("abcde")) if framed else X
    if init == "fitted" and classes > 1:
        init = RandomForestClassifier(3, random_state=0)
    elif init == "fitted":
        init = LinearRegression()
    if classes > 1:
        target = np.digitize(Y, np.quantile(Y, np.arange(1, classes) / classes))
        model, verb = GradientBoostingClassifier(n_estimators=20, init=init), "decision_function"
    else:
        target, model, verb = Y, GradientBoostingRegressor(n_estimators=20, init=init), "predict"
    model.fit(table, target)
    assert sklearn_asked.plain_rows(model, table) is not None
    for rows in (1, len(X)):
        truth = getattr(model, verb)(table[:rows])
        found = sklearn_asked.asked(model, verb, table[:rows])
        assert found.shape == truth.shape
        assert found.tobytes() == truth.tobytes()


def test_rows_that_need_the_library_s_checks_go_through_them() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = GradientBoostingRegressor(n_estimators=3).fit(frame, Y)
    with pytest.raises(ValueError, match="feature names"):
        sklearn_asked.asked(model, "predict", frame.rename(columns={"a": "z"}))
    with pytest.warns(UserWarning, match="feature names"):
        sklearn_asked.asked(model, "predict", X)
    for odd, said in ((np.nan, "NaN"), (1e300, "too large"), (np.inf, "infinity")):
        with pytest.raises(ValueError, match=said):
            sklearn_asked.asked(model, "predict", frame.assign(b=odd))
    named = frame.astype({"a": "Float64"})
    assert sklearn_asked.plain_rows(model, named) is None
    whole = (10 * frame).round().astype("int64")
    np.testing.assert_array_equal(
        sklearn_asked.asked(model, "predict", whole), model.predict(whole)
    )

    class Own(GradientBoostingRegressor):
        def _raw_predict(self, X):
            return super()._raw_predict(X) + 1

    own = Own(n_estimators=3, init=DummyRegressor()).fit(frame, Y)
    assert not sklearn_asked._is_plain_sum(own, "predict")
    np.testing.assert_array_equal(sklearn_asked.asked(own, "predict", frame), own.predict(frame))


def test_another_method_of_the_user_or_another_kind_of_tree_is_asked_itself() -> None:
    model = RandomForestRegressor(3).fit(X, Y)
    assert sklearn_asked._is_plain_mean(model, "predict")
    model.predict = lambda rows: np.zeros(len(rows))
    assert sklearn_asked.asked(model, "predict", X[:1]) == [0.0]
    several = RandomForestRegressor(3).fit(X, np.column_stack([Y, Y]))
    assert not sklearn_asked._is_plain_mean(several, "predict")
    sorts = RandomForestClassifier(3).fit(X, Y > 0)
    assert not sklearn_asked._is_plain_mean(sorts, "predict")

    class Odd(type(model.estimators_[0])):
        def predict(self, X, check_input=True):
            return super().predict(X, check_input) + 1

    other = RandomForestRegressor(3, random_state=0).fit(X, Y)
    before = other.predict(X[:1])
    for tree in other.estimators_:
        tree.__class__ = Odd
    assert np.allclose(sklearn_asked.asked(other, "predict", X[:1]), before + 1)


def test_a_change_of_any_byte_of_memory_shows() -> None:
    words = RNG.integers(0, 2**63, 3 * fingerprints.LINE_BYTES // 16, dtype=np.uint64)
    whole = fingerprints.of_memory([words])
    assert fingerprints.of_memory([words.copy()]) == whole
    assert fingerprints.of_memory([words[:8], words[8:]]) != whole
    for place in (0, len(words) // 2, len(words) - 1):
        other = words.copy()
        other[place] ^= np.uint64(1 << 63)
        assert fingerprints.of_memory([other]) != whole


def test_what_lies_between_the_fields_of_a_node_is_no_content() -> None:
    nodes = np.zeros(5, dtype=NODE)
    messy = nodes.copy()
    messy.view(np.uint8).reshape(5, 16)[:, 9:] = 255
    assert np.array_equal(nodes, messy)
    assert fingerprints.of_arrays([nodes]) == fingerprints.of_arrays([messy])
    messy["b"] = 1
    assert fingerprints.of_arrays([nodes]) != fingerprints.of_arrays([messy])
