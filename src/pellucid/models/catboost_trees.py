"""Reads CatBoost models into :class:`Trees`, from the library's own JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.core.errors import CannotExplain
from pellucid.models.city_hash import city_hash
from pellucid.models.trees import Tree, Trees

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Hashes = NDArray[np.int64]

PRECISION = 1e-11
MAGIC = 0x4906BA494954CB65  # CatBoost mixes hashes by it
UNMIX = pow(MAGIC * MAGIC, -1, 1 << 64)
NOBODY = (1 << 64) - 1  # an empty place of a hash table
COUNTS = {"Counter", "FeatureFreq"}  # statistics that need no target
NAN_GOES_RIGHT = "AsTrue"
LINKS = {
    "Logloss": "logit",
    "CrossEntropy": "logit",
    "MultiClass": "softmax",
    "MultiClassOneVsAll": "logit",
    "Poisson": "log",
    "Tweedie": "log",
    "LogLinQuantile": "log",
}
SEVERAL_TARGETS = ("MultiRMSE", "MultiRMSEWithMissingValues")


@dataclass(frozen=True)
class Split:
    """One test: the encoded column, and what goes left."""

    column: int
    cut: float = 0.0
    missing_left: bool = True
    categories: Bools | None = None
    """Goes left, for each known category; the last is for all others."""


def export(model: Any) -> dict[str, Any]:
    """CatBoost's own description of a model: trees, splits, hash tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def read(said: dict[str, Any], columns: int) -> Trees:
    """The trees of a fitted CatBoost model.

    Parameters
    ----------
    said : dict
        What :func:`export` returned.
    columns : int
        Columns the model was fitted on.

    Returns
    -------
    Trees
        On the raw formula value, with bias and scale.

    Raises
    ------
    CannotExplain
        A split reads several columns at once, or texts or embeddings; or the statistics of one
        category were made of several targets, which CatBoost's JSON confuses.

    Notes
    -----
    The encoded matrix holds numbers as given and, for categories, places in what
    :func:`known_categories` lists, -1 for all others. A target statistic of a single categorical
    column is a function of the category, and is read as one. Trees are laid out as CatBoost's own
    Shapley values take them, the last split of a symmetric tree at its root.
    """
    if _is_confused(said):
        raise CannotExplain(
            "CatBoost's own JSON keeps only one of the targets that its statistics were made of",
            allowed="one target, and one number of borders for each kind of statistic",
            fix="Train with a larger one_hot_max_size, or use a method that only needs predictions",
        )
    splits = _splits(said)
    scale, bias = said["scale_and_bias"]
    base = np.atleast_1d(np.asarray(bias, dtype=np.float64))
    if "oblivious_trees" in said:
        parsed = [_symmetric(tree, splits, scale, len(base)) for tree in said["oblivious_trees"]]
    else:
        parsed = [_grown(tree, splits, scale, len(base)) for tree in said["trees"]]
    link = LINKS.get(loss(said), "identity")
    return Trees.join(
        parsed,
        base=base,
        columns=columns,
        single_precision=True,
        precision=PRECISION,
        scale="logit" if link in ("logit", "softmax") else "raw",
        link=link,
    )


def loss(said: dict[str, Any]) -> str:
    """The name of the loss that a model was trained on."""
    settings = said["model_info"].get("params", {})
    return str(settings.get("loss_function", {}).get("type", "RMSE"))


def known_categories(said: dict[str, Any]) -> dict[int, Hashes]:
    """For each categorical column, the hashes of the categories that some split can tell apart."""
    found: dict[int, set[int]] = {}
    columns = _categorical_columns(said)
    for feature in said["features_info"].get("categorical_features", ()):
        known = found.setdefault(feature["flat_feature_index"], set())
        known.update(value & 0xFFFFFFFF for value in feature.get("values", ()))
    for statistic in said["features_info"].get("ctrs", ()):
        own = _single_column(statistic)
        if own is not None:
            found[columns[own]].update(_table(said, statistic))
    return {column: np.array(sorted(known), np.int64) for column, known in found.items()}


