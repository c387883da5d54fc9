"""Calibration: whether predicted probabilities happen as often as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.curve import Curve
from pellucid.core.errors import AxisError, InvalidData
from pellucid.display import figure
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import brief, counted, percent

if TYPE_CHECKING:
    import altair as alt

TAKES = ("curve",)

FEATURE = "predicted probability"
"""What a calibration curve runs along."""

COLUMNS = 25
"""Bars of the histogram; a bin stands at its mean prediction."""

FLOOR = -0.2
"""The histogram stands between this height and 0, below the curve."""


def chart(
    explanation: Curve,
    *,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """Observed against predicted shares, with the diagonal of a perfect match.

    Parameters
    ----------
    explanation : Curve
        Along ``"predicted probability"``: the grid holds the mean prediction of each bin, the
        values the observed share, the band its limits and the weight its number of rows.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    figure.check_width(width)
    if explanation.dims != ("point",) or explanation.categorical:
        raise AxisError(
            "A calibration curve has one axis", got=explanation.dims, allowed=("point",)
        )
    grid = np.asarray(explanation.grid, dtype=float)
    if len(grid) == 0 or grid.min() < -1e-9 or grid.max() > 1 + 1e-9:
        raise InvalidData(
            "A calibration curve runs along probabilities",
            got=f"{explanation.feature!r}, {len(grid)} places",
            allowed="a grid between 0 and 1",
        )
    said = "Points on the line: what is predicted happens as often as predicted."
    said += " Above it: more often." if len(grid) > 1 else ""
    if explanation.band is not None:
        said += f" Whiskers: {explanation.band_meaning or 'the interval given'}."
    if explanation.weight is not None:
        said += f" Grey: how the {counted(int(explanation.weight.sum()), 'row')} spread."
    return figure.finish(
        _drawn(explanation, grid, palette(theme)),
        question="Can the predicted probabilities be taken at their word?",
        reading=said,
        alternative=_alternative(explanation, grid),
        theme=theme,
        width=width,
    )


def _drawn(curve: Curve, grid: np.ndarray, colours: Palette) -> Any:
    import altair as alt

    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    axis: dict[str, Any] = {"values": ticks, "tickCount": len(ticks), "format": ".0%"}
    scale = alt.Scale(domain=[-0.02, 1.02], nice=False)
    floor = FLOOR if curve.weight is not None else -0.02
    y_scale = alt.Scale(domain=[floor, 1.04], nice=False)
    x = alt.X("x:Q", title="predicted probability", scale=scale, axis=alt.Axis(grid=False, **axis))
    y = alt.Y("y:Q", title="observed share", scale=y_scale, axis=alt.Axis(**axis))
    diagonal = figure.table({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    layers = [
        alt.Chart(diagonal)
        .mark_line(color=colours.muted, strokeDash=[4, 4], strokeWidth=1.5)
        .encode(x=x, y=y)
    ]
    if curve.weight is not None:
        layers.append(_histogram(curve, grid, colours, x, y))
    columns: dict[str, Any] = {"x": grid, "y": curve.values}
    told: list[tuple[str, ...]] = [("x", "mean prediction", ".1%"), ("y", "observed share", ".1%")]
    if curve.band is not None:
        ends = zip(*curve.band, strict=True)
        columns["interval"] = [f"{percent(low)} to {percent(high)}" for low, high in ends]
        told.append(("interval", "95 % interval"))
    if curve.weight is not None:
        columns["rows"] = curve.weight
        told.append(("rows", "rows"))
    points = alt.Chart(figure.table(columns)).encode(x=x, y=y)
    layers.append(points.mark_line(color=colours.plain, strokeWidth=1.5, opacity=0.7))
    if curve.band is not None:
        limits = figure.table({"x": grid, "y": curve.band[0], "high": curve.band[1]})
        rules = alt.Chart(limits).mark_rule(color=colours.plain, strokeWidth=1.5)
        layers.append(rules.encode(x=x, y=y, y2="high:Q"))
    layers.append(
        points.mark_point(filled=True, size=60, color=colours.plain, opacity=1).encode(
            tooltip=figure.tooltip(*told)
        )
    )
    return alt.layer(*layers).properties(height=320)


def _histogram(curve: Curve, grid: np.ndarray, colours: Palette, x: Any, y: Any) -> Any:
    import altair as alt

    assert curve.weight is not None
    place = np.minimum((grid * COLUMNS).astype(int), COLUMNS - 1)
    rows = np.bincount(place, weights=curve.weight, minlength=COLUMNS)
    kept = np.flatnonzero(rows)
    bars = {
        "x": kept / COLUMNS,
        "end": (kept + 1) / COLUMNS,
        "y": np.full(len(kept), FLOOR),
        "top": FLOOR * (1 - 0.8 * rows[kept] / (rows.max() or 1.0)),
        "rows": rows[kept],
        "span": [f"about {percent((i + 0.5) / COLUMNS)}" for i in kept],
    }
    mark = alt.Chart(figure.table(bars)).mark_rect(
        color=colours.missing, opacity=0.55, stroke=colours.background
    )
    said = figure.tooltip(("span", "predicted"), ("rows", "rows"))
    return mark.encode(x=x, x2="end:Q", y=y, y2="top:Q", tooltip=said)


def _alternative(curve: Curve, grid: np.ndarray) -> str:
    known = np.flatnonzero(np.isfinite(curve.values))
    said = f"Calibration plot with {counted(len(known), 'point')}."
    if not len(known):
        return f"{said} No observed share is known."
    gaps = curve.values[known] - grid[known]
    worst = known[int(np.argmax(np.abs(gaps)))]
    said += (
        f" The greatest gap: predicted {percent(grid[worst])}, "
        f"observed {percent(curve.values[worst])}."
    )
    if curve.weight is not None and curve.weight[known].sum() > 0:
        mean = float(np.average(np.abs(gaps), weights=curve.weight[known]))
        said += f" The mean gap over rows is {brief(100 * mean)} percentage points."
    return said
