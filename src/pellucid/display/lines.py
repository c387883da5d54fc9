"""A curve as the lines a picture needs: its middle, single rows, limits, and where it guesses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import GUESSED, Curve
from pellucid.core.errors import AxisError, EmptyData, InvalidSetting
from pellucid.display.reading import classes

MOST_LINES = 60
"""Single rows drawn as thin lines."""

FEW_LINES = 10
"""Up to so many profiles of single rows are drawn bold."""

FEW_ROWS = 5
"""Below so many rows near a point (or half the usual number) the curve is a guess there."""

BARS = 40
"""Bars of the histogram below a curve."""


def one_class(
    curve: Curve, class_: Label | None, axes: tuple[str, ...] = ("sample", "point")
) -> Curve:
    """The curve of one class, on the axes that a picture has a place for.

    Raises
    ------
    InvalidSetting
        If it has several classes and `class_` names none, or it has none and `class_` names one.
    AxisError
        If it has an axis that no picture has a place for.
    EmptyData
        If nothing finite is in it.
    """
    labels = classes(curve)
    if class_ is not None and not labels:
        raise InvalidSetting("This curve has no classes", got=f"class_={class_!r}")
    if class_ is None and len(labels) > 1:
        raise InvalidSetting(
            f"This curve has {len(labels)} classes, and the picture shows one",
            allowed=[repr(label) for label in labels],
            fix=f"Choose one with class_={labels[0]!r}",
        )
    chosen = curve.sel(**{"class": labels[0] if class_ is None else class_}) if labels else curve
    extra = [dim for dim in chosen.dims if dim not in axes]
    if extra:
        raise AxisError(
            f"The picture has no place for axis {extra[0]!r}",
            allowed=f"axes {', '.join(map(repr, (*axes, 'class')))}",
            fix=f"Choose one place with .isel(**{{{extra[0]!r}: …}})",
        )
    if not np.isfinite(chosen.values).any():
        raise EmptyData(
            f"There is nothing to draw along {curve.feature!r}",
            got=f"{curve.values.size} values, none finite",
        )
    return chosen


def middle(curve: Curve) -> np.ndarray:
    """The curve itself, shape (point,): the mean over rows where it has one line for each."""
    axes = tuple(i for i, dim in enumerate(curve.dims) if dim != "point")
    known = np.isfinite(curve.values)
    total, count = np.where(known, curve.values, 0.0).sum(axis=axes), known.sum(axis=axes)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def single_rows(curve: Curve) -> np.ndarray:
    """Lines of single rows, shape (sample, point); none for a curve without rows."""
    if "sample" not in curve.dims:
        return np.empty((0, len(curve.grid)))
    return curve.values if curve.dims[0] == "sample" else curve.values.T


def own_points(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Where each row itself stands, along the grid and in height, (sample,); NaN for nowhere."""
    if curve.own is None or curve.own_values is None or "sample" not in curve.dims:
        return np.empty(0), np.empty(0)
    return curve.own, curve.own_values


def kept(lines: np.ndarray) -> np.ndarray:
    """Which of the lines are drawn: at most 60, spread evenly over their mean height."""
    order = np.argsort(np.nan_to_num(lines).mean(axis=1), kind="stable")
    places = np.linspace(0, len(order) - 1, min(MOST_LINES, len(order))).round().astype(int)
    return order[np.unique(places)]


def thinned(lines: np.ndarray) -> np.ndarray:
    """The lines that are drawn."""
    return lines[kept(lines)]


