"""What a report is built from: sections of blocks, all plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from pellucid.core.explanation import ROUNDING, number

Status = Literal["good", "warn", "info"]

WIDE, CASE, HALF = 820, 520, 420
"""Pixels of a figure that has the column of the page, stands beside reasons, or beside another."""


BARS = 12
"""Columns that a chart of bars draws."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence that a reader should take away.

    Parameters
    ----------
    text : str
        The sentence, with its number.
    label : str
        A word or two before it, for those who scan.
    status : {"good", "warn", "info"}
        Whether it reassures, warns, or only tells.
    """

    text: str
    label: str = ""
    status: Status = "info"


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A number to see at a glance, with what it is and a remark."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a table shows in one place, and the number it is sorted by (`None` sorts as text)."""

    text: str
    sort: float | None = None


@dataclass(frozen=True, kw_only=True)
class DataTable:
    """A table with a caption; `search` gives it a search box's id."""

    block: ClassVar[str] = "table"
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    id: str = ""
    search: bool = False

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers, and so stand at the right."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.header)
        return tuple(bool(c) and all(one.sort is not None for one in c) for c in columns)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Groups of names with values, each group under its title."""

    block: ClassVar[str] = "facts"
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A list of findings under a heading."""

    block: ClassVar[str] = "findings"
    title: str = ""
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart under a question, with how to read it, how sure it is, and its numbers.

    Parameters
    ----------
    id : str
        Unique on the page.
    question : str
        The title: what the chart answers.
    chart : altair.Chart
        The picture.
    reading, certainty : str
        One or two sentences each.
    table : DataTable
        The numbers drawn.
    """

    block: ClassVar[str] = "figure"
    id: str
    question: str
    chart: Any
    reading: str
    certainty: str
    table: DataTable


@dataclass(frozen=True, kw_only=True)
class Side:
    """Two figures beside each other, where there is room."""

    block: ClassVar[str] = "side"
    figures: tuple[Figure, ...]


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """Sentences under a small heading."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row explained: why it is shown, what the model said, the reasons, the picture."""

    block: ClassVar[str] = "case"
    id: str
    title: str
    why: str
    verdict: str
    reasons: tuple[Reasons, ...]
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What one method says of one image: pictures under its name.

    Parameters
    ----------
    name : str
        The method, or what else this is.
    sources, alternatives : tuple of str
        The addresses of the pictures, and what each shows in words.
    doubted : bool
        Whether the judge found something against the method.
    """

    name: str
    sources: tuple[str, ...]
    alternatives: tuple[str, ...]
    doubted: bool = False


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One image explained: why it is shown, what the model said, and what each method says."""

    block: ClassVar[str] = "sight"
    id: str
    title: str
    why: str
    verdict: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph, with a heading where it has one."""

    block: ClassVar[str] = "paragraph"
    title: str = ""
    text: str


@dataclass(frozen=True, kw_only=True)
class Search:
    """A table with a search box."""

    block: ClassVar[str] = "search"
    title: str
    lead: str
    hint: str
    table: DataTable
    noun: str = "row"


Block = DataTable | Facts | Findings | Figure | Side | Case | Sight | Paragraph | Search


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question of the report, answered."""

    id: str
    short: str
    title: str
    lead: str = ""
    blocks: tuple[Block, ...] = field(default=())


def drawn(shown: int, of: int) -> str:
    """What a picture leaves out, in a sentence; nothing where it leaves out nothing."""
    if of <= shown:
        return ""
    return f" Drawn are the {shown} greatest of {of} columns; the numbers hold all."


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> DataTable:
    """A table from plain values: numbers are shown for reading and sorted by their value.

    Columns that are empty in every row are left out, and what is only rounding beside the other
    numbers of its row or column is shown as 0. In a column ``"row"`` are names of rows, as given.
    """
    made = [[_named(*pair) for pair in zip(header, row, strict=True)] for row in rows]
    used = [
        i for i in range(len(header)) if not made or any(row[i] not in ("", None) for row in made)
    ]
    least = [ROUNDING * _largest(column) for column in zip(*made, strict=True)]
    cells = (
        tuple(cell(row[i], max(least[i], ROUNDING * _largest(row))) for i in used) for row in made
    )
    return DataTable(caption=caption, header=tuple(header[i] for i in used), rows=tuple(cells))


def _named(header: str, value: Any) -> Any:
    """A name of a row that is a number, without marks between its thousands."""
    number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return Cell(text=str(value), sort=float(value)) if header == "row" and number else value


def _largest(values: Sequence[Any]) -> float:
    sizes = [abs(float(v)) for v in values if isinstance(v, (float, np.floating))]
    return max((size for size in sizes if np.isfinite(size)), default=0.0)


def cell(value: Any, least: float = 0.0) -> Cell:
    """A place of a table from a plain value; a number smaller than `least` is shown as 0."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, (bool, np.bool_)):
        return Cell(text="yes" if value else "no")
    if isinstance(value, (int, np.integer)):
        return Cell(
            text=f"{int(value):,}" if abs(int(value)) > 9999 else str(int(value)), sort=float(value)
        )
    if isinstance(value, (float, np.floating)):
        known = bool(np.isfinite(value))
        shown = 0.0 if abs(float(value)) < least else float(value)
        return Cell(text=number(shown).replace("-", "−") if known else "–", sort=float(value))
    return Cell(text="" if value is None else str(value))
