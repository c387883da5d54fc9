"""Residuals: where a regression model is wrong, in which direction and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import EmptyData, InvalidData
from pellucid.display import figure
from pellucid.display.charts.beeswarm import MOST_POINTS, spread_evenly
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import brief, counted, percent, shorten, signed

if TYPE_CHECKING:
    import altair as alt

TAKES = ()

PARTS = 10
"""Equal parts of the rows, along the prediction, whose mean residual is drawn."""


def chart(
    predicted: np.ndarray,
    actual: np.ndarray,
    *,
    unit: str = "the target's unit",
    rows: Sequence[Any] | np.ndarray | None = None,
    of: str = "row",
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """Residuals (actual − predicted) along the prediction, with their mean in ten parts.

    Parameters
    ----------
    predicted, actual : array of shape (sample,)
        The model's output and the truth.
    unit : str
        What both are measured in.
    rows : sequence of labels, optional
        Names of the rows.
    of : str
        What one of them is.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    figure.check_width(width)
    x, truth = (np.asarray(a, dtype=np.float64) for a in (predicted, actual))
    if x.shape != truth.shape or x.ndim != 1:
        raise InvalidData(
            "Predictions and truth must be of one length",
            got=f"shapes {x.shape} and {truth.shape}",
            allowed="two arrays of shape (sample,)",
        )
    known = np.isfinite(x) & np.isfinite(truth)
    if not known.any():
        raise EmptyData("There is nothing to draw", got=f"{len(x)} rows, none finite")
    residual = (truth - x)[known]
    names = None if rows is None else [rows[int(i)] for i in np.flatnonzero(known)]
    x = x[known]
    said = f"Actual − predicted, in {unit}; above 0 the model says too little."
    said += f" Diamonds: mean and 95 % interval of each tenth of the {of}s." if len(x) >= 50 else ""
    if len(x) > MOST_POINTS:
        said += f" {MOST_POINTS:,} of {len(x):,} {of}s drawn, spread evenly over their ranks."
    if not known.all():
        said += f" {counted(int((~known).sum()), of)} with missing numbers left out."
    return figure.finish(
        _drawn(x, residual, names, unit, theme, of),
        question="Where is the model wrong, and by how much?",
        reading=said,
        alternative=_alternative(x, residual, unit, of),
        theme=theme,
        width=width,
    )


def _drawn(
    x: np.ndarray,
    residual: np.ndarray,
    rows: Sequence[Any] | np.ndarray | None,
    unit: str,
    theme: str,
    of: str,
) -> Any:
    import altair as alt

    colours = palette(theme)
    drawn = spread_evenly(residual, MOST_POINTS)
    columns: dict[str, Any] = {"x": x[drawn], "y": residual[drawn], "truth": (x + residual)[drawn]}
    if rows is not None:
        columns["row"] = [shorten(rows[i], 24) for i in drawn]
    x_scale = alt.Scale(domain=figure.span(x, room=(0.03, 0.03)), nice=False, zero=False)
    y_scale = alt.Scale(domain=figure.span(residual, [0.0]), nice=False)
    x_axis = alt.Axis(format=figure.number_format(x), grid=False)
    y_axis = alt.Axis(format=figure.number_format(residual))
    across = alt.X("x:Q", title=f"predicted ({shorten(unit, 40)})", scale=x_scale, axis=x_axis)
    up = alt.Y("y:Q", title="actual − predicted", scale=y_scale, axis=y_axis)
    form, off = figure.digits(x), figure.digits(residual)
    points = alt.Chart(figure.table(columns)).mark_point(
        filled=True, size=20, opacity=0.6, color=colours.missing, shape="circle"
    )
    told: list[tuple[str, ...]] = [("row", of)] if rows is not None else []
    told += [("truth", "actual", form), ("x", "predicted", form), ("y", "actual − predicted", off)]
    zero = alt.Chart(figure.table({"y": [0.0]})).mark_rule(strokeDash=[4, 4]).encode(y=up)
    layers = [points.encode(x=across, y=up, tooltip=figure.tooltip(*told)), zero]
    if len(x) >= 5 * PARTS:
        means = alt.Chart(figure.table(_means(x, residual)))
        layers.append(
            means.mark_rule(color=colours.plain, strokeWidth=2).encode(
                x=across, y=alt.Y("low:Q", scale=y_scale), y2="high:Q"
            )
        )
        diamond = means.mark_point(
            shape="diamond", filled=True, size=90, opacity=1, color=colours.plain
        )
        said = figure.tooltip(
            ("n", f"{of}s"),
            ("x", "mean prediction", form),
            ("y", "mean of actual − predicted", off),
            ("interval", "95 % interval"),
        )
        layers.append(diamond.encode(x=across, y=up, tooltip=said))
    return alt.layer(*layers).properties(height=320)


def _means(x: np.ndarray, residual: np.ndarray) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        name: [] for name in ("x", "y", "low", "high", "n", "interval")
    }
    for part in np.array_split(np.argsort(x, kind="stable"), PARTS):
        mean = float(residual[part].mean())
        half = 1.96 * float(residual[part].std(ddof=1)) / np.sqrt(len(part))
        for name, value in (
            ("x", x[part].mean()),
            ("y", mean),
            ("low", mean - half),
            ("high", mean + half),
        ):
            columns[name].append(float(value))
        columns["n"].append(len(part))
        columns["interval"].append(f"{brief(mean - half)} to {brief(mean + half)}")
    return columns


def _alternative(x: np.ndarray, residual: np.ndarray, unit: str, of: str) -> str:
    worst = int(np.argmax(np.abs(residual)))
    return (
        f"Scatter of residuals against predictions over {counted(len(x), of)}. Mean residual "
        f"{signed(float(residual.mean()))}, mean size {brief(float(np.abs(residual).mean()))}, in "
        f"{unit}; {percent(float((residual > 0).mean()))} of {of}s lie above the prediction. "
        f"The greatest is {signed(float(residual[worst]))} where {brief(float(x[worst]))} was "
        "predicted."
    )
