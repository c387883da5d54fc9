"""Reads scikit-learn's trees, forests, boosting and isolation forests into :class:`Trees`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.core.errors import CannotExplain, NotFitted
from pellucid.models import fingerprints, sklearn_ensembles
from pellucid.models.tree_sums import Part, total
from pellucid.models.trees import Tree, Trees

Floats = NDArray[np.float64]
PRECISION = 1e-11
LOG_LINKS = ("poisson", "gamma")
OF_TREES = (
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "IsolationForest",
)
"""Estimators whose members are single trees, and nothing else that they learnt."""
APART = ("estimators_", "estimator", "estimator_", "train_score_", "_loss", "_rng")
"""Their members, and what is left over from fitting and plays no part in predictions."""


def read(estimator: Any) -> Trees:
    """The trees of a fitted scikit-learn estimator.

    Parameters
    ----------
    estimator : object
        A decision tree, extra tree, random forest, extra trees, gradient boosting, histogram
        gradient boosting or isolation forest; bagging, voting or AdaBoost of such.

    Returns
    -------
    Trees
        On the scale where the model is additive: "probability" for classification trees and
        forests (class 1 alone if there are two classes), "logit" for boosted classifiers,
        "path length" for isolation forests, "logit" for AdaBoost of two classes, "raw" otherwise.

    Raises
    ------
    NotFitted
        The estimator has no trees yet.
    CannotExplain
        The estimator is not a sum of trees and a constant.

    Notes
    -----
    The encoded matrix is the estimator's own input, except for histogram gradient boosting:
    there it is what :func:`hist_matrix` returns.
    """
    for kind in type(estimator).__mro__:
        if not kind.__module__.startswith("sklearn."):
            continue
        if kind.__name__ in sklearn_ensembles.NO_SUMS:
            raise sklearn_ensembles.refusal(sklearn_ensembles.NO_SUMS[kind.__name__], kind.__name__)
        if kind.__name__ in READERS:
            reader, fitted = READERS[kind.__name__]
            if not hasattr(estimator, fitted):
                raise NotFitted(
                    f"{type(estimator).__name__} has no trees yet", fix="Call its fit first"
                )
            return reader(estimator)
    raise CannotExplain(
        "These are not scikit-learn trees",
        got=type(estimator).__name__,
        allowed=sorted(READERS),
        fix="Use a method that only needs predictions, such as kernel_shap",
    )


def content(estimator: Any, base: str, *, quick: bool = False) -> str | None:
    """A fingerprint of all that :func:`read` reads, without pickling every member.

    Parameters
    ----------
    estimator : object
    base : str
        The library's class that it is of.
    quick : bool
        Take memory as it is, with what lies between the fields of a node. Such a fingerprint
        tells whether a model is unchanged, and differs between copies of one.

    Returns
    -------
    str or None
        None for an estimator that is no such ensemble, or cannot be pickled.
    """
    if base.startswith("HistGradientBoosting"):
        return fingerprints.of_content(estimator)
    if base not in OF_TREES or not hasattr(estimator, "estimators_"):
        return None
    rest = {name: value for name, value in vars(estimator).items() if name not in APART}
    around = fingerprints.of_content((type(estimator).__qualname__, rest))
    if around is None:
        return None
    trees = [member.tree_.__getstate__() for member in np.ravel(estimator.estimators_)]
    parts = [tree["nodes"] for tree in trees], [tree["values"].ravel() for tree in trees]
    taken = fingerprints.of_memory if quick else fingerprints.of_arrays
    return fingerprints.of_bytes(around.encode(), *map(taken, parts))


def hist_matrix(estimator: Any, X: Any) -> Floats:
    """What the trees of a histogram gradient boosting see.

    Parameters
    ----------
    estimator : HistGradientBoostingClassifier or HistGradientBoostingRegressor
    X : table, (sample, column)
        As the user gives it to ``predict``.

    Returns
    -------
    ndarray of float, (sample, encoded column)
        Categorical columns first, as the numbers of their categories (NaN where unknown or
        missing), then the numeric ones; :func:`hist_columns` says which is which.
    """
    return np.asarray(estimator._preprocess_X(X, reset=False), dtype=np.float64)


def hist_columns(estimator: Any) -> NDArray[np.intp]:
    """The user's column behind each column of :func:`hist_matrix`."""
    if estimator.is_categorical_ is None:
        return np.arange(estimator.n_features_in_)
    mask = np.asarray(estimator.is_categorical_, dtype=bool)
    return np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])


