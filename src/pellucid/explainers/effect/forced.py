"""The model's output with one column forced to a value in every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pellucid.engine.work import slices

Force = tuple[int, float | np.ndarray]
"""A column's place, and the code (or the code of each row) that it is forced to."""


def forced(
    predict: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    forces: Sequence[Force],
    batch_size: int,
) -> Iterator[np.ndarray]:
    """What `predict` says of the coded `rows` under each of `forces`, each of shape (row, …).

    As many forces as fit into a batch are predicted at once.
    """
    several = max(1, batch_size // len(rows))
    for some in slices(len(forces), several):
        block = np.tile(rows, (some.stop - some.start, 1, 1))
        for copy, (column, codes) in zip(block, forces[some], strict=True):
            copy[:, column] = codes
        outputs = predict(block.reshape(-1, rows.shape[1]))
        yield from outputs.reshape(len(block), len(rows), *outputs.shape[1:])
