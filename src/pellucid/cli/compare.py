"""``pellucid compare``."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

from pellucid.cli.app import say
from pellucid.cli.inputs import background_from, destination, model_from, rows_from
from pellucid.cli.reasons import groups_from
from pellucid.metrics.compare import compare

SUFFIXES = (".pel", ".svg", ".png", ".html", ".json")


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
    rows: int,
    group: list[str] | None,
    correlated: float | None,
    trust: bool,
    seed: int,
    json: bool,
) -> None:
    """Print what was found, and write it or its picture."""
    if output is not None:
        destination(output, SUFFIXES, model, data, background)
    fitted, _ = model_from(model, trust)
    table = rows_from(data, target)
    reference = background_from(background, target)
    found = compare(
        fitted,
        table,
        methods=None if methods is None else methods.split(","),
        background=reference,
        target=class_,
        scale=scale,
        groups=groups_from(group, correlated, table if reference is None else reference),
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
    print(repr(found))
    print(found["verdict"].text)
    if output is not None:
        say(f"Wrote {output}")
