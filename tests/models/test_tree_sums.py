"""Sums of forests that compare numbers in other ways read every number as their members do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pellucid.core.errors import InvalidSetting
from pellucid.models.tree_sums import Part, total
from pellucid.models.trees import Tree, Trees

WAYS = {
    "32 bits": {"single_precision": True},
    "32 bits, strict": {"single_precision": True, "comparison": "<"},
    "strict": {"comparison": "<"},
    "tiny is zero": {"tiny": float(np.float32(1e-35))},
}
BIGGEST = float(np.finfo(np.float32).max)
CUTS = [0.0, -0.0, 1.0, -1.0, 0.1, 1e-45, -1e-45, 1e-36, -1e-36, 1e-35, BIGGEST, -BIGGEST,
        float(np.float32(0.1)), 1 + 2.0**-24, 1 + 2.0**-23, 3e38, 1e300, -1e300,
        np.inf]  # fmt: skip


def stump(cut: float, **way: object) -> Trees:
    tree = Tree(
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        feature=np.array([0, -1, -1]),
        threshold=np.array([cut, 0, 0]),
        missing_left=np.array([True, False, False]),
        cover=np.ones(3),
        value=np.array([[0.0], [1.0], [2.0]]),
    )
    return Trees.join([tree], base=np.zeros(1), columns=1, **way)  # type: ignore[arg-type]


def near(cut: float) -> np.ndarray:
    """Numbers around a cut, in steps of 64 and of 32 bits."""
    with np.errstate(over="ignore"):
        single = np.float32(cut)
    coarse = [single]
    for towards in (np.inf, -np.inf):
        step = single
        for _ in range(2):
            step = np.nextafter(step, np.float32(towards))
            coarse.append(step)
    points = np.array([cut, *coarse], dtype=np.float64)
    finite = points[np.isfinite(points)]
    halves = finite[:, None] / 2 + finite / 2
    edge = [2.0**128 - 2.0**103, -(2.0**128) + 2.0**103, np.inf, -np.inf, np.nan, 0.0]
    points = np.concatenate([points, halves.ravel(), edge])
    return np.concatenate([points, np.nextafter(points, np.inf), np.nextafter(points, -np.inf)])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_moved_cut_sends_every_number_the_same_way(way: str, cut: float) -> None:
    own, plain = stump(cut, **WAYS[way]), stump(0.5)
    both = total([Part(trees=own), Part(trees=plain, weight=0.0)], columns=1, outputs=1)
    rows = near(cut)[:, None]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(both.predict(rows), own.predict(rows))


def test_trees_that_share_nodes_are_refused() -> None:
    trees = stump(0.5)
    with pytest.raises(InvalidSetting, match="node 0 reached in several ways"):
        replace(trees, root=np.zeros(2, np.int32), output=np.zeros(2, np.int32))
    with pytest.raises(InvalidSetting, match="node 1 reached in several ways"):
        replace(trees, right=trees.left)
