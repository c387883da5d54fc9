"""An additive ensemble of decision trees as flat arrays, and how it reads a table.

Every tree library ends here: a reader turns the user's model into :class:`Trees`, and all exact
methods for trees work on these arrays. The readers copy what the library's *own* predictor does
with missing values, zeros, single precision and categories, and :func:`verify` holds the arrays
to the library's own predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pellucid.core.errors import (
    CannotExplain,
    ColumnMismatch,
    InvalidSetting,
    NotAdditive,
    WrongType,
)
from pellucid.models.linear_leaves import LeafModel, LinearLeaves
from pellucid.models.tree_codes import TreeCodes

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

MISSING_ONLY_NAN = 0  # NaN is missing
MISSING_ZERO = 1  # NaN and zero are missing
MISSING_NEVER = 2  # NaN is read as zero


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One tree on its way into :class:`Trees`; children are node numbers, -1 at a leaf."""

    left: NDArray[np.integer]
    right: NDArray[np.integer]
    feature: NDArray[np.integer]
    threshold: NDArray[np.floating]
    missing_left: NDArray[np.generic]
    cover: NDArray[np.floating]
    value: NDArray[np.floating]
    missing: NDArray[np.integer] | int = MISSING_ONLY_NAN
    categories: Mapping[int, Bools] = field(default_factory=dict)
    """Categorical node -> goes left, for category 0, 1, …; the last entry is for all others."""
    linear: Mapping[int, LeafModel] = field(default_factory=dict)
    """Leaf -> its linear model; either no leaf of a tree has one or all have."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trees:
    """All trees of one model, flattened.

    The prediction is ``base`` plus, from every tree, the value of the leaf that a row reaches.

    Parameters
    ----------
    root : ndarray of int, (tree,)
        First node of each tree.
    output : ndarray of int, (tree,)
        First output that a tree feeds: a leaf adds its ``width`` values to the outputs from
        there on. Boosting for several classes has width 1; a forest has one value per class.
    feature : ndarray of int, (node,)
        Encoded column that a node tests; -1 at a leaf.
    threshold : ndarray of float, (node,)
        Cut of a numeric test: the left child is taken where ``x <comparison> threshold``.
    left, right : ndarray of int, (node,)
        Children; -1 at a leaf.
    missing_left : ndarray of bool, (node,)
        Whether a missing value goes left.
    missing : ndarray of int, (node,)
        What counts as missing at the node: 0 NaN; 1 NaN and zero; 2 nothing, NaN is read as 0.
    category_start : ndarray of int, (node + 1,)
        A categorical node owns ``category_left[start[node]:start[node + 1]]``; numeric nodes
        own nothing.
    category_left : ndarray of bool
        Whether category 0, 1, … goes left; each node's last entry is for every other category.
    cover : ndarray of float, (node,)
        Weight of the training rows that reached the node.
    value : ndarray of float, (node, width)
        What a leaf adds.
    base : ndarray of float, (output,)
        The constant.
    columns : int
        Encoded columns the model was fitted on.
    comparison : {"<=", "<"}
    single_precision : bool
        Whether the library rounds its inputs to 32 bits before it compares.
    missing_value : float
        The number that stands for a missing value besides NaN; NaN if there is none.
    tiny : float
        Inputs no further than this from zero are read as zero.
    truncates : bool
        Whether a category is rounded towards zero before, not after, it is tested to be ≥ 0.
    precision : float
        Relative rounding of the library's own sums; what :func:`verify` allows.
    scale : str
        What the sum is: "probability", "logit", "raw" or "path length".
    link : str
        How the library goes on from there: "identity", "logit", "softmax", "log", …
    linear : LinearLeaves or None
        The linear models that leaves hold instead of a value. Such a forest has no `coding`, so
        that no method takes its leaves for constants; its `routes` have one.

    Raises
    ------
    InvalidSetting
        A node is the root of two trees, or the child of two nodes.
    """

    root: Ints
    output: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    missing_left: Bools
    missing: NDArray[np.int8]
    category_start: NDArray[np.int64]
    category_left: Bools
    cover: Floats
    value: Floats
    base: Floats
    columns: int
    comparison: Literal["<=", "<"] = "<="
    single_precision: bool = False
    missing_value: float = np.nan
    tiny: float = 0.0
    truncates: bool = False
    precision: float = 1e-12
    scale: str = "raw"
    link: str = "identity"
    linear: LinearLeaves | None = None

    def __post_init__(self) -> None:
        inner = self.left >= 0
        reached = np.concatenate([self.root, self.left[inner], self.right[inner]])
        if len(reached) and np.bincount(reached).max() > 1:
            raise InvalidSetting(
                "A node belongs to one place of one tree",
                got=f"node {np.bincount(reached).argmax()} reached in several ways",
                fix="Repeat the nodes of a tree that counts twice, or double its leaves",
            )

    @classmethod
    def join(
        cls,
        trees: Sequence[Tree],
        *,
        base: Floats,
        columns: int,
        output: Sequence[int] | NDArray[np.integer] | None = None,
        comparison: Literal["<=", "<"] = "<=",
        single_precision: bool = False,
        missing_value: float = np.nan,
        tiny: float = 0.0,
        truncates: bool = False,
        precision: float = 1e-12,
        scale: str = "raw",
        link: str = "identity",
    ) -> Trees:
        """Lay single trees end to end. Without `output` every tree feeds all outputs."""
        width = trees[0].value.shape[1] if trees else 1
        sizes = np.array([len(tree.left) for tree in trees], dtype=np.int64)
        root = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if trees else np.zeros(0)
        start, table = _categories(trees)
        return cls(
            root=root.astype(np.int32),
            output=_or_zeros(output, len(trees)),
            feature=_flat([np.where(t.left < 0, -1, t.feature) for t in trees], np.int32),
            threshold=_flat([t.threshold for t in trees], np.float64),
            left=_flat(
                [np.where(t.left < 0, -1, t.left + s) for t, s in zip(trees, root, strict=True)],
                np.int32,
            ),
            right=_flat(
                [np.where(t.left < 0, -1, t.right + s) for t, s in zip(trees, root, strict=True)],
                np.int32,
            ),
            missing_left=_flat([t.missing_left for t in trees], np.bool_),
            missing=_flat([np.broadcast_to(t.missing, t.left.shape) for t in trees], np.int8),
            category_start=start,
            category_left=table,
            cover=_flat([t.cover for t in trees], np.float64),
            value=np.concatenate([np.zeros((0, width)), *(t.value for t in trees)]),
            base=np.atleast_1d(np.asarray(base, dtype=np.float64)),
            columns=columns,
            comparison=comparison,
            single_precision=single_precision,
            missing_value=missing_value,
            tiny=tiny,
            truncates=truncates,
            precision=precision,
            scale=scale,
            link=link,
            linear=_linear(trees),
        )

    @property
    def n_outputs(self) -> int:
        """Numbers the ensemble predicts for one row."""
        return len(self.base)

    @cached_property
    def depth(self) -> int:
        """Tests on the longest path."""
        return int(self._extent[0])

    @cached_property
    def max_features_on_a_path(self) -> int:
        """Different encoded columns on the path that tests the most of them."""
        return int(self._extent[1])

    @cached_property
    def coding(self) -> TreeCodes:
        """The integers that stand for the tests, and how rows are turned into them.

        Raises
        ------
        CannotExplain
            The leaves hold linear models.
        """
        if self.linear is not None:
            raise CannotExplain(
                "The leaves of these trees hold linear models, not numbers",
                allowed="interventional Shapley values, which need a background",
                fix="Give background=, or use a method that only needs predictions",
            )
        return TreeCodes.of(self)

    @cached_property
    def routes(self) -> Trees:
        """The same tests, with what linear leaves fall back to as their values."""
        return self if self.linear is None else replace(self, linear=None)

    def codes(self, X: Floats) -> Ints:
        """Rows as integers, one line per tested quantity.

        Parameters
        ----------
        X : ndarray of float, (sample, column)
            The encoded matrix, as the library's own predictor takes it.

        Returns
        -------
        ndarray of int32, (slot, sample)

        Raises
        ------
        ColumnMismatch
            The matrix is not (sample, `columns`).
        WrongType
            The matrix is not numeric.
        """
        return self.coding.encode(self._matrix(X))

    def predict(self, X: Floats) -> Floats:
        """The ensemble's sum for each row.

        Parameters
        ----------
        X : ndarray of float, (sample, column)
            The encoded matrix.

        Returns
        -------
        ndarray of float, (sample, output)
        """
        if self.linear is None:
            return self.predict_codes(self.codes(X))
        rows = self._matrix(X)
        codes, coding = self.routes.codes(rows), self.routes.coding
        result = np.tile(self.base, (len(rows), 1))
        tests = coding.slot, coding.cut, coding.missing_code, coding.table_start, coding.table
        for root, output in zip(self.root, self.output, strict=True):
            leaf = _leaves(root, self.left, self.right, tests, codes)
            self.linear.add(leaf, self.value[:, 0], rows, result[:, output])
        return result

    def predict_codes(self, codes: Ints) -> Floats:
        """As :meth:`predict`, from what :meth:`codes` returned."""
        coding = self.coding
        result = np.tile(self.base, (codes.shape[1], 1))
        tests = coding.slot, coding.cut, coding.missing_code, coding.table_start, coding.table
        _add_leaves(self.root, self.output, self.left, self.right, self.value, tests, codes, result)
        return result

    def _matrix(self, X: Floats) -> Floats:
        try:
            matrix = np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise WrongType(
                "The encoded matrix holds values that are not numbers",
                got=str(error),
                fix="Encode text and categories as the model does, then try again",
            ) from error
        if matrix.ndim != 2 or matrix.shape[1] != self.columns:
            raise ColumnMismatch(
                "The encoded matrix has the wrong shape",
                got=f"shape {matrix.shape}",
                allowed=f"(sample, {self.columns})",
                fix="Give the columns the model was fitted on, in its order",
            )
        return matrix

    @cached_property
    def _extent(self) -> NDArray[np.int64]:
        return _measure(self.root, self.left, self.right, self.feature, self.columns)


def verify(trees: Trees, X: Floats, reference: Floats) -> float:
    """Hold the arrays to the library's own prediction.

    Parameters
    ----------
    trees : Trees
    X : ndarray of float, (sample, column)
        The encoded matrix.
    reference : ndarray of float, (sample, output)
        What the library predicts on `trees.scale` for the same rows.

    Returns
    -------
    float
        The biggest difference.

    Raises
    ------
    NotAdditive
        Some row differs by more than the library's own rounding: `precision` times the size of
        the prediction, times the square root of the number of trees that are summed.
    """
    ours = trees.predict(X)
    theirs = np.asarray(reference, dtype=np.float64).reshape(len(ours), -1)
    if theirs.shape != ours.shape:
        raise NotAdditive(
            "The trees as read have other outputs than the model",
            got=f"{ours.shape[1]} outputs",
            allowed=f"{theirs.shape[1]} outputs",
            fix="Report this model: its trees were read wrongly",
        )
    if not ours.size:
        return 0.0
    gap = np.abs(ours - theirs)
    gap = np.where(np.isfinite(gap) | (ours == theirs), gap, np.inf)
    size = max(1.0, float(np.abs(theirs).max()), float(np.abs(trees.base).max()))
    allowed = trees.precision * size * max(1.0, float(np.sqrt(len(trees.root))))
    row, column = np.unravel_index(int(gap.argmax()), gap.shape)
    if not gap[row, column] <= allowed:
        raise NotAdditive(
            f"The trees as read do not give the model's own prediction in row {row}",
            got=f"{ours[row, column]!r} for output {column}, a difference of "
            f"{gap[row, column]:.3g}",
            allowed=f"{theirs[row, column]!r} ± {allowed:.3g}",
            fix="Use a method that only needs predictions, such as kernel_shap, and report this",
        )
    return float(gap.max())


def _flat(pieces: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(pieces).astype(kind) if pieces else np.zeros(0, dtype=kind)


def _or_zeros(output: Sequence[int] | NDArray[np.integer] | None, trees: int) -> Ints:
    return np.zeros(trees, np.int32) if output is None else np.asarray(output, dtype=np.int32)


def _categories(trees: Sequence[Tree]) -> tuple[NDArray[np.int64], Bools]:
    """Offsets (node + 1,) and the flat table of all categorical tests."""
    sizes = np.zeros(sum(len(tree.left) for tree in trees) + 1, dtype=np.int64)
    rows: list[Bools] = []
    offset = 1
    for tree in trees:
        for node in sorted(tree.categories):
            sizes[offset + node] = len(tree.categories[node])
            rows.append(np.asarray(tree.categories[node], dtype=np.bool_))
        offset += len(tree.left)
    return np.cumsum(sizes), np.concatenate([np.zeros(0, np.bool_), *rows])


def _linear(trees: Sequence[Tree]) -> LinearLeaves | None:
    if not any(tree.linear for tree in trees):
        return None
    models = [tree.linear.get(node) for tree in trees for node in range(len(tree.left))]
    return LinearLeaves.join(models)


@njit(cache=True, nogil=True)
def _leaves(root, left, right, tests, codes):  # type: ignore[no-untyped-def]
    """The leaf of one tree that each row reaches."""
    slot, cut, missing_code, table_start, table = tests
    result = np.empty(codes.shape[1], dtype=np.int64)
    for row in range(codes.shape[1]):
        node = root
        while slot[node] >= 0:
            code = codes[slot[node], row]
            if table_start[node] >= 0:
                goes_left = table[table_start[node] + code]
            else:
                goes_left = code <= cut[node] or code == missing_code[node]
            node = left[node] if goes_left else right[node]
        result[row] = node
    return result


@njit(cache=True, nogil=True)
def _add_leaves(root, output, left, right, value, tests, codes, result):  # type: ignore[no-untyped-def]
    """Walk every row down every tree; trees outermost, so that one tree stays in the cache."""
    slot, cut, missing_code, table_start, table = tests
    width = value.shape[1]
    for tree in range(len(root)):
        for row in range(codes.shape[1]):
            node = root[tree]
            while slot[node] >= 0:
                code = codes[slot[node], row]
                if table_start[node] >= 0:
                    goes_left = table[table_start[node] + code]
                else:
                    goes_left = code <= cut[node] or code == missing_code[node]
                node = left[node] if goes_left else right[node]
            for w in range(width):
                result[row, output[tree] + w] += value[node, w]


@njit(cache=True, nogil=True)
def _measure(root, left, right, feature, columns):  # type: ignore[no-untyped-def]
    """(Longest path, most distinct columns on one path)."""
    result = np.zeros(2, dtype=np.int64)
    seen = np.zeros(columns, dtype=np.int64)
    stack = np.empty(len(feature) * 2 + 2, dtype=np.int64)
    for tree in range(len(root)):
        top, depth, distinct = 1, 0, 0
        stack[0] = root[tree]
        while top > 0:
            top -= 1
            node = stack[top]
            if node < 0:  # leaving an inner node
                depth -= 1
                column = feature[~node]
                seen[column] -= 1
                distinct -= seen[column] == 0
            elif feature[node] >= 0:
                depth += 1
                distinct += seen[feature[node]] == 0
                seen[feature[node]] += 1
                stack[top], stack[top + 1], stack[top + 2] = ~node, right[node], left[node]
                top += 3
            else:
                result[0] = max(result[0], depth)
                result[1] = max(result[1], distinct)
    return result
