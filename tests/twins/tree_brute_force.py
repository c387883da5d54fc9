"""Shapley values of tree models by enumeration, in plain Python, from the definitions.

`interventional` plays the game over the user's own predict. `path_dependent` walks nodes that were
read from each library's own dump, here and not by the reader under test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np


@dataclass
class Node:
    column: int = -1
    goes_left: Callable[[float], bool] | None = None
    left: Node | None = None
    right: Node | None = None
    cover: float = 1.0
    value: Any = 0.0


def shapley(game: Callable[[frozenset[int]], np.ndarray], players: int) -> np.ndarray:
    """The definition: (player, …) from the worth of each of the 2 ** players coalitions."""
    everyone = range(players)
    worth = {
        frozenset(s): np.asarray(game(frozenset(s)))
        for size in range(players + 1)
        for s in combinations(everyone, size)
    }
    result = []
    for i in everyone:
        total = 0.0
        for coalition, value in worth.items():
            if i in coalition:
                continue
            s = len(coalition)
            weight = factorial(s) * factorial(players - s - 1) / factorial(players)
            total = total + weight * (worth[coalition | {i}] - value)
        result.append(total)
    return np.array(result)


def interventional(
    predict: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray,
    background: np.ndarray,
    players: list[list[int]],
) -> np.ndarray:
    """(sample, player, output): absent columns come from each background row in turn."""

    def worth(x: np.ndarray, coalition: frozenset[int]) -> np.ndarray:
        mixed = background.copy()
        for player in coalition:
            mixed[:, players[player]] = x[players[player]]
        return predict(mixed).reshape(len(mixed), -1).mean(axis=0)

    return np.array([shapley(lambda s, x=x: worth(x, s), len(players)) for x in X])


def path_dependent(trees: list[list[Node]], X: np.ndarray, players: list[list[int]]) -> np.ndarray:
    """(sample, player, output) for the trees of each output: absent columns are averaged over."""
    owner = {column: player for player, columns in enumerate(players) for column in columns}

    def mean(node: Node, x: np.ndarray, coalition: frozenset[int]) -> Any:
        if node.left is None:
            return node.value
        if owner[node.column] in coalition:
            return mean(node.left if node.goes_left(x[node.column]) else node.right, x, coalition)
        low, high = node.left.cover, node.right.cover
        share = low / (low + high) if low + high else 0.5
        return share * mean(node.left, x, coalition) + (1 - share) * mean(node.right, x, coalition)

    def worth(x: np.ndarray, coalition: frozenset[int]) -> np.ndarray:
        return np.array([sum(mean(tree, x, coalition) for tree in own) for own in trees])

    values = [shapley(lambda s, x=x: worth(x, s), len(players)) for x in X]
    return np.array(values).reshape(len(X), len(players), -1)


def of_sklearn(tree: Any, value: Callable[[int], Any], node: int = 0) -> Node:
    """Nodes of a `sklearn.tree._tree.Tree`, with a leaf's value from its number."""
    if tree.children_left[node] < 0:
        return Node(cover=tree.weighted_n_node_samples[node], value=value(node))
    cut, missing = tree.threshold[node], bool(tree.missing_go_to_left[node])
    return Node(
        column=int(tree.feature[node]),
        goes_left=lambda x: missing if np.isnan(x) else float(np.float32(x)) <= cut,
        left=of_sklearn(tree, value, tree.children_left[node]),
        right=of_sklearn(tree, value, tree.children_right[node]),
        cover=tree.weighted_n_node_samples[node],
    )


def of_hist(nodes: np.ndarray, left_sets: np.ndarray, known: list[set[int]], node: int = 0) -> Node:
    """Nodes of a histogram gradient boosting predictor; `known` are the categories per column."""
    row = nodes[node]
    if row["is_leaf"]:
        return Node(cover=float(row["count"]), value=float(row["value"]))
    cut, missing = float(row["num_threshold"]), bool(row["missing_go_to_left"])

    def numeric(x: float) -> bool:
        return missing if np.isnan(x) else x <= cut

    def categorical(x: float) -> bool:
        if np.isnan(x) or int(x) not in known[row["feature_idx"]]:
            return missing
        return bool(left_sets[row["bitset_idx"]][int(x) // 32] >> (int(x) % 32) & 1)

    return Node(
        column=int(row["feature_idx"]),
        goes_left=categorical if row["is_categorical"] else numeric,
        left=of_hist(nodes, left_sets, known, row["left"]),
        right=of_hist(nodes, left_sets, known, row["right"]),
        cover=float(row["count"]),
    )


def of_xgboost(node: dict[str, Any], names: list[str]) -> Node:
    """Nodes of `Booster.get_dump(dump_format="json", with_stats=True)`."""
    if "leaf" in node:
        return Node(cover=node["cover"], value=float(np.float32(node["leaf"])))
    children = {child["nodeid"]: child for child in node["children"]}
    missing = node["missing"] == node["yes"]
    condition = node["split_condition"]

    def goes_yes(x: float) -> bool:
        if np.isnan(x):
            return missing
        if isinstance(condition, list):
            return int(x) in condition
        return bool(np.float32(x) < np.float32(condition))

    return Node(
        column=names.index(node["split"]),
        goes_left=goes_yes,
        left=of_xgboost(children[node["yes"]], names),
        right=of_xgboost(children[node["no"]], names),
        cover=node["cover"],
    )


def of_lightgbm(node: dict[str, Any]) -> Node:
    """Nodes of `Booster.dump_model()`."""
    if "leaf_value" in node:
        return Node(cover=node.get("leaf_count", 1), value=node["leaf_value"])
    kind, default_left = node["missing_type"], node["default_left"]

    def numeric(x: float) -> bool:
        if np.isnan(x) and kind != "NaN":
            x = 0.0
        if np.isnan(x) or (kind == "Zero" and abs(x) <= 1e-35):
            return bool(default_left)
        return bool(x <= node["threshold"])

    def categorical(x: float) -> bool:
        return not np.isnan(x) and str(int(x)) in node["threshold"].split("||")

    return Node(
        column=node["split_feature"],
        goes_left=categorical if node["decision_type"] == "==" else numeric,
        left=of_lightgbm(node["left_child"]),
        right=of_lightgbm(node["right_child"]),
        cover=node["internal_count"],
    )
