"""Named axes: every array of an explanation says what its axes mean and what stands on them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import AxisError

Label = str | int | float | bool
"""What may stand on an axis."""

Indexer = int | slice | Sequence[int] | Sequence[bool] | np.ndarray
"""What `isel` takes for one axis."""

REPEATABLE = frozenset({"sample"})
"""Axes on which two places may carry the same label (a frame's index may repeat)."""


def check_axes(
    owner: str, shape: tuple[int, ...], dims: Sequence[str], coords: Mapping[str, Sequence[Label]]
) -> dict[str, tuple[Label, ...]]:
    """The coordinates as tuples, once names, lengths and labels agree with `shape`.

    Raises
    ------
    AxisError
        If a name is missing or repeated, a length differs, or a label repeats where it must not.
    """
    if len(dims) != len(shape):
        raise AxisError(
            f"{owner} needs one axis name for each axis",
            got=f"dims {tuple(dims)} for an array of shape {shape}",
        )
    if len(set(dims)) != len(dims):
        raise AxisError(f"{owner} has an axis name twice", got=tuple(dims))
    if set(coords) != set(dims):
        raise AxisError(
            f"{owner} needs coordinates for exactly its axes",
            got=sorted(coords),
            allowed=sorted(dims),
        )
    checked = {}
    for dim, length in zip(dims, shape, strict=True):
        labels = tuple(_plain(label) for label in coords[dim])
        if len(labels) != length:
            raise AxisError(
                f"{owner}: axis {dim!r} has {length} places",
                got=f"{len(labels)} labels",
                allowed="one label for each place",
            )
        if dim not in REPEATABLE and len(set(labels)) != length:
            raise AxisError(f"{owner}: axis {dim!r} has a label twice", got=_repeated(labels))
        checked[dim] = labels
    return checked


def axis_number(owner: str, dims: Sequence[str], dim: str) -> int:
    """The position of the axis called `dim`."""
    if dim not in dims:
        raise AxisError(f"{owner} has no axis {dim!r}", allowed=list(dims) or "no axis is left")
    return list(dims).index(dim)


def places(dim: str, labels: Sequence[Label], wanted: Any) -> int | list[int] | slice:
    """Positions of the `wanted` label, labels, or slice of labels (both ends included)."""
    if isinstance(wanted, slice):
        start = _place(dim, labels, wanted.start) if wanted.start is not None else 0
        stop = _place(dim, labels, wanted.stop) if wanted.stop is not None else len(labels) - 1
        return slice(start, stop + 1, wanted.step)
    if isinstance(wanted, (list, tuple, set, np.ndarray)):
        return [_place(dim, labels, one) for one in wanted]
    found = [i for i, label in enumerate(labels) if label == _plain(wanted)]
    if len(found) > 1:
        return found
    return _place(dim, labels, wanted)


def pick(labels: tuple[Label, ...], index: Indexer) -> tuple[Label, ...]:
    """The labels at `index`, which must keep the axis."""
    return tuple(labels[i] for i in np.arange(len(labels))[index])


def check_index(owner: str, dim: str, length: int, index: Any) -> Indexer:
    """`index`, once it is known to fit an axis of this length."""
    if isinstance(index, slice):
        return index
    if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
        if not -length <= index < length:
            raise AxisError(
                f"{owner}: axis {dim!r} has no place {index}", allowed=f"0 to {length - 1}"
            )
        return int(index)
    array = np.asarray(index)
    fits = array.ndim == 1 and (
        (array.dtype == bool and len(array) == length)
        or (array.dtype.kind in "iu" and np.all((-length <= array) & (array < length)))
        or len(array) == 0
    )
    if not fits:
        raise AxisError(
            f"{owner}: axis {dim!r} cannot be indexed so",
            got=repr(index),
            allowed=f"positions from 0 to {length - 1}, a slice, or {length} booleans",
        )
    return array if len(array) else array.astype(int)


def _place(dim: str, labels: Sequence[Label], wanted: Any) -> int:
    try:
        return list(labels).index(_plain(wanted))
    except ValueError:
        import difflib

        close = difflib.get_close_matches(str(wanted), [str(label) for label in labels], n=1)
        raise AxisError(
            f"Axis {dim!r} has no label {wanted!r}",
            allowed=[str(label) for label in labels],
            fix=f"Did you mean {close[0]!r}?" if close else None,
        ) from None


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _repeated(labels: Sequence[Hashable]) -> list[str]:
    seen: set[Hashable] = set()
    return sorted({str(label) for label in labels if label in seen or seen.add(label)})  # type: ignore[func-returns-value]
