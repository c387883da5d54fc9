"""Explanations with known numbers, and a reader of what a chart holds."""

from __future__ import annotations

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.curve import Curve
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores


def attribution(values, features=None, columns=None, samples=None, **fields) -> Attribution:
    """Rows by features with base 0.5 and the outputs that the shares add up to."""
    values = np.asarray(values, dtype=float)
    features = features or [f"f{i}" for i in range(values.shape[1])]
    return Attribution(
        values=values,
        dims=("sample", "feature"),
        coords={"sample": samples or range(len(values)), "feature": features},
        base=0.5,
        output=0.5 + np.nansum(values, axis=1),
        error=fields.get("error"),
        inputs=columns,
        provenance=Provenance(
            method=fields.get("method", "linear_shap"),
            target=fields.get("target", "malignant"),
            scale=fields.get("scale", "logit"),
        ),
    )


def curve(values, grid, **fields) -> Curve:
    """A partial dependence of the probability of malignant along mean radius."""
    return Curve(
        feature=fields.pop("feature", "mean radius"),
        grid=grid,
        values=np.asarray(values, dtype=float),
        provenance=Provenance(
            method=fields.pop("method", "partial_dependence"),
            target=fields.pop("target", "malignant"),
            scale=fields.pop("scale", "probability"),
        ),
        **fields,
    )


def scores(*rows: dict) -> Scores:
    """Scores from the fields of their rows."""
    made = tuple(Score(**row) for row in rows)
    return Scores(rows=made, provenance=Provenance(method="performance"))


def confusion(counts, classes) -> Scores:
    """The confusion matrix of these counts, rows are actual classes."""
    return scores(
        *(
            {
                "metric": f"predicted {classes[j]}",
                "group": f"actual {classes[i]}",
                "value": float(count),
                "n": int(sum(row)),
            }
            for i, row in enumerate(counts)
            for j, count in enumerate(row)
        )
    )


def rows_of(spec: dict) -> list[dict]:
    """Every data row anywhere in a Vega-Lite specification."""
    found = [row for rows in spec.get("datasets", {}).values() for row in rows]

    def walk(part):
        if isinstance(part, dict):
            if isinstance(part.get("values"), list) and all(
                isinstance(row, dict) for row in part["values"]
            ):
                found.extend(part["values"])
            for child in part.values():
                walk(child)
        elif isinstance(part, list):
            for child in part:
                walk(child)

    walk({k: v for k, v in spec.items() if k != "datasets"})
    return found
