"""Checks of the settings that methods on networks share."""

from __future__ import annotations

from typing import Any

from pellucid.core.errors import InvalidSetting


def yes_or_no(name: str, value: Any) -> None:
    """Refuse `value` unless it is a bool."""
    if not isinstance(value, bool):
        raise InvalidSetting(f"{name} is a choice", got=repr(value), allowed="True or False")


def checked_site(value: Any) -> None:
    """Refuse what is no address inside a network; whether it is there, the network says."""
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidSetting(
            "site is the address of a part of the network",
            got=repr(value),
            allowed="such as 'layer3.1.conv2', or None for the input",
        )


KINDS = ("zero", "mean", "blur")
"""Baselines by name."""


def checked_baseline(value: Any) -> None:
    """Refuse what is neither a kind of baseline nor a finite number."""
    named = isinstance(value, str) and value in KINDS
    numbered = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not named and not (numbered and abs(value) < float("inf")):
        raise InvalidSetting(
            "baseline is where the way to the input begins",
            got=repr(value),
            allowed=f"{', '.join(map(repr, KINDS))}, or a number",
        )
