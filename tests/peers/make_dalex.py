"""Writes `dalex.json`: what dalex says of the patients' model.

Run from the repository: ``.venv-peers/bin/python tests/peers/make_dalex.py``. dalex holds pandas
back, so it lives in an environment of its own (``make bench`` makes it).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dalex
import numpy as np
import pandas as pd
from patients import COLUMNS, NUMBERS, along_together, disease, patients, product

SEEN = (0, 7, 31)
"""Rows explained one by one."""

SHUFFLES, ORDERS = 200, 100
ACCUMULATED = {"type": "accumulated", "center": False}
LOSSES = ("mse", "mae", "rmse")
TOGETHER = {"age and sex": ["age", "sex"], "bmi": ["bmi"], "bp": ["bp"], "s5": ["s5"]}


@dataclass
class Formula:
    """dalex takes models that are objects."""

    predict: Callable[[Any], np.ndarray]


def explainer(X: pd.DataFrame, y: np.ndarray, model: Callable[[Any], np.ndarray]) -> Any:
    return dalex.Explainer(Formula(model), X, y, model_type="regression", verbose=False)


def broken_down(peer: Any, X: pd.DataFrame) -> list[dict[str, Any]]:
    """Contributions of each row in dalex's order."""
    found = []
    for row in SEEN:
        table = peer.predict_parts(X.iloc[[row]], type="break_down").result.iloc[1:-1]
        found.append(
            {
                "order": list(table["variable_name"]),
                "contributions": [float(each) for each in table["contribution"]],
            }
        )
    return found


def shapley(peer: Any, X: pd.DataFrame) -> list[dict[str, Any]]:
    """Means over random orders, and their standard errors."""
    found = []
    for row in SEEN:
        table = peer.predict_parts(
            X.iloc[[row]], type="shap", B=ORDERS, random_state=0, N=None
        ).result
        drawn = table[table["B"] > 0].pivot(index="B", columns="variable_name")["contribution"]
        drawn = drawn[list(COLUMNS)].astype(float)
        error = drawn.std(ddof=1) / np.sqrt(len(drawn))
        found.append({"mean": drawn.mean().tolist(), "error": error.tolist()})
    return found


def splits(X: pd.DataFrame, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {name: np.unique(X[name]) for name in names}


def ceteris_paribus(peer: Any, X: pd.DataFrame) -> dict[str, list[list[float]]]:
    """For each column the profile of each row."""
    grid = splits(X, COLUMNS)
    table = peer.predict_profile(X.iloc[list(SEEN)], variable_splits=grid, verbose=False).result
    return {
        name: [
            table[(table["_vname_"] == name) & (table["_ids_"] == X.index[row])]["_yhat_"].tolist()
            for row in SEEN
        ]
        for name in COLUMNS
    }


def profiles(peer: Any, grid: dict[str, np.ndarray], **settings: Any) -> dict[str, list[float]]:
    """One curve for each column of the grid, over all rows."""
    table = peer.model_profile(variable_splits=grid, N=None, verbose=False, **settings).result
    return {name: table[table["_vname_"] == name]["_yhat_"].tolist() for name in grid}


def importances(peer: Any, groups: dict[str, list[str]] | None, loss: str) -> Any:
    """Mean rise of the loss, and its standard error over shuffles."""
    np.random.seed(0)  # noqa: NPY002 (dalex draws from the global stream)
    raw = peer.model_parts(
        loss_function=loss,
        N=None,
        B=SHUFFLES,
        variable_groups=groups,
        variables=None if groups else list(COLUMNS),
        keep_raw_permutations=True,
    ).permutation
    names = list(groups or COLUMNS)
    rise = raw[names].sub(raw["_full_model_"], axis=0)
    error = rise.std(ddof=1) / np.sqrt(len(rise))
    return {"mean": rise.mean().tolist(), "error": error.tolist()}


def main() -> None:
    X, y = patients()
    peer = explainer(X, y, disease)
    pair = explainer(*along_together(), product)
    tenths = np.quantile(pair.data["a"], np.linspace(0, 1, 11), method="inverted_cdf")
    said = {
        "versions": {"dalex": dalex.__version__, "numpy": np.__version__},
        "predictions": float(disease(X).sum()),
        "rows": SEEN,
        "break_down": broken_down(peer, X),
        "shapley": shapley(peer, X),
        "ceteris_paribus": ceteris_paribus(peer, X),
        "partial": profiles(peer, splits(X, NUMBERS), type="partial"),
        "partial_sex": profiles(
            peer, splits(X, ("sex",)), type="partial", variable_type="categorical"
        ),
        "accumulated": profiles(peer, splits(X, NUMBERS), span=1e-6, **ACCUMULATED),
        "accumulated_pair": profiles(pair, {"a": tenths}, **ACCUMULATED),
        "importance": {loss: importances(peer, None, loss) for loss in LOSSES},
        "importance_together": importances(peer, TOGETHER, "mse"),
    }
    text = json.dumps(said, separators=(",", ":"))
    Path(__file__).with_name("dalex.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
