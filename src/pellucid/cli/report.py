"""``pellucid report``."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path

from pellucid.cli.app import Exit, say
from pellucid.cli.inputs import background_from, destination, model_from, rows_and_answers


def run_report(
    model: Path,
    data: Path,
    target: str,
    output: Path,
    *,
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
) -> None:
    """Write the report of a model file on a table file."""
    destination(output, (".html",), model, data, background)
    fitted, origin = model_from(model, trust)
    table, y = rows_and_answers(data, target)
    reference = background_from(background, target)
    from pellucid.display.report.report import report

    made = report(
        fitted,
        table,
        y,
        path=output,
        background=reference,
        target=class_,
        scale=scale,
        rows=[row.strip() for row in rows.split(",")] if rows else (),
        threshold=threshold,
        title=title or f"What drives {model.stem}?",
        origin={
            "Model file": f"{model.name} ({origin.kind})",
            "Trust": origin.tier,
            "File checksum": origin.sha256[:24],
        },
        splits={"judged": len(table), **({"reference": len(reference)} if reference else {})},
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
        say(f"{made.warnings} of the checks of this explanation fail: see the report.")
        sys.exit(Exit.check_failed)


def told(facts: dict[str, object], json: bool) -> None:
    """Print what a report found and where it is."""
    if json:
        print(jsonlib.dumps(facts))
        return
    print("The three findings that matter:")
    for i, finding in enumerate(facts["findings"], 1):  # type: ignore[arg-type, var-annotated]
        print(f"  {i}. {finding}")
    print(f"The report: {Path(str(facts['report'])).resolve()}")
