"""Surface: how the output moves with two features together, in colours around a middle."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import GRIDS, GUESSED, Curve
from pellucid.core.errors import AxisError
from pellucid.display import figure, lines
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import (
    brief,
    cells,
    counted,
    datum,
    measured,
    method_name,
    percent,
    shorten,
    signed,
    unique,
)

if TYPE_CHECKING:
    import altair as alt

TAKES = ("curve",)

AXES = ("point", "other point")

HEIGHT, CELL = 320, 26
"""Pixels of the frame along numbers, and of a category along the side."""

LABEL, LETTER, LINE = 22, 7.5, 13
"""Letters of a category's label, and pixels of a letter and of a line."""

STRONGEST = 0.98
"""The share of rows whose distance from the middle the colours tell apart."""

SIGNS = ("▲", "▼")
"""What marks the highest and the lowest point where their numbers have no room."""

FULL = 0.6
"""From this part of the reach on, a rectangle is no longer pale."""

BESIDE = {"band": "band", "rows": "rows", "outside": "rows without a like here"}
"""What a point tells beside its values, and what that is called."""

STROKES = 48
"""Diagonals behind the field, seen where it is blank."""

PALE = 0.45
"""How much of a colour is left where the model guesses, so that the diagonals show."""

PURE = "ale_interaction"
"""The method whose surface has a middle of zero: what two columns do beyond each alone."""


