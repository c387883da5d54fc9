"""``pellucid explain`` for tables of any length, and ``pellucid verify``."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.app import Exit, say
from pellucid.cli.inputs import background_from, model_from, target_hint
from pellucid.cli.typed_method import method_from
from pellucid.core.errors import InvalidSetting, PellucidError, UnknownName
from pellucid.explainers.streamed.compared import SUMMARIES, Fairness
from pellucid.explainers.streamed.inspect import status
from pellucid.explainers.streamed.inspect import verify as verified
from pellucid.explainers.streamed.job import explain_table
from pellucid.explainers.streamed.run import Job
from pellucid.explainers.streamed.summaries import Summary

if TYPE_CHECKING:
    from pellucid.cli.explain import Asked


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """What the command was given about the work in parts; see `options`."""

    id: tuple[str, ...] = ()
    top: int | None = None
    float32: bool = False
    summaries: tuple[str, ...] = ()
    engine: str | None = None
    workers: int | None = None
    fresh: bool = False

    @property
    def given(self) -> list[str]:
        """The options that were given, as they are typed."""
        told = [f"--{each.name}" for each in fields(self) if getattr(self, each.name)]
        return [name.replace("summaries", "summary") for name in told]

    def refuse_where_whole(self) -> None:
        """Raise where the explanation is made in memory, which these options do not know."""
        if self.given:
            raise InvalidSetting(
                "These options are for a .parquet file or a folder without limits and checks",
                got=self.given,
                fix="Leave them out, or write to a folder",
            )

    def refuse_for_images(self) -> None:
        """Raise where images are explained."""
        if self.given:
            raise InvalidSetting("These options are for tables, and DATA is images", got=self.given)


def is_folder(output: Path) -> bool:
    """Whether the output is to be a folder: it is one, or its name has no suffix."""
    taken = output.is_dir() and output.suffix.lower() not in (".parquet", ".pel")
    return taken or not output.suffix


def run_streamed(model: Path, data: Path, output: Path, asked: Asked, streamed: Streamed) -> None:
    """Explain every row in parts; what is there from an earlier run is kept."""
    if asked.max_evaluations is not None:
        raise InvalidSetting(
            "--max-evaluations counts to the row, and needs one file",
            fix="Write to a .parquet file, or use --max-seconds",
        )
    if streamed.summaries and not is_folder(output):
        raise InvalidSetting("Summaries are written into a folder", got=str(output))
    fitted, origin = model_from(model, asked.trust)
    by_hand = origin.kind == "function"  # it holds the interpreter lock
    try:
        with target_hint(asked.target):
            made = explain_table(
                fitted,
                data,
                output,
                method=method_from(asked.method, asked.settings),
                background=background_from(asked.background, asked.target),
                y=asked.target,
                target=asked.class_,
                scale=asked.scale,
                budget=asked.budget,
                tolerance=asked.tolerance,
                seed=asked.seed,
                id=streamed.id,
                top=streamed.top,
                dtype="float32" if streamed.float32 else "float64",
                summaries=[_summary(name) for name in streamed.summaries],
                engine=streamed.engine or ("processes" if by_hand else "threads"),
                workers=streamed.workers,
                max_seconds=asked.max_seconds,
                fresh=streamed.fresh,
            )
    except KeyboardInterrupt:
        _tell_kept(output)
        raise
    _tell(made, asked.json)
    if asked.check and is_folder(output):
        run_verify(output, False)


def run_verify(output: Path, json: bool) -> None:
    """Say what holds of a finished, or unfinished, output."""
    found = verified(output)
    if json:
        facts = {"schema": 1, "output": str(output), "ok": found.ok}
        checks = [{"check": row.metric, "holds": row.passed, "text": row.text} for row in found]
        print(jsonlib.dumps({**facts, "checks": checks}))
    for row in found:
        mark = "" if row.passed else "Warning: "
        (say if json else print)(f"{mark}{row.text}")
    if not found.ok:
        sys.exit(Exit.check_failed)


def _summary(name: str) -> Summary:
    kind, _, column = name.partition(":")
    if kind == Fairness.name and column:
        return Fairness(group=column)
    if kind not in SUMMARIES:
        raise UnknownName.among("summary", name, [*SUMMARIES, f"{Fairness.name}:COLUMN"])
    return SUMMARIES[kind]()


def _tell(made: Job, json: bool) -> None:
    if json:
        facts = {
            "schema": 1,
            "output": str(made.output),
            "rows": made.rows,
            "of": made.rows,
            "complete": True,
            "method": made.method,
            "scale": made.scale,
            "target": made.target,
            "evaluations": made.evaluations,
            "largest_error": made.largest_error,
            "parts": made.parts,
            "parts_computed": made.computed,
            "seconds": made.seconds,
            "rows_per_second": dict(made.rows_per_second),
            "notes": list(made.notes),
        }
        print(jsonlib.dumps(facts))
    speeds = ", ".join(f"{stage} {speed:,.0f}" for stage, speed in made.rows_per_second.items())
    kept = f" {made.parts - made.computed} of {made.parts} parts were there." * (
        made.computed < made.parts
    )
    say(
        f"Wrote {made.rows} of {made.rows} rows to {made.output} ({made.method}, {made.scale})."
        f"{kept} Rows per second and worker: {speeds}."
    )
    for note in made.notes:
        say(f"Note: {note}")


def _tell_kept(output: Path) -> None:
    """After Ctrl-C: what is there, and that it is not lost."""
    try:
        found = status(output)
    except (PellucidError, OSError):
        return
    if found.done:
        say(f"{found.done} of {found.parts} parts are kept: the same command goes on from there.")
