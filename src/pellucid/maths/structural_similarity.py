"""Structural similarity: how alike two maps look around each place."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

SIGMA, RADIUS = 1.5, 5
"""Of the Gaussian window, in pixels: 11 × 11."""

K1, K2 = 0.01, 0.03
"""What steadies means and contrasts that are near zero, as parts of the range of values."""

WINDOW = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)


def ssim(
    a: np.ndarray, b: np.ndarray, there: np.ndarray | None = None, *, span: float = 1.0
) -> np.ndarray:
    """Mean structural similarity (SSIM) of each map of `a` with the same map of `b`: (sample,).

    Parameters
    ----------
    a, b : array of shape (sample, row, column)
    there : array of bool of that shape, optional
        Which pixels exist: the others, as what lies outside of the map, count in no window, and the
        mean is taken without them.
    span : float
        The range that values may have: 1 for what lies between 0 and 1.

    Returns
    -------
    array of shape (sample,)
        At most 1, for equal maps; NaN where no pixel exists.

    Notes
    -----
    Windows at the border are cut off and weighed anew, where the paper leaves out such places.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli (2004), doi:10.1109/TIP.2003.819861.
    """
    here = np.ones(a.shape) if there is None else there.astype(float)
    x, y = a * here, b * here
    weight = np.where(here > 0, _blurred(here), 1.0)
    mean_x, mean_y = _blurred(x) / weight, _blurred(y) / weight
    var_x = _blurred(x * x) / weight - mean_x**2
    var_y = _blurred(y * y) / weight - mean_y**2
    both = _blurred(x * y) / weight - mean_x * mean_y
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    found = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    found /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    total, count = (found * here).sum(axis=(1, 2)), here.sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(a), np.nan), where=count > 0)


def _blurred(maps: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        maps = correlate1d(maps, WINDOW, axis=axis, mode="constant")
    return maps
