"""``pellucid explain``."""

from __future__ import annotations

import json as jsonlib
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.cli.app import Exit, say
from pellucid.cli.explain_images import run_on_images
from pellucid.cli.inputs import (
    background_from,
    destination,
    model_from,
    rows_from,
    target_hint,
)
from pellucid.cli.pictures import Reading, are_pictures
from pellucid.cli.stream import Streamed, is_folder, run_streamed
from pellucid.cli.typed_method import method_from
from pellucid.core.attribution import Attribution
from pellucid.core.errors import BudgetExceeded, InvalidSetting
from pellucid.core.scores import Scores
from pellucid.data.files import write_parquet
from pellucid.engine.progress import progress
from pellucid.explainers.explain import method_for
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question, ask
from pellucid.metrics.table_evidence import repeat

SUFFIXES = (".parquet", ".pel")

MOST_ROWS = {"reads": 8192, "samples": 1024, "limited": 32}
"""Rows explained at once: by a method that reads the model's inside, by one that asks it, and by
either where a limit may stop the work, so that what was done can be kept. There the first part is
one row, the next twice as many, and a part that goes beyond the limit is tried by halves."""

NUMBER = re.compile(r"\d[\d.,]*")

EFFECTS = "pellucid.explainers.effect."
"""The room of the methods that explain no single rows."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command was given about the explanation itself; see `options`."""

    method: str | None
    settings: tuple[str, ...]
    target: str | None
    background: Path | None
    class_: str | None
    scale: str
    budget: int | None
    tolerance: float | None
    max_seconds: float | None
    max_evaluations: int | None
    check: bool
    trust: bool
    seed: int
    json: bool


def run_explain(
    model: Path, data: Path, output: Path, asked: Asked, streamed: Streamed, reading: Reading
) -> None:
    """Explain every row: in memory where the whole is needed at once, otherwise in parts."""
    if are_pictures(data, reading):
        streamed.refuse_for_images()
        run_on_images(model, data, output, asked, reading)
        return
    folder = is_folder(output)
    limited = asked.max_seconds is not None or asked.max_evaluations is not None
    whole = output.suffix.lower() == ".pel" or limited or asked.check
    if not folder:
        destination(output, SUFFIXES, model, data, asked.background)
    if folder or not whole:
        run_streamed(model, data, output, asked, streamed)
        return
    streamed.refuse_where_whole()
    run_whole(model, data, output, asked)


def run_whole(model: Path, data: Path, output: Path, asked: Asked) -> None:
    """Explain every row and write one file, whole or not at all; a limit keeps what was done."""
    fitted, _ = model_from(model, asked.trust)
    table = rows_from(data, asked.target)
    settings: dict[str, Any] = {
        "background": background_from(asked.background, asked.target),
        "target": asked.class_,
        "scale": asked.scale,
        "seed": asked.seed,
        "max_seconds": asked.max_seconds,
        "max_evaluations": asked.max_evaluations,
    }
    with target_hint(asked.target):
        question = ask(fitted, table, **settings)
    method = method_from(asked.method, asked.settings)
    recipe = method_for(question, method, asked.budget, asked.tolerance)
    if type(recipe).__module__.startswith(EFFECTS):
        raise _not_by_row(recipe)
    parts, stopped = _in_parts(question, recipe)
    if stopped is not None and not parts:
        raise stopped
    whole = joined(parts, question)
    scores = _judged(whole, fitted, question) if asked.check and stopped is None else None
    write(output, whole, complete=stopped is None)
    _tell(output, whole, len(table), stopped, scores, asked.json)
    if stopped is not None:
        sys.exit(Exit.budget)
    if scores is not None and scores.failures:
        sys.exit(Exit.check_failed)


def _in_parts(
    question: Question, recipe: Explainer
) -> tuple[list[Attribution], BudgetExceeded | None]:
    """The rows part by part, all against one reference, until they are done or a limit is met."""
    rows = len(question.table)
    parts: list[Attribution] = []
    limited = question.work.limit is not None or question.work.seconds is not None
    reads = recipe.needs - {"predict"}
    most = MOST_ROWS["limited" if limited else "reads" if reads else "samples"]
    start, size = 0, 1 if limited else most
    with progress("explaining", rows) as advance:
        while start < rows:
            table = question.table.take(np.arange(start, min(start + size, rows)))
            try:
                part = recipe.answer(repeat(question, question, table=table), progress=False)
            except BudgetExceeded as error:
                if len(table) == 1:
                    return parts, error
                size = len(table) // 2
                continue
            shares = isinstance(part, Attribution) and part.dims[:2] == ("sample", "feature")
            if not shares or part.base is None:
                raise _not_by_row(recipe)
            parts.append(part)
            advance(len(table))
            start += len(table)
            size = min(2 * size, most)
    return parts, None


