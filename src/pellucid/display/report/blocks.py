"""What a report is built from: sections of blocks, all plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from pellucid.core.explanation import number

Status = Literal["good", "warn", "info"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence that a reader should take away.

    Parameters
    ----------
    text : str
        The sentence, with its number.
    status : {"good", "warn", "info"}
        Whether it reassures, warns, or only tells.
    """

    text: str
    status: Status = "info"


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


@dataclass(frozen=True, kw_only=True)
class Prose:
    """Paragraphs."""

    block: ClassVar[str] = "prose"
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names with values, side by side."""

    block: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]


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
class Search:
    """A table with a search box."""

    block: ClassVar[str] = "search"
    title: str
    lead: str
    hint: str
    table: DataTable


Block = DataTable | Prose | Facts | Findings | Figure | Case | Search


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question of the report, answered."""

    id: str
    short: str
    title: str
    lead: str = ""
    blocks: tuple[Block, ...] = field(default=())


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> DataTable:
    """A table from plain values: numbers are shown for reading and sorted by their value."""
    return DataTable(
        caption=caption, header=tuple(header), rows=tuple(tuple(map(cell, row)) for row in rows)
    )


def cell(value: Any) -> Cell:
    """A place of a table from a plain value."""
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
        return Cell(text=number(float(value)) if known else "–", sort=float(value))
    return Cell(text="" if value is None else str(value))
