"""Steps of rows to the points next to them, from which accumulated local effects are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pellucid.explainers.question import Question


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Which rows step across which gap: `low` and `high` are the codes on its sides.

    `place` of shape (row, point) says where each row lies along the curve.
    """

    row: np.ndarray
    gap: np.ndarray
    low: np.ndarray
    high: np.ndarray
    place: sparse.csr_array


def between_edges(values: np.ndarray, edges: np.ndarray) -> Steps:
    """Each row crosses its own bin, and lies half at either edge."""
    row = np.arange(len(values))
    gap = np.maximum(np.searchsorted(edges, values, side="left") - 1, 0)
    half = np.full(2 * len(values), 0.5)
    ends = (np.tile(row, 2), np.concatenate([gap, gap + 1]))
    place = sparse.csr_array((half, ends), shape=(len(values), len(edges)))
    return Steps(row=row, gap=gap, low=edges[gap], high=edges[gap + 1], place=place)


def between_levels(values: np.ndarray, codes: np.ndarray) -> Steps:
    """Each row steps to the level before and to the level after its own."""
    level = np.argsort(codes)[np.searchsorted(np.sort(codes), values)]
    row = np.arange(len(values))
    down, up = row[level > 0], row[level < len(codes) - 1]
    gap = np.concatenate([level[down] - 1, level[up]])
    place = sparse.csr_array((np.ones(len(values)), (row, level)), shape=(len(row), len(codes)))
    return Steps(
        row=np.concatenate([down, up]),
        gap=gap,
        low=codes[:-1][gap],
        high=codes[1:][gap],
        place=place,
    )


def differences(
    question: Question, rows: np.ndarray, own: np.ndarray, column: int, steps: Steps
) -> np.ndarray:
    """Output across the gap for each step, (step, output); no row is asked about itself again."""
    row = np.tile(steps.row, 2)
    codes = np.concatenate([steps.low, steps.high])
    moved = rows[row, column] != codes
    outputs = own[row]
    if moved.any():
        asked = rows[row[moved]]
        asked[:, column] = codes[moved]
        outputs[moved] = question.predict(asked)
    return outputs[len(steps.row) :] - outputs[: len(steps.row)]
