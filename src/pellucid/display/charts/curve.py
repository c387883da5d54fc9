"""Curve: how the output moves along one feature: PDP, ICE and ALE in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import Curve
from pellucid.core.errors import InvalidSetting
from pellucid.display import categories, figure, lines
from pellucid.display.looks import DASHES, Looks, context
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import (
    brief,
    counted,
    datum,
    measured,
    method_name,
    percent,
    shorten,
)

if TYPE_CHECKING:
    import altair as alt

TAKES = ("curve",)

HEIGHT = 300
"""Pixels of the frame of a curve along numbers."""


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
        then shifted to a mean of zero, each row's line by itself, for their levels mean different
        things. Lines of single rows beside other curves are context, without a name.
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
    Where fewer than five rows (and fewer than half the usual number) lie near a point, or a fifth
    of the rows or more have no like there (`Curve.extrapolated`), the line is pale and dashed:
    there the model guesses. So are lines of single rows, where the row has no like. Categories are
    points with ranges. Where a row itself stands (`Curve.own`) its line has a dot.
    """
    figure.check_width(width)
    curves = [lines.one_class(one, class_) for one in (explanation, *others)]
    _check_together(curves)
    if others:
        curves = [lines.centred(one) for one in curves]
    unit, name = _unit(explanation, class_), shorten(explanation.feature)
    draw = categories.drawn if explanation.categorical else _numbers
    return figure.finish(
        draw(curves, palette(theme), unit, name, width),
        question=f"How does the {unit.removeprefix('the ').split(', ')[0]} change along {name}?",
        reading=_reading(curves),
        alternative=_alternative(curves[0], unit, name),
        theme=theme,
        width=width,
    )


def _unit(curve: Curve, class_: Label | None) -> str:
    """What is drawn, in words."""
    unit, params = measured(curve, class_), curve.params
    if params.get("derivative"):
        return f"slope of the {unit.removeprefix('the ')}, for 1 more of {shorten(curve.feature)}"
    if not params.get("centred"):
        return unit
    return f"{unit}, less that at {_anchor(curve)}"


def _anchor(curve: Curve) -> str:
    """The point that centred lines are measured from: the one given, or the first."""
    given = curve.params.get("anchor")
    if given is not None:
        return shorten(given)
    first = np.take(curve.values, 0, axis=curve.dims.index("point"))
    return "the first point" if np.nan_to_num(first).any() else datum(curve.grid[0])


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
    domain = figure.span(*extent, room=(0.22 if weighted else 0.05, 0.05))
    axis = alt.Axis(
        format=figure.number_format(*extent),
        labelExpr=f"datum.value < {lowest - 0.05 * (domain[1] - lowest)!r} ? '' : datum.label",
    )
    title = f"{unit}, mean 0" if len(curves) > 1 else unit
    y = alt.Y("y:Q", title=title, axis=axis, scale=alt.Scale(domain=domain, nice=False))
    ends = [part for one in curves for part in (one.grid, _owners(one)[0])]
    grid = np.concatenate([np.asarray(part, dtype=float) for part in ends])
    scale = alt.Scale(domain=figure.span(grid, room=(0.02, 0.02)), nice=False)
    x_axis = alt.Axis(format=figure.number_format(grid), grid=False)
    x = alt.X("x:Q", title=name, axis=x_axis, scale=scale)
    named = [one for one in curves if one not in context(curves)]
    looks = Looks.of(named, colours)
    forms = figure.digits(grid), figure.digits(*extent)
    layers = [] if weighted is None else [_weights(weighted, domain, colours)]
    for one in curves:
        if one in named:
            layers += _rows(one, looks.paint[named.index(one)])
        else:
            layers += _rows(one, colours.missing)
    for i, one in enumerate(named):
        owners = len(_owners(one)[0])
        layers += [] if owners > 1 else _one(one, looks, i, name, forms)
        layers += [_dots(one, looks.paint[i], colours, name, forms)] if owners else []
    return alt.layer(*(layer.encode(x=x, y=y) for layer in layers)).properties(height=HEIGHT)


def _extent(curve: Curve) -> list[np.ndarray]:
    limits = lines.limits(curve)
    rows = lines.thinned(lines.single_rows(curve)).ravel()
    return [lines.middle(curve), rows, _owners(curve)[1], *(limits or ())]


