"""Players in nested groups, and the values of games in which groups join as one.

A hierarchy is a player's number, or a tuple of hierarchies. Players join in the orders in which no
group is interrupted: Owen values are mean contributions over all these orders.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TypeAlias

import numpy as np
from scipy.cluster.hierarchy import average, ward
from scipy.spatial.distance import squareform

from pellucid.maths.coalitions import distinct

PLACE = 2.0
"""What a distance along an image's longer side counts, in units of colour from 0 to 1."""

Hierarchy: TypeAlias = "int | tuple[Hierarchy, ...]"


def merged(strength: np.ndarray) -> Hierarchy:
    """The hierarchy of average linkage: the two that go together most strongly merge first.

    Parameters
    ----------
    strength : array of shape (player, player)
        Association between 0 and 1.
    """
    nodes: list[Hierarchy] = list(range(len(strength)))
    if len(nodes) > 1:
        apart = np.clip(1 - strength, 0, None)
        np.fill_diagonal(apart, 0)
        for first, second, *_ in average(squareform(apart, checks=False)):
            nodes.append((nodes[int(first)], nodes[int(second)]))
    return nodes[-1]


def merged_segments(pixels: np.ndarray, segment: np.ndarray) -> Hierarchy:
    """The hierarchy of an image's segments: Ward's linkage of mean colour and place.

    Parameters
    ----------
    pixels : array of shape (row, column, 3)
        sRGB between 0 and 1.
    segment : array of int of shape (row, column)
        From 0.
    """
    flat = segment.ravel()
    area = np.bincount(flat)
    if len(area) == 1:
        return 0
    rows, columns = segment.shape
    place = np.indices((rows, columns)) * (PLACE / max(rows, columns))
    seen = [*np.moveaxis(pixels, 2, 0), *place]
    means = np.stack([np.bincount(flat, one.ravel()) / area for one in seen], axis=1)
    nodes: list[Hierarchy] = list(range(len(area)))
    for first, second, *_ in ward(means):
        nodes.append((nodes[int(first)], nodes[int(second)]))
    return nodes[-1]


def members(hierarchy: Hierarchy) -> list[int]:
    """All players below, in order."""
    if isinstance(hierarchy, int):
        return [hierarchy]
    return [player for part in hierarchy for player in members(part)]


def contributions(hierarchy: Hierarchy) -> float:
    """How many contributions of single players the Owen values are a mean of."""
    if isinstance(hierarchy, int):
        return 1.0
    return 2.0 ** (len(hierarchy) - 1) * sum(contributions(part) for part in hierarchy)


def owen_weights(hierarchy: Hierarchy, players: int) -> tuple[np.ndarray, np.ndarray]:
    """Coalitions, and the weights with which their worths make Owen values.

    Returns
    -------
    coalitions : array of bool of shape (coalition, player)
        Nobody first, everybody last.
    weights : array of shape (player, coalition)

    References
    ----------
    Owen (1977), Values of games with a priori unions, doi:10.1007/978-3-642-45494-3_7. Winter
    (1989), A value for cooperative games with levels structure of cooperation,
    doi:10.1007/BF01268161.
    """
    before: list[np.ndarray] = []
    joining: list[np.ndarray] = []
    weight: list[np.ndarray] = []
    todo = [(hierarchy, np.zeros((1, players), dtype=bool), np.ones(1))]
    while todo:
        node, context, chance = todo.pop()
        if isinstance(node, int):
            before.append(context)
            joining.append(np.full(len(context), node))
            weight.append(chance)
            continue
        for place, part in enumerate(node):
            joined, likely = _brothers(node[:place] + node[place + 1 :], players)
            wider = (context[:, None] | joined).reshape(-1, players)
            todo.append((part, wider, np.outer(chance, likely).ravel()))
    return _weights(np.concatenate(before), np.concatenate(joining), np.concatenate(weight))


def random_orders(hierarchy: Hierarchy, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Orders that interrupt no group, each with its reverse: shape (draw, 2, player)."""
    drawn = [_drawn(hierarchy, rng) for _ in range(draws)]
    return np.array([[order, order[::-1]] for order in drawn])


def _brothers(brothers: tuple[Hierarchy, ...], players: int) -> tuple[np.ndarray, np.ndarray]:
    """All sets of brothers, as coalitions, and the chance that they came before."""
    held = np.zeros((len(brothers), players), dtype=bool)
    for row, brother in zip(held, brothers, strict=True):
        row[members(brother)] = True
    teams, chance = [], []
    for size in range(len(brothers) + 1):
        for team in combinations(range(len(brothers)), size):
            teams.append(held[list(team)].any(axis=0))
            chance.append(1 / ((len(brothers) + 1) * comb(len(brothers), size)))
    return np.array(teams), np.array(chance)


def _weights(
    before: np.ndarray, joining: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    after = before.copy()
    after[np.arange(len(after)), joining] = True
    ends = np.array([np.zeros(before.shape[1]), np.ones(before.shape[1])], dtype=bool)
    coalitions, place = distinct(np.concatenate([before, after, ends]))
    order = np.argsort(coalitions.sum(axis=1), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    place = rank[place]
    weights = np.zeros((before.shape[1], len(coalitions)))
    np.add.at(weights, (joining, place[: len(before)]), -weight)
    np.add.at(weights, (joining, place[len(before) : 2 * len(before)]), weight)
    return coalitions[order], weights


def _drawn(hierarchy: Hierarchy, rng: np.random.Generator) -> list[int]:
    if isinstance(hierarchy, int):
        return [hierarchy]
    parts = [_drawn(hierarchy[place], rng) for place in rng.permutation(len(hierarchy))]
    return [player for part in parts for player in part]
