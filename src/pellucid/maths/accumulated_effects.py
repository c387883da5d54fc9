"""Accumulated local effects: local differences averaged, summed up and centred, with their error.

A curve has points 0 … K and, between neighbouring points, gaps 0 … K − 1. Every row votes on one
or two gaps with the difference of the model's output across them.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse


def accumulate(
    row: np.ndarray, gap: np.ndarray, delta: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The centred curve at every point and its standard error over rows.

    Parameters
    ----------
    row, gap : int arrays of shape (vote,)
        Which row votes on which gap; every gap has a vote.
    delta : array of shape (vote, output)
        Difference of the output across the gap.
    place : array of shape (row, point)
        Where each row lies, as weights of the points that sum to one: the average over rows of
        ``place @ curve`` is made zero.

    Returns
    -------
    values, error : arrays of shape (point, output)

    Notes
    -----
    The curve is a linear function of the gaps' means, so the error is propagated exactly: from
    each row's influence on the means and on the centre (the infinitesimal jackknife, with
    n / (n − 1) in each gap). A gap with one vote takes the pooled variance of the others. The gaps
    themselves are taken as given.
    """
    rows, points = place.shape
    votes = np.bincount(gap, minlength=points - 1).astype(np.float64)
    picks = sparse.csr_array((1.0 / votes[gap], (gap, np.arange(len(gap)))))
    means = picks @ delta
    uncentred = np.concatenate([np.zeros((1, delta.shape[1])), np.cumsum(means, axis=0)])
    mass = np.asarray(place.mean(axis=0)).ravel()
    centre = mass @ uncentred
    steps = np.tril(np.ones((points, points - 1)), -1)
    steps -= mass @ steps
    shift = (place @ uncentred - centre) / rows
    error = np.empty_like(uncentred)
    for output in range(delta.shape[1]):
        residual = delta[:, output] - means[gap, output]
        spread = _variance(gap, residual, votes, rows, row, steps, shift[:, output])
        error[:, output] = np.sqrt(np.maximum(spread, 0.0))
    return uncentred - centre, error


def _variance(
    gap: np.ndarray,
    residual: np.ndarray,
    votes: np.ndarray,
    rows: int,
    row: np.ndarray,
    steps: np.ndarray,
    shift: np.ndarray,
) -> np.ndarray:
    """Variance of the curve at each point for one output."""
    several = votes > 1
    widened = np.sqrt(votes / np.maximum(votes - 1, 1))
    influence = sparse.csr_array(
        (residual * (widened / votes)[gap], (row, gap)), shape=(rows, len(votes))
    )
    covariance = (influence.T @ influence).toarray()
    if several.any() and not several.all():
        pooled = np.sum(residual**2) / np.sum(votes[several] - 1)
        covariance[~several, ~several] += pooled
    mixed = steps @ (influence.T @ shift)
    inside: np.ndarray = np.einsum("pg,gh,ph->p", steps, covariance, steps)
    return inside - 2 * mixed + shift @ shift
