"""``pellucid explain``."""

from __future__ import annotations

import json as jsonlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.cli.app import Exit, say
from pellucid.cli.inputs import background_from, model_from, rows_from, writable
from pellucid.core.attribution import Attribution
from pellucid.core.errors import BudgetExceeded, CannotExplain, InvalidSetting
from pellucid.data.files import write_parquet
from pellucid.data.table import Table
from pellucid.engine.progress import progress
from pellucid.explainers.choose import recipe_named
from pellucid.explainers.explain import explain

SUFFIXES = (".parquet", ".pel")

ROWS_AT_ONCE = {"exact": 8192, "sampled": 32}
"""How many rows are explained before the limits are looked at again."""


@dataclass
class Limits:
    """What may still be spent, over all parts."""

    seconds: float | None
    evaluations: int | None
    started: float = field(default_factory=time.perf_counter)
    spent: int = 0

    def left(self) -> dict[str, Any]:
        """What the next part may spend."""
        time_left = (
            None if self.seconds is None else self.seconds - (time.perf_counter() - self.started)
        )
        rows_left = None if self.evaluations is None else self.evaluations - self.spent
        return {"max_seconds": time_left, "max_evaluations": rows_left}


def run_explain(
    model: Path,
    data: Path,
    output: Path,
    method: str | None,
    target: str | None,
    background: Path | None,
    class_: str | None,
    scale: str,
    budget: int | None,
    max_seconds: float | None,
    max_evaluations: int | None,
    trust: bool,
    seed: int,
    json: bool,
) -> None:
    """Explain every row and write one file, whole or not at all; a limit keeps what was done."""
    writable(output, SUFFIXES)
    fitted = model_from(model, trust)
    table, _ = rows_from(data, target)
    reference = background_from(background, target)
    limits = Limits(max_seconds, max_evaluations)
    settings = {
        "method": method,
        "background": reference,
        "target": class_,
        "scale": scale,
        "budget": budget,
        "seed": seed,
    }
    parts, stopped = _explain_in_parts(fitted, table, settings, limits)
    if not parts:
        assert stopped is not None
        raise stopped
    _write(output, parts, complete=stopped is None)
    _tell(output, parts, len(table), stopped, json)
    if stopped is not None:
        sys.exit(Exit.budget)


def _explain_in_parts(
    model: Any, table: Table, settings: dict[str, Any], limits: Limits
) -> tuple[list[Attribution], BudgetExceeded | None]:
    method = settings["method"]
    parts: list[Attribution] = []
    # The reference must not depend on how the rows are cut.
    if settings["background"] is None and method not in (None, "tree_shap"):
        settings = {**settings, "background": table}
    start = 0
    exact = method is None or recipe_named(method).exact
    with progress("explaining", len(table)) as advance:
        while start < len(table):
            size = ROWS_AT_ONCE["exact" if exact else "sampled"]
            if not parts:
                size = min(size, ROWS_AT_ONCE["sampled"])
            rows = table.take(np.arange(start, min(start + size, len(table))))
            try:
                part = explain(model, rows, **settings, **limits.left(), progress=False)
            except BudgetExceeded as error:
                return parts, error
            if not isinstance(part, Attribution) or "sample" not in part.dims:
                raise InvalidSetting(
                    f"{method!r} does not explain row by row",
                    fix="Use it from Python, or in a report",
                )
            exact = part.exact
            limits.spent += part.evaluations
            parts.append(part)
            start += len(rows)
            advance(len(rows))
    return parts, None


def _write(output: Path, parts: list[Attribution], *, complete: bool) -> None:
    whole = joined(parts)
    if output.suffix.lower() == ".pel":
        whole.save(output)
        return
    metadata = {
        "pellucid": jsonlib.dumps({"complete": complete, **whole.provenance.to_dict()}),
    }
    write_parquet(output, columns(whole), metadata)


def joined(parts: list[Attribution]) -> Attribution:
    """One attribution from consecutive parts."""
    from dataclasses import replace

    first = parts[0]
    names = ("values", "error", "base", "output")
    arrays = {name: np.concatenate([np.asarray(getattr(p, name)) for p in parts]) for name in names}
    inputs = {
        name: np.concatenate([p.inputs[name] for p in parts if p.inputs])
        for name in first.inputs or {}
    }
    labels = [label for part in parts for label in part.coords["sample"]]
    made = replace(
        first.provenance,
        evaluations=sum(p.evaluations for p in parts),
        seconds=sum(p.seconds for p in parts),
    )
    return replace(
        first, **arrays, coords={**first.coords, "sample": labels}, inputs=inputs, provenance=made
    )


def columns(whole: Attribution) -> dict[str, np.ndarray]:
    """Flat columns: row, class where there are several, prediction, base, error, the features."""
    classes = whole.dims[2:]
    if classes and len(whole.dims) > 3:
        raise CannotExplain("Only rows by features by classes can be written", got=whole.dims)
    rows = np.array([str(label) for label in whole.coords["sample"]], dtype=object)
    if all(isinstance(label, int) for label in whole.coords["sample"]):
        rows = np.array(whole.coords["sample"], dtype=np.int64)
    labels = whole.coords[classes[0]] if classes else (None,)
    values = whole.values if classes else whole.values[..., None]
    error = np.asarray(whole.error) if classes else np.asarray(whole.error)[..., None]
    assert whole.base is not None
    assert whole.output is not None
    base = np.asarray(whole.base).reshape(len(rows), -1)
    output = np.asarray(whole.output).reshape(len(rows), -1)
    flat: dict[str, np.ndarray] = {"row": np.repeat(rows, len(labels))}
    if classes:
        flat[classes[0]] = np.tile(np.array([str(label) for label in labels], object), len(rows))
    flat["prediction"] = output.ravel()
    flat["base"] = base.ravel()
    flat["error"] = error.max(axis=1).ravel()
    for i, feature in enumerate(whole.features):
        name = str(feature)
        flat[f"{name} (feature)" if name in flat else name] = values[:, i, :].ravel()
    return flat


def _tell(
    output: Path, parts: list[Attribution], rows: int, stopped: BudgetExceeded | None, json: bool
) -> None:
    done = sum(len(part.coords["sample"]) for part in parts)
    whole = parts[0]
    facts = {
        "schema": 1,
        "output": str(output),
        "rows": done,
        "of": rows,
        "method": whole.method,
        "scale": whole.scale,
        "target": whole.target,
        "evaluations": sum(part.evaluations for part in parts),
        "largest_error": max(float(np.max(np.asarray(part.error))) for part in parts),
        "complete": stopped is None,
        "notes": list(dict.fromkeys(note for part in parts for note in part.notes)),
    }
    if json:
        print(jsonlib.dumps(facts))
    say(f"Wrote {done} of {rows} rows to {output} ({whole.method}, {whole.scale}).")
    for note in facts["notes"]:  # type: ignore[attr-defined]
        say(f"Note: {note}")
    if stopped is not None:
        say(f"Stopped early: {stopped}")
