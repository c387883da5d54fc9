"""One way to take a seed.

Every public function that draws random numbers takes ``seed: int | None``. `None` draws a fresh
seed and *records* it, so that each result can be made again. Streams for different purposes come
from one seed and a path of words, and never depend on the order or the size of a batch.
"""

from __future__ import annotations

import secrets
import zlib

import numpy as np

from pellucid.core.errors import InvalidSetting


def resolve_seed(seed: int | None) -> int:
    """The seed to use and to record: the one given, or a fresh one.

    Raises
    ------
    InvalidSetting
        If `seed` is neither `None` nor a non-negative integer.
    """
    if seed is None:
        return secrets.randbits(31)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidSetting(
            "The seed cannot be used", got=repr(seed), allowed="an integer ≥ 0, or None"
        )
    return int(seed)


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """A random stream for one purpose: same seed and same path, same numbers."""
    words = [zlib.crc32(str(word).encode()) for word in path]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