def chart(
    explanation: Curve,
    *,
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """A field of colours over two features; points that no row lies near are blank and hatched.

    Parameters
    ----------
    explanation : Curve
        Axes ``point`` and ``other point``, and perhaps ``class``.
    class_ : label, optional
        The class to draw; needed where there are several.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Raises
    ------
    AxisError
        If the curve runs along one feature only.

    Notes
    -----
    Each point colours the rectangle of what lies nearest to it. The palest colour is zero for
    ALE, and the mean over rows for any other surface; the strongest is for the distance from it
    that 98 % of the rows keep within, and beyond. The highest and the lowest point are marked with
    their numbers. Colours are pale and hatched where a fifth of the rows or more have no like
    (`Curve.extrapolated`): there the model guesses.
    """
    figure.check_width(width)
    if explanation.other is None:
        raise AxisError(
            "A surface needs two features",
            got=f"a curve along {explanation.feature!r}",
            fix="Draw it as kind='curve'",
        )
    found = _upright(lines.one_class(explanation, class_, AXES))
    colours, unit = palette(theme), measured(explanation, class_)
    names = shorten(found.feature), shorten(str(found.other))
    pure = found.method == PURE
    question = f"What do {names[0]} and {names[1]} do together?"
    if not pure:
        question = (
            f"How does the {unit.removeprefix('the ')} change along {names[0]} and {names[1]}?"
        )
    return figure.finish(
        _drawn(found, colours, unit, names, width),
        question=question,
        reading=_reading(found, pure, width),
        alternative=_alternative(found, unit, names),
        theme=theme,
        width=width,
    )


def _upright(curve: Curve) -> Curve:
    """The curve with the axes in their order."""
    if curve.dims == AXES:
        return curve
    band = None if curve.band is None else curve.band.swapaxes(1, 2)
    return replace(curve, dims=AXES, values=curve.values.T, band=band, coords=None)


def _other(curve: Curve) -> Any:
    """The grid of the other feature."""
    assert curve.other_grid is not None
    return curve.other_grid


def _known(curve: Curve) -> np.ndarray:
    """At which points there are rows and a number."""
    rows = np.ones(curve.values.shape) if curve.weight is None else curve.weight
    known = np.isfinite(curve.values)
    return known & (rows > 0) if (known & (rows > 0)).any() else known


def _guessed(curve: Curve) -> np.ndarray:
    """At which points there are rows, but many that are put there have no like."""
    if curve.extrapolated is None:
        return np.zeros(curve.values.shape, dtype=bool)
    return _known(curve) & (curve.extrapolated >= GUESSED)


def _number(curve: Curve, value: float) -> str:
    """A value with its sign where it is a difference, else as it is."""
    return signed(value) if curve.method == PURE else brief(value)


def _middle(curve: Curve) -> float:
    if curve.method == PURE:
        return 0.0
    known = _known(curve)
    weight = None if curve.weight is None or not curve.weight[known].any() else curve.weight[known]
    return float(np.average(curve.values[known], weights=weight))


def _reach(curve: Curve) -> float:
    """The distance from the middle that has the strongest colour."""
    known = _known(curve)
    apart = np.abs(curve.values[known] - _middle(curve))
    rows = np.ones(len(apart)) if curve.weight is None else curve.weight[known]
    order = np.argsort(apart)
    within = np.cumsum(rows[order])
    strongest = float(apart[order][np.searchsorted(within, STRONGEST * within[-1])])
    return strongest or float(apart.max()) or abs(_middle(curve)) or 1.0


def _strokes(curve: Curve) -> dict[str, Any]:
    """Even diagonals across the whole frame."""
    start = np.linspace(-1, 1, STROKES, endpoint=False)[1:]
    left, right = np.maximum(start, 0.0), np.minimum(start + 1.0, 1.0)
    (x0, *_, x1), (y0, *_, y1) = (_edges(curve, dim) for dim in AXES)
    return {
        "left": x0 * (1 - left) + x1 * left,
        "right": x0 * (1 - right) + x1 * right,
        "low": y0 * (1 - left + start) + y1 * (left - start),
        "high": y0 * (1 - right + start) + y1 * (right - start),
    }


def _edges(curve: Curve, dim: str) -> np.ndarray:
    """Where the rectangles of the points end."""
    _, grid, categorical = (getattr(curve, field) for field in GRIDS[dim])
    if categorical:
        return np.arange(len(grid) + 1.0)
    grid = np.asarray(grid, dtype=float)
    if len(grid) == 1:
        reach = abs(grid[0]) / 2 or 0.5
        return np.array([grid[0] - reach, grid[0] + reach])
    return np.concatenate([grid[:1], grid[1:] / 2 + grid[:-1] / 2, grid[-1:]])


def _drawn(curve: Curve, colours: Palette, unit: str, names: tuple[str, str], width: int) -> Any:
    import altair as alt

    columns = _rectangles(curve, width) | {"ink": _inks(curve, colours)}
    middle, reach = _middle(curve), _reach(curve)
    scale = alt.Scale(
        domain=[middle - reach, middle, middle + reach],
        range=[colours.lowers, colours.background, colours.raises],
        interpolate="lab",
        clamp=True,
    )
    legend = alt.Legend(
        title=unit,
        format=figure.number_format(reach),
        gradientLength=min(HEIGHT // 2, width // 3),
        titleOrient="left" if width >= 450 else "top",
    )
    x, y = (_axis(curve, dim, name, width) for dim, name in zip(AXES, names, strict=True))
    told = [("first", names[0]), ("second", names[1]), ("exact", unit)]
    told += [(field, title) for field, title in BESIDE.items() if field in columns]
    table = figure.table(columns)
    base = alt.Chart(table).encode(
        x=alt.X("left:Q", **x), x2="right:Q", y=alt.Y("low:Q", **y), y2="high:Q"
    )
    field = base.transform_filter("datum.known").mark_rect(strokeWidth=0)
    blank = base.transform_filter("!datum.known")
    layers: list[Any] = [
        alt.Chart(figure.table(_strokes(curve)))
        .mark_rule(color=colours.missing, strokeWidth=1, opacity=0.5)
        .encode(x=alt.X("left:Q", **x), x2="right:Q", y=alt.Y("low:Q", **y), y2="high:Q"),
        blank.mark_rect(color=colours.grid, opacity=0.3).encode(tooltip=figure.tooltip(*told)),
        field.encode(
            color=alt.Color("value:Q", scale=scale, legend=legend),
            opacity=alt.condition("datum.guess", alt.value(PALE), alt.value(1.0)),
            tooltip=figure.tooltip(*told),
        ),
    ]
    extremes = alt.Chart(table).transform_filter("datum.mark != ''")
    layers.append(
        extremes.mark_text(fontSize=12, fontWeight="bold").encode(
            x=alt.X("middle:Q", **x),
            y=alt.Y("centre:Q", **y),
            text="mark:N",
            color=alt.Color("ink:N", scale=None),
        )
    )
    return alt.layer(*layers).properties(height=_frame(curve, width)[1])


def _frame(curve: Curve, width: int) -> tuple[float, float]:
    """About how many pixels the frame has, across and up."""
    side = 7 * max(map(cells, unique(_other(curve), LABEL))) if curve.other_categorical else 40
    height = CELL * len(_other(curve)) if curve.other_categorical else HEIGHT
    return max(width - side - 50, 100), max(height, 120)


def _axis(curve: Curve, dim: str, name: str, width: int) -> dict[str, Any]:
    """Title, scale and labels of one side."""
    import altair as alt

    edges = _edges(curve, dim)
    _, grid, categorical = (getattr(curve, field) for field in GRIDS[dim])
    scale = alt.Scale(domain=[edges[0], edges[-1]], nice=False, zero=False)
    if not categorical:
        axis = alt.Axis(format=figure.number_format(edges), grid=False)
        return {"title": name, "axis": axis, "scale": scale}
    labels = unique(grid, LABEL)
    level = dim != "point" or (
        max(7 * cells(label) + 12 for label in labels) < _frame(curve, width)[0] / len(labels)
    )
    axis = alt.Axis(
        values=[i + 0.5 for i in range(len(labels))],
        tickCount=len(labels),
        labelExpr=f"{json.dumps(labels, ensure_ascii=False)}[floor(datum.value)]",
        labelAngle=0 if level else -45,
        labelOverlap=dim == "point" and (width - 50) / len(labels) < 1.2 * LINE,
        grid=False,
        ticks=False,
    )
    return {"title": name, "axis": axis, "scale": scale}


def _marks(curve: Curve, width: int) -> dict[int, str]:
    """What stands at the highest and the lowest point: their numbers, or signs for want of room."""
    seen = np.where(_known(curve), curve.values, np.nan)
    if not np.nanmax(seen) > np.nanmin(seen):
        return {}
    places = int(np.nanargmax(seen)), int(np.nanargmin(seen))
    texts = [_number(curve, seen.flat[place]) for place in places]
    fits = True
    for place, text in zip(places, texts, strict=True):
        for dim, at, pixels, needed in zip(
            AXES,
            np.unravel_index(place, seen.shape),
            _frame(curve, width),
            (LETTER * len(text), LINE),
            strict=True,
        ):
            edges = _edges(curve, dim)
            wide = pixels * (edges[at + 1] - edges[at]) / (edges[-1] - edges[0])
            fits = fits and bool(wide >= needed)
    return dict(zip(places, texts if fits else SIGNS, strict=True))


def _inks(curve: Curve, colours: Palette) -> list[str]:
    """What reads on each rectangle: light on full blue, dark on full vermillion."""
    dark, light = sorted((colours.text, colours.background))
    part = (curve.values.ravel() - _middle(curve)) / _reach(curve)
    part = np.where(_guessed(curve).ravel(), 0.0, part)
    return [dark if p > FULL else light if p < -FULL else colours.text for p in part]


def _rectangles(curve: Curve, width: int) -> dict[str, Any]:
    """One rectangle for each two points."""
    known, values, marks = _known(curve), curve.values, _marks(curve, width)
    i, j = (part.ravel().tolist() for part in np.indices(values.shape))
    across, up = _edges(curve, "point"), _edges(curve, "other point")
    columns: dict[str, Any] = {
        "left": across[:-1][i],
        "right": across[1:][i],
        "low": up[:-1][j],
        "high": up[1:][j],
        "middle": (across[:-1] / 2 + across[1:] / 2)[i],
        "centre": (up[:-1] / 2 + up[1:] / 2)[j],
        "value": values.ravel(),
        "known": known.ravel(),
        "guess": _guessed(curve).ravel(),
        "mark": [marks.get(place, "") for place in range(values.size)],
        "exact": [
            _number(curve, v) if k else "no rows"
            for v, k in zip(values.flat, known.flat, strict=True)
        ],
        "first": [datum(curve.grid[a]) for a in i],
        "second": [datum(_other(curve)[b]) for b in j],
    }
    if curve.band is not None:
        low, high = curve.band.reshape(2, -1)
        columns["band"] = [f"{brief(a)} to {brief(b)}" for a, b in zip(low, high, strict=True)]
    if curve.weight is not None:
        columns["rows"] = [f"{count:.0f}" for count in curve.weight.flat]
    if curve.extrapolated is not None:
        columns["outside"] = [percent(share) for share in curve.extrapolated.flat]
    return columns


def _reading(curve: Curve, pure: bool, width: int) -> str:
    known, said = _known(curve), []
    if pure:
        said.append("Beyond what each does alone.")
    if np.ptp(curve.values[known]) == 0:
        said.append(f"It is {brief(curve.values[known][0])} everywhere.")
    else:
        marks = tuple(_marks(curve, width).values())
        ends = "in numbers: the highest and the lowest"
        if marks == SIGNS:
            seen = curve.values[known]
            high, low = (_number(curve, end) for end in (seen.max(), seen.min()))
            ends = f"{SIGNS[0]} the highest, {high}, {SIGNS[1]} the lowest, {low}"
        said.append(f"Vermillion: higher, blue: lower than {brief(_middle(curve))}; {ends}.")
    if curve.band is not None and pure and curve.values.any():
        away = ((curve.band[0] > 0) | (curve.band[1] < 0))[known]
        said.append(f"At {int(away.sum())} of {len(away)} points the 95 % interval leaves out 0.")
    if not known.all():
        blank = "Blank" if _guessed(curve).any() else "Hatched"
        said.append(f"{blank}: no rows nearby, nothing to go by.")
    if _guessed(curve).any():
        said.append(f"Hatched colours: {GUESSED:.0%} of the rows or more have no like there.")
    return " ".join(said)


def _alternative(curve: Curve, unit: str, names: tuple[str, str]) -> str:
    known = _known(curve)
    seen = np.where(known, curve.values, np.nan)
    said = (
        f"Field of the {unit.removeprefix('the ')} over {names[0]} and {names[1]} "
        f"({method_name(curve.method)}), {counted(int(known.sum()), 'point')} with rows of "
        f"{known.size}."
    )
    if np.nanmax(seen) == np.nanmin(seen):
        return f"{said} It is {brief(np.nanmax(seen))} everywhere."
    ends = []
    for word, place in (("Highest", np.nanargmax(seen)), ("lowest", np.nanargmin(seen))):
        a, b = divmod(int(place), seen.shape[1])
        first, second = datum(curve.grid[a]), datum(_other(curve)[b])
        ends.append(f"{word} {brief(seen[a, b])} at {names[0]} {first}, {names[1]} {second}")
    return f"{said} {', '.join(ends)}."
