"""Named axes: every array of an explanation says what its axes mean and what stands on them."""

from __future__ import annotations

import difflib
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
        labels = tuple(coords[dim])
        kinds = set(map(type, labels))
        if kinds == {np.int64}:
            labels = tuple(np.array(labels).tolist())
        elif not kinds <= {str, int, bool}:
            labels = tuple(map(as_label, labels))
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
    """Positions of the `wanted` label, labels, or slice of labels (both ends included).

    A label that repeats stands for all of its positions.
    """
    known: dict[Label, list[int]] = {}
    for i, label in enumerate(labels):
        known.setdefault(label, []).append(i)

    def find(one: Any) -> list[int]:
        if as_label(one) not in known:
            raise _unknown(dim, labels, one)
        return known[as_label(one)]

    if isinstance(wanted, slice):
        start = 0 if wanted.start is None else find(wanted.start)[0]
        stop = len(labels) - 1 if wanted.stop is None else find(wanted.stop)[-1]
        return slice(start, stop + 1, wanted.step)
    whole = isinstance(wanted, tuple) and as_label(wanted) in known
    if isinstance(wanted, (list, tuple, set, np.ndarray)) and not whole:
        return [place for one in wanted for place in find(one)]
    found = find(wanted)
    return found if len(found) > 1 else found[0]


def pick(labels: tuple[Label, ...], index: Indexer) -> tuple[Label, ...]:
    """The labels at `index`, which must keep the axis."""
    return tuple(labels[i] for i in np.arange(len(labels))[index])


def check_index(owner: str, dim: str, length: int, index: Any) -> Indexer:
    """`index`, once it is known to fit an axis of this length."""
    if isinstance(index, slice) and _is_range(index, length):
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


def as_label(label: Any) -> Label:
    """What may stand on an axis and in a file, for anything that an index may hold.

    Dates become ISO text, the parts of a tuple are joined, and a missing label says so.
    """
    if isinstance(label, np.datetime64):
        label = label.astype("M8[us]")
    if isinstance(label, np.generic):
        label = label.item()
    if label is None or label != label:
        return "missing"
    if isinstance(label, (str, int, float)):
        return label
    if isinstance(label, tuple):
        return " / ".join(str(as_label(part)) for part in label)
    return str(label).removesuffix(" 00:00:00")


def column(labels: Sequence[Label]) -> np.ndarray:
    """Labels as one column that every library of frames can type: mixed kinds become text."""
    kinds = {type(label) for label in labels}
    for fits, dtype in (({bool}, bool), ({int}, np.int64), ({int, float}, np.float64)):
        if kinds <= fits:
            return np.array(labels, dtype=dtype)
    return np.array([str(label) for label in labels], dtype=object)


def _is_range(index: slice, length: int) -> bool:
    try:
        index.indices(length)
    except (TypeError, ValueError):
        return False
    return True


def _unknown(dim: str, labels: Sequence[Label], wanted: Any) -> AxisError:
    spelled = {str(label): label for label in labels}
    close = difflib.get_close_matches(wanted, list(spelled), n=1) if isinstance(wanted, str) else []
    return AxisError(
        f"Axis {dim!r} has no label {wanted!r}",
        allowed=list(spelled),
        fix=f"Did you mean {spelled[close[0]]!r}?" if close else None,
    )


def _repeated(labels: Sequence[Hashable]) -> list[str]:
    seen: set[Hashable] = set()
    return sorted({str(label) for label in labels if label in seen or seen.add(label)})  # type: ignore[func-returns-value]
