"""Checks of a recipe's settings, so that a wrong one is refused when the recipe is made."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting


def whole_number(name: str, value: Any, least: int, *, optional: bool = False) -> None:
    """Refuse `value` unless it is a whole number from `least` on (or `None`, if `optional`)."""
    if optional and value is None:
        return
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        allowed = f"a whole number ≥ {least}" + (", or None" if optional else "")
        raise InvalidSetting(f"{name} cannot be used", got=repr(value), allowed=allowed)


def positive(name: str, value: Any, *, optional: bool = False) -> None:
    """Refuse `value` unless it is a finite number above 0 (or `None`, if `optional`)."""
    if optional and value is None:
        return
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0 < value < np.inf:
        allowed = "a number > 0" + (", or None" if optional else "")
        raise InvalidSetting(f"{name} cannot be used", got=repr(value), allowed=allowed)
