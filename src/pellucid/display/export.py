"""Pictures as files: SVG and PNG without a browser, a page without a network, or the JSON."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pellucid.core.errors import InvalidSetting
from pellucid.core.files import replacing
from pellucid.display import theme
from pellucid.display.compact import compact
from pellucid.display.pieces.page import render
from pellucid.display.scripts import bundle, fit, inline

ARIA = re.compile(r' (?:aria-hidden|aria-label|aria-roledescription|role)="[^"]*"')
"""What Vega says about single marks: thousands of words that a listener must sit through."""


def to_svg(chart: Any) -> str:
    """The picture as one SVG image with its alternative text, for a page or a file.

    Parameters
    ----------
    chart : altair chart
        As a chart builder returned it, or restyled.
    """
    import vl_convert

    spec = chart.to_dict()
    return _labelled(vl_convert.vegalite_to_svg(spec, vl_version=_version(spec)), spec)


def to_png(chart: Any, *, scale: float = 2) -> bytes:
    """The picture as a PNG, `scale` times as many pixels as on screen."""
    import vl_convert

    if not 0 < scale <= 10:
        raise InvalidSetting("A PNG cannot be scaled so", got=repr(scale), allowed="0 < scale ≤ 10")
    spec = chart.to_dict()
    return vl_convert.vegalite_to_png(spec, scale=scale, vl_version=_version(spec))


def to_html(chart: Any) -> str:
    """The picture as a page that works offline, with tooltips; its script is in the page.

    A picture that can be is as wide as the window, up to 960 pixels; others shrink to it.
    """
    spec = chart.to_dict()
    title, reading = (_words(spec, part) for part in ("text", "subtitle"))
    spec.pop("title", None)
    config = spec.pop("config", {})
    mode = "dark" if config.get("background") == theme.palette("dark").background else "light"
    return render(
        "picture.html.j2",
        {
            "title": title,
            "reading": reading,
            "alternative": spec.pop("description", title),
            "mode": mode,
            "font": theme.FONT,
            "colours": theme.palette(mode),
            "spec": inline(spec),
            "config": inline(config),
            "bundle": bundle(_version(spec)),
            "fit": fit(),
        },
        styled=False,
    )


def to_json(chart: Any) -> str:
    """The Vega-Lite description of the picture."""
    return json.dumps(chart.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)


WRITERS: dict[str, Callable[[Any], str | bytes]] = {
    ".svg": to_svg,
    ".png": to_png,
    ".html": to_html,
    ".json": to_json,
}
"""What `save` writes for each suffix."""


def save(chart: Any, path: str | os.PathLike[str]) -> Path:
    """Write the picture to `path`, whole or not at all; its suffix says the format.

    Raises
    ------
    InvalidSetting
        If the suffix is none of ``.svg``, ``.png``, ``.html`` and ``.json``.
    """
    destination = Path(path)
    writer = WRITERS.get(destination.suffix.lower())
    if writer is None:
        raise InvalidSetting(
            "The suffix says no known format", got=destination.name, allowed=list(WRITERS)
        )
    content = writer(chart)
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return destination


def _version(spec: dict[str, Any]) -> str | None:
    """The Vega-Lite version that the chart was written in, if vl-convert has it."""
    import vl_convert

    found = re.search(r"/v(\d+\.\d+)", spec.get("$schema", ""))
    known = found and found.group(1) in vl_convert.get_vegalite_versions()
    return found.group(1) if found and known else None


def _labelled(svg: str, spec: dict[str, Any]) -> str:
    parts = re.split(r"(<[^>]*>)", svg)
    bare = "".join(ARIA.sub("", part) if part.startswith("<") else part for part in parts)
    label = html.escape(str(spec.get("description") or _words(spec, "text")), quote=True)
    return compact(bare).replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _words(spec: dict[str, Any], part: str) -> str:
    """The title's text, or what stands below it."""
    title = spec.get("title", "")
    text = title.get(part, "") if isinstance(title, dict) else title * (part == "text")
    return " ".join(text) if isinstance(text, list) else str(text)
