"""Second-order accumulated local effects: what two columns do together beyond each alone.

As in `accumulated_effects`, a column has points 0 … K and gaps between them. A row votes on the
cells where its gaps of the two columns cross, with the double difference of the output there.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

BATCH = 2**21
"""Most cells of surfaces that are held at once."""


class Along(NamedTuple):
    """One of the two columns.

    Parameters
    ----------
    row, gap : int arrays of shape (vote,)
        Which row votes on which gap; every gap has a vote, and a row votes on its own gap or on
        the gaps before and after its own point.
    place : array of shape (row, point)
        Where each row lies, as weights of the points that sum to one.
    middle : array of shape (gap,)
        Where the gaps lie, to find the nearest.
    """

    row: np.ndarray
    gap: np.ndarray
    place: sparse.csr_array
    middle: np.ndarray


class Surfaces(NamedTuple):
    """How a surface follows from the steps of its cells, the rows given.

    Parameters
    ----------
    source : int array of shape (cell,)
        The cell that gives the step of each: itself, or the nearest that has votes.
    beside : two arrays of shape (gap, other point)
        For each gap of a column, where its voters lie along the other.
    mass : array of shape (point, other point)
        The share of rows at each point.
    """

    source: np.ndarray
    beside: tuple[np.ndarray, np.ndarray]
    mass: np.ndarray

    def of(self, step: np.ndarray) -> tuple[np.ndarray, ...]:
        """From steps (batch, cell): sums (batch, point, other point), and parts to be taken off:
        the steps of both main effects (batch, gap), and the mean (batch,) of what is left."""
        shape = (len(step), *(len(beside) for beside in self.beside))
        filled = step[:, self.source].reshape(shape)
        summed = np.pad(filled.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
        first = np.einsum("kq,bkq->bk", self.beside[0], np.diff(summed, axis=1))
        second = np.einsum("mp,bpm->bm", self.beside[1], np.diff(summed, axis=2))
        centre = np.einsum("pq,bpq->b", self.mass, summed) - self.level(first, second)
        return summed, first, second, centre

    def level(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Mean over rows of main effects that have these steps."""
        along = (_summed(first) @ self.mass.sum(axis=1), _summed(second) @ self.mass.sum(axis=0))
        return np.asarray(along[0] + along[1])

    def pure(self, step: np.ndarray) -> np.ndarray:
        """From steps (batch, cell) the surfaces without main effects and mean."""
        summed, first, second, centre = self.of(step)
        mains = _summed(first)[:, :, None] + _summed(second)[:, None, :]
        return np.asarray(summed - mains - centre[:, None, None])


def crossings(first: Along, second: Along) -> tuple[np.ndarray, np.ndarray]:
    """Which votes on the two columns meet in a row, for every cell that a row votes on."""
    votes = sparse.csr_array(
        (np.ones(len(second.row)), (second.row, np.arange(len(second.row)))),
        shape=(second.place.shape[0], len(second.row)),
    )
    met = votes[first.row]
    return np.repeat(np.arange(len(first.row)), np.diff(met.indptr)), met.indices


