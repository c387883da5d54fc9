"""Waterfall: how one row's output is reached, step by step, from the expected output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.display import figure, reading
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import (
    arrow,
    brief,
    cells,
    counted,
    datum,
    listed,
    method_name,
    shorten,
    signed,
    unique,
)

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

LONGEST = 44
"""Letters of a step's label where there is room."""

UNEXPLAINED = 1e-6
"""A gap above this share of the greatest number in the picture is drawn as its own step."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the picture: a feature, the rest, the gap, or an end."""

    label: str
    move: float
    start: float
    error: float = 0.0
    kind: str = "feature"

    @property
    def end(self) -> float:
        """Where the step arrives."""
        return self.start + self.move

    @property
    def whisker(self) -> tuple[float, float]:
        """95 % limits of where it arrives."""
        return self.end - 1.96 * self.error, self.end + 1.96 * self.error


def chart(
    explanation: Attribution,
    *,
    row: Label | None = None,
    top: int = 10,
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """Steps from the expected output to this row's output, greatest first.

    Parameters
    ----------
    explanation : Attribution
        One row, or several of which `row` names one.
    row : label, optional
        The row to draw, by its label on axis ``sample``.
    top : int
        How many features get a step of their own; the rest share one.
    class_ : label, optional
        The class to draw; needed where there are several.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Notes
    -----
    What the shares leave unexplained (``output - base - sum``) is a grey step, never hidden.
    Whiskers are 95 % intervals of the method's own sampling error; the rest's is the sum of
    errors, an upper bound.
    """
    figure.check_width(width)
    found = reading.sheet(reading.one_row(explanation, row), class_)
    steps = _steps(found, reading.check_top(top), min(LONGEST, max(LONGEST // 2, width // 14)))
    labels = explanation.coords.get("sample", ())
    label = row if row is not None else labels[0] if labels else None
    whose = "this row" if label is None else f"row {shorten(label, 24)}"
    said = f"In {found.unit}. ▲ raises it, ▼ lowers it."
    if found.base is None:
        said += " The starting point is unknown; the steps start at 0."
    if any(step.error for step in steps):
        said += " Whiskers: 95 % interval of the sampling error."
    said += f" {counted(found.unknown, 'missing share')} left out." if found.unknown else ""
    return figure.finish(
        _drawn(steps, palette(theme), found.unit, width),
        question=f"Why is the output {brief(steps[-1].start)} for {whose}?",
        reading=said,
        alternative=_alternative(method_name(explanation.method), found.unit, steps, whose),
        theme=theme,
        width=width,
    )


def _steps(found: reading.Sheet, top: int, letters: int = LONGEST) -> list[Step]:
    shares = np.where(np.isfinite(found.values[0]), found.values[0], 0.0)
    order = found.order()
    single = order if len(order) <= top + 1 else order[:top]
    rest = order[len(single) :]
    moves = [(_label(found, int(i)), shares[i], found.error[0][i], "feature") for i in single]
    if len(rest):
        share, error = shares[rest].sum(), found.error[0][rest].sum()
        moves.append((f"{len(rest)} other {found.noun}s", share, error, "rest"))
    start = 0.0 if found.base is None else float(found.base[0])
    total = start + float(shares.sum())
    end = total if found.output is None else float(found.output[0])
    if abs(end - total) > UNEXPLAINED * max(abs(start), abs(end), np.abs(shares).max()):
        moves.append(("not explained", end - total, 0.0, "gap"))
    first = "start" if found.base is None else "expected output"
    last = "sum" if found.output is None else "output"
    labels = unique([first, *(move[0] for move in moves), last], letters)
    steps = [Step(label=labels[0], move=0.0, start=start, kind="end")]
    for label, (_, move, error, kind) in zip(labels[1:], moves, strict=False):
        before = steps[-1].end
        steps.append(
            Step(label=label, move=float(move), start=before, error=float(error), kind=kind)
        )
    return [*steps, Step(label=labels[-1], move=0.0, start=end, kind="end")]


def _label(found: reading.Sheet, place: int) -> str:
    column = found.column(found.features[place])
    name = found.names[place]
    return name if column is None else f"{shorten(name, 26)} = {datum(column[0])}"


def _drawn(steps: list[Step], colours: Palette, unit: str, width: int) -> Any:
    import altair as alt

    reach = [end for step in steps for end in (step.start, step.end)]
    reach += [end for step in steps if step.kind != "rest" for end in step.whisker]
    domain = figure.span(reach)
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    plot = width - 6.5 * max(cells(step.label) for step in steps) - 90
    ticks = max(2, min(5, int(plot) // 45))
    axis = alt.Axis(format=figure.number_format(reach), tickCount=ticks)
    x = alt.X("from:Q", title=unit, axis=axis, scale=scale)
    side = alt.Axis(labelExpr=figure.MIDDLE)
    y = alt.Y(
        "label:N",
        title=None,
        axis=side,
        scale=alt.Scale(domain=[s.label for s in steps], padding=0.25),
    )
    moving = [step for step in steps if step.kind != "end"]
    links = alt.Chart(_links(steps)).mark_rule(color=colours.muted, strokeDash=[2, 2])
    told: list[tuple[str, ...]] = [("label", "step"), ("text", "moves"), ("way", "from and to")]
    told += [("interval", "95 % interval")] if any(step.error for step in steps) else []
    bars = (
        alt.Chart(_columns(moving, colours))
        .mark_bar()
        .encode(x=x, x2="to:Q", y=y, color=alt.Color("colour:N", scale=None))
        .encode(tooltip=figure.tooltip(*told))
    )
    ends = alt.Chart(_columns([s for s in steps if s.kind == "end"], colours)).mark_point(
        shape="diamond", filled=True, size=90, opacity=1, color=colours.text
    )
    said = figure.tooltip(("label", "step"), ("text", "output"))
    numbers = alt.Chart(_columns(steps, colours)).mark_text(align="left", dx=10)
    layers = [
        links.add_params(figure.narrow()).encode(x="to:Q", y=y, y2="next:N"),
        bars,
        ends.encode(x=x, y=y, tooltip=said),
        numbers.encode(x=alt.XDatum(domain[1]), y=y, text="text:N"),
    ]
    doubtful = [step for step in moving if step.error]
    whiskers = alt.Chart(_columns(doubtful, colours)).mark_rule(strokeWidth=1.5, clip=True)
    layers += [whiskers.encode(x="low:Q", x2="high:Q", y=y)] if doubtful else []
    return alt.layer(*layers).properties(height=28 * len(steps))


def _columns(steps: list[Step], colours: Palette) -> Any:
    paint = {"gap": colours.missing, True: colours.raises, False: colours.lowers}
    low, high = zip(*(step.whisker for step in steps), strict=True) if steps else ((), ())
    return figure.table(
        {
            "label": [s.label for s in steps],
            "from": [s.start for s in steps],
            "to": [s.end for s in steps],
            "low": low,
            "high": high,
            "text": [_text(s) for s in steps],
            "way": [f"{brief(s.start)} → {brief(s.end)}" for s in steps],
            "interval": [
                f"{brief(s.move - 1.96 * s.error)} to {brief(s.move + 1.96 * s.error)}"
                for s in steps
            ],
            "colour": [paint.get(s.kind, paint[s.move > 0]) for s in steps],
        }
    )


def _links(steps: list[Step]) -> Any:
    return figure.table(
        {
            "label": [step.label for step in steps[:-1]],
            "next": [step.label for step in steps[1:]],
            "to": [step.end for step in steps[:-1]],
        }
    )


def _text(step: Step) -> str:
    return brief(step.start) if step.kind == "end" else arrow(step.move)


def _alternative(method: str, unit: str, steps: list[Step], whose: str) -> str:
    said = f"Waterfall for {whose} ({method}): the {unit.removeprefix('the ')}"
    said += f" goes from {brief(steps[0].start)} to {brief(steps[-1].start)}."
    moves = [f"{s.label} ({signed(s.move)})" for s in steps if s.kind == "feature" and s.move]
    if not moves:
        return f"{said} No feature moves it."
    said += f" The greatest steps: {listed(moves[:3])}."
    gap = next((step.move for step in steps if step.kind == "gap"), None)
    return said + (f" {signed(gap)} is not explained." if gap is not None else "")
