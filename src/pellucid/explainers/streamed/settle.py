"""Everything that is decided before the first part: method, reference, parts, summaries, plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.data.schema import Schema
from pellucid.data.stream import Reader, Source
from pellucid.data.table import Table
from pellucid.engine.ledger import Ledger, fingerprint
from pellucid.explainers.explain import method_for
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.streamed.part import (
    HEAD_ROWS,
    Layout,
    NeedsReference,
    Runner,
    Setting,
)
from pellucid.explainers.streamed.summaries import Summary

PART_CELLS = 1 << 21
"""Cells of a part, rows × columns: what a worker holds is a small multiple of 16 MB."""

MOST_ROWS = {"reads": 1 << 16, "samples": 1 << 10}
"""Rows of a part, for a method that reads the model's inside and for one that asks it."""

PART_EVALUATIONS = 1 << 24
LEAST_ROWS = 16

REFERENCE_ROWS = 10_000
"""Rows drawn from the whole table where a method or a summary needs a reference."""

EFFECTS = "pellucid.explainers.effect."
"""The room of the methods that explain no single rows."""


def settled(
    model: Any, background: Any, source: Source, features: tuple[str, ...], layout: Layout,
    asked: dict[str, Any], method: str | Explainer | None, budget: int | None,
    tolerance: float | None = None,
) -> Setting:  # fmt: skip
    """The setting once the method is chosen and has answered for the first row."""
    first = source.parts(min(source.rows, MOST_ROWS["reads"]))[:1]
    recipe: Any = None
    setting = Setting(
        model=model, background=background, asked=asked, recipe=recipe, source=source,
        features=features, layout=layout, parts=tuple(first),
    )  # fmt: skip
    runner = Runner(setting)
    setting = replace(setting, known=runner.question.model)
    recipe = method_for(runner.question, method, budget, tolerance)
    _refuse_unfit(recipe, runner.question)
    setting = replace(setting, recipe=recipe)
    try:
        setting, drawn = _warmed(setting)
    except (TypeError, AttributeError):  # a method that works on its result, or a model at fault
        setting, drawn = _warmed(replace(setting, lean=False))
    return replace(setting, metadata=_metadata(setting, drawn))


def _refuse_unfit(recipe: Explainer, question: Question) -> None:
    """Raise where the method does not serve the model or the groups, or explains no rows."""
    unfit = recipe.obstacle(question.model, question.scale) is not None
    if unfit or (question.playing.groups and not recipe.takes_groups):
        recipe.answer(question, progress=False)
    if recipe.labels or type(recipe).__module__.startswith(EFFECTS):
        raise InvalidSetting(
            f"{recipe.name()!r} gives no share for each row and column",
            fix="Use it from Python, or write a report, which has it",
        )


def _warmed(setting: Setting) -> tuple[Setting, bool]:
    """The setting with a reference if the method wants one, and whether it draws at random."""
    try:
        return setting, _one_row(setting)
    except NeedsReference:
        setting = replace(setting, pool=_pool(setting))
        return setting, _one_row(setting)


def _one_row(setting: Setting) -> bool:
    """Explain one row: mistakes show before anything is written, and kernels are compiled."""
    runner = Runner(setting)
    frame = runner.reader.read(setting.parts[0], setting.features)
    question = runner.about(frame, 0, rows=1)
    runner.shares(question)
    return question.drawn


def _pool(setting: Setting) -> Table:
    """Rows drawn from the whole table, with their numbers."""
    total = setting.source.rows
    places, notes = np.arange(min(total, REFERENCE_ROWS)), tuple[str, ...]()
    if total > REFERENCE_ROWS:
        rng = generator(setting.asked["seed"], "reference")
        places = np.sort(rng.choice(total, REFERENCE_ROWS, replace=False))
        notes = (f"{REFERENCE_ROWS:,} of {total:,} rows, drawn at random, serve as the reference.",)
    frame = Reader(setting.source).at(places, setting.features)
    return replace(Table.of(frame), rows=places).noting(*notes)


