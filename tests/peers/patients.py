"""The rows and the model about which peers in environments of their own are asked.

Both are the same whatever the versions: the rows come from scikit-learn's diabetes data, the model
is a formula in which columns act together, one of them a category.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

NUMBERS = ("age", "bmi", "bp", "s5")
COLUMNS = ("age", "sex", "bmi", "bp", "s5")
ROWS = 200


def patients() -> tuple[pd.DataFrame, np.ndarray]:
    """The rows, with few different values in each column, and how far the disease has gone."""
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X = X.head(ROWS).assign(
        age=X["age"].astype(float),
        sex=np.where(X["sex"].head(ROWS) == 1, "one", "two"),
        bmi=X["bmi"].round(),
        bp=5 * (X["bp"] / 5).round(),
        s5=X["s5"].round(1),
    )
    return X[list(COLUMNS)], y.head(ROWS).to_numpy()


def disease(X: Any) -> np.ndarray:
    """The model: how far it thinks the disease will go."""
    age, bmi, bp, s5 = (np.asarray(X[name], dtype=float) for name in NUMBERS)
    two = np.asarray(X["sex"]).astype(str) == "two"
    known = 150 + 5 * (bmi - 26) + (bp - 95) + 0.1 * (bmi - 26) * (bp - 95)
    return np.asarray(known + 60 * (s5 - 4.6) * (age > 50) - 20 * two + 0.8 * two * (age - 48))


def along_together() -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of two columns that go together, and their product: the effect of `a` is known.

    With b = a + noise, what `a` does locally is E[b | a] = a, and the accumulated effect a² / 2.
    """
    rng = np.random.default_rng(4)
    a = 2 * rng.random(400)
    X = pd.DataFrame({"a": a, "b": a + 0.2 * rng.normal(size=400)})
    return X, product(X)


def product(X: Any) -> np.ndarray:
    """The model of `along_together`."""
    return np.asarray(X["a"], dtype=float) * np.asarray(X["b"], dtype=float)


def far(X: Any) -> np.ndarray:
    """A model of two classes: whether the disease goes beyond 170."""
    return (disease(X) > 170).astype(int)


def coded(X: pd.DataFrame) -> np.ndarray:
    """The rows as numbers, as some peers want them."""
    return np.column_stack(
        [X[name] == "two" if name == "sex" else X[name] for name in COLUMNS]
    ).astype(float)


def decoded(codes: np.ndarray) -> dict[str, np.ndarray]:
    """The columns behind the numbers, as the model wants them."""
    X = dict(zip(COLUMNS, np.asarray(codes, dtype=float).T, strict=True))
    return X | {"sex": np.where(X["sex"] == 1, "two", "one")}
