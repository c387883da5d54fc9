"""Trees read once: kept by the content of the model they were read from, for the next question."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import numpy as np

from pellucid.models.trees import Trees

MOST_MODELS, MOST_BYTES = 8, 256 * 2**20
"""What is kept at most; the models used least recently go first."""

_kept: OrderedDict[str, tuple[Trees, int]] = OrderedDict()
_lock = Lock()


def read_once(content: str, read: Callable[[], Trees]) -> Trees:
    """The trees of a model, read only if a model of the same content was not read before.

    Parameters
    ----------
    content : str
        A hash of all that `read` reads.
    read : callable
        Reads the trees.

    Returns
    -------
    Trees
    """
    with _lock:
        found = _kept.pop(content, None)
    if found is None:
        trees = read()
        parts = [part for part in vars(trees).values() if isinstance(part, np.ndarray)]
        found = trees, sum(part.nbytes for part in parts)
    with _lock:
        _kept[content] = found
        while len(_kept) > MOST_MODELS or sum(size for _, size in _kept.values()) > MOST_BYTES:
            _kept.popitem(last=False)
    return found[0]
