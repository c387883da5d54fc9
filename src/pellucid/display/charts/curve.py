"""Curve: how the output moves along one feature: PDP, ICE and ALE in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import Curve
from pellucid.core.errors import InvalidSetting
from pellucid.display import figure, lines
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import brief, cells, counted, measured, shorten, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("curve",)

HEIGHT = 320
"""Pixels of the frame of a curve along numbers."""

DASHES = ([1, 0], [8, 3], [2, 2], [8, 2, 2, 2])
"""How several curves in one frame are told apart, beside their names."""


def chart(
    explanation: Curve,
    *,
    others: Sequence[Curve] = (),
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """A line with its band, thin lines for single rows, and how many rows stand where.

    Parameters
    ----------
    explanation : Curve
        Axes ``point``, and perhaps ``sample`` (one line for each row) and ``class``.
    others : sequence of Curve
        Up to three more curves along the same feature, such as ALE and ICE beside PDP. All are
        then shifted to a mean of zero over the rows, for their levels mean different things.
    class_ : label, optional
        The class to draw; needed where there are several.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Raises
    ------
    InvalidSetting
        If the other curves run along another feature or are measured otherwise.

    Notes
    -----
    Where fewer than five rows (and fewer than half the usual number) lie near a point, the line is
    pale and dashed: there the model guesses. Categories are points with ranges.
    """
    figure.check_width(width)
    curves = [lines.one_class(one, class_) for one in (explanation, *others)]
    _check_together(curves)
    if others:
        curves = [lines.centred(one) for one in curves]
    unit, name = measured(explanation, class_), shorten(explanation.feature)
    draw = _categories if explanation.categorical else _numbers
    return figure.finish(
        draw(curves, palette(theme), unit, name, width),
        question=f"How does the {unit.removeprefix('the ')} change along {name}?",
        reading=_reading(curves),
        alternative=_alternative(curves[0], unit, name),
        theme=theme,
        width=width,
    )


def _check_together(curves: Sequence[Curve]) -> None:
    if len(curves) > len(DASHES):
        raise InvalidSetting(
            "So many curves cannot be told apart in one frame",
            got=f"{len(curves)}",
            allowed=f"up to {len(DASHES)}",
        )
    for one in curves[1:]:
        for what in ("feature", "scale", "categorical"):
            if getattr(one, what) != getattr(curves[0], what):
                raise InvalidSetting(
                    "Curves in one frame must run along the same feature in the same unit",
                    got=f"{what} {getattr(one, what)!r} beside {getattr(curves[0], what)!r}",
                )


def _numbers(curves: Sequence[Curve], colours: Palette, unit: str, name: str, width: int) -> Any:
    import altair as alt

    weighted = next((c for c in curves if c.weight is not None and len(c.grid) > 1), None)
    extent = [part for one in curves for part in _extent(one)]
    lowest = float(np.nanmin(np.concatenate(extent)))
    domain = figure.span(*extent, room=(0.22 if weighted else 0.05, 0.07))
    several = len(curves) > 1
    axis = alt.Axis(
        format=figure.number_format(*extent),
        labelExpr=f"datum.value < {lowest - 0.05 * (domain[1] - lowest)!r} ? '' : datum.label",
    )
    title = f"{unit}, mean 0" if several else unit
    y = alt.Y("y:Q", title=title, axis=axis, scale=alt.Scale(domain=domain, nice=False))
    grid = np.concatenate([np.asarray(one.grid, dtype=float) for one in curves])
    names = unique([one.method for one in curves], 18)
    room = 7 * max(map(cells, names)) / (width - 80) if several else 0.0
    scale = alt.Scale(domain=figure.span(grid, room=(0.02, 0.02 + 1.3 * room)), nice=False)
    x_axis = alt.Axis(format=figure.number_format(grid), grid=False)
    x = alt.X("x:Q", title=name, axis=x_axis, scale=scale)
    layers = [] if weighted is None else [_weights(weighted, domain, colours).encode(x=x, y=y)]
    for i, curve in enumerate(curves):
        layers += [m.encode(x=x, y=y) for m in _one(curve, colours.series[i], DASHES[i], several)]
    if several:
        layers.append(_names(curves, names, domain).encode(x=x, y=y))
    return alt.layer(*layers).properties(height=HEIGHT)


def _extent(curve: Curve) -> list[np.ndarray]:
    limits = lines.limits(curve)
    return [lines.middle(curve), lines.thinned(lines.single_rows(curve)).ravel(), *(limits or ())]


def _one(curve: Curve, paint: str, dash: list[int], several: bool) -> list[Any]:
    import altair as alt

    grid = np.asarray(curve.grid, dtype=float)
    line, limits, rows = lines.middle(curve), lines.limits(curve), lines.single_rows(curve)
    rows = lines.thinned(rows)
    marks = []
    if limits is not None:
        band = alt.Chart(figure.table({"x": grid, "y": limits[0], "high": limits[1]}))
        marks.append(band.mark_area(color=paint, opacity=0.22).encode(y2="high:Q"))
    if len(rows):
        long = {"x": np.tile(grid, len(rows)), "y": rows.ravel()}
        long["line"] = np.repeat(np.arange(len(rows)), len(grid))
        thin = alt.Chart(figure.table(long)).mark_line(
            color=paint, strokeWidth=0.7, opacity=0.2 if several else 0.35
        )
        marks.append(thin.encode(detail="line:N"))
    for run, guess in lines.runs(line, lines.unsupported(curve)):
        part = alt.Chart(figure.table({"x": grid[run], "y": line[run]}))
        if len(run) == 1:
            marks.append(part.mark_point(color=paint, filled=True, size=50, opacity=1))
        elif guess:
            marks.append(part.mark_line(color=paint, strokeDash=[3, 5], opacity=0.6))
        else:
            marks.append(part.mark_line(color=paint, strokeWidth=2.5, strokeDash=dash))
    return marks


def _weights(curve: Curve, domain: list[float], colours: Palette) -> Any:
    """Bars below the curve: how many rows lie nearest to each point."""
    import altair as alt

    grid = np.asarray(curve.grid, dtype=float)
    cuts = np.concatenate([[grid[0]], (grid[1:] + grid[:-1]) / 2, [grid[-1]]])
    weight = np.zeros(len(grid)) if curve.weight is None else curve.weight
    height = 0.13 * (domain[1] - domain[0]) / (weight.max() or 1.0)
    bars = {
        "x": cuts[:-1],
        "end": cuts[1:],
        "y": np.full(len(grid), domain[0]),
        "top": domain[0] + height * weight,
        "rows": weight,
    }
    mark = alt.Chart(figure.table(bars)).mark_rect(
        color=colours.missing, opacity=0.55, stroke=colours.background, strokeWidth=0.5
    )
    return mark.encode(x2="end:Q", y2="top:Q", tooltip=["rows:Q"])


def _names(curves: Sequence[Curve], names: list[str], domain: list[float]) -> Any:
    """Each curve's name at its right end, moved apart where they would overlap."""
    import altair as alt

    ends = [lines.middle(one)[np.isfinite(lines.middle(one))][-1] for one in curves]
    apart = 15 * (domain[1] - domain[0]) / HEIGHT
    order = np.argsort(ends)
    heights = np.array(ends, dtype=float)
    for below, above in pairwise(order):
        heights[above] = max(heights[above], heights[below] + apart)
    where = {"x": [float(one.grid[-1]) for one in curves], "y": heights, "name": names}
    mark = alt.Chart(figure.table(where)).mark_text(align="left", dx=8, fontWeight=600)
    return mark.encode(text="name:N")


