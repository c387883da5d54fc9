"""Explaining a table that does not fit into memory: planned, in parts, and never from the start."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.core.errors import EmptyData, InvalidSetting, UnknownName, WrongTarget
from pellucid.core.seeds import resolve_seed
from pellucid.data.schema import Schema
from pellucid.data.stream import Source, open_source
from pellucid.engine.ledger import read_plan
from pellucid.engine.work import BATCH_ROWS
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.streamed.part import Layout
from pellucid.explainers.streamed.run import Job, Place, run
from pellucid.explainers.streamed.settle import counting, cut, planned, settled
from pellucid.explainers.streamed.summaries import Summary

ENGINES = ("threads", "processes")

ARROW_SOURCES = ("FileSystemDataset", "UnionDataset", "InMemoryDataset", "RecordBatchReader")


def is_long(X: Any) -> bool:
    """Whether a table is to be streamed: a path, a pattern, or an Arrow dataset or reader."""
    arrow = type(X).__module__.startswith("pyarrow") and type(X).__name__ in ARROW_SOURCES
    return arrow or isinstance(X, (str, os.PathLike))


def explain_table(
    model: Any,
    source: Any,
    output: str | os.PathLike[str],
    *,
    method: str | Explainer | None = None,
    background: Any = None,
    y: str | None = None,
    target: Any = None,
    scale: str = "auto",
    budget: int | None = None,
    tolerance: float | None = None,
    seed: int | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    id: str | Sequence[str] = (),
    leave_out: Sequence[str] = (),
    top: int | None = None,
    dtype: str = "float64",
    summaries: Sequence[Summary] = (),
    engine: str = "threads",
    workers: int | None = None,
    part_rows: int | None = None,
    batch_size: int = BATCH_ROWS,
    max_seconds: float | None = None,
    fresh: bool = False,
    progress: bool | None = None,
) -> Job:
    """Explain every row of a table of any size, in bounded memory, on all cores.

    The same call goes on where an earlier one ended, however it ended.

    Parameters
    ----------
    model : object
        As for `pellucid.explain`.
    source : path, glob pattern, pyarrow Dataset, RecordBatchReader or Table
        Parquet (a file, a folder), CSV or TSV (also gzipped), Arrow or Feather; or a pattern of
        such files, in the order of their names.
    output : path
        A ``.parquet`` file, or a folder: then the parts stay apart, and receipts beside them.
    method, background, target, scale, budget, tolerance, groups, schema, batch_size
        As for `pellucid.explain`. A method that needs a reference and is given no background uses
        10 000 rows drawn from the whole table.
    y : str, optional
        The column with the true answers: no feature; for summaries that compare.
    seed : int, optional
        Makes the result repeatable; drawn, and kept for a resumed run, if not given.
    id : str or sequence of str
        Columns carried over to the output, which are no features; otherwise ``row`` counts rows.
    leave_out : sequence of str
        Further columns that are no features.
    top : int, optional
        Write only the strongest features of each row, and the sum of the rest.
    dtype : {"float64", "float32"}
        Of what is written.
    summaries : sequence of Summary
        What is counted on the way; see `pellucid.explainers.streamed.summaries`.
    engine : {"threads", "processes"}
        Threads serve models that let go of the interpreter lock, as compiled ones do; processes
        serve models written in Python. The caller's script must then be guarded by
        ``if __name__ == "__main__":``.
    workers : int, optional
        How many; by default all cores.
    part_rows : int, optional
        Most rows of a part; by default so that a part takes seconds and little memory.
    max_seconds : float, optional
        Begin no further part after so much time; what is done is kept.
    fresh : bool
        Delete what an earlier run has left.
    progress : bool, optional
        As for `pellucid.explain`.

    Returns
    -------
    Job
        What was written, how fast, and the summaries.

    Raises
    ------
    InvalidSetting
        If the output holds parts of other work: another model, input, setting or version.
    CannotExplain
        If parts failed three times; all others are done.
    BudgetExceeded
        If the time is up.

    Notes
    -----
    The output does not depend, to the last byte, on workers, engine, interruptions or time; each
    part is written whole, then its receipt, and only receipts count (`pellucid.engine.ledger`).
    Memory: a small multiple of a part, for each worker.
    """
    if engine not in ENGINES:
        raise InvalidSetting("There is no such engine", got=engine, allowed=ENGINES)
    ids = (id,) if isinstance(id, str) else tuple(id)
    crew = _workers(workers)
    with Place.of(Path(output), fresh=fresh) as place:
        rows = open_source(source, place.inputs)
        rows.need([*ids, *leave_out])
        _refuse_target(rows, y)
        known = read_plan(place.folder)
        seed = resolve_seed(known["seed"] if seed is None and known else seed)
        asked = {
            "target": target, "scale": scale, "groups": groups, "schema": schema,
            "seed": seed, "batch_size": batch_size, "threads": 1,
        }  # fmt: skip
        features = tuple(name for name in rows.names if name not in (*ids, *leave_out, y))
        if not features:
            raise EmptyData("No column is left to be a feature", got=rows.names)
        layout = Layout(id=ids, top=top, dtype=dtype)
        setting = settled(
            model, background, rows, features, layout, asked, method, budget, tolerance
        )
        setting = counting(cut(setting, part_rows), tuple(summaries), y)
        setting = planned(setting, place.folder, known)
        return run(setting, place, crew, engine, max_seconds, progress)


def _refuse_target(source: Source, y: str | None) -> None:
    if y is None:
        return
    if y not in source.names:
        hint = UnknownName.among("column", y, source.names)
        raise WrongTarget(f"There is no column {y!r}", allowed=source.names, fix=hint.fix)
    if len(source.names) == 1:
        raise WrongTarget(f"{y!r} is the only column", fix="Give the features too")


def _workers(workers: int | None) -> int:
    if workers is None:
        many = hasattr(os, "sched_getaffinity")
        return len(os.sched_getaffinity(0)) if many else os.cpu_count() or 1
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InvalidSetting("workers is a number of workers", got=repr(workers), allowed="≥ 1")
    return workers
