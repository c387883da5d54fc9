"""From the values of one column to numbers: what was found, before the user's own words on it.

An integer column stays numeric: only the user can say that its numbers are names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import WrongType
from pellucid.data.schema import Category, Kind

if TYPE_CHECKING:
    import pyarrow as pa

FloatArray: TypeAlias = npt.NDArray[np.float64]

EXACT_INTEGER = 2**53  # above it, neighbouring whole numbers share one float64
TICKS_PER_DAY = {"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 864 * 10**11}
NUMBERS = frozenset(type(np.dtype(code)) for code in "bhilqBHILQefd")
FIXES = {
    "timedelta64": "Turn it into a number, such as seconds",
    "duration": "Turn it into a number, such as seconds",
    "time32": "Turn it into a number, such as hours",
    "time64": "Turn it into a number, such as hours",
    "binary": "Decode it into text",
    "large_binary": "Decode it into text",
}


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """One column as found: its codes, and what is needed to give it back.

    `route` says how codes become values again: ``"number"``, ``"bool"``, ``"date"`` or
    ``"level"``. `exact` holds the original values where float64 cannot. `originals` maps a
    readable category to the user's own object where the two differ (intervals, dates).
    """

    codes: FloatArray
    kind: Kind
    route: str
    dtype: Any
    arrow: pa.DataType | None = None
    categories: tuple[Category, ...] = ()
    integer: bool = False
    null: bool = False
    missing: Any = None
    exact: Any = None
    originals: dict[Category, Any] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether these are NumPy's own numbers, all of them exact as codes."""
        own = type(self.dtype) in NUMBERS and self.arrow is None
        return own and self.kind == "numeric" and self.exact is None


def encode_numpy(name: str, values: npt.NDArray[Any]) -> Encoded:
    """One NumPy column; texts and objects are read through Arrow."""
    kind = values.dtype.kind
    if kind in "iuf" and values.dtype.itemsize <= 8:
        exact = values.copy() if kind in "iu" and _wide(values) else None
        return Encoded(
            codes=values.astype(np.float64),
            kind="numeric",
            route="number",
            dtype=values.dtype,
            integer=kind in "iu",
            exact=exact,
        )
    if kind == "b":
        codes = values.astype(np.float64)
        return Encoded(codes=codes, kind="boolean", route="bool", dtype=values.dtype)
    if kind == "M":
        return _numpy_dates(name, values)
    if kind == "U" or isinstance(values.dtype, np.dtypes.StringDType):
        return replace(_objects(name, values.astype(object)), dtype=values.dtype)
    if kind == "O":
        return _objects(name, values)
    raise _wrong_type(name, str(values.dtype), FIXES.get(values.dtype.name.split("[")[0]))


def encode_arrow(name: str, values: pa.Array) -> Encoded:
    """One Arrow column, missing where it is null or not a number."""
    import pyarrow as pa

    for test, encode in ARROW_ROUTES:
        if getattr(pa.types, test)(values.type):
            return encode(name, values)
    raise _wrong_type(name, str(values.type), FIXES.get(str(values.type).split("[")[0]))


