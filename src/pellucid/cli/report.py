"""``pellucid report``."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

from pellucid.cli.app import say
from pellucid.cli.inputs import background_from, rows_from, writable
from pellucid.models.load import load_model


def run_report(
    model: Path,
    data: Path,
    target: str,
    output: Path,
    background: Path | None,
    class_: str | None,
    scale: str,
    rows: str | None,
    threshold: float,
    title: str | None,
    trust: bool,
    seed: int,
    json: bool,
) -> None:
    """Write the report of a model file on a table file."""
    writable(output, (".html",))
    fitted, origin = load_model(model, trust=trust)
    for note in origin.notes:
        say(f"Note: {note}")
    table, y = rows_from(data, target)
    reference = background_from(background, target)
    from pellucid.show.report.report import report

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
    if json:
        facts = {
            "schema": 1,
            "report": str(made.path),
            "findings": made.findings,
            "failed_checks": made.warnings,
            "evaluations": made.evaluations,
            "seconds": round(made.seconds, 2),
        }
        print(jsonlib.dumps(facts))
        return
    for i, finding in enumerate(made.findings, 1):
        print(f"{i}. {finding}")
    print(f"The report: {made.path.resolve()}")
