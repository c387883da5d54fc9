"""Sums of forests: several models' trees, weighted, as one ensemble that reads a table one way.

Libraries compare numbers in their own ways: in 32 or 64 bits, with ``<`` or ``<=``, with what is
almost zero read as zero. Each way is the same as comparing in 64 bits with ``<=`` at a cut that is
moved to the last number that still goes left. (There is no such number below minus infinity, a cut
that no library makes.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.core.errors import CannotExplain
from pellucid.models.trees import MISSING_ZERO, Trees

Floats = NDArray[np.float64]
BEYOND = 2.0**128  # where numbers of 32 bits would go on


@dataclass(frozen=True, kw_only=True)
class Part:
    """One forest of a sum: `columns` are the sum's columns that its own stand for."""

    trees: Trees
    weight: float = 1.0
    columns: NDArray[np.integer] | None = None
    output: int = 0
    """The sum's first output that it feeds."""


def total(
    parts: Sequence[Part],
    *,
    columns: int,
    outputs: int,
    base: float = 0.0,
    scale: str = "raw",
    link: str = "identity",
) -> Trees:
    """The weighted sum of forests as one.

    Parameters
    ----------
    parts : sequence of Part
    columns, outputs : int
        Of the sum.
    base : float
        Added to what the parts start from.
    scale, link : str
        See :class:`Trees`.

    Returns
    -------
    Trees

    Raises
    ------
    CannotExplain
        The parts read categories, missing values or leaves in ways that do not go together.
    """
    forests = _alike([part.trees for part in parts])
    first = forests[0]
    width = first.value.shape[1]
    narrow = width == 1 and all(forest.value.shape[1] == 1 for forest in forests)
    start = np.full(outputs, base)
    for part, forest in zip(parts, forests, strict=True):
        start[part.output : part.output + forest.n_outputs] += part.weight * forest.base
    nodes = np.concatenate([[0], np.cumsum([len(forest.left) for forest in forests])])
    tables = np.concatenate([[0], np.cumsum([len(f.category_left) for f in forests])])
    both = list(zip(parts, forests, nodes.tolist(), strict=False))
    return replace(
        first,
        root=_joined([forest.root + begin for _, forest, begin in both], np.int32),
        output=_joined(
            [
                forest.output + part.output if narrow else 0 * forest.output
                for part, forest, _ in both
            ],
            np.int32,
        ),
        feature=_joined([_renumbered(forest, part.columns) for part, forest, _ in both], np.int32),
        threshold=_joined([forest.threshold for forest in forests], np.float64),
        left=_joined([_shifted(forest.left, begin) for _, forest, begin in both], np.int32),
        right=_joined([_shifted(forest.right, begin) for _, forest, begin in both], np.int32),
        missing_left=_joined([forest.missing_left for forest in forests], np.bool_),
        missing=_joined([forest.missing for forest in forests], np.int8),
        category_start=_joined(
            [
                np.zeros(1),
                *(f.category_start[1:] + s for f, s in zip(forests, tables, strict=False)),
            ],
            np.int64,
        ),
        category_left=_joined([forest.category_left for forest in forests], np.bool_),
        cover=_joined([forest.cover for forest in forests], np.float64),
        value=np.concatenate(
            [_spread(part, forest, 1 if narrow else outputs) for part, forest, _ in both]
        ),
        base=start,
        columns=columns,
        precision=max(forest.precision for forest in forests),
        scale=scale,
        link=link,
    )


def _joined(pieces: Sequence[NDArray], kind: type) -> NDArray:
    return np.concatenate(pieces).astype(kind)


def _shifted(child: NDArray[np.int32], begin: int) -> NDArray[np.int64]:
    return np.where(child < 0, -1, child.astype(np.int64) + begin)


def _renumbered(forest: Trees, columns: NDArray[np.integer] | None) -> NDArray[np.integer]:
    if columns is None:
        return forest.feature
    own = np.asarray(columns)[np.maximum(forest.feature, 0)]
    return np.where(forest.feature < 0, -1, own)


def _spread(part: Part, forest: Trees, width: int) -> Floats:
    """The values of the nodes, weighted, in the columns of the sum's outputs."""
    value = part.weight * forest.value
    if (value.shape[1] == width and part.output == 0) or width == 1:
        return value
    wide = np.zeros((len(value), width))
    output = np.zeros(len(value), dtype=np.int64)
    ends = np.append(forest.root[1:], len(value))
    for tree, (begin, end) in enumerate(zip(forest.root, ends, strict=True)):
        output[begin:end] = forest.output[tree] + part.output
    for w in range(value.shape[1]):
        wide[np.arange(len(value)), output + w] = value[:, w]
    return wide


def _alike(forests: Sequence[Trees]) -> list[Trees]:
    """The forests, reading numbers in one way."""
    if any(forest.linear is not None for forest in forests):
        raise CannotExplain("Leaves with linear models cannot be added to other trees")
    ways = {(f.comparison, f.single_precision, f.tiny, f.truncates) for f in forests}
    known = all(np.isnan(forest.missing_value) for forest in forests)
    if len(ways) == 1 and known:
        return list(forests)
    odd = any((forest.tiny > 0) & (forest.missing == MISSING_ZERO).any() for forest in forests)
    if odd or not known or any(len(forest.category_left) for forest in forests):
        raise CannotExplain(
            "The members of this ensemble read categories or missing values each in its own way",
            fix="Use a method that only needs predictions, such as kernel_shap",
        )
    return [_in_64_bits(forest) for forest in forests]


def _in_64_bits(forest: Trees) -> Trees:
    """The same tests as ``x <= cut`` on numbers as they are given."""
    cut, strict = forest.threshold, forest.comparison == "<"
    if forest.single_precision:
        cut = _last_that_rounds_to(_last_single(cut, strict))
    elif strict:
        cut = np.nextafter(cut, -np.inf)
    below = np.nextafter(-forest.tiny, -np.inf)
    cut = np.where((cut >= 0) & (cut < forest.tiny), forest.tiny, cut)
    cut = np.where((cut < 0) & (cut >= -forest.tiny), below, cut)
    return replace(
        forest,
        threshold=cut,
        comparison="<=",
        single_precision=False,
        tiny=0.0,
        truncates=False,
    )


def _last_single(cut: Floats, strict: bool) -> NDArray[np.float32]:
    """The greatest number of 32 bits that goes left."""
    with np.errstate(over="ignore"):
        near = cut.astype(np.float32)
    above = near.astype(np.float64) >= cut if strict else near.astype(np.float64) > cut
    return np.where(above, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _last_that_rounds_to(single: NDArray[np.float32]) -> Floats:
    """The greatest number of 64 bits that is rounded to this or less; ties go to even numbers."""
    after = np.nextafter(single, np.float32(np.inf))
    low, high = (np.clip(x.astype(np.float64), -BEYOND, BEYOND) for x in (single, after))
    middle = low + (high - low) / 2
    even = single.view(np.uint32) % 2 == 0
    found = np.where(even, middle, np.nextafter(middle, -np.inf))
    return np.where(single == np.inf, np.inf, found)