def category_hash(value: Any) -> int:
    """CatBoost's number for one category, a text or a whole number."""
    text = value if isinstance(value, (str, bytes)) else str(int(value))
    return city_hash(text.encode() if isinstance(text, str) else text) & 0xFFFFFFFF


def _is_confused(said: dict[str, Any]) -> bool:
    """Whether statistics of one kind were made of several targets, or of one cut in two ways."""
    used = {statistic["ctr_type"] for statistic in said["features_info"].get("ctrs", ())}
    if loss(said) in SEVERAL_TARGETS:
        return bool(used - COUNTS)
    settings = said["model_info"].get("params", {}).get("cat_feature_params", {})
    kinds = [*settings.get("simple_ctrs", ())]
    for own in settings.get("per_feature_ctrs", {}).values():
        kinds += own
    ways = {(kind["ctr_type"], json.dumps(kind.get("target_binarization"))) for kind in kinds}
    return len(ways) > len({kind for kind, _ in ways})


def _categorical_columns(said: dict[str, Any]) -> dict[int, int]:
    """The flat column of each categorical feature."""
    found = said["features_info"].get("categorical_features", ())
    return {feature["feature_index"]: feature["flat_feature_index"] for feature in found}


def _splits(said: dict[str, Any]) -> list[Split | None]:
    """All splits in CatBoost's own order; None for one that reads several columns."""
    info, known = said["features_info"], known_categories(said)
    found: list[Split | None] = []
    for feature in info.get("float_features", ()):
        left = feature["nan_value_treatment"] != NAN_GOES_RIGHT
        column = feature["flat_feature_index"]
        cuts = np.asarray(feature["borders"] or (), dtype=np.float32)
        found += [Split(column, float(cut), left) for cut in cuts]
    for feature in info.get("categorical_features", ()):
        column = feature["flat_feature_index"]
        for value in feature.get("values", ()):
            left = np.append(known[column] != value & 0xFFFFFFFF, True)
            found.append(Split(column, missing_left=True, categories=left))
    for statistic in info.get("ctrs", ()):
        cuts = np.asarray(statistic["borders"], dtype=np.float32)
        found += _statistic_splits(said, statistic, cuts, known)
    return found


def _statistic_splits(
    said: dict[str, Any],
    statistic: dict[str, Any],
    cuts: NDArray[np.float32],
    known: dict[int, Hashes],
) -> Sequence[Split | None]:
    own = _single_column(statistic)
    if own is None:
        return [None] * len(cuts)
    column = _categorical_columns(said)[own]
    table, empty = _table(said, statistic), _unseen(said, statistic)
    worth = np.array([*(table.get(int(one), empty) for one in known[column]), empty], np.float32)
    return [
        Split(column, missing_left=bool(worth[-1] <= cut), categories=worth <= cut) for cut in cuts
    ]


def _single_column(statistic: dict[str, Any]) -> int | None:
    """The categorical feature that a statistic is of; None if it mixes several columns."""
    elements = statistic["elements"]
    alone = len(elements) == 1 and elements[0]["combination_element"] == "cat_feature_value"
    return int(elements[0]["cat_feature_index"]) if alone else None


def _table(said: dict[str, Any], statistic: dict[str, Any]) -> dict[int, np.float32]:
    """The value of a statistic by the hash of the category."""
    data = said["ctr_data"][statistic["identifier"]]
    flat, stride = data["hash_map"], int(data["hash_stride"])
    value = _statistic(statistic, int(data["counter_denominator"]))
    found = {}
    for start in range(0, len(flat), stride):
        mixed = int(flat[start])
        if mixed != NOBODY:
            own = mixed * UNMIX & 0xFFFFFFFF  # the hash of a combination of one
            found[own] = value(np.asarray(flat[start + 1 : start + stride], dtype=np.float32))
    return found


def _unseen(said: dict[str, Any], statistic: dict[str, Any]) -> np.float32:
    """The value of a statistic for a category without training rows."""
    data = said["ctr_data"][statistic["identifier"]]
    counts = np.zeros(int(data["hash_stride"]) - 1, dtype=np.float32)
    return _statistic(statistic, int(data["counter_denominator"]))(counts)


