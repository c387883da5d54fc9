"""Scores: measured facts side by side, each with its interval and, where it has one, a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import EmptyData
from pellucid.core.scores import Score, Scores
from pellucid.display import figure, reading
from pellucid.display.charts.comparison import methods_of
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import (
    BASELINE,
    LOWER_IS_BETTER,
    ON_IMAGES,
    brief,
    cells,
    counted,
    listed,
    method_name,
    score_name,
    sentence,
    shorten,
    thing,
    unique,
)

if TYPE_CHECKING:
    import altair as alt

TAKES = ("scores",)

ONE_FRAME = 30.0
"""Metrics whose greatest sizes differ by more than this factor get a scale of their own, unless
all lie between −1 and 1."""

VERDICTS = {True: "holds", False: "FAILS", None: ""}
"""Words beside a check."""

SHARES = {
    "accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "skill",
    "r2",
}  # fmt: skip
"""Metrics without a unit, which share a scale with one another but not with errors."""

LETTER = 6.4
"""Pixels of a Latin letter on an axis."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the picture: a score, and what no model at all would reach."""

    name: str
    score: Score
    always: Score | None


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
    found = _lines(known, methods_of(explanation))
    texts = [_text(line.score, _usual(known)) for line in found]
    side, right = (int(LETTER * max(map(cells, words))) + 12 for words in (_names(found), texts))
    panels = [_panel(part, known, side, theme, _counts(explanation)) for part in _shared(found)]
    plot = max(int(width) - side - right - 24, 120)
    one = len(panels) == 1
    drawn = panels[0] if one else figure.stacked(panels, side, plot, right)
    return figure.finish(
        drawn.add_params(figure.narrow()) if one else drawn,
        question="What was measured, and how sure is it?",
        reading=_reading(explanation, rows),
        alternative=_alternative(explanation, known),
        theme=theme,
        width=width,
        fit=one,
    )


def _lines(rows: Sequence[Score], methods: Sequence[str]) -> list[Line]:
    """The scores, each with what no model at all would reach, where that is known."""
    own = {row.metric for row in rows if not row.group}
    always = {row.metric: row for row in rows if row.group == BASELINE and row.metric in own}
    taken = set(map(id, always.values()))
    lines = [row for row in rows if id(row) not in taken]
    names = unique([_name(row, methods) for row in lines], 40)
    return [
        Line(name=name, score=row, always=None if row.group else always.get(row.metric))
        for name, row in zip(names, lines, strict=True)
    ]


def _names(lines: Sequence[Line]) -> list[str]:
    return [line.name for line in lines]


