"""Cutting an image into connected pieces: regular cells, or superpixels that follow its edges."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROUNDS = 10
"""Rounds of assignment and update, as in the paper: later ones move few pixels."""

COMPACT = 10.0
"""How much a distance of one cell counts, in units of CIELAB colour."""

LEAST = 0.25
"""Pieces smaller than this part of a cell join a neighbour."""

TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
"""From linear sRGB to CIE XYZ, and the white of daylight (D65)."""


def slic(pixels: np.ndarray, number: int, compactness: float = COMPACT) -> np.ndarray:
    """Superpixels: clusters of pixels near in colour and place, each in one piece.

    Parameters
    ----------
    pixels : array of shape (row, column, 3)
        sRGB between 0 and 1.
    number : int
        Most superpixels.
    compactness : float
        What a distance of one cell weighs against colour: larger for squarer superpixels.

    Returns
    -------
    array of int32 of shape (row, column)
        Superpixels numbered from 0 in the order of their first pixels.

    Notes
    -----
    Nothing is drawn at random. Pieces that are not connected (by sides) to the rest of their
    cluster stand for themselves, and where they are small, or too many, join the neighbour with
    the nearest mean colour, smallest first; the paper joins any neighbour.

    References
    ----------
    Achanta et al. (2012), SLIC superpixels compared to state-of-the-art superpixel methods,
    doi:10.1109/TPAMI.2012.120.
    """
    rows, columns = pixels.shape[:2]
    if number >= rows * columns:
        return np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    colour = lab(pixels)
    side = sqrt(rows * columns / number)
    labels = _clustered(colour, _seeds(colour, number), side, compactness, ROUNDS)
    return merged_pieces(labels, colour, number, LEAST * side * side)


def cells(rows: int, columns: int, number: int) -> np.ndarray:
    """A regular grid of at most `number` cells that are as square as may be: (row, column)."""
    high, wide = _grid(rows, columns, number)
    down = np.arange(rows) * high // rows
    across = np.arange(columns) * wide // columns
    return (down[:, None] * wide + across).astype(np.int32)


def lab(pixels: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB pixels between 0 and 1: float64 (row, column, 3), lightness from 0 to 100."""
    rgb = np.asarray(pixels, dtype=np.float32)
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    light = linear @ (TO_XYZ / WHITE[:, None]).T.astype(np.float32)
    f = np.where(light > 0.008856, np.cbrt(light), 7.787 * light + 16 / 116)
    found = np.empty(rgb.shape)
    found[..., 0] = 116 * f[..., 1] - 16
    found[..., 1] = 500 * (f[..., 0] - f[..., 1])
    found[..., 2] = 200 * (f[..., 1] - f[..., 2])
    return found


def merged_pieces(labels: np.ndarray, colour: np.ndarray, most: int, least: float) -> np.ndarray:
    """Connected pieces of equal label, of which small and surplus ones have joined a neighbour.

    Parameters
    ----------
    labels : array of int of shape (row, column)
    colour : array of shape (row, column, 3)
        By which the nearest neighbour is found.
    most : int
        Pieces that may be left.
    least : float
        Pixels that a piece must have.
    """
    found, count = _pieces(labels)
    flat = found.ravel()
    size = np.bincount(flat, minlength=count).astype(float)
    total = np.stack([np.bincount(flat, colour[..., d].ravel(), count) for d in range(3)], axis=1)
    touching = _touching(found, count)
    now = np.arange(count)
    while count > 1:
        joining = size < least
        if not joining.any():
            if count <= most:
                break
            joining[np.argsort(size, kind="stable")[: count - most]] = True
        label = _joined(total / size[:, None], touching, joining)
        count = int(label.max()) + 1
        size = np.bincount(label, size, count)
        total = np.stack([np.bincount(label, total[:, d], count) for d in range(3)], axis=1)
        touching = label[touching]
        touching = touching[touching[:, 0] != touching[:, 1]]
        now = label[now]
    return _in_order(now[found])


