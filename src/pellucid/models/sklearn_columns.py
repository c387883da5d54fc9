"""Which column of the user's each encoded column comes from, through any nest of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Origin = np.ndarray  # (encoded column,), the index of the user's column

ONE_TO_ONE = frozenset(
    [
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "PowerTransformer",
        "QuantileTransformer",
        "Binarizer",
        "OrdinalEncoder",
    ]
)


def trace(step: Any, came: Origin) -> Origin | None:
    """Where the columns that a fitted transformer gives come from.

    Parameters
    ----------
    step : object
        A fitted transformer, a pipeline of them, or ``"passthrough"``.
    came : ndarray of int (column,)
        Where the columns that it is given come from.

    Returns
    -------
    ndarray of int (encoded column,) or None
        None where a column mixes several, or where nobody here knows what the transformer does.

    Notes
    -----
    A user's subclass counts as the scikit-learn class it extends, unless it transforms otherwise.
    """
    if step is None or step == "passthrough":
        return came
    base = library_class(step)
    if _transforms_otherwise(step):
        return None
    if base in SPECIAL:
        return SPECIAL[base](step, came)
    if hasattr(step, "get_support"):
        return came[step.get_support()]
    return came if base in ONE_TO_ONE else None


def library_class(obj: Any) -> str:
    """The name of the scikit-learn class that an object is, or extends; its own name otherwise."""
    for base in type(obj).__mro__:
        if base.__module__.partition(".")[0] == "sklearn":
            return base.__name__
    return type(obj).__name__


def _transforms_otherwise(step: Any) -> bool:
    """Whether a user's subclass has its own idea of `transform`."""
    for base in type(step).__mro__:
        if "transform" in vars(base):
            return base.__module__.partition(".")[0] != "sklearn"
    return False


def _column_transformer(step: Any, came: Origin) -> Origin | None:
    names = list(getattr(step, "feature_names_in_", ()))
    width = max((s.stop for s in step.output_indices_.values()), default=0)
    out = np.full(width, -1)
    for name, part, columns in step.transformers_:
        place = step.output_indices_[name]
        if part == "drop" or place.stop == place.start:
            continue
        found = trace(part, came[_indices(columns, names, len(came))])
        if found is None or len(found) != place.stop - place.start:
            return None
        out[place] = found
    return out


def _indices(columns: Any, names: list[str], width: int) -> np.ndarray:
    """The positions that a resolved column selector stands for."""
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):  # both ends are meant
            start = 0 if columns.start is None else names.index(columns.start)
            stop = width if columns.stop is None else names.index(columns.stop) + 1
            return np.arange(width)[start : stop : columns.step]
        return np.arange(width)[columns]
    chosen = np.atleast_1d(np.asarray(columns))
    if chosen.dtype.kind in "OUT":
        return np.array([names.index(name) for name in chosen.tolist()], dtype=int)
    return np.arange(width)[chosen.astype(int) if chosen.dtype.kind == "f" else chosen]


def _pipeline(step: Any, came: Origin) -> Origin | None:
    found: Origin | None = came
    for _, part in step.steps:
        if found is not None and not is_sampler(part):
            found = trace(part, found)
    return found


def is_sampler(step: Any) -> bool:
    """Whether a step of a pipeline only resamples rows while fitting."""
    return hasattr(step, "fit_resample") and not hasattr(step, "transform")


def _feature_union(step: Any, came: Origin) -> Origin | None:
    found = [trace(part, came) for _, part in step.transformer_list if part != "drop"]
    if any(part is None for part in found):
        return None
    return np.concatenate([part for part in found if part is not None] or [came[:0]])


def _one_hot(step: Any, came: Origin) -> Origin:
    counts = []
    for j, categories in enumerate(step.categories_):
        rare = getattr(step, "infrequent_categories_", [None] * len(came))[j]
        merged = 0 if rare is None else len(rare) - 1
        dropped = step.drop_idx_ is not None and step.drop_idx_[j] is not None
        counts.append(len(categories) - merged - dropped)
    return np.repeat(came, counts)


def _target_encoder(step: Any, came: Origin) -> Origin:
    classes = len(step.classes_) if step.target_type_ == "multiclass" else 1
    return np.repeat(came, classes)


def _bins(step: Any, came: Origin) -> Origin:
    return came if step.encode == "ordinal" else np.repeat(came, step.n_bins_)


def _spline(step: Any, came: Origin) -> Origin | None:
    if getattr(step, "handle_missing", "error") not in ("error", "zeros"):
        return None
    each = step.bsplines_[0].c.shape[1] - (not step.include_bias)
    if step.extrapolation == "periodic":
        each = step.n_features_out_ // len(came)
    return np.repeat(came, each)


def _imputer(step: Any, came: Origin) -> Origin:
    kept = came
    if not step.keep_empty_features:
        empty = np.array([value is None or value != value for value in step.statistics_.tolist()])
        kept = came[~empty]
    if step.indicator_ is not None:
        kept = np.concatenate([kept, came[step.indicator_.features_]])
    return kept


def _polynomial(step: Any, came: Origin) -> Origin | None:
    used = step.powers_ > 0
    return came[used.argmax(axis=1)] if (used.sum(axis=1) == 1).all() else None


def _function(step: Any, came: Origin) -> Origin | None:
    return came if step.func is None else None


SPECIAL: dict[str, Callable[[Any, Origin], Origin | None]] = {
    "ColumnTransformer": _column_transformer,
    "Pipeline": _pipeline,
    "FeatureUnion": _feature_union,
    "OneHotEncoder": _one_hot,
    "TargetEncoder": _target_encoder,
    "KBinsDiscretizer": _bins,
    "SplineTransformer": _spline,
    "SimpleImputer": _imputer,
    "MissingIndicator": lambda step, came: came[step.features_],
    "PolynomialFeatures": _polynomial,
    "FunctionTransformer": _function,
}
