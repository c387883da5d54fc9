"""How concentrated an explanation is: few large values, or many that are alike.

Explanations have shape ``(sample, ...)``: all axes but the first hold the units (pixels, tokens,
columns). Magnitudes count, signs do not; nothing here depends on the scale of the values. A small
explanation is not a good one: these numbers describe, and say nothing of faithfulness.

An explanation that is 0 everywhere has no distribution: its Gini index and entropy are NaN, and the
number of its units that matter is 0. A NaN or an infinite value makes the numbers of its sample
NaN.
"""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import InvalidSetting


def gini(values: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """Gini index of the magnitudes: 0 where all are alike, 1 − 1 / units where one holds all.

    Parameters
    ----------
    values : array of shape (sample, ...)
    there : array of bool of the shape of `values`, optional
        Which units exist, where samples were filled up to equal lengths; all, when left out.

    Returns
    -------
    array of shape (sample,)
        Sparseness. Comparable between explanations of as many units only.

    References
    ----------
    Hurley and Rickard (2009), Comparing measures of sparsity, arXiv:0811.4706. Chalasani et al.
    (2020), Concise explanations of neural networks, arXiv:1810.06583.
    """
    shares = _shares(values, there)
    units = shares.shape[1]
    count = np.full(len(shares), units) if there is None else _rows(there).sum(axis=1)
    rank = np.arange(1, units + 1) - (units - count)[:, None]  # what is not there is sorted first
    weights = (2 * rank - count[:, None] - 1) / np.maximum(count, 1)[:, None]
    return np.einsum("ij,ij->i", weights, np.sort(shares, axis=1))


def entropy(values: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """Entropy of the shares of the total magnitude, in nats: 0 where one unit holds all.

    Parameters
    ----------
    values : array of shape (sample, ...)
    there : array of bool of the shape of `values`, optional
        Which units exist; all, when left out.

    Returns
    -------
    array of shape (sample,)
        Between 0 and the logarithm of the number of units. ``exp`` of it is the number of equal
        values that would be as spread out.

    References
    ----------
    Bhatt, Weller and Moura (2020), Evaluating and aggregating feature-based model explanations,
    arXiv:2005.00631.
    """
    shares = _shares(values, there)
    found = -(shares * np.log(np.where(shares == 0, 1.0, shares))).sum(axis=1)
    return np.maximum(found, 0.0)


def effective_complexity(
    values: np.ndarray, share: float = 0.01, there: np.ndarray | None = None
) -> np.ndarray:
    """Number of units whose magnitude is more than a share of the largest.

    Parameters
    ----------
    values : array of shape (sample, ...)
    share : float
        At least 0 and less than 1. With 0, all units that are not 0 count.
    there : array of bool of the shape of `values`, optional
        Which units exist; all, when left out.

    Returns
    -------
    array of shape (sample,)
        Whole numbers between 1 and the number of units; 0 where all values are 0.

    Raises
    ------
    InvalidSetting
        If `share` is not in its range.

    Notes
    -----
    Nguyen and Rodríguez Martínez count the units that must be kept for the model's loss to stay
    within a bound, which needs the model. As in later use, the magnitudes stand for it here; their
    bound is relative, because an absolute one would change with the scale of the output.

    References
    ----------
    Nguyen and Rodríguez Martínez (2020), On quantitative aspects of model interpretability,
    arXiv:2007.07584.
    """
    if not 0 <= share < 1:
        raise InvalidSetting(
            "This is no share of the largest value", got=share, allowed="0 ≤ share < 1"
        )
    size = _magnitudes(values, there)
    largest = size.max(axis=1, initial=0.0)
    count = (size > share * largest[:, None]).sum(axis=1)
    return np.where(np.isfinite(largest), count, np.nan)


def _shares(values: np.ndarray, there: np.ndarray | None) -> np.ndarray:
    """Share of each unit in the total magnitude: (sample, unit); NaN where the total is 0."""
    size = _magnitudes(values, there)
    with np.errstate(invalid="ignore"):
        size /= size.max(axis=1, initial=0.0, keepdims=True)  # a sum could overflow
        return np.asarray(size / size.sum(axis=1, keepdims=True))


def _magnitudes(values: np.ndarray, there: np.ndarray | None) -> np.ndarray:
    size = np.abs(_rows(values), dtype=np.float64)
    return size if there is None else np.where(_rows(there), size, 0.0)


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), int(np.prod(values.shape[1:])))
