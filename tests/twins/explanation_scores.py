"""Scores of explanations, written from their papers in plain loops, one sample at a time."""

from __future__ import annotations

from itertools import pairwise, permutations
from math import log, sqrt

import numpy as np


def over_all_orders(values: np.ndarray, gold: np.ndarray, k: int) -> float:
    """Mean share of marked units among the first `k`, over all orders that values allow."""
    allowed = [
        order
        for order in permutations(range(len(values)))
        if all(values[a] >= values[b] for a, b in pairwise(order))
    ]
    return float(np.mean([np.mean([gold[i] for i in order[:k]]) for order in allowed]))


def points(values: np.ndarray, gold: np.ndarray, tolerance: float) -> float:
    """Share of the largest pixels that have a pixel of the object within the tolerance."""
    largest = np.argwhere(values == values.max())
    near = [
        any(sqrt((r - i) ** 2 + (c - j) ** 2) <= tolerance for i, j in np.argwhere(gold))
        for r, c in largest
    ]
    return float(np.mean(near))


def wins(values: np.ndarray, gold: np.ndarray) -> float:
    """How often a marked unit beats one that is not, with half for a draw."""
    pairs = [(a > b) + (a == b) / 2 for a in values[gold] for b in values[~gold]]
    return float(np.mean(pairs))


def gini(values: np.ndarray) -> float:
    """Half the mean absolute difference of magnitudes, relative to their mean."""
    size = [abs(v) for v in values]
    apart = sum(abs(a - b) for a in size for b in size) / len(size) ** 2
    return apart / 2 / (sum(size) / len(size))


def entropy(values: np.ndarray) -> float:
    total = sum(abs(v) for v in values)
    return -sum(abs(v) / total * log(abs(v) / total) for v in values if v != 0)


def eraser_iou(
    chosen: list[list[tuple[int, int]]], gold: list[list[tuple[int, int]]], threshold: float
) -> tuple[float, float, float]:
    """Macro precision, recall and F1 of spans; recall over the gold spans that were hit."""

    def hit(one: tuple[int, int], others: list[tuple[int, int]]) -> bool:
        mine = set(range(*one))
        ratios = [
            len(mine & set(range(*other))) / len(mine | set(range(*other))) for other in others
        ]
        return max(ratios, default=0.0) >= threshold

    def mean(parts: list[float]) -> float:
        return sum(parts) / len(parts)

    sides = []
    for these, those in ((chosen, gold), (gold, chosen)):
        sides.append(
            mean(
                [
                    sum(hit(one, b) for one in a) / len(a)
                    for a, b in zip(these, those, strict=True)
                    if a
                ]
            )
        )
    precision, recall = sides
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def token_f1(chosen: np.ndarray, gold: np.ndarray) -> float:
    """Mean over samples of the F1 of sets of tokens; samples with two empty sets are left out."""
    found = []
    for ours, theirs in zip(chosen, gold, strict=True):
        a, b = set(np.flatnonzero(ours)), set(np.flatnonzero(theirs))
        if a or b:
            precision = len(a & b) / len(a) if a else 0.0
            recall = len(a & b) / len(b) if b else 0.0
            total = precision + recall
            found.append(2 * precision * recall / total if total else 0.0)
    return sum(found) / len(found)


def infidelity(
    values: np.ndarray, perturbations: np.ndarray, full: float, answers: np.ndarray
) -> float:
    gaps = [
        sum(i * v for i, v in zip(one, values, strict=True)) - (full - answer)
        for one, answer in zip(perturbations, answers, strict=True)
    ]
    return sum(gap**2 for gap in gaps) / len(gaps)


def subset_sums(values: np.ndarray, subsets: np.ndarray) -> list[float]:
    return [sum(v for v, is_in in zip(values, one, strict=True) if is_in) for one in subsets]


def trapezoids(heights: np.ndarray, at: np.ndarray) -> float:
    return sum(
        (right - left) * (a + b) / 2
        for (left, right), (a, b) in zip(pairwise(at), pairwise(heights), strict=True)
    )