def _categories(curves: Sequence[Curve], colours: Palette, unit: str, name: str, width: int) -> Any:
    import altair as alt

    first = curves[0]
    labels = unique(first.grid, min(34, width // 20))
    if first.weight is not None:
        labels = [
            f"{label} ({counted(int(weight), 'row')})"
            for label, weight in zip(labels, first.weight, strict=True)
        ]
    order = np.argsort(-np.nan_to_num(lines.middle(first), nan=-np.inf), kind="stable")
    methods = unique([one.method for one in curves], 24)
    parts = [_ranges(c, first, labels, m) for c, m in zip(curves, methods, strict=True)]
    extent = [np.asarray(part[key], dtype=float) for part in parts for key in ("x", "low", "high")]
    scale = alt.Scale(domain=figure.span(*extent), nice=False, zero=False)
    x = alt.X("x:Q", title=unit, scale=scale, axis=alt.Axis(format=figure.number_format(*extent)))
    y = alt.Y(
        "label:N",
        title=None,
        scale=alt.Scale(domain=[labels[i] for i in order], padding=0.3),
        axis=alt.Axis(grid=True),
    )
    layers = [
        mark.encode(y=y)
        for part, paint in zip(parts, colours.series, strict=False)
        for mark in _points(part, paint, methods, colours, x)
    ]
    return alt.layer(*layers).properties(height=alt.Step(28 if len(parts) == 1 else 16))


def _points(
    part: dict[str, Any], paint: str, methods: list[str], colours: Palette, x: Any
) -> list[Any]:
    """One method's points with their ranges; hollow where the model guesses."""
    import altair as alt

    inside = np.where(part["guess"], colours.background, paint)
    base = alt.Chart(figure.table({**part, "inside": inside}))
    shape: Any = alt.value("circle")
    stroke: Any = alt.value(paint)
    if len(methods) > 1:
        base = base.encode(yOffset=alt.YOffset("method:N", sort=methods))
        legend = alt.Legend(symbolFillColor=colours.muted, symbolStrokeColor=colours.muted)
        shape = alt.Shape("method:N", title=None, sort=methods, legend=legend)
        hues = alt.Scale(domain=methods, range=list(colours.series[: len(methods)]))
        stroke = alt.Stroke("method:N", scale=hues, legend=None)
    points = base.mark_point(size=80, strokeWidth=2, opacity=1)
    return [
        base.mark_rule(color=paint, strokeWidth=2).encode(x="low:Q", x2="high:Q"),
        points.encode(x=x, shape=shape, fill=alt.Fill("inside:N", scale=None), stroke=stroke),
    ]


def _ranges(curve: Curve, first: Curve, labels: list[str], method: str) -> dict[str, Any]:
    line, rows = lines.middle(curve), lines.single_rows(curve)
    low, high = lines.limits(curve) or (line, line)
    if len(rows):
        low, high = np.nanquantile(rows, [0.1, 0.9], axis=0)
    named = dict(zip(map(str, first.grid), labels, strict=True))
    return {
        "label": [named.get(str(place), shorten(place)) for place in curve.grid],
        "x": line,
        "low": low,
        "high": high,
        "guess": lines.unsupported(curve),
        "method": [method] * len(line),
    }


def _reading(curves: Sequence[Curve]) -> str:
    categorical = curves[0].categorical
    said = ["Every curve is shifted to a mean of 0."] if len(curves) > 1 else []
    banded = next((one for one in curves if lines.limits(one) is not None), None)
    if banded is not None:
        what = "Range" if categorical else "Band"
        said.append(f"{what}: {banded.band_meaning or 'the interval the method gave'}.")
    rowed = next((one for one in curves if "sample" in one.dims), None)
    if rowed is not None:
        total = rowed.values.shape[rowed.dims.index("sample")]
        shown = min(lines.MOST_LINES, total)
        thin = f"{shown} of {total:,}" if shown < total else f"{total}"
        thin = f"Thin lines: {thin} single rows; thick line: their mean."
        said.append("Range: the middle 80 % of single rows." if categorical else thin)
    if any(one.weight is not None for one in curves) and not categorical:
        said.append("Grey: how many rows lie there.")
    if any(lines.unsupported(one).any() for one in curves):
        sign = "Hollow" if categorical else "Dashed and pale"
        said.append(f"{sign}: too few rows, the model guesses.")
    return " ".join(said) or f"Made by {curves[0].method}."


def _alternative(curve: Curve, unit: str, name: str) -> str:
    line = lines.middle(curve)
    known = np.flatnonzero(np.isfinite(line))
    at = [str(p) if curve.categorical else brief(float(p)) for p in curve.grid]
    top, bottom = known[np.argmax(line[known])], known[np.argmin(line[known])]
    said = f"Curve of the {unit.removeprefix('the ')} along {name} ({curve.method}), "
    said += f"{counted(len(known), 'point')}."
    if line[top] == line[bottom]:
        return f"{said} It is {brief(line[top])} everywhere."
    said += f" Highest {brief(line[top])} at {at[top]}, lowest {brief(line[bottom])} at "
    said += f"{at[bottom]}."
    if not curve.categorical:
        first, last = known[0], known[-1]
        said += f" From {brief(line[first])} at {at[first]} to {brief(line[last])} at {at[last]}."
    return said
