"""The user's own value for each category of a column, in the order of the codes.

The user's type is kept where it declares every category; otherwise it is widened to the
categories of the schema, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pellucid.data.encode import Encoded
from pellucid.data.schema import Category

if TYPE_CHECKING:
    import pyarrow as pa


def native_levels(kind: str, found: Encoded, categories: tuple[Category, ...]) -> Any:
    """One native value per category, as an array of the library that made the table."""
    known = set(categories) <= set(found.categories)
    vocabulary = found.categories if known else categories
    return LEVELS.get(kind, _numpy_levels)(found, vocabulary, categories)


def _numpy_levels(
    found: Encoded, vocabulary: tuple[Category, ...], categories: tuple[Category, ...]
) -> npt.NDArray[Any]:
    if found.dtype.kind == "U":
        width = max(found.dtype.itemsize // 4, *map(len, map(str, categories)))
        return np.array(categories, dtype=f"U{width}")
    if found.dtype.kind == "T":
        return np.array(categories, dtype=found.dtype)
    return np.fromiter(_originals(found, categories), dtype=object, count=len(categories))


def _arrow_levels(
    found: Encoded, vocabulary: tuple[Category, ...], categories: tuple[Category, ...]
) -> pa.Array:
    import pyarrow as pa

    if found.arrow is None or not pa.types.is_dictionary(found.arrow):
        return pa.array(_originals(found, categories), found.arrow)
    values = pa.array(_originals(found, vocabulary), found.arrow.value_type)
    place = pa.array([vocabulary.index(c) for c in categories], pa.int32())
    return pa.DictionaryArray.from_arrays(
        place.cast(found.arrow.index_type), values, ordered=found.arrow.ordered
    )


def _pandas_levels(
    found: Encoded, vocabulary: tuple[Category, ...], categories: tuple[Category, ...]
) -> Any:
    if isinstance(found.dtype, np.dtype):
        return _numpy_levels(found, vocabulary, categories)
    import pandas as pd

    dtype = found.dtype
    if isinstance(dtype, pd.CategoricalDtype) and vocabulary != found.categories:
        dtype = pd.CategoricalDtype(_originals(found, vocabulary), ordered=dtype.ordered)
    return pd.array(_originals(found, categories), dtype=dtype)


def _polars_levels(
    found: Encoded, vocabulary: tuple[Category, ...], categories: tuple[Category, ...]
) -> Any:
    import polars as pl

    dtype = None if isinstance(found.dtype, np.dtype) else found.dtype
    if isinstance(dtype, pl.Enum) and vocabulary != found.categories:
        dtype = pl.Enum(list(map(str, vocabulary)))
    return pl.Series(list(categories), dtype=dtype)


LEVELS = {"pandas": _pandas_levels, "polars": _polars_levels, "pyarrow": _arrow_levels}
LEVELS |= {"records": _arrow_levels}


def _originals(found: Encoded, categories: tuple[Category, ...]) -> list[Any]:
    return [found.originals.get(c, c) for c in categories]
