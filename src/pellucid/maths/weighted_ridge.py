"""Many weighted ridge regressions at once, each with honest standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

WIDE = 64
"""Columns from which products of matrices are faster than loops over draws."""


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
    r2_out : array of shape (fit, output)
        The same where each draw is predicted by the line through all others.
    redrawn : array of shape (redraw, fit, column, output)
        Slopes of the redraws that were asked for.
    """

    slope: np.ndarray
    error: np.ndarray
    intercept: np.ndarray
    r2: np.ndarray
    r2_out: np.ndarray
    redrawn: np.ndarray


def weighted_ridge(
    design: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    penalty: float,
    redraws: np.ndarray | None = None,
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
    redraws : array of shape (redraw, group), optional
        How often each of so many groups of consecutive draws is taken in each redraw; draws left
        over at the end, fewer than there are groups, or one more, are taken once.

    Raises
    ------
    FloatingPointError
        If targets are too large to be squared.

    Notes
    -----
    The error is the sandwich with leverage-corrected residuals (HC3). It holds for draws whose
    scatter around the line differs from place to place, as the misfit of a surrogate does; it
    does not include the pull of the penalty towards zero.

    A redraw is a bootstrap of whole groups of draws. As draws are independent, so are groups of
    them, and their cross products need to be summed only once for all redraws.

    References
    ----------
    MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7.
    """
    design, target, weight = (np.ascontiguousarray(a, np.float64) for a in (design, target, weight))
    share = weight / weight.sum(axis=1, keepdims=True)
    middle = np.matmul(share[:, None, :], design)[:, 0]
    level = np.matmul(share[:, None, :], target)[:, 0]
    groups = 1 if redraws is None else redraws.shape[1]
    wide = design.shape[2] >= WIDE
    products_of = _wide_products if wide else _products
    squares_of = _wide_squares if wide else _squares
    products = products_of(design, target, weight, middle, level, groups)
    whole, columns = products.sum(axis=1), design.shape[2]
    gram = whole[:, 1:, 1 : 1 + columns] + penalty * np.eye(columns)
    slope = np.linalg.solve(gram, whole[:, 1:, 1 + columns :])
    inverse = np.linalg.inv(gram)
    squares = squares_of(design, target, weight, share, middle, level, slope, inverse)
    if not np.isfinite(squares).all():
        raise FloatingPointError("overflow in the squares of targets")
    total, missed, alone = squares[:, :3].transpose(1, 0, 2)
    varies = total > 1e-24 * weight.sum(axis=1, keepdims=True)
    safe = np.where(varies, total, 1.0)
    again = np.empty((0, *slope.shape))
    if redraws is not None:
        again = _redrawn(products, redraws, penalty)
    return RidgeFits(
        slope=slope,
        error=np.sqrt(squares[:, 3:]),
        intercept=level - np.matmul(middle[:, None], slope)[:, 0],
        r2=np.where(varies, 1.0 - missed / safe, np.nan),
        r2_out=np.where(varies, 1.0 - alone / safe, np.nan),
        redrawn=again,
    )


def _redrawn(products: np.ndarray, redraws: np.ndarray, penalty: float) -> np.ndarray:
    """Slopes of each redraw of groups; the last group is taken once in every redraw."""
    fits, groups, known, width = products.shape
    taken = np.column_stack([redraws, np.ones(len(redraws))])
    total = np.matmul(taken, products.reshape(fits, groups, known * width))
    total = total.reshape(fits, len(redraws), known, width)
    held = np.arange(1, known)
    total[..., held, held] += penalty
    slopes = np.linalg.solve(total[..., :known], total[..., known:])[:, :, 1:]
    return np.asarray(slopes.transpose(1, 0, 2, 3))


@njit(cache=True, nogil=True)
def _products(
    design: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    middle: np.ndarray,
    level: np.ndarray,
    groups: int,
) -> np.ndarray:
    """Weighted sums of products of (1, columns) with (1, columns, targets), all centred.

    Shape (fit, group + 1, 1 + column, 1 + column + target); the last group holds what is left.
    """
    fits, draws, columns = design.shape
    width = 1 + columns + target.shape[2]
    size = max((draws - 1) // groups, 1)
    found = np.zeros((fits, groups + 1, 1 + columns, width))
    sides = np.empty(width)
    sides[0] = 1.0
    for f in range(fits):
        for d in range(draws):
            for c in range(columns):
                sides[1 + c] = design[f, d, c] - middle[f, c]
            for t in range(target.shape[2]):
                sides[1 + columns + t] = target[f, d, t] - level[f, t]
            into = found[f, min(d // size, groups)]
            for a in range(1 + columns):
                heavy = weight[f, d] * sides[a]
                for b in range(width):
                    into[a, b] += heavy * sides[b]
    return found


@njit(cache=True, nogil=True)
def _squares(
    design: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    share: np.ndarray,
    middle: np.ndarray,
    level: np.ndarray,
    slope: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """Sums of squares, shape (fit, 3 + column, output): of the target, of what the line misses,
    of what the line through the others misses, and of the slopes' errors."""
    fits, draws, columns = design.shape
    outputs = target.shape[2]
    found = np.zeros((fits, 3 + columns, outputs))
    z, pull = np.empty(columns), np.empty(columns)
    for f in range(fits):
        for d in range(draws):
            heavy = weight[f, d]
            for c in range(columns):
                z[c] = design[f, d, c] - middle[f, c]
            pull[:] = 0.0
            for b in range(columns):
                for a in range(columns):
                    pull[a] += inverse[f, b, a] * z[b]
            leverage = share[f, d]
            for c in range(columns):
                leverage += heavy * pull[c] * z[c]
            for t in range(outputs):
                left = target[f, d, t] - level[f, t]
                found[f, 0, t] += heavy * left * left
                for c in range(columns):
                    left -= z[c] * slope[f, c, t]
                sure = left / max(1.0 - leverage, 1e-9)
                found[f, 1, t] += heavy * left * left
                found[f, 2, t] += heavy * sure * sure
                for c in range(columns):
                    off = heavy * pull[c] * sure
                    found[f, 3 + c, t] += off * off
    return found


def _wide_products(
    design: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    middle: np.ndarray,
    level: np.ndarray,
    groups: int,
) -> np.ndarray:
    """As `_products`, for many columns."""
    fits, draws, columns = design.shape
    size = max((draws - 1) // groups, 1)
    width = 1 + columns + target.shape[2]
    found = np.zeros((fits, groups + 1, 1 + columns, width))
    sides = np.ones((draws, width))
    for f in range(fits):
        sides[:, 1 : 1 + columns] = design[f] - middle[f]
        sides[:, 1 + columns :] = target[f] - level[f]
        heavy = weight[f, :, None] * sides[:, : 1 + columns]
        for g in range(groups + 1):
            some = slice(g * size, (g + 1) * size if g < groups else draws)
            found[f, g] = heavy[some].T @ sides[some]
    return found


def _wide_squares(
    design: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    share: np.ndarray,
    middle: np.ndarray,
    level: np.ndarray,
    slope: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """As `_squares`, for many columns."""
    found = np.empty((len(design), 3 + design.shape[2], target.shape[2]))
    for f, heavy in enumerate(weight):
        z, left = design[f] - middle[f], target[f] - level[f]
        pull = heavy[:, None] * (z @ inverse[f])
        found[f, 0] = heavy @ np.square(left)
        left -= z @ slope[f]
        leverage = share[f] + np.einsum("dc,dc->d", pull, z)
        sure = left / np.maximum(1.0 - leverage, 1e-9)[:, None]
        found[f, 1], found[f, 2] = heavy @ np.square(left), heavy @ np.square(sure)
        found[f, 3:] = np.square(pull).T @ np.square(sure)
    return found
