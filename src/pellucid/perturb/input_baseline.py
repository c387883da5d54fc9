"""Baselines: the inputs that say nothing, from which methods go to the ones explained."""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import CannotExplain

BLUR = 0.1
"""Width of the blur: the standard deviation as a part of the image's shorter side."""


def baseline_of(values: np.ndarray, kind: float | str) -> np.ndarray:
    """What each sample is compared with, like `values`; of a sample alone, whatever the others.

    Parameters
    ----------
    values : array of shape (sample, channel, row, column) or (sample, feature)
    kind : float or {"zero", "mean", "blur"}
        The same number everywhere; the mean of each channel of the image; or the image blurred.

    Raises
    ------
    CannotExplain
        If the mean or the blur of something else than images is asked for.
    """
    if kind == "zero":
        return np.zeros_like(values)
    if not isinstance(kind, str):
        return np.full_like(values, kind)
    if values.ndim != 4:
        raise CannotExplain(
            f"The baseline {kind!r} is for images",
            got=f"inputs of shape {values.shape[1:]}",
            allowed="'zero', or a number",
            fix="Compare with the rows of a background: 'deep_shap', 'expected_gradients'",
        )
    if kind == "mean":
        means = values.mean(axis=(2, 3), keepdims=True, dtype=np.float64)
        return np.broadcast_to(means, values.shape).astype(values.dtype)
    from scipy import ndimage

    sigma = BLUR * min(values.shape[2:])
    return np.asarray(ndimage.gaussian_filter(values, sigma=(0, 0, sigma, sigma), mode="nearest"))
