"""Structural similarity from the formula of Wang et al. (2004), one window at a time."""

from __future__ import annotations

from math import exp

import numpy as np


def ssim_map(x: np.ndarray, y: np.ndarray, there: np.ndarray, span: float) -> np.ndarray:
    """The similarity of two maps around each pixel that is there; elsewhere NaN."""
    found = np.full(x.shape, np.nan)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    for i, j in np.argwhere(there):
        window = [
            (exp(-((i - k) ** 2 + (j - m) ** 2) / (2 * 1.5**2)), x[k, m], y[k, m])
            for k, m in np.argwhere(there)
            if abs(i - k) <= 5 and abs(j - m) <= 5
        ]
        whole = sum(w for w, _, _ in window)
        mx, my = (sum(w[0] * w[place] for w in window) / whole for place in (1, 2))
        vx = sum(w * (a - mx) ** 2 for w, a, _ in window) / whole
        vy = sum(w * (b - my) ** 2 for w, _, b in window) / whole
        both = sum(w * (a - mx) * (b - my) for w, a, b in window) / whole
        found[i, j] = (2 * mx * my + c1) * (2 * both + c2)
        found[i, j] /= (mx**2 + my**2 + c1) * (vx + vy + c2)
    return found
