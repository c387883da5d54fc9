"""What a long explanation counts on its way: global facts from parts that are never together.

A summary is settled once, on reference rows drawn from the whole table (grids, bins, a reservoir of
values); then each part gives a small state, and the states merge. Those that ask the model more
than once per row count a random share of the rows, chosen by row number, and say their interval.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from scipy import special

from pellucid.core.attribution import Attribution
from pellucid.core.curve import Curve
from pellucid.core.errors import InvalidSetting
from pellucid.core.explanation import Explanation
from pellucid.core.provenance import Provenance
from pellucid.explainers.effect.forced import means
from pellucid.explainers.effect.grid import LABELLED, Grid, curve, grid, grids
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.maths.grids import bin_edges
from pellucid.maths.summaries import Moments, accumulated, chosen, folded

BAND = "95 % interval over rows, point by point; it does not say how sure the model is"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a part offers to be counted.

    Parameters
    ----------
    question : Question
        About the part's rows; `table.rows` are their numbers in the whole table.
    values, output : array (sample, feature, output), (sample, output)
        Shares and predictions.
    extra : Mapping of str to array (sample,)
        Further columns of the input, such as the answers.
    """

    question: Question
    values: np.ndarray
    output: np.ndarray
    extra: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Summary(ABC):
    """A summary as the user asks for it: settings only."""

    name: ClassVar[str]
    asks_model: ClassVar[bool] = False

    def columns(self, y: str | None) -> tuple[str, ...]:
        """Columns of the input that it reads beside the features."""
        return ()

    @abstractmethod
    def prepared(self, question: Question, rows: int, y: str | None) -> Prepared:
        """The summary settled on reference rows: the question's table, out of `rows` in all."""

    def params(self) -> dict[str, Any]:
        """Name and settings, for a fingerprint."""
        return {"summary": self.name, **asdict(self)}


class Prepared(ABC):
    """A summary that knows where to count."""

    summary: Summary

    @abstractmethod
    def of_part(self, batch: Batch) -> bytes:
        """The state of one part."""

    @abstractmethod
    def result(
        self, states: Iterable[bytes], question: Question
    ) -> Explanation | tuple[Explanation, ...]:
        """What all states, in the order of the parts, come to."""


@dataclass(frozen=True, kw_only=True)
class MeanAbs(Summary):
    """The mean magnitude of each feature's shares, over all rows."""

    name: ClassVar[str] = "mean_abs"

    def prepared(self, question: Question, rows: int, y: str | None) -> Prepared:
        return _MeanAbs(self)


@dataclass(frozen=True)
class _MeanAbs(Prepared):
    summary: MeanAbs

    def of_part(self, batch: Batch) -> bytes:
        return Moments.of(np.abs(batch.values)).state()

    def result(self, states: Iterable[bytes], question: Question) -> Attribution:
        shape = (len(question.player_names), len(question.columns))
        whole = folded(Moments.from_state(state, shape) for state in states)
        return _importance(question, whole.mean, whole.error, self.summary, whole.count.max())


@dataclass(frozen=True, kw_only=True)
class PDP(Summary):
    """Partial dependence of every column, over a random share of the rows.

    Parameters
    ----------
    points : int
        Most points of a grid.
    rows : int, optional
        About how many rows to average over; `None` for all.
    """

    name: ClassVar[str] = "partial_dependence"
    asks_model: ClassVar[bool] = True

    points: int = 20
    rows: int | None = 5000

    def __post_init__(self) -> None:
        whole_number("points", self.points, 2)
        whole_number("rows", self.rows, 1, optional=True)

    def prepared(self, question: Question, rows: int, y: str | None) -> Prepared:
        found = grids(question, None, question.table.codes, self.points)
        return _PDP(self, tuple(found), share_of(self.rows, rows), question.seed)


@dataclass(frozen=True)
class _PDP(Prepared):
    summary: PDP
    grids: tuple[Grid, ...]
    share: float
    seed: int

    def of_part(self, batch: Batch) -> bytes:
        question = batch.question
        rows = _some(question, self.share, self.seed)
        if not len(rows):
            return b""
        of_grids = means(question, rows, [(each.column, each.codes) for each in self.grids])
        mean, deviation = map(np.concatenate, zip(*of_grids, strict=True))
        count = np.full(mean.shape, float(len(rows)))
        return Moments(count, mean, deviation**2 * max(len(rows) - 1, 1)).state()

    def result(self, states: Iterable[bytes], question: Question) -> tuple[Curve, ...]:
        points = sum(len(each.codes) for each in self.grids)
        shape = (points, len(question.columns))
        whole = folded(Moments.from_state(s, shape) for s in counted(states, self.summary))
        degrees = np.maximum(whole.count - 1.0, 1.0)
        reach = special.stdtrit(degrees, 0.975) * whole.error
        curves, start = [], 0
        for each in self.grids:
            place = slice(start, start + len(each.codes))
            start = place.stop
            curves.append(_curve(question, each, whole.mean[place], reach[place], self.summary))
        return tuple(curves)


