"""Curve: how the output moves along one feature: PDP, ICE and ALE in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import Curve
from pellucid.core.errors import AxisError, EmptyData, InvalidSetting
from pellucid.show import figure, reading
from pellucid.show.figure import WIDTH
from pellucid.show.theme import Palette, palette
from pellucid.show.words import brief, counted, measured, shorten, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("curve",)

MOST_LINES = 60
"""Rows drawn as thin lines; more are thinned evenly over their mean height."""

FEW_ROWS = 5
"""Below so many rows near a point (or half the usual number) the curve is a guess there."""

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
        More curves along the same feature, such as ALE and ICE beside PDP. All are then shifted
        to a mean of zero, for their levels mean different things.
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
    curves = [_one_class(c, class_) for c in (explanation, *others)]
    _check_together(curves)
    output = class_ if class_ is not None else None
    unit = measured(explanation, output)
    colours = palette(theme)
    centred = len(curves) > 1
    if centred:
        curves = [_centred(one) for one in curves]
    name = shorten(explanation.feature)
    drawn = (_categories if explanation.categorical else _lines)(curves, colours, unit, name)
    return figure.finish(
        drawn,
        question=f"How does the {unit} change along {name}?",
        reading=_reading(curves, unit, centred),
        alternative=_alternative(curves[0], unit, name),
        theme=theme,
        width=width,
    )


def unsupported(curve: Curve) -> np.ndarray:
    """Which points have so few rows nearby that the curve is a guess there."""
    if curve.weight is None:
        return np.zeros(len(curve.grid), dtype=bool)
    return curve.weight < min(FEW_ROWS, 0.5 * float(curve.weight.mean()))


def middle(curve: Curve) -> np.ndarray:
    """The curve itself: the mean over rows where it has one line for each."""
    axes = tuple(i for i, dim in enumerate(curve.dims) if dim != "point")
    known = np.isfinite(curve.values)
    total = np.where(known, curve.values, 0.0).sum(axis=axes)
    count = known.sum(axis=axes)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _one_class(curve: Curve, class_: Label | None) -> Curve:
    labels = reading.classes(curve)
    if class_ is not None and not labels:
        raise InvalidSetting("This curve has no classes", got=f"class_={class_!r}")
    if class_ is None and len(labels) > 1:
        raise InvalidSetting(
            f"This curve has {len(labels)} classes, and the picture shows one",
            allowed=[repr(label) for label in labels],
            fix=f"Choose one with class_={labels[0]!r}",
        )
    chosen = curve.sel(**{"class": labels[0] if class_ is None else class_}) if labels else curve
    extra = [dim for dim in chosen.dims if dim not in ("sample", "point")]
    if extra:
        raise AxisError(
            f"The picture has no place for axis {extra[0]!r}",
            allowed="axes 'point', 'sample' and 'class'",
            fix=f"Choose one place with .sel({extra[0]}=…)",
        )
    if not np.isfinite(chosen.values).any():
        raise EmptyData(
            "There is nothing to draw", got=f"a curve along {curve.feature!r} without finite values"
        )
    return chosen


def _check_together(curves: list[Curve]) -> None:
    first = curves[0]
    for one in curves[1:]:
        for what in ("feature", "scale", "categorical"):
            if getattr(one, what) != getattr(first, what):
                raise InvalidSetting(
                    "Curves in one frame must run along the same feature in the same unit",
                    got=f"{what} {getattr(one, what)!r} beside {getattr(first, what)!r}",
                )


def _centred(curve: Curve) -> Curve:
    line = middle(curve)
    known = np.isfinite(line)
    weight = np.ones(len(line)) if curve.weight is None else curve.weight
    weight = np.where(known, weight, 0.0)
    shift = float((np.where(known, line, 0.0) * weight).sum() / (weight.sum() or 1.0))
    band = None if curve.band is None else curve.band - shift
    return replace(
        curve,
        values=curve.values - shift,
        band=band,
        coords={d: c for d, c in (curve.coords or {}).items() if d != "point"},
    )


def _rows(curve: Curve) -> np.ndarray:
    """The lines of single rows, thinned evenly over their height."""
    if "sample" not in curve.dims:
        return np.empty((0, len(curve.grid)))
    lines = curve.values if curve.dims[0] == "sample" else curve.values.T
    order = np.argsort(np.nan_to_num(lines).mean(axis=1), kind="stable")
    kept = np.unique(
        np.linspace(0, len(order) - 1, min(MOST_LINES, len(order))).round().astype(int)
    )
    return lines[order[kept]]


def _limits(curve: Curve) -> tuple[np.ndarray, np.ndarray] | None:
    if curve.band is None or "sample" in curve.dims:
        return None
    return curve.band[0], curve.band[1]


def _lines(curves: list[Curve], colours: Palette, unit: str, name: str) -> Any:
    import altair as alt

    drawn = [np.ravel(_rows(c)) for c in curves] + [middle(c) for c in curves]
    drawn += [np.ravel(c.band) for c in curves if _limits(c) is not None and c.band is not None]
    weighted = next((c for c in curves if c.weight is not None and len(c.grid) > 1), None)
    domain = figure.span(*drawn, room=(0.22 if weighted else 0.05, 0.07))
    grid = [float(place) for place in curves[0].grid]  # type: ignore[arg-type]
    ends = [float(c.grid[0]) for c in curves] + [float(c.grid[-1]) for c in curves]
    title = f"{unit}, mean 0" if len(curves) > 1 else unit
    y_axis = alt.Axis(format=figure.number_format(*drawn))
    y = alt.Y("y:Q", title=title, axis=y_axis, scale=alt.Scale(domain=domain, nice=False))
    axis = alt.Axis(format=figure.number_format(grid), grid=False)
    room = (0.02, 0.16 if len(curves) > 1 else 0.02)
    scale = alt.Scale(domain=figure.span(ends, room=room), nice=False, zero=False)
    x = alt.X("x:Q", title=name, axis=axis, scale=scale)
    layers = [] if weighted is None else [_weights(weighted, domain, colours, x, y)]
    names = unique([curve.method for curve in curves], 18)
    for i, curve in enumerate(curves):
        paint = (colours.plain, colours.raises, colours.lowers, colours.muted)[i % 4]
        layers += _one_line(curve, paint, DASHES[i % len(DASHES)], x, y)
        if len(curves) > 1:
            layers.append(_named(curve, names[i], x, y))
    return alt.layer(*layers).properties(height=320)


def _one_line(curve: Curve, paint: str, dash: list[int], x: Any, y: Any) -> list[Any]:
    import altair as alt

    grid = np.asarray(curve.grid, dtype=float)
    line, limits, rows = middle(curve), _limits(curve), _rows(curve)
    layers = []
    if limits is not None:
        band = figure.table({"x": grid, "y": limits[0], "high": limits[1]})
        layers.append(
            alt.Chart(band).mark_area(color=paint, opacity=0.22).encode(x=x, y=y, y2="high:Q")
        )
    if len(rows):
        long = {
            "x": np.tile(grid, len(rows)),
            "y": rows.ravel(),
            "line": np.repeat(np.arange(len(rows)), len(grid)),
        }
        thin = alt.Chart(figure.table(long)).mark_line(color=paint, strokeWidth=0.7, opacity=0.35)
        layers.append(thin.encode(x=x, y=y, detail="line:N"))
    for run, guess in _runs(line, unsupported(curve)):
        part = figure.table({"x": grid[run], "y": line[run]})
        if len(run) == 1:
            mark = alt.Chart(part).mark_point(color=paint, filled=True, size=50, opacity=1)
        elif guess:
            mark = alt.Chart(part).mark_line(
                color=paint, strokeWidth=2, strokeDash=[3, 5], opacity=0.6
            )
        else:
            mark = alt.Chart(part).mark_line(color=paint, strokeWidth=2.5, strokeDash=dash)
        layers.append(mark.encode(x=x, y=y))
    return layers


def _runs(line: np.ndarray, guess: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """Stretches of known points drawn in one way; a segment is a guess if either end is one."""
    if len(line) == 1:
        return [(np.array([0]), bool(guess[0]))]
    known = np.isfinite(line)
    runs: list[tuple[list[int], bool]] = []
    for left in range(len(line) - 1):
        if not (known[left] and known[left + 1]):
            continue
        doubtful = bool(guess[left] or guess[left + 1])
        if runs and runs[-1][0][-1] == left and runs[-1][1] == doubtful:
            runs[-1][0].append(left + 1)
        else:
            runs.append(([left, left + 1], doubtful))
    alone = [i for i in np.flatnonzero(known) if not any(i in run for run, _ in runs)]
    return [(np.array(run), doubt) for run, doubt in runs] + [
        (np.array([i]), bool(guess[i])) for i in alone
    ]


def _weights(curve: Curve, domain: list[float], colours: Palette, x: Any, y: Any) -> Any:
    """Bars below the curve: how many rows lie nearest to each point."""
    import altair as alt

    grid = np.asarray(curve.grid, dtype=float)
    cuts = np.concatenate([[grid[0]], (grid[1:] + grid[:-1]) / 2, [grid[-1]]])
    assert curve.weight is not None
    share = curve.weight / (curve.weight.max() or 1.0)
    floor, height = domain[0], 0.13 * (domain[1] - domain[0])
    bars = {
        "x": cuts[:-1],
        "end": cuts[1:],
        "y": np.full(len(grid), floor),
        "top": floor + height * share,
        "rows": curve.weight,
    }
    mark = alt.Chart(figure.table(bars)).mark_rect(
        color=colours.missing, opacity=0.55, stroke=colours.background, strokeWidth=0.5
    )
    return mark.encode(x=x, x2="end:Q", y=y, y2="top:Q", tooltip=["rows:Q"])


def _named(curve: Curve, name: str, x: Any, y: Any) -> Any:
    import altair as alt

    line = middle(curve)
    last = int(np.flatnonzero(np.isfinite(line))[-1])
    where = {"x": [float(curve.grid[last])], "y": [line[last]], "name": [name]}
    mark = alt.Chart(figure.table(where)).mark_text(align="left", dx=6, fontWeight=600)
    return mark.encode(x=x, y=y, text="name:N")


def _categories(curves: list[Curve], colours: Palette, unit: str, name: str) -> Any:
    import altair as alt

    first = curves[0]
    labels = unique([str(place) for place in first.grid])
    if first.weight is not None:
        labels = [
            f"{n} ({counted(int(w), 'row')})" for n, w in zip(labels, first.weight, strict=True)
        ]
    order = np.argsort(-np.nan_to_num(middle(first), nan=-np.inf), kind="stable")
    parts = [_category_columns(c, labels, first, i) for i, c in enumerate(curves)]
    drawn = [np.asarray(part[key], dtype=float) for part in parts for key in ("x", "low", "high")]
    scale = alt.Scale(domain=figure.span(*drawn), nice=False, zero=False)
    x = alt.X("x:Q", title=unit, scale=scale, axis=alt.Axis(format=figure.number_format(*drawn)))
    y_scale = alt.Scale(domain=[labels[i] for i in order], padding=0.3)
    y = alt.Y(
        "label:N",
        title=name,
        scale=y_scale,
        axis=alt.Axis(grid=True, titleAngle=0, titleAlign="left", titleAnchor="start", titleY=-10),
    )
    layers = []
    for i, part in enumerate(parts):
        paint = (colours.plain, colours.raises, colours.lowers, colours.muted)[i % 4]
        base = alt.Chart(figure.table(part)).encode(y=y)
        if len(parts) > 1:
            base = base.encode(yOffset=alt.YOffset("method:N"))
        rules = base.mark_rule(color=paint, strokeWidth=2).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q"
        )
        points = base.mark_point(filled=True, size=80, color=paint, opacity=1)
        encoding = alt.Shape("method:N", title=None) if len(parts) > 1 else alt.value("circle")
        layers += [rules, points.encode(x=x, shape=encoding)]
    return alt.layer(*layers).properties(
        height=alt.Step(26 * max(1, len(parts)) if len(parts) == 1 else 20)
    )


def _category_columns(curve: Curve, labels: list[str], first: Curve, number: int) -> dict[str, Any]:
    line, limits, rows = middle(curve), _limits(curve), _rows(curve)
    low, high = limits if limits is not None else (line, line)
    if len(rows):
        low, high = np.nanquantile(rows, 0.1, axis=0), np.nanquantile(rows, 0.9, axis=0)
    by_label = {str(place): label for place, label in zip(first.grid, labels, strict=True)}
    return {
        "label": [by_label.get(str(place), str(place)) for place in curve.grid],
        "x": line,
        "low": low,
        "high": high,
        "method": [
            f"{curve.method} {number + 1}"
            if number and curve.method == first.method
            else curve.method
        ]
        * len(line),
    }


def _reading(curves: list[Curve], unit: str, centred: bool) -> str:
    first = curves[0]
    said = []
    if centred:
        said.append("Every curve is shifted to a mean of 0.")
    meant = next((c.band_meaning for c in curves if _limits(c) is not None), None)
    if meant is not None:
        said.append(
            f"Band: {meant or 'the interval the method gave'}."
            if not first.categorical
            else f"Range: {meant or 'the interval the method gave'}."
        )
    rowed = next((c for c in curves if "sample" in c.dims), None)
    if rowed is not None:
        total = rowed.values.shape[rowed.dims.index("sample")]
        if rowed.categorical:
            said.append("Range: the middle 80 % of single rows.")
        else:
            shown = min(MOST_LINES, total)
            thin = f"{shown} of {total:,}" if shown < total else f"{total}"
            said.append(f"Thin lines: {thin} single rows; thick line: their mean.")
    if any(c.weight is not None for c in curves) and not first.categorical:
        said.append("Grey: how many rows lie there.")
    if any(unsupported(c).any() for c in curves) and not first.categorical:
        said.append("Dashed and pale: too few rows, the model guesses.")
    if first.categorical and unsupported(first).any():
        said.append(f"Fewer than {FEW_ROWS} rows: the model guesses.")
    return " ".join(said) or f"Values are the {unit}."


def _alternative(curve: Curve, unit: str, name: str) -> str:
    line = middle(curve)
    known = np.flatnonzero(np.isfinite(line))
    top, bottom = known[np.argmax(line[known])], known[np.argmin(line[known])]
    at = [f"{brief(p) if not curve.categorical else p}" for p in curve.grid]  # type: ignore[arg-type]
    said = f"Curve of the {unit} along {name} ({curve.method}), {counted(len(known), 'point')}."
    if line[top] == line[bottom]:
        return f"{said} It is {brief(line[top])} everywhere."
    said += (
        f" Highest {brief(line[top])} at {at[top]}, lowest {brief(line[bottom])} at {at[bottom]}."
    )
    if not curve.categorical:
        said += f" From {brief(line[known[0]])} at {at[known[0]]} to {brief(line[known[-1]])} at {at[known[-1]]}."
    return said
