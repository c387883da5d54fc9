"""How many bits the answers of some rows take to tell: by this rule lists are learnt."""

from __future__ import annotations

import numpy as np
from scipy import special

NARROWEST = 0.05
"""Spread below which numbers are not told apart, as a share of the spread of all."""


def of_classes(counts: np.ndarray) -> np.ndarray:
    """Bits that tell the classes of some rows, by the prequential plug-in code.

    Parameters
    ----------
    counts : array of shape (rule, class)
        How many rows of each class a rule holds for.

    References
    ----------
    Proença and van Leeuwen (2020), arXiv:1905.00328.
    """
    classes = counts.shape[1]
    each = special.gammaln(counts + 1.0).sum(axis=1)
    whole = special.gammaln(counts.sum(axis=1) + classes) - special.gammaln(float(classes))
    return np.asarray((whole - each) / np.log(2))


def of_numbers(moments: np.ndarray, spread: float) -> np.ndarray:
    """Bits that tell some numbers, by a normal code whose two parameters cost ½ log n each.

    Parameters
    ----------
    moments : array of shape (rule, 3)
        How many rows a rule holds for, the sum of their numbers and of their squares.
    spread : float
        The standard deviation of all numbers.

    References
    ----------
    Proença, Grünwald, Bäck and van Leeuwen (2022), arXiv:2103.13686.
    """
    n = np.maximum(moments[:, 0], 1.0)
    variance = moments[:, 2] / n - np.square(moments[:, 1] / n)
    floor = max(NARROWEST * spread, 1e-12) ** 2
    code = n / 2 * np.log2(2 * np.pi * np.e * np.maximum(variance, floor)) + np.log2(n)
    return np.asarray(np.where(moments[:, 0] > 0, code, 0.0))


def of_whole_number(value: int) -> float:
    """Bits of Rissanen's universal code of a number from 1 on."""
    bits, part = np.log2(2.865064), float(value)
    while part > 1:
        part = float(np.log2(part))
        bits += part
    return float(bits)
