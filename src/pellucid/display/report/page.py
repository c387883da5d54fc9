"""From sections to one self-contained HTML file."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pellucid.core.files import replacing
from pellucid.display import theme
from pellucid.display.report.blocks import Figure, Finding, Section, Side, Tile
from pellucid.display.report.made import Report
from pellucid.display.scripts import bundle, fit, inline
from pellucid.display.words import counted

PAGE = Path(__file__).parent / "page"

PERCENT = re.compile(r"(?<=\d) %")

MARKS = {"good": "✓", "warn": "!", "info": "›"}
"""Signs beside findings, so that colour is never alone."""

WORDS = {"good": "", "warn": "Warning.", "info": ""}
"""Words before findings, for the same reason."""


def write(
    path: str | os.PathLike[str],
    *,
    title: str,
    lead: str,
    findings: Sequence[Finding],
    tiles: Sequence[Tile],
    sections: Sequence[Section],
    seed: int,
    started: float,
    evaluations: int,
    warnings: int,
) -> Report:
    """Write the page, whole or not at all; see `pellucid.report` for its content.

    `started` is when the work began, by `time.perf_counter`; `warnings` is how many checks fail.
    """
    from pellucid import __version__

    shared, environment = {"marks": MARKS, "words": WORDS}, _environment()
    text = environment.get_template("page.html.j2").render(
        **shared,
        title=title,
        lead=lead,
        findings=findings,
        tiles=tiles,
        sections=sections,
        render=_drawing(environment.get_template("blocks.html.j2", globals=shared).module),
        style=(PAGE / "style.css").read_text(encoding="utf-8"),
        script=fit() + (PAGE / "page.js").read_text(encoding="utf-8"),
        bundle=bundle(),
        themes=inline(_themes()),
        version=__version__,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        seed=seed,
        seconds=f"{time.perf_counter() - started:.0f}",
        evaluations=counted(evaluations, "model evaluation"),
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Report(
        path=Path(path),
        findings=tuple(finding.text for finding in findings),
        warnings=warnings,
        evaluations=evaluations,
        seconds=time.perf_counter() - started,
    )


def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kept"] = kept
    return environment


def _drawing(blocks: Any) -> Callable[[Any], Any]:
    """From a block to its HTML, by the macros of the blocks."""

    def draw(block: Any) -> Any:
        if isinstance(block, Figure):
            return blocks.figure(_drawable(block))
        if isinstance(block, Side):
            return blocks.side([_drawable(figure) for figure in block.figures])
        if block.block == "case":
            return blocks.case({**vars(block), "figure": _drawable(block.figure)})
        return getattr(blocks, block.block)(block)

    return draw


def kept(text: str) -> str:
    """The text with percent signs that stay on the line of their number."""
    return PERCENT.sub("\u00a0%", text)


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
    return {**vars(figure), "spec": inline(spec), "alt": alt}