def _not_by_row(recipe: Explainer) -> InvalidSetting:
    return InvalidSetting(
        f"{recipe.name()!r} gives no share for each row and column",
        fix="Use it from Python, or write a report, which has it",
    )


def joined(parts: list[Attribution], question: Question) -> Attribution:
    """One attribution from consecutive parts of a question."""
    arrays: dict[str, Any] = {
        name: np.concatenate([np.asarray(getattr(part, name)) for part in parts])
        for name in ("values", "error", "base", "output")
    }
    inputs = {
        name: np.concatenate([part.inputs[name] for part in parts if part.inputs])
        for name in parts[0].inputs or {}
    }
    labels = [label for part in parts for label in part.coords["sample"]]
    done = question.table.take(np.arange(len(labels)))
    made = replace(
        parts[-1].provenance,
        data_fingerprint=done.fingerprint(),
        seed=question.seed if question.drawn else parts[-1].seed,
        notes=_notes(parts, question),
    )
    coords = {**parts[0].coords, "sample": labels}
    return replace(parts[0], **arrays, coords=coords, inputs=inputs, provenance=made)


def _notes(parts: list[Attribution], question: Question) -> tuple[str, ...]:
    """All notes; of those that differ between parts only in their numbers, that of the first."""
    alike: dict[str, list[str]] = {}
    for part in parts:
        for note in part.notes:
            alike.setdefault(NUMBER.sub("#", note), []).append(note)
    first = f" (The first {len(parts[0].coords['sample'])} rows; later ones have other numbers.)"
    told = [notes[0] + first * (len(set(notes)) > 1) for notes in alike.values()]
    return tuple(dict.fromkeys([*question.notes, *told]))


def _judged(whole: Attribution, model: Any, question: Question) -> Scores:
    from pellucid.metrics.evaluate import evaluate

    return evaluate(
        whole, model, question.table, background=question.background, seed=question.seed
    )


def write(output: Path, whole: Attribution, *, complete: bool) -> None:
    """The explanation as one file of the kind that its suffix says."""
    if output.suffix.lower() == ".pel":
        whole.save(output)
        return
    metadata = {
        "pellucid": jsonlib.dumps({"complete": complete, **whole.provenance.to_dict()}),
    }
    write_parquet(output, columns(whole), metadata)


def columns(whole: Attribution) -> dict[str, np.ndarray]:
    """Flat columns: row, class where there are several, prediction, base, error, the features."""
    labels = whole.coords["sample"]
    whole_numbers = all(isinstance(label, int) for label in labels)
    rows = np.array(labels, np.int64) if whole_numbers else np.array([*map(str, labels)], object)
    outputs = [str(label) for dim in whole.dims[2:] for label in whole.coords[dim]]
    count, features = len(rows), len(whole.features)
    values = whole.values.reshape(count, features, -1)
    flat = {"row": np.repeat(rows, values.shape[2])}
    if outputs:
        flat[whole.dims[2]] = np.tile(np.array(outputs, object), count)
    flat["prediction"] = np.ravel(whole.output)  # type: ignore[arg-type]
    flat["base"] = np.ravel(whole.base)  # type: ignore[arg-type]
    flat["error"] = np.asarray(whole.error).reshape(values.shape).max(axis=1).ravel()
    for i, feature in enumerate(whole.features):
        name = str(feature)
        while name in flat:
            name = f"{name} (feature)"
        flat[name] = values[:, i, :].ravel()
    return flat


def _tell(
    output: Path,
    whole: Attribution,
    rows: int,
    stopped: BudgetExceeded | None,
    scores: Scores | None,
    json: bool,
) -> None:
    done = len(whole.coords["sample"])
    if json:
        facts = {
            "schema": 1,
            "output": str(output),
            "rows": done,
            "of": rows,
            "complete": stopped is None,
            "method": whole.method,
            "scale": whole.scale,
            "target": whole.target,
            "evaluations": whole.evaluations,
            "largest_error": float(np.max(np.asarray(whole.error))),
            "notes": list(whole.notes),
        }
        if scores is not None:
            facts["failed_checks"] = len(scores.failures)
            facts["checks"] = [row.text for row in scores]
        print(jsonlib.dumps(facts))
    say(f"Wrote {done} of {rows} rows to {output} ({whole.method}, {whole.scale}).")
    for note in whole.notes:
        say(f"Note: {note}")
    for row in scores or ():
        say(row.text)
    if stopped is not None:
        say(f"Stopped early: {stopped}")
