"""Many weighted ridge regressions at once, each with honest standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class RidgeFits:
    """Fitted lines.

    Parameters
    ----------
    slope, error : arrays of shape (fit, column, output)
        Slopes and their standard errors.
    intercept : array of shape (fit, output)
        The value where every column is zero.
    r2 : array of shape (fit, output)
        Weighted share of the target's variance that the line explains; NaN for a constant target.
    """

    slope: np.ndarray
    error: np.ndarray
    intercept: np.ndarray
    r2: np.ndarray


def weighted_ridge(
    design: np.ndarray, target: np.ndarray, weight: np.ndarray, penalty: float
) -> RidgeFits:
    """Minimise ``Σ weight (target − intercept − design·slope)² + penalty |slope|²`` in each fit.

    Parameters
    ----------
    design : array of shape (fit, draw, column)
        The columns.
    target : array of shape (fit, draw, output)
        What is to be explained.
    weight : array of shape (fit, draw)
        Weights, not all zero in a fit.
    penalty : float
        Above zero; the intercept is not penalised.

    Notes
    -----
    The error is the sandwich with leverage-corrected residuals (HC3). It holds for draws whose
    scatter around the line differs from place to place, as the misfit of a surrogate does; it
    does not include the pull of the penalty towards zero.

    References
    ----------
    MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7.
    """
    share = weight / weight.sum(axis=1, keepdims=True)
    root = np.sqrt(weight)[:, :, None]
    middle = np.matmul(share[:, None, :], design)
    level = np.matmul(share[:, None, :], target)
    z, left = design - middle, target - level
    z *= root
    left *= root
    total = np.square(left).sum(axis=1)
    across = z.transpose(0, 2, 1)
    gram = np.matmul(across, z) + penalty * np.eye(z.shape[2])
    slope = np.linalg.solve(gram, np.matmul(across, left))
    left -= np.matmul(z, slope)
    pull = np.matmul(z, np.linalg.inv(gram))
    leverage = share + np.einsum("fdc,fdc->fd", pull, z)
    sure = left / np.maximum(1.0 - leverage, 1e-9)[:, :, None]
    np.square(pull, out=pull)
    error = np.sqrt(np.matmul(pull.transpose(0, 2, 1), np.square(sure)))
    varies = total > 1e-24 * weight.sum(axis=1, keepdims=True)
    unexplained = np.square(left).sum(axis=1) / np.where(varies, total, 1.0)
    return RidgeFits(
        slope=slope,
        error=error,
        intercept=(level - np.matmul(middle, slope))[:, 0],
        r2=np.where(varies, 1.0 - unexplained, np.nan),
    )