def _owners(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Where the rows that are drawn stand themselves."""
    x, y = lines.own_points(curve)
    some = lines.kept(lines.single_rows(curve)) if len(x) else np.empty(0, dtype=int)
    return x[some], y[some]


def _rows(curve: Curve, paint: str) -> list[Any]:
    """Thin lines of single rows, paler and dashed where they have no like."""
    import altair as alt

    rows, outside = lines.single_rows(curve), lines.outside(curve)
    if not len(rows):
        return []
    grid, own = np.asarray(curve.grid, dtype=float), lines.own_points(curve)
    sound: dict[str, list[float]] = {name: [] for name in ("x", "y", "line", "run")}
    guesses: dict[str, list[float]] = {name: [] for name in sound}
    for number, row in enumerate(lines.kept(rows)):
        here = (own[0][row], own[1][row]) if len(own[0]) else (np.nan, np.nan)
        x, y, guess = lines.through(grid, rows[row], outside[row], *here)
        for run, (places, doubtful) in enumerate(lines.runs(y, guess)):
            long = guesses if doubtful else sound
            long["x"] += x[places].tolist()
            long["y"] += y[places].tolist()
            long["line"] += [number] * len(places)
            long["run"] += [run] * len(places)
    bold = len(own[0]) > 0 and len(rows) <= lines.FEW_LINES
    looks = (
        (sound, {"opacity": 0.8 if bold else 0.35}),
        (guesses, {"opacity": 0.45 if bold else 0.2, "strokeDash": [2, 3]}),
    )
    return [
        alt.Chart(figure.table(long))
        .mark_line(color=paint, strokeWidth=1.8 if bold else 0.8, **look)
        .encode(detail=["line:N", "run:N"])
        for long, look in looks
        if long["x"]
    ]


def _dots(curve: Curve, paint: str, colours: Palette, name: str, forms: tuple[str, str]) -> Any:
    """A dot on each line, where the row itself stands."""
    import altair as alt

    some = lines.kept(lines.single_rows(curve))
    x, y = _owners(curve)
    labels = [shorten((curve.coords or {})["sample"][row]) for row in some]
    dots = alt.Chart(figure.table({"x": x, "y": y, "row": labels})).transform_filter(
        "isValid(datum.x) && isValid(datum.y)"
    )
    size = 90 if len(some) == 1 else 30
    told = figure.tooltip(("row", "row"), ("x", name, forms[0]), ("y", "as it is", forms[1]))
    return dots.mark_circle(
        color=paint, size=size, opacity=1, stroke=colours.background, strokeWidth=1
    ).encode(tooltip=told)


def _one(curve: Curve, looks: Looks, i: int, name: str, forms: tuple[str, str]) -> list[Any]:
    """A named curve: band, line, where it guesses, and what each point says."""
    import altair as alt

    paint, limits = looks.paint[i], lines.limits(curve)
    grid, line, guesses = lines.course(curve)
    marks = []
    if limits is not None:
        band = alt.Chart(figure.table({"x": grid, "y": limits[0], "high": limits[1]}))
        marks.append(band.mark_area(color=paint, opacity=0.18).encode(y2="high:Q"))
    for run, guess in lines.runs(line, guesses):
        method = [looks.name[i]] * len(run)
        part = alt.Chart(figure.table({"x": grid[run], "y": line[run], "method": method}))
        if len(run) == 1:
            marks.append(part.mark_point(color=paint, filled=True, size=50, opacity=1))
        elif guess:
            marks.append(part.mark_line(color=paint, strokeDash=[3, 5], opacity=0.6))
        else:
            marks.append(part.mark_line(strokeWidth=2.5).encode(**looks.encoded()))
    return [*marks, _points_that_tell(curve, looks.name[i], name, forms)]


def _points_that_tell(curve: Curve, method: str, name: str, forms: tuple[str, str]) -> Any:
    """Unseen points along a curve that say its numbers."""
    import altair as alt

    columns: dict[str, Any] = {"x": curve.grid, "y": lines.middle(curve)}
    told: list[tuple[str, ...]] = [("x", name, forms[0]), ("y", method, forms[1])]
    limits = lines.limits(curve)
    if limits is not None:
        ends = zip(*limits, strict=True)
        columns["interval"] = [f"{brief(low)} to {brief(high)}" for low, high in ends]
        told.append(("interval", "band"))
    if curve.weight is not None:
        columns["rows"] = curve.weight
        told.append(("rows", "rows nearby"))
    if curve.extrapolated is not None:
        share = curve.extrapolated if curve.extrapolated.ndim == 1 else lines.outside(curve).mean(0)
        columns["outside"] = [percent(part) for part in share]
        told.append(("outside", "rows without a like here"))
    mark = alt.Chart(figure.table(columns)).mark_point(filled=True, size=120, opacity=0)
    return mark.encode(tooltip=figure.tooltip(*told))


def _weights(curve: Curve, domain: list[float], colours: Palette) -> Any:
    """Bars below the curve: how many rows lie nearest to each point."""
    import altair as alt

    weight = np.zeros(len(curve.grid)) if curve.weight is None else curve.weight
    edges, rows = lines.histogram(np.asarray(curve.grid, dtype=float), weight)
    height = 0.15 * (domain[1] - domain[0]) * rows / (rows.max() or 1.0)
    bars = {
        "x": edges[:-1],
        "end": edges[1:],
        "y": np.full(len(rows), domain[0]),
        "top": domain[0] + height,
        "rows": [f"about {count:.0f}" for count in rows],
        "span": [f"{brief(a)} to {brief(b)}" for a, b in pairwise(edges)],
    }
    mark = alt.Chart(figure.table(bars)).mark_rect(color=colours.missing, opacity=0.45)
    said = figure.tooltip(("span", "values"), ("rows", "rows"))
    return mark.encode(x2="end:Q", y2="top:Q", tooltip=said)


def _reading(curves: Sequence[Curve]) -> str:
    categorical = curves[0].categorical
    said = ["Every line is shifted to a mean of 0."] if len(curves) > 1 else []
    banded = next((one for one in curves if lines.limits(one) is not None), None)
    if banded is not None:
        what = "Range" if categorical else "Band"
        said.append(f"{what}: {banded.band_meaning or 'the interval the method gave'}.")
    rowed = next((one for one in curves if "sample" in one.dims), None)
    if rowed is not None:
        said += _of_rows(rowed, bool(context(curves)))
    if any(one.weight is not None for one in curves):
        said.append("In brackets: rows." if categorical else "Grey bars: where the rows lie.")
    few = any(lines.sparse(one).any() for one in curves)
    foreign = any(lines.foreign(one).any() or lines.outside(one).any() for one in curves)
    if few or foreign:
        ticks = rowed is not None and not context(curves)
        sign = "Hollow or pale" if ticks else "Hollow"
        sign = sign if categorical else "Dashed and pale"
        why = ["too few rows"] * few + ["values that such rows do not have"] * foreign
        said.append(f"{sign}: {' or '.join(why)}, the model guesses.")
    return " ".join(said) or f"Made by {method_name(curves[0].method)}."


def _of_rows(curve: Curve, behind: bool) -> list[str]:
    """What the lines or ranges of single rows are."""
    total = curve.values.shape[curve.dims.index("sample")]
    shown, own = min(lines.MOST_LINES, total), lines.own_points(curve)[0]
    marked = np.isfinite(own).any()
    if total == 1:
        sign = categories.ITSELF if curve.categorical else "Dot"
        return ["One row."] + [f"{sign}: the row as it is."] * bool(marked)
    if curve.categorical and behind:
        return ["Pale range: the middle 80 % of single rows."]
    thin = f"{shown} of {total:,}" if shown < total else f"{total}"
    mark = "Ticks" if curve.categorical and total > lines.FEW_LINES else "Lines"
    if len(own):
        return [f"{mark}: {thin} single rows."] + ["Dots: the rows as they are."] * bool(marked)
    if curve.categorical:
        middle = "Points: their mean, with the range of the middle 80 %."
        return [f"{mark}: {thin} single rows. {middle}"]
    return [f"Thin lines: {thin} single rows" + ("." if behind else "; thick line: their mean.")]


def _alternative(curve: Curve, unit: str, name: str) -> str:
    line = lines.middle(curve)
    known = np.flatnonzero(np.isfinite(line))
    at = [str(p) if curve.categorical else brief(float(p)) for p in curve.grid]
    top, bottom = known[np.argmax(line[known])], known[np.argmin(line[known])]
    said = f"Curve of the {unit.removeprefix('the ')} along {name} ({method_name(curve.method)}), "
    said += f"{counted(len(known), 'point')}."
    if line[top] == line[bottom]:
        return f"{said} It is {brief(line[top])} everywhere."
    said += f" Highest {brief(line[top])} at {at[top]}, lowest {brief(line[bottom])} at "
    said += f"{at[bottom]}."
    if not curve.categorical:
        first, last = known[0], known[-1]
        said += f" From {brief(line[first])} at {at[first]} to {brief(line[last])} at {at[last]}."
    return said