def path_length(estimator: Any, X: Any) -> Floats:
    """Mean path length (sample, 1) behind an isolation forest's scores, in edges."""
    scores = -np.asarray(estimator.score_samples(X), dtype=np.float64)
    return (-np.log2(scores) * _mean_path([estimator.max_samples_])[0])[:, None]


def single(estimator: Any, value: Floats) -> Trees:
    """One decision tree with other values (node, output) at its leaves."""
    return Trees.join(
        [_tree(estimator.tree_, value)],
        base=np.zeros(value.shape[1]),
        columns=estimator.n_features_in_,
        single_precision=True,
        precision=PRECISION,
    )


def _single(estimator: Any) -> Trees:
    return _averaged(estimator, [estimator])


def _forest(estimator: Any) -> Trees:
    return _averaged(estimator, estimator.estimators_)


def _averaged(estimator: Any, members: Any) -> Trees:
    classifier = hasattr(estimator, "classes_")
    if classifier and isinstance(estimator.n_classes_, (list, np.ndarray)):
        raise CannotExplain(
            "This classifier predicts several targets at once",
            got=f"{len(estimator.n_classes_)} targets",
            allowed="one target",
            fix="Fit one classifier per target",
        )
    values = [_class_values(m) if classifier else m.tree_.value[:, :, 0] for m in members]
    return Trees.join(
        [_tree(m.tree_, v / len(members)) for m, v in zip(members, values, strict=True)],
        base=np.zeros(values[0].shape[1]),
        columns=estimator.n_features_in_,
        single_precision=True,
        precision=PRECISION,
        scale="probability" if classifier else "raw",
    )


def _class_values(member: Any) -> Floats:
    """Class probabilities (node, class); class 1 alone if there are two."""
    shares = member.tree_.value[:, 0, :]
    return shares[:, 1:] if shares.shape[1] == 2 else shares


def _boosting(estimator: Any) -> Trees:
    grid = estimator.estimators_
    classifier = hasattr(estimator, "classes_")
    link = _class_link(grid.shape[1]) if classifier else "identity"
    if estimator.loss == "exponential":
        link = "half logit"
    start = None if classifier else _boosting_start(estimator)
    boosted = Trees.join(
        [_tree(m.tree_, m.tree_.value[:, :, 0] * estimator.learning_rate) for m in grid.ravel()],
        output=np.tile(np.arange(grid.shape[1]), len(grid)),
        base=np.zeros(1) if start else _boosting_base(estimator, grid.shape[1], classifier),
        columns=estimator.n_features_in_,
        single_precision=True,
        precision=PRECISION,
        scale="raw" if link in ("identity", "half logit") else "logit",
        link=link,
    )
    if start is None:
        return boosted
    parts = [Part(trees=start), Part(trees=boosted)]
    return total(parts, columns=boosted.columns, outputs=1)


def _boosting_start(estimator: Any) -> Trees | None:
    """The trees that boosting a regressor starts from; None if there are none.

    scikit-learn rounds the rows to 32 bits before it asks them.
    """
    if not hasattr(estimator.init_, "predict") or "Dummy" in type(estimator.init_).__name__:
        return None
    try:
        found = sklearn_ensembles.member(estimator.init_)
    except CannotExplain as error:
        raise _other_start(estimator.init_) from error
    if found.comparison != "<=" or found.tiny:
        raise _other_start(estimator.init_)
    return replace(found, single_precision=True)


def _other_start(start: Any) -> CannotExplain:
    return CannotExplain(
        "This boosting starts from another model, so it is not a sum of trees",
        got=f"init={type(start).__name__}",
        allowed="init=None, init='zero', a dummy estimator, or trees where a number is predicted",
        fix="Use a method that only needs predictions, such as kernel_shap",
    )


