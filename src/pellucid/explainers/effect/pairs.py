"""Which columns are looked at two by two, for effects that are surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from pellucid.core.curve import Curve
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.effect.grid import Features, checked_features

MOST_PAIRS = 200
"""Pairs that are looked at without being named."""


def checked_together(feature: Any) -> Features:
    """The columns asked for, as a recipe stores them: none, or two or more."""
    checked = checked_features(feature)
    if checked is None:
        return checked
    if isinstance(checked, str) or len(set(checked)) < max(2, len(checked)):
        raise InvalidSetting(
            "feature names the columns that act together",
            got=repr(checked),
            allowed="two or more different names, or None for all columns",
        )
    return checked


def pairs_of(columns: Sequence[int], feature: Features) -> list[tuple[int, int]]:
    """Every two of the `columns`, which come from what was asked for.

    Raises
    ------
    InvalidSetting
        If there are no two, or, without names, too many.
    """
    pairs = list(combinations(columns, 2))
    if not pairs:
        raise InvalidSetting("It takes two columns to act together", got=f"{len(columns)}")
    if feature is None and len(pairs) > MOST_PAIRS:
        raise InvalidSetting(
            "These are too many pairs to look at unasked",
            got=f"{len(pairs)} pairs of {len(columns)} columns",
            allowed=f"{MOST_PAIRS} pairs, or any number of named columns",
            fix="Name columns with feature=; h_statistic(kind='pair') says which act together",
        )
    return pairs


def one_or_each(feature: Features, surfaces: Sequence[Curve]) -> Curve | tuple[Curve, ...]:
    """The surface itself where two columns were named, else a tuple."""
    return surfaces[0] if feature is not None and len(feature) == 2 else tuple(surfaces)
