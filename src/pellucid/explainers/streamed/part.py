"""One part of a long explanation: read its rows, explain them, write them with their receipt.

The question is settled once, on the first rows; a part only brings its own rows. Nothing in a part
depends on another, on who does it, or on when.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidData, InvalidSetting
from pellucid.data.shares_file import names_at, table_bytes
from pellucid.data.stream import Reader, Source, Span, length
from pellucid.data.table import Table
from pellucid.engine.ledger import Ledger, Receipt
from pellucid.engine.work import Work
from pellucid.engine.workers import Halted
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question, ask
from pellucid.explainers.streamed.summaries import Batch, Prepared, pack
from pellucid.models.adapter import Model

HEAD_ROWS = 4096
"""Rows from which the columns' meanings are found."""

ROW = "row"
FLOATS = ("float64", "float32")


class Shares(NamedTuple):
    """What a method gives for the rows of a part."""

    values: np.ndarray
    """(sample, feature, output)"""
    base: np.ndarray
    """(sample, output)"""
    output: np.ndarray
    """(sample, output)"""
    error: np.ndarray
    """(sample, feature, output), or of shape () where all are zero"""


class NeedsReference(Exception):
    """The method wants reference rows, none were given, and none have been drawn yet."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What is written for each row.

    Parameters
    ----------
    id : tuple of str
        Columns of the input that are carried over; without any, the number of the row.
    top : int, optional
        Only so many of the strongest features, with the sum of the rest.
    dtype : {"float64", "float32"}
        Of prediction, base, error and shares.
    """

    id: tuple[str, ...] = ()
    top: int | None = None
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if self.dtype not in FLOATS:
            raise InvalidSetting("Shares cannot be written so", got=self.dtype, allowed=FLOATS)
        if self.top is not None and (not isinstance(self.top, int) or self.top < 1):
            raise InvalidSetting("top is a number of features", got=repr(self.top), allowed="≥ 1")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All that a worker must know; it can be sent to another process.

    Parameters
    ----------
    model, background : object
        As the user gave them.
    asked : Mapping
        The other arguments of `ask`.
    recipe : Explainer
        The method.
    source : Source
        The rows.
    features : tuple of str
        The columns that the model is given.
    extra : tuple of str
        Columns that only summaries read.
    layout : Layout
        What is written.
    parts : tuple of spans
        Which rows each part holds.
    pool : Table, optional
        Rows drawn to serve as reference, where no background was given.
    lean : bool
        Whether the method leaves it to the question to make its result.
    summaries : tuple of Prepared
        What is counted on the way.
    ledger : Ledger, optional
        Where parts go.
    metadata : Mapping
        What every part says of itself.
    known : Model, optional
        The model as it was recognised, so that it is read once; not sent to other processes.
    """

    model: Any
    background: Any
    asked: Mapping[str, Any]
    recipe: Explainer
    source: Source
    features: tuple[str, ...]
    extra: tuple[str, ...] = ()
    layout: Layout
    parts: tuple[tuple[Span, ...], ...]
    pool: Table | None = None
    lean: bool = True
    summaries: tuple[Prepared, ...] = ()
    ledger: Ledger | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    known: Model | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "known": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


@dataclass(kw_only=True)
class PartQuestion(Question):
    """The question about the rows of one part, against the reference of the whole."""

    first: Question | None
    lean: bool

    def reference(self, most: int | None, *, covered: bool = False) -> np.ndarray:
        """The same reference rows for every part."""
        if self.first is None:
            raise NeedsReference
        drawn = replace(self.first, notes=[])
        rows = drawn.reference(most, covered=covered)
        self.drawn |= drawn.drawn
        for sentence in drawn.notes:
            self.note(sentence)
        return rows

    def attribution(
        self, values: np.ndarray, base: np.ndarray, error: np.ndarray | None = None
    ) -> Any:
        """Plain arrays, for a part is written at once and never labelled."""
        if not self.lean or not np.all(np.isfinite(values)):
            return super().attribution(values, base, error)
        output = self.output
        zero = np.zeros(()) if error is None else error
        return Shares(values, np.broadcast_to(base, output.shape), output, zero)


class Runner:
    """Explains parts, in one interpreter and from any number of its threads."""

    def __init__(self, setting: Setting, halt: threading.Event | None = None) -> None:
        self.setting, self.halt = setting, halt
        self.reader = Reader(setting.source)
        starts = np.cumsum([0, *(sum(map(length, spans)) for spans in setting.parts)])
        self.starts = starts.tolist()
        head = Table.of(self._read(0, setting.features).slice(0, HEAD_ROWS))
        self.question = ask(
            setting.known or setting.model, head, background=setting.background, **setting.asked
        )
        self.first = self.question if setting.background is not None else None
        if self.first is None and setting.pool is not None:
            pool = Table.of(setting.pool, like=self.question.table, own_order=True)
            self.first = replace(self.question, table=pool, notes=[])

    @property
    def first_or_question(self) -> Question:
        """The question about the reference rows, or else about the first rows."""
        return self.first or self.question

    def __call__(self, part: int, attempt: int) -> Receipt:
        """Explain one part and put it on the disk."""
        assert self.setting.ledger is not None
        clock = _Clock()
        frame = self._read(part, self._columns())
        question = self.about(frame.select(self.setting.features), self.starts[part])
        clock.lap("read")
        shares = self.shares(question)
        clock.lap("method")
        states = []
        if self.setting.summaries:
            batch = self._batch(question, shares, frame)
            states = [each.of_part(batch) for each in self.setting.summaries]
            clock.lap("summaries")
        metadata = {"pellucid": json.dumps(self._said(shares))}
        content = table_bytes(self.columns(question, shares, frame), metadata)
        self._look()
        clock.lap("encode")
        facts = {"evaluations": question.work.evaluations, "notes": list(question.notes)}
        facts["largest_error"] = float(np.max(shares.error, initial=0.0))
        facts["seconds"] = clock.laps
        return self.setting.ledger.publish(
            part, content, pack(states), len(question.table), attempt, facts
        )

    def about(self, frame: Any, start: int, rows: int | None = None) -> PartQuestion:
        """The question about these rows, the first of which has this number."""
        known = self.first_or_question
        table = Table.of(
            frame if rows is None else frame.slice(0, rows), like=known.table, own_order=True
        )
        numbers = np.arange(start, start + len(table))
        numbers.flags.writeable = False
        background = known.background
        if background is not None and table.schema != known.table.schema:
            background = Table.of(background, like=table)
        same = {each.name: getattr(known, each.name) for each in fields(Question)}
        work = Work(batch_size=known.work.batch_size, advance=self._look)
        changes: dict[str, Any] = {
            "table": replace(table, rows=numbers),
            "background": background,
            "work": work,
        }
        changes |= {"notes": [], "drawn": False}
        return PartQuestion(**{**same, **changes}, first=self.first, lean=self.setting.lean)

    def shares(self, question: PartQuestion) -> Shares:
        """The method's answer."""
        try:
            found = self.setting.recipe.compute(question)
        except InvalidData:
            question.model.check(question.table.native())  # it may name the column
            raise
        if isinstance(found, Shares):
            return found
        if not isinstance(found, Attribution) or found.dims[:2] != ("sample", "feature"):
            raise InvalidSetting(
                f"{self.setting.recipe.name()!r} gives no share for each row and column",
                fix="Use it from Python, or write a report, which has it",
            )
        if found.base is None or found.output is None:
            raise InvalidSetting(
                f"The values of {self.setting.recipe.name()!r} add up to no output, as shares in a "
                "file do",
                fix="Use it from Python",
            )
        rows, outputs = len(question.table), len(question.columns)
        sums = np.asarray(found.base), np.asarray(found.output)
        flat = [each.reshape(rows, outputs) for each in sums]
        wide = [np.reshape(each, (rows, -1, outputs)) for each in (found.values, found.error)]
        return Shares(wide[0], flat[0], flat[1], wide[1])

    def columns(self, question: PartQuestion, shares: Shares, frame: Any) -> dict[str, Any]:
        """The columns of a part's file; where there are several outputs, a line for each."""
        layout, outputs = self.setting.layout, len(question.columns)
        dtype = np.dtype(layout.dtype)
        flat: dict[str, Any] = {}
        for name in layout.id:
            column = frame[name].combine_chunks()
            places = np.repeat(np.arange(len(column)), outputs)
            flat[name] = column if outputs == 1 else column.take(places)
        if not layout.id:
            flat[ROW] = np.repeat(question.table.rows.astype(np.int64), outputs)
        if question.many:
            labels = np.array([str(label) for label in question.labels], object)
            flat[question.output_axis] = np.tile(labels, len(question.table))
        flat["prediction"] = shares.output.astype(dtype).ravel()
        values = np.moveaxis(shares.values, 2, 1).reshape(-1, shares.values.shape[1])
        if layout.top is not None:
            return flat | _top(
                values, min(layout.top, values.shape[1]), dtype, question.player_names
            )
        flat["base"] = shares.base.astype(dtype).ravel()
        error = np.broadcast_to(shares.error, shares.values.shape).max(axis=1)
        flat["error"] = error.astype(dtype).ravel()
        for j, feature in enumerate(question.player_names):
            flat[free_name(feature, flat)] = values[:, j].astype(dtype)
        return flat

    def _read(self, part: int, columns: Sequence[str]) -> Any:
        return self.reader.read(self.setting.parts[part], columns)

    def _columns(self) -> tuple[str, ...]:
        setting = self.setting
        return tuple(dict.fromkeys((*setting.features, *setting.layout.id, *setting.extra)))

    def _batch(self, question: PartQuestion, shares: Shares, frame: Any) -> Batch:
        extra = {name: frame[name].to_numpy() for name in self.setting.extra}
        return Batch(question=question, values=shares.values, output=shares.output, extra=extra)

    def _said(self, shares: Shares) -> dict[str, Any]:
        base = shares.base[0]
        same = bool((shares.base == base).all())
        return {**self.setting.metadata, "base": base.tolist() if same else None}

    def _look(self, done: int = 0) -> None:
        if self.halt is not None and self.halt.is_set():
            raise Halted


def free_name(feature: str, taken: Mapping[str, Any]) -> str:
    """The feature's name as a column beside others."""
    name = str(feature)
    while name in taken:
        name = f"{name} (feature)"
    return name


def _top(
    values: np.ndarray, count: int, dtype: np.dtype[Any], names: Sequence[str]
) -> dict[str, Any]:
    from pellucid.maths.strongest import strongest

    place, value, rest = strongest(np.ascontiguousarray(values), count)
    small = np.int16 if values.shape[1] <= np.iinfo(np.int16).max else np.int32
    return {
        "top_idx": place.astype(small),
        "top_name": names_at(place.astype(small), [str(name) for name in names]),
        "top_phi": value.astype(dtype),
        "rest": rest.astype(dtype),
    }


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self.last = now - self.last, now
