"""Templates of the pieces, and the style they share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pellucid.display.theme import palette

COLOURS = ("background", "text", "muted", "grid", "raises", "lowers", "plain")
"""The theme's colours as the style knows them."""


def render(template: str, content: Mapping[str, Any], styled: bool) -> str:
    """The filled template, everything in it escaped, behind the shared style if `styled`."""
    filled = str(_templates().get_template(template).render(**content))
    return f"<style>{style()}</style>\n{filled}" if styled else filled


@cache
def style() -> str:
    """The style of all pieces, light, dark and printed; a page with many needs it once."""
    modes = {
        mode: {name: getattr(palette(mode), name) for name in COLOURS} for mode in ("light", "dark")
    }
    return str(_templates().get_template("pieces.css.j2").render(**modes)).strip()


@cache
def _templates() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("pellucid.display", "templates"),
        autoescape=lambda name: not (name or "").endswith(".css.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
