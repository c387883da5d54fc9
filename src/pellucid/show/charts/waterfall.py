"""Waterfall: how one row's output is reached, step by step, from the expected output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.explanation import Explanation
from pellucid.show import figure, reading
from pellucid.show.figure import WIDTH
from pellucid.show.theme import palette
from pellucid.show.words import arrow, brief, counted, datum, listed, shorten, signed, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

UNEXPLAINED = 1e-6
"""A gap above this share of the greatest number in the picture is drawn as its own step."""


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
    Whiskers are 95 % intervals of the method's own sampling error.
    """
    chosen = reading.one_row(explanation, row)
    found = reading.sheet(chosen, class_)
    steps = _steps(found, reading.check_top(top))
    label = _row_label(explanation, row)
    end = steps["to"][-1]
    whose = f"row {label}" if label is not None else "this row"
    said = f"In {found.unit}. ▲ raises it, ▼ lowers it."
    if found.base is None:
        said += " The starting point is unknown; the steps start at 0."
    if any(steps["error"]):
        said += " Whiskers: 95 % interval of the sampling error."
    said += f" {counted(found.unknown, 'missing share')} left out." if found.unknown else ""
    return figure.finish(
        _drawn(steps, theme),
        question=f"Why is the output {brief(end)} for {whose}?",
        reading=said,
        alternative=_alternative(explanation, found, steps, whose),
        theme=theme,
        width=width,
    )


def _row_label(explanation: Explanation, row: Label | None) -> str | None:
    coords = getattr(explanation, "coords", {}).get("sample")
    label = row if row is not None else coords[0] if coords else None
    return None if label is None else shorten(label, 24)


def _steps(found: reading.Sheet, top: int) -> dict[str, list[Any]]:
    shares = np.where(np.isfinite(found.values[0]), found.values[0], 0.0)
    order = found.order()
    order = order if len(order) <= top + 1 else order[:top]
    rest = np.setdiff1d(np.arange(len(shares)), order)
    start = 0.0 if found.base is None else float(found.base[0])
    labels = [_label(found, int(i)) for i in order]
    moves, errors = shares[order].tolist(), found.error[0][order].tolist()
    kinds = ["feature"] * len(order)
    if len(rest):
        labels.append(f"{len(rest)} other features")
        moves.append(float(shares[rest].sum()))
        errors.append(float(np.sqrt((found.error[0][rest] ** 2).sum())))
        kinds.append("feature")
    total = start + sum(moves)
    end = total if found.output is None else float(found.output[0])
    largest = max(abs(start), abs(end), np.abs(shares).max(), 1e-300)
    if abs(end - total) > UNEXPLAINED * largest:
        labels.append("not explained")
        moves.append(end - total)
        errors.append(0.0)
        kinds.append("gap")
    reached = start + np.concatenate([[0.0], np.cumsum(moves)])
    first = "start" if found.base is None else "expected output"
    last = "sum" if found.output is None else "output"
    return {
        "label": unique([first, *labels, last], 44),
        "from": [start, *reached[:-1].tolist(), end],
        "to": [start, *reached[1:].tolist(), end],
        "move": [start, *moves, end],
        "error": [0.0, *errors, 0.0],
        "kind": ["end", *kinds, "end"],
    }


def _label(found: reading.Sheet, place: int) -> str:
    column = found.column(found.features[place])
    name = found.names[place]
    return name if column is None else f"{shorten(name, 26)} = {datum(column[0])}"


