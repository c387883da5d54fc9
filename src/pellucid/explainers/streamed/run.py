"""The run itself: what is missing is made, what is there is kept, and the end is checked."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pellucid.core.errors import BudgetExceeded, CannotExplain, InvalidSetting
from pellucid.core.files import writable
from pellucid.data.shares_file import joined_file, shares_in
from pellucid.data.stream import length
from pellucid.engine.ledger import (
    DATA,
    OURS,
    PLAN,
    SUCCESS,
    Ledger,
    Receipt,
    emptied,
    only_one,
    read_plan,
)
from pellucid.engine.progress import progress as show_progress
from pellucid.engine.workers import Outcome, in_processes, in_threads
from pellucid.explainers.streamed.part import Runner, Setting
from pellucid.explainers.streamed.summaries import unpack

STAGES = ("read", "method", "summaries", "write")
NUMBER = re.compile(r"\d[\d.,]*")
FIX_FAILED = "Correct those rows, or the model, and run the same again: only they are made anew"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A finished piece of work.

    Parameters
    ----------
    output : Path
        The folder or the file that was written.
    method, scale : str
        What the shares are.
    target : str or None
        The output that was explained.
    rows, parts : int
        How many there are.
    computed : int
        How many parts this run has computed; the others were there.
    seconds : float
        Wall-clock time of this run.
    evaluations : int
        Rows that the model was asked to predict, for all parts.
    rows_per_second : Mapping of str to float
        Of ``"read"``, ``"method"``, ``"summaries"`` and ``"write"``, each for one worker.
    largest_error : float
        The largest standard error of a share.
    summaries : Mapping of str to Explanation
        What was counted on the way.
    notes : tuple of str
        What a reader must know.
    """

    output: Path
    method: str
    scale: str
    target: str | None
    rows: int
    parts: int
    computed: int
    seconds: float
    evaluations: int
    rows_per_second: Mapping[str, float]
    largest_error: float
    summaries: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the work is done, and where its result goes.

    Parameters
    ----------
    output : Path
        As the user named it.
    folder : Path
        Of plan, parts and receipts: the output itself, or beside a single file.
    single : bool
        Whether the parts become one file.
    fresh : bool
        Whether what an earlier run has left is deleted.
    """

    output: Path
    folder: Path
    single: bool
    fresh: bool

    @classmethod
    def of(cls, output: Path, *, fresh: bool) -> Place:
        """The place for an output, once it is known that it can be written.

        Raises
        ------
        InvalidSetting
            If not.
        """
        if output.suffix.lower() == ".parquet":
            beside = writable(output).with_name(f".{output.name}.parts")
            return cls(output=output, folder=beside, single=True, fresh=fresh)
        parent = output.absolute().parent
        if output.suffix and not output.is_dir():
            raise InvalidSetting(
                "The output's kind is told by its suffix",
                got=output.name,
                allowed="*.parquet, or a folder, whose name has no suffix",
            )
        if not parent.is_dir():
            raise InvalidSetting(f"There is no folder {parent}", fix="Make it, or write elsewhere")
        if output.exists() and not output.is_dir():
            raise InvalidSetting(f"{output} is a file", allowed="the name of a folder")
        if not os.access(output if output.exists() else parent, os.W_OK):
            raise InvalidSetting(f"Nothing may be written in {output}", fix="Write elsewhere")
        return cls(output=output, folder=output, single=False, fresh=fresh)

    @property
    def inputs(self) -> Path:
        """Where an input that is not Parquet is written once."""
        return self.folder / "_input"

    def __enter__(self) -> Place:
        self._refuse_foreign()
        self.folder.mkdir(exist_ok=True)
        self._lock.__enter__()
        if self.fresh:
            emptied(self.folder)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Let go; where nothing worth keeping was made, nothing is left."""
        plan = read_plan(self.folder) if error is not None else None
        if error is not None and not (plan and any(self._kept(plan))):
            emptied(self.folder)
        for half in self.folder.glob("*/.part-*"):  # of a worker that had to be ended
            half.unlink(missing_ok=True)
        self._lock.__exit__()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    @cached_property
    def _lock(self) -> only_one:
        return only_one(self.folder)

    def _kept(self, plan: Mapping[str, Any]) -> Iterator[Receipt]:
        ledger = Ledger(folder=self.folder, fingerprint=plan["fingerprint"])
        return (each for each in ledger.receipts(len(plan["parts"])) if not each.error)

    def _refuse_foreign(self) -> None:
        if not self.folder.is_dir() or (self.folder / PLAN).exists():
            return
        strange = sorted(each.name for each in self.folder.iterdir() if each.name not in OURS)
        if strange:
            raise InvalidSetting(
                f"The folder {self.folder} holds other files",
                got=strange,
                fix="Name a new folder, or an empty one",
            )


