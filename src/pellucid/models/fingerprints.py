"""Fingerprints: a hash of what a model has learnt, the same after it was saved and loaded."""

from __future__ import annotations

import hashlib
import io
import pickle
from types import CodeType, FunctionType
from typing import Any

import numpy as np

UNSAVEABLE = (pickle.PicklingError, TypeError, AttributeError, RecursionError, ValueError)


def of_bytes(*parts: bytes) -> str:
    """``"sha256:"`` and the first 16 hexadecimal digits of the hash of the parts in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return f"sha256:{digest.hexdigest()[:16]}"


def of_object(source: Any) -> str:
    """The fingerprint of an object's content; of its type's name where it cannot be pickled.

    Notes
    -----
    Arrays count by their values, whatever their layout in memory, and texts by their letters,
    wherever they are shared, so that a model and its reloaded copy agree. A function counts by
    its code, constants, defaults and closure.
    """
    sink = io.BytesIO()
    try:
        _Content(sink, protocol=5).dump(source)
    except UNSAVEABLE:
        return of_bytes(f"{type(source).__module__}.{type(source).__qualname__}".encode())
    return of_bytes(sink.getvalue())


class _Content(pickle.Pickler):
    """A pickler that writes the hash of an array, a text or a function in its place."""

    def persistent_id(self, value: Any) -> str | None:
        if isinstance(value, str):
            return "text " + value
        if isinstance(value, np.dtype):
            return "dtype " + str(value)
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return f"array {value.shape} {value.dtype} " + of_bytes(*_columns(value))
        if isinstance(value, FunctionType):
            return "function " + of_function(value)
        return None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, dict):  # a kind of dict counts by its items
            return dict, (), None, None, iter(value.items())
        return NotImplemented


def of_function(function: FunctionType) -> str:
    """The fingerprint of a function: its code and what it closes over."""
    inside = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    others = [value for value in inside if value is not function]  # it may name itself
    held = [of_object(value) for value in (*others, function.__defaults__)]
    return of_bytes(
        function.__qualname__.encode(), _code(function.__code__), *map(str.encode, held)
    )


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # an empty cell, as in a function that names itself before it exists
        return False
    return True


def _code(code: CodeType) -> bytes:
    constants = [_code(c) if isinstance(c, CodeType) else repr(c).encode() for c in code.co_consts]
    return b"\0".join([code.co_code, repr(code.co_names).encode(), *constants])


def _columns(array: np.ndarray) -> list[bytes]:
    """The bytes of an array, field by field: the padding between fields is not content."""
    if array.dtype.names:
        return [array[name].tobytes() for name in array.dtype.names]
    return [array.tobytes()]
