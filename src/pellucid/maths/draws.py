"""Means of few independent draws, with errors that cover the truth."""

from __future__ import annotations

import numpy as np

from pellucid.maths.shapley_regression import widening

ROUNDING = 1e-12
"""Scatter that comes from rounding alone, relative to the largest contribution."""


def mean_and_error(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over draws, and its standard error.

    Parameters
    ----------
    drawn : array of shape (sample, draw, player, output)
        At least two draws.

    Returns
    -------
    mean, error : arrays of shape (sample, player, output)

    Notes
    -----
    The mean variance of all players that vary counts as one draw more, since draws that agree on a
    player do not prove it, and as 1.6 degrees of freedom more in Student's t-quantile, which
    widens the error so that mean ± 1.96 errors covers 95 %.
    """
    draws = drawn.shape[1]
    variance = drawn.var(axis=1, ddof=1)
    size = np.abs(drawn).max(axis=(1, 2))[:, None]
    varies = variance > (ROUNDING * size) ** 2
    usual = variance.sum(axis=1, keepdims=True) / np.maximum(varies.sum(axis=1, keepdims=True), 1)
    variance = variance + (usual - variance) / draws
    return drawn.mean(axis=1), widening(draws + 0.6) * np.sqrt(variance / draws)
