"""Removing features: their values are replaced by those of background rows."""

from __future__ import annotations

import numpy as np

from pellucid.engine.work import slices
from pellucid.metrics.evidence import Evidence


def donors(evidence: Evidence, most: int) -> np.ndarray:
    """Background rows for each row judged, drawn for each anew: (sample, donor, feature)."""
    known = evidence.reference
    n, size = len(evidence), min(most, len(known))
    if size == len(known):
        return np.broadcast_to(known, (n, *known.shape))
    rng = evidence.rng("donors")
    drawn = np.stack([rng.choice(len(known), size, replace=False) for _ in range(n)])
    return known[drawn]


def without(
    evidence: Evidence, rows: np.ndarray, removed: np.ndarray, given: np.ndarray
) -> np.ndarray:
    """Predictions of rows whose removed features come from each donor in turn.

    Parameters
    ----------
    evidence : Evidence
        The model and its rows.
    rows : int array of shape (case,)
        Which row each case starts from.
    removed : bool array of shape (case, feature)
        Which features are replaced.
    given : array of shape (sample, donor, feature)
        What `donors` drew.

    Returns
    -------
    array of shape (case, donor)
        The output judged. One evaluation for each number; memory is bounded by a batch.
    """
    size = given.shape[1]
    codes = evidence.question.table.codes
    step = max(1, evidence.question.work.batch_size // size)
    parts = []
    for part in slices(len(rows), step):
        own, mask = rows[part], removed[part][:, evidence.question.player_of]
        mixed = np.where(mask[:, None, :], given[own], codes[own][:, None, :])
        parts.append(evidence.predict(mixed.reshape(-1, codes.shape[1]), np.repeat(own, size)))
    return np.concatenate(parts).reshape(len(rows), size)