def one_chunk(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column as one array with one dictionary."""
    import pyarrow as pa

    if not isinstance(values, pa.ChunkedArray):
        return values
    if pa.types.is_dictionary(values.type):
        values = values.unify_dictionaries()
    whole = values.combine_chunks()
    return whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole


def days(ticks: npt.NDArray[Any], per_day: int) -> FloatArray:
    """Days since 1970-01-01 from counts of a smaller unit, whole days kept exact."""
    whole, rest = np.divmod(ticks, per_day)
    return whole.astype(np.float64) + rest.astype(np.float64) / per_day


def ticks(day: FloatArray, per_day: int) -> npt.NDArray[np.int64]:
    """Counts of a smaller unit from days, to the nearest; 0 where missing."""
    whole = np.floor(np.nan_to_num(day, nan=0.0, posinf=0.0, neginf=0.0))
    rest = np.nan_to_num(day - whole, nan=0.0, posinf=0.0, neginf=0.0)
    return whole.astype(np.int64) * per_day + np.rint(rest * per_day).astype(np.int64)


def _null(name: str, values: pa.Array) -> Encoded:
    import pyarrow as pa

    codes = np.full(len(values), np.nan)
    return Encoded(
        codes=codes, kind="numeric", route="number", dtype=pa.null(), arrow=pa.null(), null=True
    )


def _boolean(name: str, values: pa.Array) -> Encoded:
    import pyarrow as pa

    return Encoded(
        codes=_floats(values.cast(pa.int8())),
        kind="boolean",
        route="bool",
        dtype=values.type,
        arrow=values.type,
        null=True,
    )


def _number(name: str, values: pa.Array) -> Encoded:
    import pyarrow as pa

    integer = pa.types.is_integer(values.type)
    if integer:
        filled = values.fill_null(0).to_numpy(zero_copy_only=False)
        lossy = _wide(filled)
        codes = filled.astype(np.float64)
        codes[_nulls(values)] = np.nan
    else:
        codes = _floats(values)
        lossy = pa.types.is_decimal(values.type) and not decimals(codes, values.type).equals(values)
    return Encoded(
        codes=codes,
        kind="numeric",
        route="number",
        dtype=values.type,
        arrow=values.type,
        integer=integer,
        null=values.null_count > 0 or not pa.types.is_floating(values.type),
        exact=values if lossy else None,
    )


def decimals(codes: FloatArray, type_: pa.DataType) -> pa.Array:
    """Decimal numbers nearest to `codes`; floats where they do not fit the precision."""
    import pyarrow as pa

    values = pa.array(codes, mask=np.isnan(codes))
    try:
        return values.cast(type_)
    except pa.ArrowInvalid:
        return values


def _date(name: str, values: pa.Array) -> Encoded:
    import pyarrow as pa

    unit = "D" if pa.types.is_date32(values.type) else getattr(values.type, "unit", "ms")
    integers = pa.int32() if unit == "D" else pa.int64()
    count = values.view(integers).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    codes = days(count, TICKS_PER_DAY[unit])
    lossless = np.array_equal(ticks(codes, TICKS_PER_DAY[unit]), count)
    codes[_nulls(values)] = np.nan
    return Encoded(
        codes=codes,
        kind="date",
        route="date",
        dtype=values.type,
        arrow=values.type,
        null=True,
        exact=None if lossless else values,
    )


def _text(name: str, values: pa.Array) -> Encoded:
    """Texts become their place among the different texts, sorted."""
    found = values.dictionary_encode()
    texts = found.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    place = np.empty(len(texts))
    place[order] = np.arange(len(texts))
    return Encoded(
        codes=looked_up(place, _floats(found.indices)),
        kind="categorical",
        route="level",
        dtype=values.type,
        arrow=values.type,
        categories=tuple(texts[i] for i in order),
        null=True,
    )


def _dictionary(name: str, values: pa.DictionaryArray) -> Encoded:
    """Categories keep the order that the dictionary declares."""
    if values.dictionary.null_count:
        values = values.dictionary_decode().dictionary_encode()
    categories, originals = readable(values.dictionary.to_pylist())
    return Encoded(
        codes=_floats(values.indices),
        kind="ordinal" if values.type.ordered else "categorical",
        route="level",
        dtype=values.type,
        arrow=values.type,
        categories=categories,
        null=True,
        originals=originals,
    )


ARROW_ROUTES: tuple[tuple[str, Callable[[str, Any], Encoded]], ...] = (
    ("is_null", _null),
    ("is_boolean", _boolean),
    ("is_integer", _number),
    ("is_floating", _number),
    ("is_decimal", _number),
    ("is_dictionary", _dictionary),
    ("is_date", _date),
    ("is_timestamp", _date),
    ("is_string", _text),
    ("is_large_string", _text),
    ("is_string_view", _text),
)


def readable(values: list[Any]) -> tuple[tuple[Category, ...], dict[Category, Any]]:
    """Categories as text, numbers or booleans, and the originals that were not."""
    categories = tuple(v if isinstance(v, (str, int, float, bool)) else str(v) for v in values)
    originals = {c: v for c, v in zip(categories, values, strict=True) if c is not v}
    return categories, originals


def looked_up(place: FloatArray, codes: FloatArray) -> FloatArray:
    """`place[codes]`, missing where `codes` is."""
    found = np.full(len(codes), np.nan)
    there = ~np.isnan(codes)
    found[there] = place[codes[there].astype(np.intp)]
    return found


def _numpy_dates(name: str, values: npt.NDArray[Any]) -> Encoded:
    unit, step = np.datetime_data(values.dtype)
    finer = values if unit in TICKS_PER_DAY and step == 1 else values.astype("M8[s]")
    unit = np.datetime_data(finer.dtype)[0]
    count = np.where(np.isnat(finer), 0, finer.view(np.int64))
    codes = days(count, TICKS_PER_DAY[unit])
    lossless = np.array_equal(ticks(codes, TICKS_PER_DAY[unit]), count)
    codes[np.isnat(finer)] = np.nan
    return Encoded(
        codes=codes,
        kind="date",
        route="date",
        dtype=values.dtype,
        exact=None if lossless else values.copy(),
    )


def _objects(name: str, values: npt.NDArray[Any]) -> Encoded:
    """Python objects: one kind of value per column, or the odd ones are named."""
    import pyarrow as pa

    try:
        found = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        found = _mixed(name, values, error)
    encoded = encode_arrow(name, one_chunk(found))
    gone = np.flatnonzero(np.isnan(encoded.codes))
    return replace(
        encoded,
        dtype=np.dtype(object),
        missing=values[gone[0]] if len(gone) else None,
        exact=None if encoded.route == "level" else values.copy(),
    )


def _mixed(name: str, values: npt.NDArray[Any], error: Exception) -> pa.Array:
    """Numbers of several types as floats; anything else is the user's mistake."""
    import pyarrow as pa

    types = Counter(map(type, values))
    present = {t: n for t, n in types.items() if not _means_missing(t)}
    if present and all(_is_number(t) for t in present):
        floats = [None if _means_missing(type(v)) else float(v) for v in values]
        return pa.array(floats, pa.float64(), from_pandas=True)
    if present and all(issubclass(t, np.datetime64) for t in present):
        dates = [None if _means_missing(type(v)) else v for v in values]
        return pa.array(np.array(dates, dtype="M8[us]"))
    if len(present) == 1:
        raise _wrong_type(name, next(iter(present)).__name__) from error
    usual = max(present, key=present.__getitem__, default=object)
    odd = [v for v in values if type(v) is not usual and not _means_missing(type(v))]
    raise WrongType(
        f"Column {name!r} mixes values of several types",
        got=f"{', '.join(sorted(t.__name__ for t in present))}; such as "
        f"{', '.join(map(repr, (odd or list(values))[:3]))}",
        allowed="numbers, texts, booleans or dates, one of them per column",
        fix="Turn the odd ones into the type of the others, or into missing values",
    ) from error


def _is_number(kind: type) -> bool:
    from decimal import Decimal

    whole = issubclass(kind, (int, float, Decimal, np.integer, np.floating))
    return whole and not issubclass(kind, (bool, np.bool_))


def _means_missing(kind: type) -> bool:
    return kind.__name__ in ("NoneType", "NAType", "NaTType")


def _wrong_type(name: str, found: str, fix: str | None = None) -> WrongType:
    return WrongType(
        f"Column {name!r} holds values that no method can compare",
        got=found,
        allowed="numbers, texts, categories, booleans or dates",
        fix=fix or f"Turn it into one of these, or drop {name!r}",
    )


def _wide(values: npt.NDArray[Any]) -> bool:
    if values.dtype.itemsize < 8 or not len(values):
        return False
    return bool(values.max() > EXACT_INTEGER or values.min() < -EXACT_INTEGER)


def _nulls(values: pa.Array) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc

    return np.asarray(pc.is_null(values).to_numpy(zero_copy_only=False))


def _floats(values: pa.Array) -> FloatArray:
    import pyarrow as pa

    return np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