def _drawn(steps: dict[str, list[Any]], theme: str) -> Any:
    import altair as alt

    colours = palette(theme)
    paint = {"end": colours.text, "gap": colours.missing}
    low = [
        min(a, b) - 1.96 * e
        for a, b, e in zip(steps["from"], steps["to"], steps["error"], strict=True)
    ]
    high = [
        max(a, b) + 1.96 * e
        for a, b, e in zip(steps["from"], steps["to"], steps["error"], strict=True)
    ]
    columns = {
        "label": steps["label"],
        "from": steps["from"],
        "to": steps["to"],
        "low": [to - 1.96 * e for to, e in zip(steps["to"], steps["error"], strict=True)],
        "high": [to + 1.96 * e for to, e in zip(steps["to"], steps["error"], strict=True)],
        "edge": [
            lo if m < 0 and k != "end" else hi
            for lo, hi, m, k in zip(low, high, steps["move"], steps["kind"], strict=True)
        ],
        "text": [
            brief(m) if k == "end" else arrow(m)
            for m, k in zip(steps["move"], steps["kind"], strict=True)
        ],
        "colour": [
            paint.get(k) or (colours.raises if m > 0 else colours.lowers)
            for m, k in zip(steps["move"], steps["kind"], strict=True)
        ],
        "next": [*steps["label"][1:], steps["label"][-1]],
    }
    domain = figure.span(low, high, room=(0.17, 0.17))
    rows = list(zip(columns["text"], steps["move"], steps["kind"], strict=True))
    left = [m < 0 and k != "end" for _, m, k in rows]
    axis = alt.Axis(format=figure.number_format(columns["to"]), grid=True)
    x = alt.X(
        "from:Q", title=None, axis=axis, scale=alt.Scale(domain=domain, nice=False, zero=False)
    )
    y = alt.Y("label:N", title=None, scale=alt.Scale(domain=steps["label"], padding=0.25))
    base = alt.Chart().encode(y=y)
    steps_only = [k != "end" for k in steps["kind"]]
    links = alt.Chart(_some(columns, [True] * (len(rows) - 1) + [False])).mark_rule(
        color=colours.muted, strokeWidth=1, strokeDash=[2, 2]
    )
    layers = [
        links.encode(x="to:Q", y=y, y2="next:N"),
        base.mark_bar()
        .encode(x=x, x2="to:Q", color=alt.Color("colour:N", scale=None))
        .properties(data=_some(columns, steps_only)),
        base.mark_point(shape="diamond", filled=True, size=90, opacity=1, color=colours.text)
        .encode(x=x)
        .properties(data=_some(columns, [not s for s in steps_only])),
        base.mark_text(align="left", dx=8)
        .encode(x="edge:Q", text="text:N")
        .properties(data=_some(columns, [not side for side in left])),
    ]
    if any(left):
        layers.append(
            base.mark_text(align="right", dx=-8)
            .encode(x="edge:Q", text="text:N")
            .properties(data=_some(columns, left))
        )
    if any(steps["error"]):
        whisker = [e > 0 for e in steps["error"]]
        layers.append(
            base.mark_rule(strokeWidth=1.5)
            .encode(x="low:Q", x2="high:Q")
            .properties(data=_some(columns, whisker))
        )
    return alt.layer(*layers).properties(height=alt.Step(28))


def _some(columns: dict[str, list[Any]], chosen: list[bool]) -> Any:
    return figure.table(
        {
            name: [v for v, c in zip(column, chosen, strict=True) if c]
            for name, column in columns.items()
        }
    )


def _alternative(
    explanation: Attribution, found: reading.Sheet, steps: dict[str, list[Any]], whose: str
) -> str:
    said = f"Waterfall for {whose} ({explanation.method}): the {found.unit}"
    said += f" goes from {brief(steps['from'][0])} to {brief(steps['to'][-1])}."
    moves = [
        f"{label} ({signed(move)})"
        for label, move, kind in zip(steps["label"], steps["move"], steps["kind"], strict=True)
        if kind == "feature" and move
    ]
    if not moves:
        return f"{said} No feature moves it."
    said += f" The greatest steps: {listed(moves[:3])}."
    gap = [m for m, k in zip(steps["move"], steps["kind"], strict=True) if k == "gap"]
    return said + (f" {signed(gap[0])} is not explained." if gap else "")
