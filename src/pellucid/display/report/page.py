"""From sections to one self-contained HTML file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pellucid.core.files import replacing
from pellucid.display import theme
from pellucid.display.report.blocks import Figure, Finding, Section, Side, Tile
from pellucid.display.words import counted

PAGE = Path(__file__).parent / "page"

PERCENT = re.compile(r"(?<=\d) %")

MARKS = {"good": "✓", "warn": "!", "info": "›"}
"""Signs beside findings, so that colour is never alone."""

WORDS = {"good": "", "warn": "Warning.", "info": ""}
"""Words before findings, for the same reason."""


def render(
    *,
    title: str,
    lead: str,
    findings: Sequence[Finding],
    tiles: Sequence[Tile],
    sections: Sequence[Section],
    seed: int,
    seconds: float,
    evaluations: int,
) -> str:
    """The page as text; see `pellucid.report` for its content."""
    import jinja2

    from pellucid import __version__

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kept"] = kept
    shared = {"marks": MARKS, "words": WORDS}
    blocks = environment.get_template("blocks.html.j2", globals=shared).module

    def draw(block: Any) -> Any:
        if isinstance(block, Figure):
            return blocks.figure(_drawable(block))  # type: ignore[attr-defined]
        if isinstance(block, Side):
            return blocks.side([_drawable(figure) for figure in block.figures])  # type: ignore[attr-defined]
        if block.block == "case":
            return blocks.case({**vars(block), "figure": _drawable(block.figure)})  # type: ignore[attr-defined]
        return getattr(blocks, block.block)(block)

    return environment.get_template("page.html.j2").render(
        **shared,
        title=title,
        lead=lead,
        findings=findings,
        tiles=tiles,
        sections=sections,
        render=draw,
        style=(PAGE / "style.css").read_text(encoding="utf-8"),
        script=(PAGE / "page.js").read_text(encoding="utf-8"),
        bundle=bundle(),
        themes=_inline(_themes()),
        version=__version__,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        seed=seed,
        seconds=f"{seconds:.0f}",
        evaluations=counted(evaluations, "model evaluation"),
    )


def kept(text: str) -> str:
    """The text with percent signs that stay on the line of their number."""
    return PERCENT.sub("\u00a0%", text)


def write(path: str | os.PathLike[str], text: str) -> Path:
    """Write the page whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


@cache
def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that needs no network."""
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return str(script).replace("</script", r"<\/script")


def _themes() -> dict[str, Any]:
    """The charts' configurations, and which colour of a light chart becomes which in the dark."""
    light, dark = theme.palette("light"), theme.palette("dark")
    pairs: dict[str, str] = {}
    for name, colour in vars(light).items():
        other = getattr(dark, name)
        both = [(colour, other)] if isinstance(colour, str) else zip(colour, other, strict=True)
        pairs.update(both)
    configs = {name: {**theme.config(name), "background": None} for name in ("light", "dark")}
    return {**configs, "recolour": pairs}


def _drawable(figure: Figure) -> dict[str, Any]:
    spec = figure.chart.to_dict(validate=False)
    spec.pop("config", None)
    spec.pop("title", None)
    alt = spec.pop("description", figure.question)
    if "width" in spec:
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return {**vars(figure), "spec": _inline(spec), "alt": alt}


def _inline(value: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")