def accumulate_pair(
    first: Along, second: Along, met: tuple[np.ndarray, np.ndarray], delta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The surface at every two points, its standard error over rows, and the votes of each cell.

    Parameters
    ----------
    first, second : Along
    met : two int arrays of shape (vote,)
        The votes of `crossings`.
    delta : array of shape (vote, output)
        Double difference of the output over the cell.

    Returns
    -------
    values, error : arrays of shape (point, other point, output)
    votes : array of shape (gap, other gap)

    Notes
    -----
    The mean steps of the cells are summed up along both columns; then what each column does alone
    and the mean over rows are taken off, so that the first-order effects of the surface are zero.
    A cell without votes has the step of the nearest cell with votes.

    The error is propagated from each row's influence on the steps, the main effects and the mean
    (the infinitesimal jackknife, with n / (n − 1) in each cell); a cell with one vote takes the
    pooled variance of the others. Gaps, and which cells are filled, are taken as given.
    """
    shape = len(first.middle), len(second.middle)
    cell = first.gap[met[0]] * shape[1] + second.gap[met[1]]
    votes = np.bincount(cell, minlength=shape[0] * shape[1]).astype(np.float64)
    picks = sparse.csr_array(
        (1.0 / votes[cell], (cell, np.arange(len(cell)))), shape=(len(votes), len(cell))
    )
    means = picks @ delta
    rows = first.place.shape[0]
    surfaces = Surfaces(
        source=_nearest(votes, first.middle, second.middle),
        beside=(_beside(first, second), _beside(second, first)),
        mass=(first.place.T @ second.place).toarray() / rows,
    )
    values = np.moveaxis(surfaces.pure(means.T), 0, -1)
    error = np.empty_like(values)
    homes = _Homes.of(first, second)
    for output in range(delta.shape[1]):
        residual = delta[:, output] - means[cell, output]
        scaled = residual / np.sqrt(votes * np.maximum(votes - 1, 1))[cell]
        shift = _shift(surfaces, homes, first, second, means[:, output])
        moments = homes.moments(first.row[met[0]], cell, scaled)
        error[..., output] = np.sqrt(
            _spread(surfaces, moments, shift) + _alone(surfaces, votes, residual)
        )
    return values, error, votes.reshape(shape)


class _Homes(NamedTuple):
    """Rows that lie alike: they vote on the same cells, and weigh the same.

    `of_row` (row,) is the home of each row, `first` (home,) a row of each, `size` (home,) their
    number.
    """

    of_row: np.ndarray
    first: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, first: Along, second: Along) -> _Homes:
        points = [each.place.indices[each.place.indptr[:-1]] for each in (first, second)]
        number = points[0].astype(np.int64) * second.place.shape[1] + points[1]
        _, row, home, size = np.unique(
            number, return_index=True, return_inverse=True, return_counts=True
        )
        return cls(home, row, size)

    def moments(
        self, row: np.ndarray, cell: np.ndarray, scaled: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The cells (home, slot) that a home votes on, and the sums over its rows of products
        (home, slot + 1, slot + 1) of their residuals there, the last being 1 for each row."""
        order = np.lexsort((cell, row))
        row, cell, scaled = row[order], cell[order], scaled[order]
        slot = np.arange(len(row)) - np.searchsorted(row, row, side="left")
        slots = int(slot.max()) + 1
        cells = np.zeros((len(self.size), slots), dtype=np.int64)
        cells[self.of_row[row], slot] = cell
        table = np.zeros((len(self.of_row), slots + 1))
        table[row, slot] = scaled
        table[:, -1] = 1.0
        inside = sparse.csr_array(
            (np.ones(len(table)), (self.of_row, np.arange(len(table)))),
            shape=(len(self.size), len(table)),
        )
        products = inside @ (table[:, :, None] * table[:, None, :]).reshape(len(table), -1)
        return cells, products.reshape(-1, slots + 1, slots + 1)


def _spread(
    surfaces: Surfaces,
    moments: tuple[np.ndarray, np.ndarray],
    shift: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Sum over rows of their squared influence on the surface (point, other point)."""
    cells, products = moments
    slots = cells.shape[1]
    spread = np.zeros(surfaces.mass.size)
    several = max(1, BATCH // spread.size // (slots + 1))
    for start in range(0, len(cells), several):
        some = slice(start, start + several)
        different, which = np.unique(cells[some], return_inverse=True)
        step = np.zeros((len(different), len(surfaces.source)))
        step[np.arange(len(different)), different] = 1.0
        alone = surfaces.pure(step).reshape(len(different), -1)
        mains = _summed(shift[0][some])[:, :, None] + _summed(shift[1][some])[:, None, :]
        weighed = -mains - shift[2][some, None, None]
        parts = [*(alone[place] for place in which.reshape(-1, slots).T), weighed]
        parts = [part.reshape(len(weighed), -1) for part in parts]
        for one, another in combinations_with_replacement(range(slots + 1), 2):
            share = products[some, one, another] * (1 if one == another else 2)
            spread += np.einsum("h,hp,hp->p", share, parts[one], parts[another])
    return np.maximum(spread, 0.0).reshape(surfaces.mass.shape)


def _shift(
    surfaces: Surfaces, homes: _Homes, first: Along, second: Along, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a row of each home adds, by its weight, to the steps of both main effects, (home, gap)
    each, and to the mean (home,)."""
    (summed,), (one,), (two,), (centre,) = surfaces.of(means[None])
    places = [each.place[homes.first].toarray() for each in (first, second)]
    steps = []
    for along, table, effect, beside in (
        (first, np.diff(summed, axis=0), one, places[1]),
        (second, np.diff(summed, axis=1).T, two, places[0]),
    ):
        votes = np.bincount(along.gap, minlength=len(effect))
        ones = sparse.csr_array(
            (1.0 / votes[along.gap], (along.row, along.gap)),
            shape=(along.place.shape[0], len(effect)),
        )
        steps.append(ones[homes.first].toarray() * (beside @ table.T - effect))
    left = summed - _summed(one[None])[0][:, None] - _summed(two[None])[0][None, :]
    own = np.einsum("hp,pq,hq->h", places[0], left, places[1], optimize=True) - centre
    return steps[0], steps[1], own / len(homes.of_row) - surfaces.level(steps[0], steps[1])


def _alone(surfaces: Surfaces, votes: np.ndarray, residual: np.ndarray) -> np.ndarray | float:
    """The variance that cells with one vote add, each with the pooled variance of the others."""
    single = np.flatnonzero(votes == 1)
    several = votes > 1
    if not len(single) or not several.any():
        return 0.0
    pooled = np.sum(residual**2) / np.sum(votes[several] - 1)
    spread = np.zeros(surfaces.mass.shape)
    for some in np.array_split(single, 1 + len(single) * spread.size // BATCH):
        step = np.zeros((len(some), len(votes)))
        step[np.arange(len(some)), some] = 1.0
        spread += pooled * np.square(surfaces.pure(step)).sum(axis=0)
    return spread


def _beside(along: Along, other: Along) -> np.ndarray:
    """Where the voters on each gap lie along the other column, (gap, other point)."""
    votes = np.bincount(along.gap, minlength=len(along.middle))
    picks = sparse.csr_array(
        (1.0 / votes[along.gap], (along.gap, along.row)),
        shape=(len(votes), along.place.shape[0]),
    )
    return np.asarray((picks @ other.place).toarray())


def _nearest(votes: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Each cell with votes itself, and for any other the nearest that has some."""
    source = np.arange(len(votes))
    empty = votes == 0
    if empty.any():
        middles = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
        _, found = cKDTree(middles[~empty]).query(middles[empty])
        source[empty] = source[~empty][found]
    return source


def _summed(steps: np.ndarray) -> np.ndarray:
    """Steps (batch, gap) summed up from zero, (batch, point)."""
    return np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))