def cut(setting: Setting, part_rows: int | None) -> Setting:
    """The setting with all its parts; their size depends on nothing but the work itself."""
    if part_rows is not None and (not isinstance(part_rows, int) or part_rows < 1):
        raise InvalidSetting("part_rows is a number of rows", got=repr(part_rows), allowed="≥ 1")
    reads = setting.recipe.needs - {"predict"}
    rows = min(MOST_ROWS["reads" if reads else "samples"], PART_CELLS // len(setting.features))
    if not reads:
        question = Runner(setting).question
        each = setting.recipe.work(question) / len(question.table)
        rows = min(rows, max(int(PART_EVALUATIONS / max(each, 1.0)), LEAST_ROWS))
    size = part_rows or 1 << (max(rows, 1).bit_length() - 1)
    return replace(setting, parts=tuple(setting.source.parts(size)))


def counting(setting: Setting, summaries: tuple[Summary, ...], y: str | None) -> Setting:
    """The setting with its summaries settled on rows drawn from the whole table."""
    if not summaries:
        return setting
    extra = tuple(dict.fromkeys(name for each in summaries for name in each.columns(y)))
    setting.source.need(extra)
    pool = setting.pool if setting.pool is not None else _pool(setting)
    runner = Runner(replace(setting, pool=pool, background=None))
    assert runner.first is not None
    table = replace(runner.first.table, rows=pool.rows)
    question = replace(runner.first, table=table)
    prepared = tuple(each.prepared(question, setting.source.rows, y) for each in summaries)
    return replace(setting, summaries=prepared, extra=extra)


def _metadata(setting: Setting, drawn: bool) -> dict[str, Any]:
    """What every part says of itself: nothing that changes from run to run."""
    question = Runner(setting).question
    said = question.provenance(setting.recipe.name(), setting.recipe.params()).to_dict()
    for changing in ("seconds", "evaluations"):
        del said[changing]
    notes = list(setting.pool.notes) if setting.pool is not None else []
    return {
        **said,
        "data_fingerprint": _content(setting.source.identity),
        "seed": question.seed if drawn else None,
        "features": list(question.player_names),
        "labels": [str(label) for label in question.labels],
        "adds_up": "efficiency" in setting.recipe.laws,
        "notes": [*_lasting(question.notes, setting.source), *setting.source.notes, *notes],
        "complete": True,
    }


def _lasting(notes: Sequence[str], source: Source) -> list[str]:
    """The notes that hold for all rows, not only for the first."""
    whole = source.rows <= HEAD_ROWS
    return [note for note in notes if whole or not note.startswith("The same value in every row")]


def planned(setting: Setting, folder: Path, known: dict[str, Any] | None) -> Setting:
    """The setting with its ledger, whose plan is written or found to be the same."""
    question = Runner(setting).question
    background = question.background or setting.pool
    made_of = {
        "model": question.model.fingerprint(),
        "method": [setting.recipe.name(), _plain(setting.recipe.params())],
        "question": _plain(
            {k: v for k, v in setting.asked.items() if k not in ("seed", "threads")}
        ),
        "background": background.fingerprint() if background is not None else None,
        "input": setting.source.identity,
        "columns": [list(setting.features), list(setting.extra)],
        "output": _plain({f.name: getattr(setting.layout, f.name) for f in fields(Layout)}),
        "summaries": [_plain(each.summary.params()) for each in setting.summaries],
        "parts": [len(setting.parts), _plain(setting.parts[0])],
        "seed": setting.asked["seed"] if _is_drawn(setting) else None,
        "version": setting.metadata["version"],
    }
    ledger = Ledger(folder=folder, fingerprint=fingerprint(made_of))
    plan = {
        "made_of": made_of,
        "seed": setting.asked["seed"],
        "rows": setting.source.rows,
        "files": list(setting.source.files),
        "parts": setting.parts,
    }
    if known is None:
        folder.mkdir(exist_ok=True)
    ledger.begin(plan)
    return replace(setting, ledger=ledger)


def _is_drawn(setting: Setting) -> bool:
    """Whether anything in the parts depends on the seed."""
    return setting.metadata["seed"] is not None or bool(setting.summaries or setting.pool)


def _content(identity: Mapping[str, Any]) -> str:
    """The fingerprint of an input, whenever its files were written."""
    plain = {
        key: [[*each[:2], *each[3:]] for each in value] if key == "files" else value
        for key, value in identity.items()
    }
    return fingerprint(plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Schema):
        value = value.to_dict()
    return json.loads(json.dumps(value, default=repr))