def _statistic(
    said: dict[str, Any], denominator: int
) -> Callable[[NDArray[np.float32]], np.float32]:
    """From what was counted for a category to its statistic, in 32 bits as CatBoost does."""
    kind, border = said["ctr_type"], int(said["target_border_idx"])
    prior, weight, shift, scale = (
        np.float32(said[name])
        for name in ("prior_numerator", "prior_denomerator", "shift", "scale")
    )

    def value(counts: NDArray[np.float32]) -> np.float32:
        if kind in COUNTS:
            good, total = counts[0], np.float32(denominator)
        elif kind in ("BinarizedTargetMeanValue", "FloatTargetMeanValue"):
            good, total = counts[0], counts[1]
        else:
            good = counts[border] if kind == "Buckets" else counts[border + 1 :].sum()
            total = counts.sum()
        return np.float32(((good + prior) / (total + weight) + shift) * scale)

    return value


def _symmetric(tree: Any, splits: Sequence[Split | None], scale: float, width: int) -> Tree:
    """All tests of one level are the same; bit i of a leaf's number is its answer to split i."""
    own = [_readable(splits, split) for split in tree.get("splits") or ()][::-1]
    inner = (1 << len(own)) - 1
    value = np.zeros((2 * inner + 1, width))
    value[inner:] = np.asarray(tree["leaf_values"], dtype=np.float64).reshape(-1, width) * scale
    if "leaf_weights" not in tree:
        raise CannotExplain("This CatBoost model does not keep how many rows reached its leaves")
    cover = np.zeros(2 * inner + 1)
    cover[inner:] = tree["leaf_weights"]
    for node in range(inner - 1, -1, -1):
        cover[node] = cover[2 * node + 1] + cover[2 * node + 2]
    place = np.arange(2 * inner + 1)
    tests = [split for level, split in enumerate(own) for _ in range(1 << level)]
    return _tree(
        np.where(place < inner, 2 * place + 1, -1),
        np.where(place < inner, 2 * place + 2, -1),
        [*tests, *[None] * (inner + 1)],
        cover,
        value,
    )


def _grown(tree: Any, splits: Sequence[Split | None], scale: float, width: int) -> Tree:
    """A tree whose nodes have tests of their own, parents before children."""
    nodes: list[Any] = [tree]
    left, right = [], []
    for node in nodes:  # the list grows while it is read
        inner = "split" in node
        left.append(len(nodes) if inner else -1)
        right.append(len(nodes) + 1 if inner else -1)
        nodes += [node["left"], node["right"]] if inner else []
    value, cover = np.zeros((len(nodes), width)), np.zeros(len(nodes))
    for i in range(len(nodes) - 1, -1, -1):
        if left[i] < 0:
            value[i], cover[i] = np.asarray(nodes[i]["value"]) * scale, nodes[i].get("weight", 0)
        else:
            cover[i] = cover[left[i]] + cover[right[i]]
    tests = [_readable(splits, node["split"]) if "split" in node else None for node in nodes]
    return _tree(np.array(left), np.array(right), tests, cover, value)


def _readable(splits: Sequence[Split | None], said: dict[str, Any]) -> Split:
    kinds = ("FloatFeature", "OneHotFeature", "OnlineCtr")
    found = splits[said["split_index"]] if said["split_type"] in kinds else None
    if found is None:
        raise CannotExplain(
            "This CatBoost model has splits that read several columns at once",
            got=said["split_type"],
            allowed="numbers, categories, and statistics of one categorical column",
            fix="Train with max_ctr_complexity=1, or use a method that only needs predictions",
        )
    return found


def _tree(
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    tests: Sequence[Split | None],
    cover: Floats,
    value: Floats,
) -> Tree:
    own = [test or Split(0) for test in tests]
    return Tree(
        left=left,
        right=right,
        feature=np.array([test.column for test in own]),
        threshold=np.array([test.cut for test in own]),
        missing_left=np.array([test.missing_left for test in own]),
        cover=cover,
        value=value,
        categories={
            node: test.categories for node, test in enumerate(own) if test.categories is not None
        },
    )
