"""What was read of a model, kept by the model's content for the next question about it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import numpy as np

Found = TypeVar("Found")

MOST_READ, MOST_BYTES = 16, 256 * 2**20
"""What is kept at most; what was used least recently goes first."""

_kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
_lock = Lock()


def read_once(content: str, read: Callable[[], Found]) -> Found:
    """What `read` reads of a model, unless it read a model of the same content before.

    Parameters
    ----------
    content : str
        What is read, and a hash of all that it is read from.
    read : callable
        Reads it; what it returns is never changed.
    """
    with _lock:
        found = _kept.pop(content, None)
    if found is None:
        fresh = read()
        found = fresh, _bytes(fresh)
    with _lock:
        _kept[content] = found
        while len(_kept) > MOST_READ or sum(size for _, size in _kept.values()) > MOST_BYTES:
            _kept.popitem(last=False)
    kept: Found = found[0]
    return kept


def _bytes(held: Any) -> int:
    """The memory of the arrays in an object's attributes, and in theirs."""
    if isinstance(held, np.ndarray):
        return held.nbytes
    return sum(map(_bytes, getattr(held, "__dict__", {}).values()))
