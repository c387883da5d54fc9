"""Writes `alibi.json`: what alibi says of the patients' model.

Run from the repository: ``.venv-peers/bin/python tests/peers/make_alibi.py``. alibi holds NumPy
back, so it lives in an environment of its own (``make bench`` makes it).
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import alibi
import numpy as np
from alibi.explainers import (
    ALE,
    AnchorTabular,
    PartialDependence,
    PartialDependenceVariance,
    PermutationImportance,
)
from patients import COLUMNS, NUMBERS, coded, decoded, disease, far, patients

CATEGORIES = {COLUMNS.index("sex"): ["one", "two"]}
PLACES = [COLUMNS.index(name) for name in NUMBERS]
BINS = 8
EXPLAINED = 30
"""Rows that get an anchor."""

AT_ONCE, FRESH = 100, 200
"""Draws of alibi at once, and how often they are made anew to judge a rule."""


def predict(codes: np.ndarray) -> np.ndarray:
    return disease(decoded(codes))


def edges(codes: np.ndarray) -> dict[int, np.ndarray]:
    """Observed quantiles, so that both sides use the same bins."""
    inner = np.arange(BINS + 1) / BINS
    return {j: np.unique(np.quantile(codes[:, j], inner, method="inverted_cdf")) for j in PLACES}


def accumulated(codes: np.ndarray) -> dict[str, Any]:
    made = ALE(predict, feature_names=list(COLUMNS), target_names=["disease"])
    found = made.explain(codes, features=PLACES, grid_points=edges(codes))
    return {
        name: {"grid": grid.tolist(), "values": values[:, 0].tolist()}
        for name, grid, values in zip(NUMBERS, found.feature_values, found.ale_values, strict=True)
    }


def partial(codes: np.ndarray) -> dict[str, list[float]]:
    made = PartialDependence(predict, list(COLUMNS), CATEGORIES, ["disease"])
    found = made.explain(codes, grid_resolution=len(codes), kind="average")
    return {name: values[0].tolist() for name, values in zip(COLUMNS, found.pd_values, strict=True)}


def spread(codes: np.ndarray) -> dict[str, list[float]]:
    """Importances of columns, and interactions of pairs, from the variance of the curves."""
    made = PartialDependenceVariance(predict, list(COLUMNS), CATEGORIES, ["disease"])
    alone = made.explain(codes, grid_resolution=len(codes))
    pairs = list(combinations(range(len(COLUMNS)), 2))
    both = made.explain(codes, pairs, method="interaction", grid_resolution=len(codes))
    return {
        "importance": alone.feature_importance[0].tolist(),
        "interaction": both.feature_interaction[0].tolist(),
    }


def importance(codes: np.ndarray, y: np.ndarray) -> dict[str, list[float]]:
    """Every pair of rows once; two losses that rows add up to, and one that they do not."""
    made = PermutationImportance(
        predict,
        loss_fns={
            "mse": lambda y_true, y_pred: float(np.mean((y_true - y_pred) ** 2)),
            "mae": lambda y_true, y_pred: float(np.mean(np.abs(y_true - y_pred))),
            "rmse": lambda y_true, y_pred: float(np.sqrt(np.mean((y_true - y_pred) ** 2))),
        },
        feature_names=list(COLUMNS),
    )
    found = made.explain(codes, y, method="exact", kind="difference")
    return dict(
        zip(
            found.metric_names,
            [[float(one) for one in each] for each in found.feature_importance],
            strict=True,
        )
    )


class Keeping(AnchorTabular):
    """alibi's anchors, with the search's own names of the conditions kept."""

    found: tuple[int, ...] = ()

    def add_names_to_exp(self, explanation: dict[str, Any]) -> None:
        self.found = tuple(explanation["feature"])
        super().add_names_to_exp(explanation)

    def again(self) -> float:
        """The precision of the last rule in fresh draws, by its own sampler, as many at once as in
        the search."""
        draw = self.samplers[0]
        return float(np.mean([draw((0, self.found), AT_ONCE)[2] for _ in range(FRESH)]))


def anchors(codes: np.ndarray) -> list[dict[str, Any]]:
    """Rules, what alibi says of them, and how precise they are in fresh draws."""
    made = Keeping(
        lambda rows: far(decoded(rows)), list(COLUMNS), categorical_names=CATEGORIES, seed=0
    )
    made.fit(codes)
    found = []
    for row in codes[:EXPLAINED]:
        rule = made.explain(row, threshold=0.95, batch_size=AT_ONCE)
        found.append(
            {
                "rule": list(rule.anchor),
                "precision": float(rule.precision),
                "fresh": made.again(),
                "coverage": float(rule.coverage),
            }
        )
    return found


def main() -> None:
    X, y = patients()
    codes = coded(X)
    said = {
        "versions": {"alibi": alibi.__version__, "numpy": np.__version__},
        "predictions": float(predict(codes).sum()),
        "ale": accumulated(codes),
        "partial": partial(codes),
        "spread": spread(codes),
        "permutation_importance": importance(codes, y),
        "anchors": anchors(codes),
    }
    text = json.dumps(said, separators=(",", ":"))
    Path(__file__).with_name("alibi.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