def through(
    grid: np.ndarray, line: np.ndarray, guess: np.ndarray, x: float, y: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A line led through one more point, where the row itself stands; as it is if there is none."""
    if not (np.isfinite(x) and np.isfinite(y)):
        return grid, line, guess
    place = int(np.searchsorted(grid, x))
    if place < len(grid) and grid[place] == x:
        return grid, line, guess
    return np.insert(grid, place, x), np.insert(line, place, y), np.insert(guess, place, False)


def course(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, heights and guesses of the middle, which for a single row leads through its own."""
    found = np.asarray(curve.grid, dtype=float), middle(curve), unsupported(curve)
    own = own_points(curve)
    return through(*found, own[0][0], own[1][0]) if len(own[0]) == 1 else found


def outside(curve: Curve) -> np.ndarray:
    """Which points take which single row out of what occurs, (sample, point)."""
    if curve.extrapolated is None or "sample" not in curve.dims:
        return np.zeros(single_rows(curve).shape, dtype=bool)
    return curve.extrapolated > 0


def limits(curve: Curve) -> tuple[np.ndarray, np.ndarray] | None:
    """Lower and upper limit of the middle, if the curve has them."""
    if curve.band is None or "sample" in curve.dims:
        return None
    return curve.band[0], curve.band[1]


def unsupported(curve: Curve) -> np.ndarray:
    """At which points the curve is a guess: few rows lie nearby, or many have no like there."""
    return sparse(curve) | foreign(curve)


def sparse(curve: Curve) -> np.ndarray:
    """Which points have few rows nearby."""
    if curve.weight is None:
        return np.zeros(len(curve.grid), dtype=bool)
    return curve.weight < min(FEW_ROWS, 0.5 * float(curve.weight.mean()))


def foreign(curve: Curve) -> np.ndarray:
    """Which points take many rows out of what occurs together."""
    if curve.extrapolated is None:
        return np.zeros(len(curve.grid), dtype=bool)
    share = curve.extrapolated
    return (share if share.ndim == 1 else share.mean(axis=0)) >= GUESSED


def histogram(grid: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges and rows of equal bars, from how many rows lie nearest to each point of a grid."""
    cuts = np.concatenate([[grid[0]], (grid[1:] + grid[:-1]) / 2, [grid[-1]]])
    edges = np.linspace(cuts[0], cuts[-1], BARS + 1)
    total = np.concatenate([[0.0], np.cumsum(weight)])
    return edges, np.diff(np.interp(edges, cuts, total))


def centred(curve: Curve) -> Curve:
    """The curve shifted so that its middle has mean 0 over the rows it rests on.

    Each line of a single row is shifted by itself: what is compared is how it moves.
    """
    if "sample" in curve.dims:
        rows = single_rows(curve)
        known = np.isfinite(rows)
        mean = np.where(known, rows, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return replace(
            curve,
            values=rows - mean[:, None],
            dims=("sample", "point"),
            coords={"sample": (curve.coords or {})["sample"]},
            band=None,
            own_values=None if curve.own_values is None else curve.own_values - mean,
        )
    line = middle(curve)
    known = np.isfinite(line)
    weight = np.where(known, 1.0 if curve.weight is None else curve.weight, 0.0)
    weight = weight if weight.any() else known.astype(float)
    shift = float(np.average(np.where(known, line, 0.0), weights=weight))
    return replace(
        curve,
        values=curve.values - shift,
        band=None if curve.band is None else curve.band - shift,
        coords={dim: c for dim, c in (curve.coords or {}).items() if dim != "point"},
    )


def strength(curve: Curve) -> float:
    """How far a curve or surface moves the output: its spread over points, by the rows there."""
    mean = curve.mean("sample") if "sample" in curve.dims else curve
    at = [mean.dims.index(dim) for dim in ("point", "other point") if dim in mean.dims]
    values = np.moveaxis(mean.values, at, range(len(at)))
    values = values.reshape(*values.shape[: len(at)], -1)
    known = np.isfinite(values).all(axis=-1)
    weight = known.astype(float) if curve.weight is None else np.where(known, curve.weight, 0.0)
    weight = weight if weight.any() else known.astype(float)
    if not weight.any():
        return 0.0
    share = weight[known][:, None] / weight.sum()
    apart = values[known] - (share * values[known]).sum(axis=0)
    return float(np.sqrt((share * apart**2).sum(axis=0)).max())


def runs(line: np.ndarray, guess: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """Stretches of known points drawn in one way; a segment is a guess if either end is one."""
    known = np.isfinite(line)
    found: list[tuple[list[int], bool]] = []
    for left in range(len(line) - 1):
        if known[left] and known[left + 1]:
            doubtful = bool(guess[left] or guess[left + 1])
            if found and found[-1][0][-1] == left and found[-1][1] == doubtful:
                found[-1][0].append(left + 1)
            else:
                found.append(([left, left + 1], doubtful))
    inside = {place for run, _ in found for place in run}
    alone = [([int(i)], bool(guess[i])) for i in np.flatnonzero(known) if i not in inside]
    return [(np.array(run), doubtful) for run, doubtful in (*found, *alone)]
