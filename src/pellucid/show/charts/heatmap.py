"""Heatmap: every row's shares at once, like rows side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.show import figure, reading
from pellucid.show.figure import WIDTH
from pellucid.show.theme import Palette, palette
from pellucid.show.words import brief, cells, counted, signed

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

MOST_CELLS = 1800
"""Cells in one picture; more rows are thinned evenly over the ranks of their output."""

STEPS = 6
"""Steps of strength in each direction."""

FAINT = 0.03
"""Below this share of the greatest value a cell stays empty."""


def chart(
    explanation: Attribution,
    *,
    top: int = 12,
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.VConcatChart:
    """Features down, rows across, ordered by similarity; the output as a strip above.

    Parameters
    ----------
    explanation : Attribution
        Axes ``sample`` and ``feature`` (or ``term``), and perhaps ``class``.
    top : int
        How many features to draw, greatest mean magnitude first.
    class_ : label, optional
        The class to draw; needed where there are several.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Notes
    -----
    Rows are ordered by average-linkage clustering of their shares. A share that raises the output
    fills the upper half of its cell, one that lowers it the lower half: the sign is a place, not
    only a colour.
    """
    found = reading.sheet(explanation, class_)
    order = found.order()[: reading.check_top(top)]
    shares = np.where(np.isfinite(found.values), found.values, 0.0)
    known = np.isfinite(found.output) if found.output is not None else np.array([False])
    output = np.nan_to_num(found.output) if found.output is not None else shares.sum(axis=1)
    total = "output" if known.all() else "sum of shares"
    output = output if known.all() else shares.sum(axis=1)
    kept = _thinned(output, MOST_CELLS // len(order))
    sequence = kept[similar(shares[kept])]
    said = (
        f"One column for each row, like rows side by side; shares in {found.unit}. Upper half of "
        f"a cell: ▲ raises; lower half: ▼ lowers; stronger colour: more, up to "
        f"{brief(float(np.abs(shares[:, order]).max()))}."
    )
    if len(order) < len(found.names):
        said += f" The {len(order)} greatest of {len(found.names)} features."
    if len(kept) < len(shares):
        said += f" {len(kept)} of {len(shares):,} rows, spread evenly over their {total}."
    return figure.finish(
        _drawn(found, shares, order, sequence, output, total, theme, width),
        question="Which rows have the same reasons?",
        reading=said,
        alternative=_alternative(explanation, found, order, output, total),
        theme=theme,
        width=width,
        fit=False,
    )


def similar(shares: np.ndarray) -> np.ndarray:
    """An order of the rows in which like ones are neighbours."""
    if len(shares) < 3 or not np.ptp(shares, axis=0).any():
        return np.arange(len(shares))
    from scipy.cluster.hierarchy import leaves_list, linkage

    scaled = shares / (np.abs(shares).max() or 1.0)
    return leaves_list(linkage(scaled, method="average", optimal_ordering=len(shares) <= 400))


def _thinned(output: np.ndarray, most: int) -> np.ndarray:
    order = np.argsort(output, kind="stable")
    if len(order) <= most:
        return np.arange(len(order))
    return np.sort(order[np.unique(np.linspace(0, len(order) - 1, most).round().astype(int))])


def _drawn(
    found: reading.Sheet,
    shares: np.ndarray,
    order: np.ndarray,
    sequence: np.ndarray,
    output: np.ndarray,
    total: str,
    theme: str,
    width: int,
) -> Any:
    import altair as alt

    colours = palette(theme)
    names = [found.names[i] for i in order]
    labels = max(max(cells(name) for name in names), 14)
    plot = max(int(width - 7 * labels - 30), 150)
    columns = len(sequence)
    scale = alt.Scale(domain=[0, columns], nice=False)
    x = alt.X("x:Q", axis=None, scale=scale)
    strip = figure.table(
        {
            "x": np.arange(columns) + 0.5,
            "y": output[sequence],
            "row": [str(found.samples[i]) if found.samples else "" for i in sequence],
        }
    )
    y_axis = alt.Axis(tickCount=3, format=figure.number_format(output))
    y_scale = alt.Scale(domain=figure.span(output), nice=False, zero=False)
    line = (
        alt.Chart(strip)
        .mark_line(color=colours.text, strokeWidth=1.2, interpolate="step", point=columns == 1)
        .encode(x=x, y=alt.Y("y:Q", title=total, axis=y_axis, scale=y_scale))
        .properties(width=plot, height=60)
    )
    ticks = alt.Axis(
        values=[i + 0.5 for i in range(len(names))],
        labelExpr=_by_place(names),
        grid=False,
    )
    y = alt.Y(
        "low:Q",
        title=None,
        axis=ticks,
        scale=alt.Scale(domain=[0, len(names)], reverse=True, nice=False),
    )
    heat = (
        alt.Chart(figure.table(_halves(shares, order, sequence, colours)))
        .mark_rect(strokeWidth=0)
        .encode(x=x, x2="end:Q", y=y, y2="high:Q", color=alt.Color("colour:N", scale=None))
    )
    lines = figure.table({"low": np.arange(len(names) + 1.0)})
    rules = alt.Chart(lines).mark_rule(color=colours.grid).encode(y=y)
    halves = figure.table({"low": np.arange(len(names)) + 0.5})
    middles = (
        alt.Chart(halves).mark_rule(color=colours.muted, strokeWidth=0.5, opacity=0.6).encode(y=y)
    )
    matrix = alt.layer(rules, heat, middles).properties(width=plot, height=24 * len(names))
    return alt.vconcat(line, matrix, spacing=8)


def _halves(
    shares: np.ndarray, order: np.ndarray, sequence: np.ndarray, colours: Palette
) -> dict[str, Any]:
    block = shares[np.ix_(sequence, order)]
    greatest = float(np.abs(block).max()) or 1.0
    column, feature = np.nonzero(np.abs(block) > FAINT * greatest)
    value = block[column, feature]
    step = np.ceil(np.abs(value) / greatest * STEPS).astype(int)
    ramps = {
        up: [_mixed(colours.background, paint, (0.25 + 0.75 * i / STEPS)) for i in range(STEPS + 1)]
        for up, paint in ((True, colours.raises), (False, colours.lowers))
    }
    up = value > 0
    return {
        "x": column,
        "end": column + 1,
        "low": feature + np.where(up, 0.04, 0.5),
        "high": feature + np.where(up, 0.5, 0.96),
        "colour": [ramps[bool(u)][s] for u, s in zip(up, step, strict=True)],
    }


def _mixed(paper: str, paint: str, strength: float) -> str:
    parts = [
        round(int(paper[i : i + 2], 16) * (1 - strength) + int(paint[i : i + 2], 16) * strength)
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def _by_place(names: list[str]) -> str:
    """A Vega expression that gives each tick the name of its row."""
    import json

    return f"{json.dumps(names, ensure_ascii=False)}[floor(datum.value)]"


def _alternative(
    explanation: Attribution,
    found: reading.Sheet,
    order: np.ndarray,
    output: np.ndarray,
    total: str,
) -> str:
    sizes = found.size()
    first = int(order[0])
    column = found.values[:, first]
    raising = int((column > 0).sum())
    return (
        f"Heatmap of {counted(len(order), 'feature')} by {counted(len(found.values), 'row')} "
        f"({explanation.method}, {found.unit}). {found.names[first]} moves the output most, by "
        f"{brief(float(sizes[first]))} on average: it raises {raising} rows and lowers "
        f"{int((column < 0).sum())}. The {total} runs from {signed(float(output.min()))} to "
        f"{signed(float(output.max()))}."
    )
