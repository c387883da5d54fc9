"""How hidden columns move with known ones when all are jointly normal.

A draw from the conditional distribution is made from a draw of the whole: add to its hidden columns
the regression of the distance between what is known and what was drawn there (Matheron's rule). So
one matrix for each set of known columns turns that distance into the completed row.
"""

from __future__ import annotations

import numpy as np


def completion(correlation: np.ndarray, inside: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """Matrices that complete what is known.

    Parameters
    ----------
    correlation : array of shape (column, column)
        One that can be inverted.
    inside : array of bool of shape (coalition, column)
        Which columns are known.
    chain : array of int of shape (column,)
        The place of each column in the order of causes. Each hidden column follows from all columns
        at earlier places and from the known ones at its own place. With one place for all, that is
        the distribution given what is known; with several, the one after what is known was *set*
        from outside, which does not reach back to its causes.

    Returns
    -------
    array of shape (coalition, column, column)
        For rows that hold the distance of the known columns, and anything elsewhere:
        ``distance @ matrix`` is the distance of all columns.

    References
    ----------
    Wilson et al. (2021), Pathwise conditioning of Gaussian processes, arXiv:2011.04026. Heskes,
    Sijben, Bucur and Claassen (2020), Causal Shapley values, arXiv:2011.01625.
    """
    columns = len(correlation)
    found = np.eye(columns) * inside[:, None, :]
    for place in np.unique(chain):
        given = inside & (chain == place) | (chain < place)
        wanted = ~inside & (chain == place)
        both = given[:, :, None] & given[:, None, :]
        matrix = np.where(both, correlation, np.eye(columns))
        right = np.where(given[:, :, None] & wanted[:, None, :], correlation, 0.0)
        found = found + found @ np.linalg.solve(matrix, right)
    return found
