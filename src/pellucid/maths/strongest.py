"""The strongest features of each row, and what the others add up to."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def strongest(
    values: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The `count` values of greatest magnitude in each row, greatest first.

    Parameters
    ----------
    values : ndarray of float (sample, feature)
        Shares.
    count : int
        At most the number of features.

    Returns
    -------
    place : ndarray of int (sample, count)
        Which feature; of equals the first.
    value : ndarray of float (sample, count)
        Its share.
    rest : ndarray of float (sample,)
        The sum of all other shares.
    """
    rows, features = values.shape
    place = np.zeros((rows, count), np.int64)
    value = np.zeros((rows, count), np.float64)
    rest = np.zeros(rows, np.float64)
    chosen = np.zeros(features, np.bool_)
    for i in range(rows):
        held = 0
        for j in range(features):
            size = abs(values[i, j])
            if held == count and size <= abs(value[i, count - 1]):
                continue
            at = held if held < count else count - 1
            while at > 0 and abs(value[i, at - 1]) < size:
                value[i, at], place[i, at] = value[i, at - 1], place[i, at - 1]
                at -= 1
            value[i, at], place[i, at] = values[i, j], j
            held = min(held + 1, count)
        chosen[:] = False
        for at in range(count):
            chosen[place[i, at]] = True
        for j in range(features):
            if not chosen[j]:
                rest[i] += values[i, j]
    return place, value, rest
