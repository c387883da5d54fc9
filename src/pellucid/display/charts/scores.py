"""Scores: measured facts side by side, each with its interval and, where it has one, a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import EmptyData
from pellucid.core.scores import Score, Scores
from pellucid.display import figure, reading
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import brief, cells, counted, listed, shorten, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("scores",)

ONE_FRAME = 30.0
"""Metrics whose greatest sizes differ by more than this factor get a scale of their own, unless
all lie between −1 and 1."""

VERDICTS = {True: "holds", False: "FAILS", None: ""}
"""Words beside a check."""

LETTER = 6.4
"""Pixels of a Latin letter on an axis."""


def chart(
    explanation: Scores, *, top: int = 40, theme: str = "light", width: int = WIDTH
) -> alt.LayerChart | alt.VConcatChart:
    """A point for each fact with its interval, and its number in words at the right.

    Parameters
    ----------
    explanation : Scores
        Any scores.
    top : int
        How many rows to draw, from the first.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    figure.check_width(width)
    rows = explanation.rows[: reading.check_top(top)]
    known = [row for row in rows if np.isfinite(row.value)]
    if not known:
        raise EmptyData("There is nothing to draw", got=f"{len(rows)} scores, none finite")
    panels = _shared(known)
    names = unique([_name(row) for row in known], 40)
    label = dict(zip(map(id, known), names, strict=True))
    extent = int(LETTER * max(map(cells, names))), int(LETTER * max(cells(_text(r)) for r in known))
    drawn = [_panel(part, [label[id(row)] for row in part], extent, theme) for part in panels]
    plot = max(int(width) - sum(extent) - 40, 120)
    return figure.finish(
        drawn[0] if len(drawn) == 1 else _stacked(drawn, plot),
        question="What was measured, and how sure is it?",
        reading=_reading(explanation, rows),
        alternative=_alternative(explanation, known),
        theme=theme,
        width=width,
        fit=len(drawn) == 1,
    )


def _shared(rows: Sequence[Score]) -> list[list[Score]]:
    """The rows, cut into parts that can share a scale."""
    sizes: dict[str, float] = {}
    for row in rows:
        sizes[row.metric] = max(sizes.get(row.metric, 0.0), abs(row.value))
    positive = [size for size in sizes.values() if size > 0]
    alike = not positive or max(positive) <= 1 or max(positive) / min(positive) <= ONE_FRAME
    if alike:
        return [list(rows)]
    return [[row for row in rows if row.metric == metric] for metric in sizes]


def _panel(rows: Sequence[Score], names: list[str], extent: tuple[int, int], theme: str) -> Any:
    import altair as alt

    colours = palette(theme)
    texts = unique([_text(row) for row in rows], 60)
    limits = [_limits(row) for row in rows]
    data = {
        "name": names,
        "text": texts,
        "value": [row.value for row in rows],
        "low": [low for low, _ in limits],
        "high": [high for _, high in limits],
        "colour": [colours.raises if row.passed is False else colours.plain for row in rows],
        "shape": ["cross" if row.passed is False else "circle" for row in rows],
    }
    scale = alt.Scale(domain=figure.span(limits), nice=False, zero=False)
    axis = alt.Axis(format=figure.number_format(limits))
    x = alt.X("value:Q", title=None, axis=axis, scale=scale)
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart().encode(y=_side("name", names, "left", extent[0]))
    whiskers = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale), x2="high:Q", color=colour
    )
    points = base.mark_point(filled=True, size=75, opacity=1).encode(
        x=x, color=colour, shape=alt.Shape("shape:N", scale=None)
    )
    words = alt.Chart().mark_point(opacity=0).encode(y=_side("text", texts, "right", extent[1]))
    left = alt.layer(whiskers, points)
    whole = alt.layer(left, words, data=figure.table(data)).resolve_scale(y="independent")
    return whole.properties(height=26 * len(rows))


def _side(field: str, labels: list[str], orient: Any, extent: int) -> Any:
    import altair as alt

    axis = alt.Axis(orient=orient, grid=orient == "left", minExtent=extent)
    scale = alt.Scale(type="band", domain=labels, paddingInner=0.3, paddingOuter=0.15)
    return alt.Y(f"{field}:N", title=None, axis=axis, scale=scale)


def _stacked(panels: list[Any], width: int) -> Any:
    import altair as alt

    return alt.vconcat(*(panel.properties(width=width) for panel in panels), spacing=12)


def _limits(row: Score) -> tuple[float, float]:
    known = np.isfinite(row.low) and np.isfinite(row.high)
    return (row.low, row.high) if known else (row.value, row.value)


def _name(row: Score) -> str:
    return f"{row.metric} · {row.group}" if row.group else row.metric


def _text(row: Score) -> str:
    text = brief(row.value)
    if np.isfinite(row.low) and np.isfinite(row.high):
        text += f" [{brief(row.low)}, {brief(row.high)}]"
    if row.n:
        text += f" · n {row.n:,}"
    return f"{text} · {VERDICTS[row.passed]}" if row.passed is not None else text


def _reading(scores: Scores, rows: Sequence[Score]) -> str:
    said = "Each point is one measurement; its line is the 95 % interval."
    if len(rows) < len(scores.rows):
        said += f" The first {len(rows)} of {len(scores.rows)} rows."
    undefined = [shorten(_name(row)) for row in rows if not np.isfinite(row.value)]
    return said + (f" Not defined: {listed(undefined[:6])}." if undefined else "")


def _alternative(scores: Scores, known: list[Score]) -> str:
    said = f"Chart of {counted(len(known), 'measurement')} ({scores.method})."
    facts = [f"{shorten(_name(row), 60)} {_text(row)}" for row in known[:3]]
    said += f" {'; '.join(facts)}."
    failed = [shorten(_name(row), 60) for row in scores.failures]
    if failed:
        said += f" {counted(len(failed), 'check fails', 'checks fail')}: {listed(failed[:3])}."
    return said
