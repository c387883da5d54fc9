"""A forest asked about few rows says what its own method says, and memory that changes shows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

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