def _grid(rows: int, columns: int, number: int) -> tuple[int, int]:
    """Cells along each axis."""
    high = min(rows, number, max(1, round(sqrt(number * rows / columns))))
    return high, min(columns, max(1, number // high))


def _seeds(colour: np.ndarray, number: int) -> np.ndarray:
    """First centres (centre, 5): colour, row and column, away from edges."""
    rows, columns = colour.shape[:2]
    high, wide = _grid(rows, columns, number)
    down = ((np.arange(high) + 0.5) * rows / high).astype(int)
    across = ((np.arange(wide) + 0.5) * columns / wide).astype(int)
    places = np.stack(np.meshgrid(down, across, indexing="ij"), axis=-1).reshape(-1, 2)
    if min(rows / high, columns / wide) > 3:
        places = _flattest(colour, places)
    return np.column_stack([colour[places[:, 0], places[:, 1]], places])


def _flattest(colour: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Of the 3 × 3 pixels around each place the one where colour changes least."""
    down, across = np.gradient(colour, axis=(0, 1))
    steep = (down**2 + across**2).sum(axis=2)
    step = np.array([(0, 0), *((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)])
    near = places[:, None] + step
    best = steep[near[..., 0], near[..., 1]].argmin(axis=1)
    return near[np.arange(len(places)), best]


@njit(cache=True, nogil=True)
def _clustered(
    colour: np.ndarray, centre: np.ndarray, side: float, compactness: float, rounds: int
) -> np.ndarray:
    """The nearest centre of each pixel, among those less than two cells away."""
    rows, columns = colour.shape[:2]
    weight = (compactness / side) ** 2
    reach = int(np.ceil(side)) + 1
    labels = np.zeros((rows, columns), dtype=np.int32)
    nearest = np.empty((rows, columns))
    for _ in range(rounds):
        nearest[:] = np.inf
        for k in range(len(centre)):
            a, b, c, y, x = centre[k]
            for i in range(max(0, int(y) - reach), min(rows, int(y) + reach + 1)):
                away = weight * (i - y) ** 2
                for j in range(max(0, int(x) - reach), min(columns, int(x) + reach + 1)):
                    apart = (
                        (colour[i, j, 0] - a) ** 2
                        + (colour[i, j, 1] - b) ** 2
                        + (colour[i, j, 2] - c) ** 2
                        + away
                        + weight * (j - x) ** 2
                    )
                    if apart < nearest[i, j]:
                        nearest[i, j] = apart
                        labels[i, j] = k
        total = np.zeros((len(centre), 6))
        for i in range(rows):
            for j in range(columns):
                into = total[labels[i, j]]
                for d in range(3):
                    into[d] += colour[i, j, d]
                into[3] += i
                into[4] += j
                into[5] += 1
        for k in range(len(centre)):
            if total[k, 5] > 0:
                for d in range(5):
                    centre[k, d] = total[k, d] / total[k, 5]
    return labels


@njit(cache=True, nogil=True)
def _pieces(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Connected pieces, numbered in the order of their first pixels, and how many."""
    rows, columns = labels.shape
    found = np.full((rows, columns), -1, dtype=np.int32)
    waiting = np.empty(rows * columns, dtype=np.int64)
    count = 0
    for start in range(rows * columns):
        if found[start // columns, start % columns] >= 0:
            continue
        waiting[0] = start
        found[start // columns, start % columns] = count
        held = 1
        while held > 0:
            held -= 1
            i, j = waiting[held] // columns, waiting[held] % columns
            for di, dj in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                y, x = i + di, j + dj
                inside = 0 <= y < rows and 0 <= x < columns
                if inside and found[y, x] < 0 and labels[y, x] == labels[i, j]:
                    found[y, x] = count
                    waiting[held] = y * columns + x
                    held += 1
        count += 1
    return found, count


def _touching(found: np.ndarray, count: int) -> np.ndarray:
    """Pairs of pieces that share a side, both ways round: (pair, 2)."""
    keys = []
    for one, other in ((found[:, 1:], found[:, :-1]), (found[1:], found[:-1])):
        apart = one != other
        a, b = one[apart].astype(np.int64), other[apart].astype(np.int64)
        keys += [a * count + b, b * count + a]
    return np.stack(np.divmod(np.unique(np.concatenate(keys)), count), axis=1)


def _joined(tint: np.ndarray, touching: np.ndarray, joining: np.ndarray) -> np.ndarray:
    """The new piece of each piece, once those `joining` went to the neighbour nearest in tint."""
    pairs = touching[joining[touching[:, 0]]]
    apart = ((tint[pairs[:, 0]] - tint[pairs[:, 1]]) ** 2).sum(axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], apart, pairs[:, 0]))]
    one, first = np.unique(pairs[:, 0], return_index=True)
    edges = coo_array((np.ones(len(one)), (one, pairs[first, 1])), shape=(len(tint), len(tint)))
    _, label = connected_components(edges, directed=False)
    return np.asarray(label)


def _in_order(found: np.ndarray) -> np.ndarray:
    """Labels numbered from 0 in the order of their first pixels."""
    _, first, place = np.unique(found, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[place].reshape(found.shape)
