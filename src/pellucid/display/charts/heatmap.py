"""Heatmap: every row's shares at once, like rows side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.display import figure, reading
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import brief, cells, counted, method_name, shorten, signed

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

MOST_CELLS = 1800
"""Cells in one picture; more rows are thinned evenly over the ranks of their output."""

STEPS = 6
"""Steps of strength in each direction."""

STRONGEST = 0.98
"""The strength at this rank and above has the strongest colour, so one outlier pales nothing."""

FAINT = 0.04
"""Below this share of the strongest a cell stays empty."""


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
    figure.check_width(width)
    found = reading.sheet(explanation, class_)
    order = found.order()[: reading.check_top(top)]
    shares = np.where(np.isfinite(found.values), found.values, 0.0)
    total, output = _output(found, shares)
    kept = _thinned(output, max(1, MOST_CELLS // len(order)))
    sequence = kept[similar(shares[kept])]
    block = shares[np.ix_(sequence, order)]
    names = [found.names[i] for i in order]
    side = int(6.4 * max(map(cells, names))) + 12
    plot = max(int(width) - side - 28, 120)
    colours = palette(theme)
    rows = found.samples or tuple(range(len(shares)))
    columns = _halves(block, [shorten(rows[i], 24) for i in sequence], names, colours)
    strip = _strip(output[sequence], total, colours, side)
    return figure.finish(
        figure.stacked([strip, _cells(columns, names, colours, side, len(block))], side, plot),
        question="Which rows have the same reasons?",
        reading=_reading(found, block, total, len(shares)),
        alternative=_alternative(explanation, found, order, output, total),
        theme=theme,
        width=width,
        fit=False,
    )


def similar(shares: np.ndarray) -> np.ndarray:
    """An order of the rows, shape (sample,), in which like ones are neighbours."""
    if len(shares) < 3 or not np.ptp(shares, axis=0).any():
        return np.arange(len(shares))
    from scipy.cluster.hierarchy import leaves_list, linkage

    scaled = shares / np.abs(shares).max()
    return leaves_list(linkage(scaled, method="average", optimal_ordering=len(shares) <= 400))


def _output(found: reading.Sheet, shares: np.ndarray) -> tuple[str, np.ndarray]:
    if found.output is not None and np.isfinite(found.output).all():
        return "output", found.output
    return "sum of shares", shares.sum(axis=1)


def _thinned(output: np.ndarray, most: int) -> np.ndarray:
    order = np.argsort(output, kind="stable")
    if len(order) <= most:
        return np.arange(len(order))
    return np.sort(order[np.unique(np.linspace(0, len(order) - 1, most).round().astype(int))])


def _across(columns: int) -> Any:
    import altair as alt

    return alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, columns], nice=False))


def _strip(output: np.ndarray, total: str, colours: Palette, side: int) -> Any:
    import altair as alt

    axis = alt.Axis(tickCount=3, format=figure.number_format(output), minExtent=figure.extent(side))
    scale = alt.Scale(domain=figure.span(output, room=(0.08, 0.08)), nice=False, zero=False)
    edges = np.arange(len(output) + 1)
    line = alt.Chart(figure.table({"x": edges, "y": [*output, output[-1]]})).mark_line(
        color=colours.text, strokeWidth=1.2, interpolate="step-after"
    )
    y = alt.Y("y:Q", title=total, axis=axis, scale=scale)
    return line.encode(x=_across(len(output)), y=y).properties(height=60)


def _cells(
    columns: dict[str, Any], names: list[str], colours: Palette, side: int, rows: int
) -> Any:
    import altair as alt

    ticks = alt.Axis(
        values=[i + 0.5 for i in range(len(names))],
        tickCount=len(names),
        labelExpr=f"{json.dumps(names, ensure_ascii=False)}[floor(datum.value)]",
        grid=False,
        minExtent=figure.extent(side),
        labelLimit=figure.extent(side),
    )
    scale = alt.Scale(domain=[0, len(names)], reverse=True, nice=False)
    y = alt.Y("low:Q", title=None, axis=ticks, scale=scale)
    halves = alt.Chart(figure.table(columns)).mark_rect(strokeWidth=0)
    heat = halves.encode(
        x=_across(rows),
        x2="end:Q",
        y=y,
        y2="high:Q",
        color=alt.Color("colour:N", scale=None),
        opacity=alt.Opacity("strength:Q", scale=None),
        tooltip=figure.tooltip(("feature", "column"), ("rows", "rows"), ("share", "share")),
    )
    edges = alt.Chart(figure.table({"low": np.arange(len(names) + 1.0)}))
    middles = alt.Chart(figure.table({"low": np.arange(len(names)) + 0.5}))
    return alt.layer(
        edges.mark_rule(color=colours.grid).encode(y=y),
        heat,
        middles.mark_rule(color=colours.muted, strokeWidth=0.6).encode(y=y),
    ).properties(height=24 * len(names))


def _halves(
    block: np.ndarray, rows: list[str], names: list[str], colours: Palette
) -> dict[str, Any]:
    """Half cells of one colour each; like neighbours in a row become one."""
    strength = np.minimum(np.abs(block) / _strongest(block), 1.0)
    step = np.where(strength > FAINT, np.ceil(strength * STEPS), 0) * np.sign(block)
    columns: dict[str, Any] = {
        name: []
        for name in ("x", "end", "low", "high", "colour", "strength", "feature", "rows", "share")
    }
    for feature, steps in enumerate(step.T.astype(int)):
        cuts = np.flatnonzero(np.diff(steps)) + 1
        for start, end in zip([0, *cuts], [*cuts, len(steps)], strict=True):
            if steps[start]:
                up = steps[start] > 0
                columns["x"].append(start)
                columns["end"].append(end)
                columns["low"].append(feature + (0.04 if up else 0.5))
                columns["high"].append(feature + (0.5 if up else 0.96))
                columns["colour"].append(colours.raises if up else colours.lowers)
                columns["strength"].append(0.2 + 0.8 * abs(int(steps[start])) / STEPS)
                shares = block[start:end, feature]
                limits = dict.fromkeys(map(signed, (shares.min(), shares.max())))
                columns["feature"].append(names[feature])
                columns["rows"].append(rows[start] if len(shares) == 1 else f"{len(shares)} alike")
                columns["share"].append(" to ".join(limits))
    return columns


def _strongest(block: np.ndarray) -> float:
    sizes = np.abs(block[block != 0])
    return float(np.quantile(sizes, STRONGEST)) if sizes.size else 1.0


def _reading(found: reading.Sheet, block: np.ndarray, total: str, rows: int) -> str:
    said = (
        f"One column for each row, like rows side by side; shares in {found.unit}. Upper half of "
        f"a cell: ▲ raises; lower half: ▼ lowers; strongest colour: "
        f"{brief(_strongest(block))} or more."
    )
    if block.shape[1] < len(found.names):
        said += f" The {block.shape[1]} greatest of {len(found.names)} {found.noun}s."
    if len(block) < rows:
        said += f" {len(block)} of {rows:,} rows, spread evenly over their {total}."
    return said + (f" {counted(found.unknown, 'missing share')} left out." if found.unknown else "")


def _alternative(
    explanation: Attribution,
    found: reading.Sheet,
    order: np.ndarray,
    output: np.ndarray,
    total: str,
) -> str:
    first = int(order[0])
    column = found.values[:, first]
    how = f"{method_name(explanation.method)}, {found.unit}"
    return (
        f"Heatmap of {counted(len(order), found.noun)} by {counted(len(found.values), 'row')} "
        f"({how}). {found.names[first]} moves the output most, by "
        f"{brief(float(found.size()[first]))} on average: it raises "
        f"{counted(int((column > 0).sum()), 'row')} and lowers {int((column < 0).sum())}. "
        f"The {total} runs from {signed(float(output.min()))} to {signed(float(output.max()))}."
    )
