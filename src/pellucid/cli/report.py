"""``pellucid report``."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import Any

from pellucid.cli.app import Exit, say
from pellucid.cli.inputs import background_from, destination, model_from, rows_and_answers
from pellucid.cli.pictures import Reading, are_pictures, refuse_for_images
from pellucid.core.errors import InvalidSetting

NUMBERS = {3: "three", 4: "four"}

MOST_IMAGES = 1000
"""Images of a folder that a report reads; more are drawn at random."""


def run_report(
    model: Path,
    data: Path,
    target: str | None,
    output: Path,
    *,
    methods: str | None,
    background: Path | None,
    class_: str | None,
    scale: str,
    rows: str | None,
    threshold: float,
    title: str | None,
    strict: bool,
    trust: bool,
    seed: int,
    json: bool,
    reading: Reading,
) -> None:
    """Write the report of a model file on a table, or on images."""
    destination(output, (".html",), model, data, background, reading.names)
    own: dict[str, Any]
    if are_pictures(data, reading):
        refuse_for_images({"target": target, "threshold": None if threshold == 0.5 else threshold})
        own = _of_images(data, background, methods, reading, seed)
        question = f"What does {model.stem} look at?"
    else:
        own = _of_table(data, target, background, methods)
        question = f"What drives {model.stem}?"
    fitted, origin = model_from(model, trust)
    from pellucid.display.report.report import report

    made = report(
        reading.named(fitted, own["X"]),
        **own,
        path=output,
        target=class_,
        scale=scale,
        rows=[row.strip() for row in rows.split(",")] if rows else (),
        threshold=threshold,
        title=title or question,
        origin={
            "Model file": f"{model.name} ({origin.kind})",
            "Trust": origin.tier,
            "File checksum": origin.sha256[:24],
        },
        seed=seed,
    )
    facts = {
        "schema": 1,
        "report": str(made.path),
        "findings": made.findings,
        "failed_checks": made.warnings,
        "evaluations": made.evaluations,
        "seconds": round(made.seconds, 2),
    }
    told(facts, json)
    if strict and made.warnings:
        of = "these explanations" if "methods" in own else "this explanation"
        say(f"{made.warnings} of the checks of {of} fail: see the report.")
        sys.exit(Exit.check_failed)


def _of_table(
    data: Path, target: str | None, background: Path | None, methods: str | None
) -> dict[str, Any]:
    """What a report on a table is about."""
    if target is None:
        raise InvalidSetting(
            "A report on a table needs the column with the true answers", fix="Give --target COLUMN"
        )
    if methods is not None:
        raise InvalidSetting("--methods is for images, and DATA is a table", got=methods)
    table, y = rows_and_answers(data, target)
    reference = background_from(background, target)
    splits = {"judged": len(table), **({"reference": len(reference)} if reference else {})}
    return {"X": table, "y": y, "background": reference, "splits": splits}


def _of_images(
    data: Path, background: Path | None, methods: str | None, reading: Reading, seed: int
) -> dict[str, Any]:
    """What a report on images is about; their folders are the true answers."""
    read = reading.images(data, most=MOST_IMAGES, seed=seed)
    return {
        "X": read.images,
        "y": read.answers,
        "background": reading.background(background, seed),
        "methods": None if methods is None else methods.split(","),
        "segments": reading.cut,
        "splits": {"there": read.found, "read": len(read.images)},
    }


def told(facts: dict[str, object], json: bool) -> None:
    """Print what a report found and where it is."""
    if json:
        print(jsonlib.dumps(facts))
        return
    findings: list[str] = list(facts["findings"])  # type: ignore[call-overload]
    print(f"The {NUMBERS.get(len(findings), len(findings))} findings that matter:")
    for i, finding in enumerate(findings, 1):
        print(f"  {i}. {finding}")
    print(f"The report: {Path(str(facts['report'])).resolve()}")