def run(
    setting: Setting,
    place: Place,
    workers: int,
    engine: str,
    max_seconds: float | None,
    progress: bool | None,
) -> Job:
    """Make the missing parts, then the end product."""
    started = time.perf_counter()
    ledger = _ledger(setting)
    kept = [each for each in ledger.receipts(len(setting.parts)) if ledger.holds(each)]
    there = {each.part for each in kept}
    missing = [part for part in range(len(setting.parts)) if part not in there]
    if missing:
        (place.folder / SUCCESS).unlink(missing_ok=True)
    failed = []
    with show_progress("explaining", setting.source.rows, progress) as advance:
        advance(sum(each.rows for each in kept))
        until = None if max_seconds is None else started + max_seconds
        for outcome in _outcomes(setting, missing, workers, engine, until):
            if outcome.error is not None:
                told = f"{type(outcome.error).__name__}: {outcome.error}"
                ledger.fail(outcome.part, outcome.attempts, told)
                failed.append(outcome)
            else:
                advance(outcome.result.rows)
    if failed:
        raise _of_failed(setting, failed)
    receipts = list(ledger.receipts(len(setting.parts)))
    _refuse_incomplete(setting, receipts, max_seconds)
    made = _made(setting, place, receipts)
    made = replace(made, computed=len(missing), seconds=time.perf_counter() - started)
    _finish(setting, place, made)
    return replace(made, seconds=time.perf_counter() - started)


def _ledger(setting: Setting) -> Ledger:
    assert setting.ledger is not None
    return setting.ledger


