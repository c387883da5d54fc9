"""Scores: measured facts side by side, each with its interval and, where it is a check, a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import EmptyData
from pellucid.core.scores import Score, Scores
from pellucid.show import figure
from pellucid.show.figure import WIDTH
from pellucid.show.theme import palette
from pellucid.show.words import brief, counted, shorten, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("scores",)

ONE_FRAME = 30.0
"""Metrics whose greatest sizes differ by more than this factor get a scale of their own."""

VERDICTS = {True: "✓ holds", False: "✗ fails", None: ""}
"""Words beside a check."""


def chart(
    explanation: Scores, *, top: int = 40, theme: str = "light", width: int = WIDTH
) -> alt.LayerChart | alt.VConcatChart:
    """A point for each fact with its interval, and its number in words.

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
    rows = explanation.rows[:top]
    known = [row for row in rows if np.isfinite(row.value)]
    if not known:
        raise EmptyData("There is nothing to draw", got=f"{len(rows)} scores, none finite")
    metrics = dict.fromkeys(row.metric for row in rows)
    sizes = [max((abs(r.value) for r in known if r.metric == m), default=0.0) for m in metrics]
    positive = [size for size in sizes if size > 0]
    together = not positive or max(positive) / min(positive) <= ONE_FRAME
    shared: list[tuple[Score, ...]] = (
        [rows] if together else [tuple(r for r in rows if r.metric == m) for m in metrics]
    )
    panels = [_panel(part, theme, together, width) for part in shared]
    whole, fit = (panels[0], True) if together else (_stacked(panels), False)
    said = "Each point is one measurement; its line is the 95 % interval."
    if len(rows) < len(explanation.rows):
        said += f" The first {len(rows)} of {len(explanation.rows)} rows."
    if len(known) < len(rows):
        said += f" {len(rows) - len(known)} not defined."
    return figure.finish(
        whole,
        question="What was measured, and how sure is it?",
        reading=said,
        alternative=_alternative(explanation, known),
        theme=theme,
        width=width,
        fit=fit,
    )


def _panel(rows: tuple[Score, ...], theme: str, together: bool, width: int) -> Any:
    import altair as alt

    colours = palette(theme)
    both = together and len({row.metric for row in rows}) > 1
    names = unique([_name(row, both) for row in rows], 38)
    low = [row.low if np.isfinite(row.low) else row.value for row in rows]
    high = [row.high if np.isfinite(row.high) else row.value for row in rows]
    values = [row.value for row in rows]
    data = {
        "name": names,
        "value": values,
        "low": low,
        "high": high,
        "text": [_text(row) for row in rows],
        "colour": [colours.raises if row.passed is False else colours.plain for row in rows],
        "shape": ["cross" if row.passed is False else "circle" for row in rows],
    }
    domain = figure.span(low, high, values, room=(0.05, 0.05))
    domain[1] += 0.75 * (domain[1] - domain[0])
    axis = alt.Axis(format=figure.number_format(values), grid=True)
    x = alt.X(
        "value:Q", title=None, axis=axis, scale=alt.Scale(domain=domain, nice=False, zero=False)
    )
    y = alt.Y("name:N", title=None, scale=alt.Scale(domain=names, padding=0.3))
    base = alt.Chart().encode(y=y)
    colour = alt.Color("colour:N", scale=None)
    limits = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x, color=colour, shape=alt.Shape("shape:N", scale=None)
    )
    text = (
        base.mark_text(align="left", dx=10).encode(x=alt.X("high:Q", scale=x.scale), text="text:N")
        if False
        else base.mark_text(align="left", dx=10).encode(x="high:Q", text="text:N")
    )
    whole = alt.layer(limits, points, text, data=figure.table(data)).properties(height=alt.Step(26))
    if together:
        return whole
    return whole.properties(
        title=alt.TitleParams(shorten(rows[0].metric), fontSize=13, offset=6),
        width=max(width - 8 * max(map(len, names)) - 40, 120),
    )


def _stacked(panels: list[Any]) -> Any:
    import altair as alt

    return alt.vconcat(*panels, spacing=18)


def _name(row: Score, both: bool) -> str:
    if not row.group:
        return row.metric
    return f"{row.metric} · {row.group}" if both else row.group


def _text(row: Score) -> str:
    if not np.isfinite(row.value):
        return "not defined"
    text = brief(row.value)
    if np.isfinite(row.low) and np.isfinite(row.high):
        text += f" [{brief(row.low)}, {brief(row.high)}]"
    if row.n:
        text += f"  n = {row.n:,}"
    return f"{text}  {VERDICTS[row.passed]}".rstrip()


def _alternative(scores: Scores, known: list[Score]) -> str:
    said = f"Chart of {counted(len(known), 'measurement')} ({scores.method})."
    facts = [f"{shorten(_name(row, True), 60)} {_text(row)}" for row in known[:3]]
    said += f" {'; '.join(facts)}."
    failed = scores.failures
    if failed:
        said += f" {counted(len(failed), 'check fails', 'checks fail')}: {shorten(_name(failed[0], True), 60)} first."
    return said