def _shared(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines, cut into parts that can share a scale: shares, then sizes that are alike."""
    sizes: dict[str, float] = {}
    for line in lines:
        numbers = (line.score, line.always) if line.always else (line.score,)
        for row in numbers:
            sizes[row.metric] = max(sizes.get(row.metric, 0.0), abs(row.value))
    positive = [size for size in sizes.values() if size > 0]
    if not positive or max(positive) <= 1 or max(positive) / min(positive) <= ONE_FRAME:
        return [list(lines)]
    parts: list[set[str]] = [{name for name in sizes if name in SHARES}]
    largest = 0.0
    for name in sorted(set(sizes) - SHARES, key=lambda n: -sizes[n]):
        if len(parts) == 1 or sizes[name] * ONE_FRAME < largest:
            parts.append(set())
            largest = sizes[name]
        parts[-1].add(name)
    cut = [[line for line in lines if line.score.metric in part] for part in parts]
    return [part for part in cut if part]


def _counts(scores: Scores) -> str:
    """What ``n`` counts: rows or images; where some of it are draws, only ``n``."""
    return "n" if methods_of(scores) or scores.method in ON_IMAGES else f"{thing(scores)}s"


def _panel(lines: Sequence[Line], rows: Sequence[Score], side: int, theme: str, counts: str) -> Any:
    import altair as alt

    colours = palette(theme)
    columns = _columns(lines, _usual(rows), colours)
    extents = [*zip(columns["low"], columns["high"], strict=True)]
    reach = [*extents, [line.always.value for line in lines if line.always]]
    domain = figure.span(*reach)
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    x = alt.X(
        "value:Q", title=None, axis=alt.Axis(format=figure.number_format(*reach)), scale=scale
    )
    short = figure.extent(side)
    axis = alt.Axis(grid=True, minExtent=short, labelLimit=short)
    names = alt.Scale(domain=_names(lines), paddingInner=0.3, paddingOuter=0.15)
    told: list[tuple[str, ...]] = [
        ("name", "score"),
        ("told", "value"),
        ("interval", "95 % interval"),
        ("n", counts),
    ]
    told += [("always", "no model")] if any(line.always for line in lines) else []
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart().encode(
        y=alt.Y("name:N", title=None, axis=axis, scale=names), tooltip=figure.tooltip(*told)
    )
    points = base.mark_point(filled=True, size=75, opacity=1)
    numbers = base.transform_calculate(said=f"{figure.NARROW} ? datum.told : datum.text").mark_text(
        align="left", dx=10
    )
    layers = [
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q", color=colour
        ),
        base.mark_point(shape="diamond", size=55, strokeWidth=1.5, opacity=1)
        .encode(x="baseline:Q")
        .encode(color=alt.value(colours.muted)),
        points.encode(x=x, color=colour, shape=alt.Shape("shape:N", scale=None)),
        numbers.encode(x=alt.XDatum(domain[1]), text="said:N"),
    ]
    return alt.layer(*layers, data=figure.table(columns)).properties(height=25 * len(lines))


def _columns(lines: Sequence[Line], usual: int, colours: Palette) -> dict[str, list[Any]]:
    limits = [_limits(line.score) for line in lines]
    failed = [line.score.passed is False for line in lines]
    return {
        "name": _names(lines),
        "text": [_text(line.score, usual) for line in lines],
        "told": [brief(line.score.value) for line in lines],
        "interval": [_interval(line.score) or "none" for line in lines],
        "n": [f"{line.score.n:,}" if line.score.n else "" for line in lines],
        "value": [line.score.value for line in lines],
        "low": [low for low, _ in limits],
        "high": [high for _, high in limits],
        "baseline": [line.always.value if line.always else float("nan") for line in lines],
        "always": [brief(line.always.value) if line.always else "" for line in lines],
        "colour": [colours.raises if bad else colours.plain for bad in failed],
        "shape": ["cross" if bad else "circle" for bad in failed],
    }


def _limits(row: Score) -> tuple[float, float]:
    known = np.isfinite(row.low) and np.isfinite(row.high)
    return (row.low, row.high) if known else (row.value, row.value)


def _name(row: Score, methods: Sequence[str]) -> str:
    """What was measured, of whom, how parts were removed for it, and of which part it speaks."""
    whose = sentence(row.group, *methods)
    name = " · ".join(filter(None, (score_name(row.metric, whose), row.removal, row.label)))
    return f"{name} ↓" if row.metric in LOWER_IS_BETTER else name


def _usual(rows: Sequence[Score]) -> int:
    """How many rows most scores rest on."""
    counts = [row.n for row in rows if row.n]
    return max(set(counts), key=lambda n: (counts.count(n), n), default=0)


def _interval(row: Score) -> str:
    known = np.isfinite(row.low) and np.isfinite(row.high)
    return f"{brief(row.low)} to {brief(row.high)}" if known else ""


def _text(row: Score, usual: int = 0) -> str:
    text = brief(row.value)
    if _interval(row):
        text += f" [{brief(row.low)}, {brief(row.high)}]"
    if row.n and row.n != usual:
        text += f" · n {row.n:,}"
    return f"{text} · {VERDICTS[row.passed]}" if row.passed is not None else text


def _reading(scores: Scores, rows: Sequence[Score]) -> str:
    said = "Each point is one measurement; its line is the 95 % interval."
    known, methods = [row for row in rows if np.isfinite(row.value)], methods_of(scores)
    if any(line.always for line in _lines(known, methods)):
        said += " Hollow: what no model at all would reach."
    if any(row.metric in LOWER_IS_BETTER for row in known):
        said += " ↓: lower is better."
    usual = _usual(known)
    if usual:
        elsewhere = ", where n does not say otherwise" if {r.n for r in known} != {usual} else ""
        said += f" Over {counted(usual, thing(scores))}{elsewhere}."
    if len(rows) < len(scores.rows):
        said += f" The first {len(rows)} of {len(scores.rows)} measurements."
    undefined = [shorten(_name(row, methods)) for row in rows if not np.isfinite(row.value)]
    return said + (f" Not defined: {listed(undefined[:6])}." if undefined else "")


def _alternative(scores: Scores, known: list[Score]) -> str:
    said = f"Chart of {counted(len(known), 'measurement')} ({method_name(scores.method)})."
    methods, usual = methods_of(scores), _usual(known)
    facts = [f"{shorten(_name(row, methods), 60)} {_text(row, usual)}" for row in known[:3]]
    said += f" {'; '.join(facts)}."
    failed = [shorten(_name(row, methods), 60) for row in scores.failures]
    if failed:
        said += f" {counted(len(failed), 'check fails', 'checks fail')}: {listed(failed[:3])}."
    return said
