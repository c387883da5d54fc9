"""Curves along categories: points with ranges, single rows, and where each row itself stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.core.curve import Curve
from pellucid.display import figure, lines
from pellucid.display.looks import Looks, context
from pellucid.display.theme import Palette
from pellucid.display.words import brief, shorten, unique

ITSELF = "→"
"""Before the category that a single row has."""


def drawn(curves: Sequence[Curve], colours: Palette, unit: str, name: str, width: int) -> Any:
    """The layers of all curves, categories down the side, those with the highest output first."""
    import altair as alt

    first, behind = curves[0], context(curves)
    labels = _labels(first, width)
    named = [one for one in curves if one not in behind]
    looks = Looks.of(named, colours)
    parts = [_ranges(c, first, labels, m) for c, m in zip(named, looks.name, strict=True)]
    pale = [_ranges(c, first, labels, "") for c in behind]
    alone = len(curves) == 1 and len(lines.single_rows(first)) > 1
    extent = [np.asarray(part[k], float) for part in (*parts, *pale) for k in ("x", "low", "high")]
    extent += [lines.thinned(lines.single_rows(first)).ravel()] if alone else []
    title = f"{unit}, mean 0" if len(curves) > 1 else unit
    scale = alt.Scale(domain=figure.span(*extent), nice=False, zero=False)
    x = alt.X("x:Q", title=title, scale=scale, axis=alt.Axis(format=figure.number_format(*extent)))
    order = np.argsort(-np.nan_to_num(lines.middle(first), nan=-np.inf), kind="stable")
    places = [labels[i] for i in order]
    places += [label for part in (*parts, *pale) for label in part["label"]]
    places = list(dict.fromkeys(places))  # other curves may have categories that the first has not
    domain = alt.Scale(domain=places, padding=0.3)
    y = alt.Y("label:N", title=None, scale=domain, axis=alt.Axis(grid=True))
    layers: list[Any] = [
        alt.Chart(figure.table(part))
        .mark_rule(strokeWidth=11, opacity=0.3, color=colours.missing)
        .encode(x="low:Q", x2="high:Q", y=y)
        for part in pale
    ]
    form = figure.digits(*extent)
    if alone:
        layers += [mark.encode(x=x, y=y) for mark in _rows(first, labels, order, looks.paint[0])]
    if not (alone and len(lines.own_points(first)[0])):
        for i, part in enumerate(parts):
            layers += [mark.encode(y=y) for mark in _points(part, looks, i, colours, x, name, form)]
    layers += [mark.encode(x=x, y=y) for mark in _own(first, labels, looks, colours, name, form)]
    room = max((28 if len(parts) == 1 else 20 * len(parts)) * len(places), 120)
    return alt.layer(*layers).properties(height=room)


def _labels(curve: Curve, width: int) -> list[str]:
    """Categories with how many rows have them; the one that a single row has is marked."""
    labels = unique(curve.grid, min(34, max(width // 24, 14)))
    if curve.weight is not None:
        labels = [
            f"{label} ({int(weight):,})" for label, weight in zip(labels, curve.weight, strict=True)
        ]
    own = lines.own_points(curve)[0]
    if len(own) == 1 and np.isfinite(own[0]):
        labels[int(own[0])] = f"{ITSELF} {labels[int(own[0])]}"
    return labels


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
        "interval": [f"{brief(a)} to {brief(b)}" for a, b in zip(low, high, strict=True)],
        "guess": lines.unsupported(curve),
        "method": [method] * len(line),
    }


def _points(
    part: dict[str, Any], looks: Looks, i: int, colours: Palette, x: Any, name: str, form: str
) -> list[Any]:
    """One method's points with their ranges; hollow where the model guesses."""
    import altair as alt

    paint = looks.paint[i]
    inside = np.where(part["guess"], colours.background, paint)
    base = alt.Chart(figure.table({**part, "inside": inside}))
    shape: Any = alt.value("circle")
    stroke: Any = alt.value(paint)
    if len(looks.name) > 1:
        base = base.encode(yOffset=alt.YOffset("method:N", sort=looks.name))
        legend = alt.Legend(symbolFillColor=colours.muted, symbolStrokeColor=colours.muted)
        shape = alt.Shape("method:N", title=None, sort=looks.name, legend=legend)
        hues = alt.Scale(domain=looks.name, range=looks.paint)
        stroke = alt.Stroke("method:N", scale=hues, legend=None)
    told: list[tuple[str, ...]] = [("label", name), ("x", looks.name[i], form)]
    if any(low != high for low, high in zip(part["low"], part["high"], strict=True)):
        told.append(("interval", "range"))
    points = base.mark_point(size=80, strokeWidth=2, opacity=1)
    fill = alt.Fill("inside:N", scale=None)
    return [
        base.mark_rule(color=paint, strokeWidth=2).encode(x="low:Q", x2="high:Q"),
        points.encode(x=x, shape=shape, fill=fill, stroke=stroke, tooltip=figure.tooltip(*told)),
    ]


def _rows(curve: Curve, labels: list[str], order: np.ndarray, paint: str) -> list[Any]:
    """Single rows: a line each where they are few, else a tick at each category."""
    import altair as alt

    rows, outside = lines.single_rows(curve), lines.outside(curve)
    some = lines.kept(rows)
    points = len(labels)
    columns = {
        "x": rows[np.ix_(some, order)].ravel(),
        "label": [labels[i] for i in order] * len(some),
        "place": np.tile(np.arange(points), len(some)),
        "line": np.repeat(np.arange(len(some)), points),
        "opacity": np.where(outside[np.ix_(some, order)].ravel(), 0.3, 0.7),
    }
    base = alt.Chart(figure.table(columns)).transform_filter("isValid(datum.x)")
    if len(rows) <= lines.FEW_LINES:
        return [
            base.mark_line(color=paint, strokeWidth=1.5, opacity=0.55).encode(
                detail="line:N", order="place:Q"
            )
        ]
    ticks = base.mark_tick(color=paint, thickness=1, size=15)
    return [ticks.encode(opacity=alt.Opacity("opacity:Q", scale=None))]


def _own(
    curve: Curve, labels: list[str], looks: Looks, colours: Palette, name: str, form: str
) -> list[Any]:
    """A dot where each row itself stands."""
    import altair as alt

    some = lines.kept(lines.single_rows(curve))
    where, height = lines.own_points(curve)
    some = some[np.isfinite(where[some])] if len(where) else some[:0]
    if not len(some):
        return []
    alone = len(where) == 1
    columns = {
        "x": height[some],
        "label": [labels[int(where[i])] for i in some],
        "row": [shorten((curve.coords or {})["sample"][i]) for i in some],
    }
    dots = alt.Chart(figure.table(columns)).mark_circle(
        color=colours.text if alone else looks.paint[0],
        size=130 if alone else 70,
        opacity=1,
        stroke=colours.background,
        strokeWidth=1,
    )
    return [
        dots.encode(
            tooltip=figure.tooltip(("row", "row"), ("label", name), ("x", "as it is", form))
        )
    ]
