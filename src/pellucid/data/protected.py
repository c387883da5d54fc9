"""Columns whose names say that they may stand for a group of people protected by law."""

from __future__ import annotations

import re

PROTECTED = ("gender", "ethnic", "religion", "nationality", "native_country", "marital",
             "personal_status", "foreign", "disab", "pregnan")  # fmt: skip
"""Parts of column names that often stand for a protected group."""

WHOLE_WORDS = {"age", "sex", "race"}
"""The same, where they are whole words: a mortgage is no age."""

OF_THINGS = {"account", "building", "car", "company", "house", "housing", "property", "vehicle"}
"""What has an age and is nobody's."""


def may_be_protected(name: str) -> bool:
    """Whether a column may stand for a protected group, by its name."""
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    whole = bool(words & WHOLE_WORDS) and not words & OF_THINGS
    return whole or any(part in name.lower() for part in PROTECTED)
