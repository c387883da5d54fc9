"""Shapley values of a weighted sum when its columns are jointly normal.

The worth of a coalition is the expected sum given the columns of its players. Known columns count
as they are, and the others by their regression on the known ones, so the worth is linear in the
distance of the row from the mean, and so are the Shapley values.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.coalitions import every_coalition, exact_shapley
from pellucid.maths.shapley_regression import widening

CELLS = 1 << 22
"""Numbers in one stack of matrices: 32 MB."""

RIDGE = 1e-8
"""Added to the diagonal of a correlation matrix that cannot be inverted safely."""


def steady(background: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """A correlation matrix that can be inverted.

    Parameters
    ----------
    background : array of shape (row, column)

    Returns
    -------
    correlation : array of shape (column, column)
    deviation : array of shape (column,)
        Standard deviations, 1 for constant columns.
    singular : bool
        Whether a ridge of 1e-8 was needed: columns that are constant, equal or sums of others.
    """
    centred = background - background.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    scale = np.abs(background).max(axis=0)
    constant = deviation <= 1e-12 * scale
    deviation = np.where(constant, 1.0, deviation)
    standard = np.where(constant, 0.0, centred / deviation)
    correlation = standard.T @ standard / len(background)
    singular = bool(np.linalg.eigvalsh(correlation).min(initial=np.inf) < RIDGE)
    return (
        correlation + (RIDGE * np.eye(len(correlation)) if singular else 0.0),
        deviation,
        singular,
    )


def enumerated(correlation: np.ndarray, coef: np.ndarray, players: np.ndarray) -> np.ndarray:
    """Exact coefficients of Shapley values, from all coalitions.

    Parameters
    ----------
    correlation : array of shape (column, column)
    coef : array of shape (output, column)
        For standardised columns.
    players : array of int of shape (column,)
        The player of each column, from 0 on.

    Returns
    -------
    array of shape (column, player, output)
        Multiplied with the standardised distance from the mean and summed over columns, they are
        the Shapley values.
    """
    known = every_coalition(int(players.max()) + 1)[:, players]
    columns = len(correlation)
    worth = np.empty((columns, len(known), len(coef)))
    several = max(1, CELLS // columns**2)
    for start in range(0, len(known), several):
        some = slice(start, start + several)
        inside = known[some]
        both = inside[:, :, None] & inside[:, None, :]
        matrix = np.where(both, correlation, np.eye(columns))
        hidden = (coef * ~inside[:, None, :]) @ correlation * inside[:, None, :]
        regression = np.linalg.solve(matrix, hidden.transpose(0, 2, 1))
        worth[:, some] = regression.transpose(1, 0, 2) + (coef.T[:, None] * inside.T[:, :, None])
    return exact_shapley(worth)


def sampled(
    correlation: np.ndarray,
    coef: np.ndarray,
    players: np.ndarray,
    orders: np.ndarray,
    distance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values from random orders of the players and their reverses.

    When columns join in order, what each adds is its part of the sum written in independent
    normal numbers: the triangular factor of the correlation in that order.

    Parameters
    ----------
    correlation, coef, players
        As for `enumerated`.
    orders : array of int of shape (pair, player)
        At least two.
    distance : array of shape (sample, column)
        Standardised distance of the rows from the mean.

    Returns
    -------
    values, error : arrays of shape (sample, player, output)
        The error over pairs is widened by Student's t-quantile.
    """
    shape = (len(distance), orders.shape[1], len(coef))
    mean, squares = np.zeros(shape), np.zeros(shape)
    for done, order in enumerate(orders, start=1):
        both = _joining(correlation, coef, players, order, distance)
        added = (both + _joining(correlation, coef, players, order[::-1], distance)) / 2
        step = added - mean
        mean += step / done
        squares += step * (added - mean)
    pairs = len(orders)
    return mean, widening(pairs - 1) * np.sqrt(squares / ((pairs - 1) * pairs))


def _joining(
    correlation: np.ndarray,
    coef: np.ndarray,
    players: np.ndarray,
    order: np.ndarray,
    distance: np.ndarray,
) -> np.ndarray:
    """What each player adds when they join in this order, shape (sample, player, output)."""
    from scipy.linalg import solve_triangular

    columns = np.argsort(np.argsort(order)[players], kind="stable")
    factor = np.linalg.cholesky(correlation[np.ix_(columns, columns)])
    independent = solve_triangular(factor, distance[:, columns].T, lower=True)
    weight = coef[:, columns] @ factor
    added = np.zeros((len(distance), len(order), len(coef)))
    for column, parts in enumerate(independent[:, :, None] * weight.T[:, None, :]):
        added[:, players[columns[column]]] += parts
    return added
