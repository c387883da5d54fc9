"""``pellucid compare``."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import Any

from pellucid.cli.app import say
from pellucid.cli.inputs import background_from, destination, model_from, rows_from
from pellucid.cli.pictures import Reading, are_pictures, refuse_for_images
from pellucid.cli.reasons import groups_from
from pellucid.core.scores import Scores
from pellucid.metrics.compare import ROWS, compare

SUFFIXES = (".pel", ".svg", ".png", ".html", ".json")

WIDTH = 200
"""Characters of a line that is not written to a terminal."""


def run_compare(
    model: Path,
    data: Path,
    output: Path | None,
    *,
    methods: str | None,
    target: str | None,
    background: Path | None,
    class_: str | None,
    scale: str,
    budget: int | None,
    rows: int | None,
    group: list[str] | None,
    correlated: float | None,
    trust: bool,
    seed: int,
    json: bool,
    reading: Reading,
) -> None:
    """Print what was found, and write it or its picture."""
    if output is not None:
        destination(output, SUFFIXES, model, data, background, reading.names)
    own: dict[str, Any]
    if are_pictures(data, reading):
        refuse_for_images({"target": target, "group": group, "correlated": correlated})
        read = reading.images(data, most=ROWS["image"] if rows is None else rows, seed=seed)
        behind = reading.background(background, seed)
        own = {"X": read.images, "background": behind, "segments": reading.cut}
    else:
        table, reference = rows_from(data, target), background_from(background, target)
        whole = table if reference is None else reference
        groups = groups_from(group, correlated, whole)
        own = {"X": table, "background": reference, "groups": groups}
    fitted, _ = model_from(model, trust)
    found = compare(
        reading.named(fitted, own["X"]),
        **own,
        methods=None if methods is None else methods.split(","),
        target=class_,
        scale=scale,
        budget=budget,
        rows=rows,
        seed=seed,
    )
    if output is not None and output.suffix.lower() == ".pel":
        found.save(output)
    elif output is not None:
        from pellucid.display.export import save
        from pellucid.display.show import show

        save(show(found), output)
    if json:
        print(jsonlib.dumps(found.to_dict(), allow_nan=False))
        return
    _print_board(found)
    print(found["verdict"].text)
    for note in found.notes:
        say(f"Note: {note}")
    if output is not None:
        say(f"Wrote {output}")


def _print_board(found: Scores) -> None:
    """Methods beside one another, and how much each two have in common."""
    from rich.console import Console
    from rich.table import Table

    from pellucid.display.report.board import board

    made = board(found)
    table = Table(box=None, pad_edge=False)
    for name, number in zip(made.header, made.numeric, strict=True):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in made.rows:
        table.add_row(*(cell.text for cell in row))
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
