"""The method as it was typed: its name, and its settings as NAME=VALUE."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.choose import recipe_named
from pellucid.explainers.explainer import Explainer

WORDS = {"none": None, "true": True, "false": False}
"""What has no other spelling on a command line."""


def method_from(name: str | None, settings: Sequence[str]) -> str | Explainer | None:
    """The method called `name` with these settings; without any, the name itself.

    Raises
    ------
    InvalidSetting
        If a setting is not written as NAME=VALUE, is given twice, or is not allowed.
    UnknownName
        If there is no such method, or it has no such setting; says which is close.
    """
    if not settings:
        return name
    if name is None:
        raise InvalidSetting(
            "A setting belongs to a method", got=list(settings), fix="Name it too: --method NAME"
        )
    recipe = recipe_named(name)
    given: dict[str, Any] = {}
    words = {field.name for field in fields(recipe) if field.type in ("str", "str | None")}  # type: ignore[arg-type]
    for text in settings:
        setting, equals, value = text.partition("=")
        if not equals or not setting or not value:
            raise InvalidSetting(
                "A setting is its name and a value", got=text, allowed="NAME=VALUE"
            )
        if setting not in recipe.params():
            raise UnknownName.among(f"setting of {name}", setting, recipe.params())
        if setting in given:
            raise InvalidSetting(f"The setting {setting} is given twice", got=list(settings))
        given[setting] = value if setting in words and value.lower() != "none" else value_of(value)
    return replace(recipe, **given)  # type: ignore[type-var]


def value_of(text: str) -> Any:
    """The number, word or list that was typed; what is none of these is text."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return _plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return tuple(part.strip() for part in text.split(",")) if "," in text else text


def _plain(value: Any) -> Any:
    """Numbers, words and nested lists of them, as recipes hold them."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ValueError(value)