def _outcomes(
    setting: Setting, missing: list[int], workers: int, engine: str, until: float | None
) -> Iterator[Outcome]:
    """What becomes of the missing parts; no further one is begun after the time is up."""
    crew = max(min(workers, len(missing)), 1)
    if engine == "processes" and len(missing) > 1:
        yield from in_processes(Runner, setting, _before(until, missing), crew)
        return
    from threadpoolctl import threadpool_limits

    setting = replace(setting, asked={**setting.asked, "threads": workers // crew})
    halt = threading.Event()
    with threadpool_limits(1, "blas"):
        runner = Runner(setting, halt)
        yield from in_threads(runner, _before(until, missing), crew, halt)


def _before(until: float | None, parts: Sequence[int]) -> Iterator[int]:
    """The parts to begin: at least one, so that every run comes nearer to the end."""
    for place, part in enumerate(parts):
        if place and until is not None and time.perf_counter() > until:
            return
        yield part


def _of_failed(setting: Setting, failed: Sequence[Outcome]) -> Exception:
    """The error of the only part there is, or one that lists the parts that failed."""
    first = failed[0].error
    assert first is not None
    if len(failed) == len(setting.parts):
        return first
    told = [
        failure(setting, each.part, f"{type(each.error).__name__}: {each.error}") for each in failed
    ]
    count = f"{len(failed)} of {len(setting.parts)} parts failed; the others are done"
    return CannotExplain(count, got="; ".join(sorted(told)), fix=FIX_FAILED)


def failure(setting: Setting, part: int, error: str) -> str:
    """Which rows a part holds, and why it failed."""
    start = sum(length(span) for spans in setting.parts[:part] for span in spans)
    rows = sum(map(length, setting.parts[part]))
    return f"part {part} (rows {start} to {start + rows - 1}): {error}"


def _refuse_incomplete(
    setting: Setting, receipts: Sequence[Receipt], max_seconds: float | None
) -> None:
    """The only definition of done: a receipt for each part, and all rows of the plan in them."""
    done = [each for each in receipts if not each.error]
    rows = sum(each.rows for each in done)
    if len(done) == len(setting.parts) and rows == setting.source.rows:
        return
    got = f"{len(done)} of {len(setting.parts)} parts, {rows:,} of {setting.source.rows:,} rows"
    if max_seconds is not None:
        raise BudgetExceeded(
            "The work takes longer than allowed",
            got=got,
            allowed=f"{max_seconds:g} s",
            fix="What is done is kept: run the same again to go on",
        )
    raise CannotExplain("Parts are missing although none has failed", got=got, fix="Run it again")


def rates(receipts: Sequence[Receipt]) -> dict[str, float]:
    """Rows per second of one worker in each stage."""
    rows = sum(each.rows for each in receipts)
    spent = dict.fromkeys(STAGES, 0.0)
    for each in receipts:
        laps = each.facts.get("seconds", {})
        for stage in ("read", "method", "summaries"):
            spent[stage] += laps.get(stage, 0.0)
        spent["write"] += laps.get("encode", 0.0) + each.seconds
    return {stage: rows / seconds for stage, seconds in spent.items() if seconds}


def _made(setting: Setting, place: Place, receipts: Sequence[Receipt]) -> Job:
    ledger = _ledger(setting)
    return Job(
        output=place.output,
        method=setting.recipe.name(),
        scale=setting.metadata["scale"],
        target=setting.metadata["target"],
        rows=setting.source.rows,
        parts=len(receipts),
        computed=0,
        seconds=0.0,
        evaluations=sum(each.facts["evaluations"] for each in receipts),
        rows_per_second=rates(receipts),
        largest_error=max(each.facts["largest_error"] for each in receipts),
        summaries=_summed(setting, [ledger.state(each) for each in receipts]),
        notes=_notes(setting, receipts),
    )


def _summed(setting: Setting, packed: Sequence[bytes]) -> dict[str, Any]:
    """The summaries of all parts, folded in the order of the parts."""
    if not setting.summaries:
        return {}
    question = Runner(setting).first_or_question
    states = [unpack(each) for each in packed]
    return {
        each.summary.name: each.result([state[k] for state in states], question)
        for k, each in enumerate(setting.summaries)
    }


def _notes(setting: Setting, receipts: Sequence[Receipt]) -> tuple[str, ...]:
    """All notes; of those that differ between parts only in their numbers, that of the first."""
    alike: dict[str, list[str]] = {}
    for receipt in receipts:
        for note in receipt.facts["notes"]:
            alike.setdefault(NUMBER.sub("#", note), []).append(note)
    first = f" (The first {receipts[0].rows} rows; later ones have other numbers.)"
    told = [notes[0] + first * (len(set(notes)) > 1) for notes in alike.values()]
    return tuple(dict.fromkeys([*setting.metadata["notes"], *told]))


def _finish(setting: Setting, place: Place, made: Job) -> None:
    """One file from all parts, or the word that all parts are there."""
    ledger = _ledger(setting)
    if place.single:
        paths = [ledger.path(part) for part in range(made.parts)]
        _, said = shares_in(paths[0])
        whole = {**json.loads(said["pellucid"]), "notes": list(made.notes)}
        whole["evaluations"] = made.evaluations
        joined = place.folder / DATA / "whole.parquet"
        joined_file(paths, joined, {"pellucid": json.dumps(whole)})
        os.replace(joined, place.output)
        emptied(place.folder)
        return
    kept = place.folder / "_summaries"
    for name, found in made.summaries.items():
        kept.mkdir(exist_ok=True)
        several = found if isinstance(found, tuple) else (found,)
        for number, each in enumerate(several):
            each.save(kept / (f"{name}-{number:04d}.pel" if several is found else f"{name}.pel"))
    shutil.rmtree(place.inputs, ignore_errors=True)
    ledger.succeed(
        {
            "rows": made.rows,
            "parts": made.parts,
            "evaluations": made.evaluations,
            "seconds": made.seconds,
            "rows_per_second": dict(made.rows_per_second),
            "notes": list(made.notes),
        }
    )