@dataclass(frozen=True, kw_only=True)
class ALE(Summary):
    """Accumulated local effects of every number and date, over a random share of the rows.

    Parameters
    ----------
    bins : int
        Most bins.
    rows : int, optional
        About how many rows to average over; `None` for all.
    """

    name: ClassVar[str] = "ale"
    asks_model: ClassVar[bool] = True

    bins: int = 20
    rows: int | None = 50_000

    def __post_init__(self) -> None:
        whole_number("bins", self.bins, 1)
        whole_number("rows", self.rows, 1, optional=True)

    def prepared(self, question: Question, rows: int, y: str | None) -> Prepared:
        found = []
        for column, meaning in enumerate(question.table.schema.values()):
            values = question.table.codes[:, column]
            values = values[np.isfinite(values)]
            if meaning.kind not in LABELLED and len(np.unique(values)) > 1:
                found.append(grid(question, column, bin_edges(values, self.bins), values))
        return _ALE(self, tuple(found), share_of(self.rows, rows), question.seed)


@dataclass(frozen=True)
class _ALE(Prepared):
    summary: ALE
    grids: tuple[Grid, ...]
    share: float
    seed: int

    def of_part(self, batch: Batch) -> bytes:
        rows = _some(batch.question, self.share, self.seed)
        if not len(rows):
            return b""
        outputs = batch.output.shape[1]
        states = [self._gaps(batch.question, rows, each, outputs).state() for each in self.grids]
        return b"".join(states)

    def _gaps(self, question: Question, rows: np.ndarray, points: Grid, outputs: int) -> Moments:
        edges, column = points.codes, points.column
        rows = rows[np.isfinite(rows[:, column])]
        bins = len(edges) - 1
        if not len(rows):
            return Moments.none((bins, outputs))
        gap = np.clip(np.searchsorted(edges, rows[:, column], side="left") - 1, 0, bins - 1)
        low, high = rows.copy(), rows.copy()
        low[:, column], high[:, column] = edges[gap], edges[gap + 1]
        delta = question.predict(high) - question.predict(low)
        return Moments.by_place(delta, gap, bins)

    def result(self, states: Iterable[bytes], question: Question) -> tuple[Curve, ...]:
        shapes = [(len(each.codes) - 1, len(question.columns)) for each in self.grids]
        ends = np.cumsum([0, *(3 * 8 * int(np.prod(shape)) for shape in shapes)])
        kept = counted(states, self.summary)
        curves = []
        for k, each in enumerate(self.grids):
            whole = folded(Moments.from_state(s[ends[k] : ends[k + 1]], shapes[k]) for s in kept)
            values, error = accumulated(whole)
            curves.append(
                _curve(question, each, values, special.ndtri(0.975) * error, self.summary)
            )
        return tuple(curves)


def pack(states: Sequence[bytes]) -> bytes:
    """Several states as one."""
    sizes = np.array([len(states), *map(len, states)], np.int64) if states else np.empty(0)
    return sizes.tobytes() + b"".join(states)


def unpack(packed: bytes) -> list[bytes]:
    """The inverse of `pack`."""
    if not packed:
        return []
    count = int(np.frombuffer(packed, np.int64, 1)[0])
    sizes = np.frombuffer(packed, np.int64, count + 1)[1:]
    ends = np.cumsum([8 * (count + 1), *sizes])
    return [packed[low:high] for low, high in pairwise(ends)]


def share_of(wanted: int | None, rows: int) -> float:
    return 1.0 if wanted is None else min(wanted / rows, 1.0)


def in_share(question: Question, share: float, seed: int) -> np.ndarray:
    return chosen(np.asarray(question.table.rows, np.int64), share, seed, 1)


def _some(question: Question, share: float, seed: int) -> np.ndarray:
    return question.table.codes[in_share(question, share, seed)]


def counted(states: Iterable[bytes], summary: Summary) -> list[bytes]:
    """The states of the parts in which rows were drawn."""
    kept = [state for state in states if state]
    if not kept:
        raise InvalidSetting(
            f"{summary.name} was asked about so few rows that none was drawn",
            fix="Give it more rows, or rows=None for all",
        )
    return kept


def made_by(question: Question, summary: Summary, rows: float) -> Provenance:
    notes = (f"Over {int(rows):,} rows; the error is that of drawing them.",) if rows else ()
    params = {k: v for k, v in summary.params().items() if k != "summary"}
    return replace(
        question.provenance(summary.name, params), seconds=0.0, evaluations=0, notes=notes
    )


def _importance(
    question: Question, mean: np.ndarray, error: np.ndarray, summary: Summary, rows: float
) -> Attribution:
    dims: tuple[str, ...] = ("feature",)
    coords: dict[str, Any] = {"feature": question.player_names}
    if question.many:
        dims, coords[question.output_axis] = (*dims, question.output_axis), question.labels
    else:
        mean, error = mean[:, 0], error[:, 0]
    made = made_by(question, summary, rows)
    return Attribution(values=mean, dims=dims, coords=coords, error=error, provenance=made)


def _curve(
    question: Question, points: Grid, values: np.ndarray, reach: np.ndarray, summary: Summary
) -> Curve:
    band = np.stack([values - reach, values + reach])
    found = curve(question, points, values, band=band, band_meaning=BAND)
    return replace(found, provenance=made_by(question, summary, 0).note(*points.notes))