def _boosting_base(estimator: Any, outputs: int, classifier: bool) -> Floats:
    """The constant that boosting starts from, on the scale of the sum."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    start = estimator.init_
    if isinstance(start, str) and start == "zero":
        return np.zeros(outputs)
    if not isinstance(start, (DummyClassifier, DummyRegressor)):
        raise _other_start(start)
    row = np.zeros((1, estimator.n_features_in_))
    if not classifier:
        return np.asarray(start.predict(row), dtype=np.float64).ravel()
    edge = np.finfo(np.float32).eps  # scikit-learn keeps the prior inside these bounds
    prior = np.clip(start.predict_proba(row)[0], edge, 1 - edge)
    if outputs > 1:
        return np.log(prior) - np.log(prior).mean()
    logit = np.log(prior[1:] / (1 - prior[1:]))
    return logit / 2 if estimator.loss == "exponential" else logit


def _class_link(outputs: int) -> str:
    return "logit" if outputs == 1 else "softmax"


def _hist(estimator: Any) -> Trees:
    rounds = estimator._predictors
    outputs = estimator.n_trees_per_iteration_
    classifier = hasattr(estimator, "classes_")
    known, row_of = estimator._bin_mapper.make_known_categories_bitsets()
    logarithmic = not classifier and estimator.loss in LOG_LINKS
    regression_link = "log" if logarithmic else "identity"
    return Trees.join(
        [_hist_tree(member, known, row_of) for trees in rounds for member in trees],
        output=np.tile(np.arange(outputs), len(rounds)),
        base=np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel(),
        columns=estimator.n_features_in_,
        precision=PRECISION,
        scale="logit" if classifier else "raw",
        link=_class_link(outputs) if classifier else regression_link,
    )


def _hist_tree(member: Any, known: NDArray[np.uint32], row_of: NDArray[np.uint32]) -> Tree:
    nodes = member.nodes
    leaf = nodes["is_leaf"].astype(bool)
    categories = {}
    for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf):
        exists = _bits(known[row_of[nodes["feature_idx"][node]]])
        goes_left = _bits(member.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        unknown = bool(nodes["missing_go_to_left"][node])
        table = np.where(goes_left, True, np.where(exists, False, unknown))
        categories[int(node)] = np.append(table[: np.flatnonzero(exists)[-1] + 1], unknown)
    return Tree(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"].astype(bool),
        cover=nodes["count"].astype(np.float64),
        value=nodes["value"][:, None],
        categories=categories,
    )


def _bits(words: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return (words[:, None] >> np.arange(32, dtype=np.uint32) & 1).astype(bool).ravel()


def _isolation(estimator: Any) -> Trees:
    members = zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    trees = []
    for member, columns in members:
        length = _node_depths(member.tree_) + _mean_path(member.tree_.n_node_samples)
        trees.append(_tree(member.tree_, length[:, None] / len(estimator.estimators_), columns))
    return Trees.join(
        trees,
        base=np.zeros(1),
        columns=estimator.n_features_in_,
        single_precision=True,
        precision=PRECISION,
        scale="path length",
        link="isolation",
    )


def _mean_path(sizes: Any) -> Floats:
    """Mean path length of an unsuccessful search in a random tree of so many rows."""
    rows = np.asarray(sizes, dtype=np.float64)
    many = np.maximum(rows, 3.0) - 1.0
    length = 2.0 * (np.log(many) + np.euler_gamma) - 2.0 * many / (many + 1.0)
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, length))


def _node_depths(tree: Any) -> Floats:
    """Edges between the root and each node; parents come before their children."""
    depth = np.zeros(tree.node_count)
    for node in np.flatnonzero(tree.children_left >= 0):
        depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
    return depth


def _tree(tree: Any, value: Floats, columns: NDArray[np.intp] | None = None) -> Tree:
    feature = np.maximum(tree.feature, 0)
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=feature if columns is None else np.asarray(columns)[feature],
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left.astype(bool),
        cover=tree.weighted_n_node_samples,
        value=value,
    )


READERS: dict[str, tuple[Callable[[Any], Trees], str]] = {
    "DecisionTreeClassifier": (_single, "tree_"),
    "DecisionTreeRegressor": (_single, "tree_"),
    "RandomForestClassifier": (_forest, "estimators_"),
    "RandomForestRegressor": (_forest, "estimators_"),
    "ExtraTreesClassifier": (_forest, "estimators_"),
    "ExtraTreesRegressor": (_forest, "estimators_"),
    "GradientBoostingClassifier": (_boosting, "estimators_"),
    "GradientBoostingRegressor": (_boosting, "estimators_"),
    "HistGradientBoostingClassifier": (_hist, "_predictors"),
    "HistGradientBoostingRegressor": (_hist, "_predictors"),
    "IsolationForest": (_isolation, "estimators_"),
    **sklearn_ensembles.READERS,
}
