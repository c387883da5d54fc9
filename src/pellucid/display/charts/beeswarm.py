"""Beeswarm: every row's share of every feature, coloured by the feature's own value."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.display import figure, reading
from pellucid.display.measures import measure_of
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import brief, counted, datum, method_name, shorten, signed

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

MOST_POINTS = 2000
"""Points in one picture; more are thinned evenly over the ranks of each feature's values."""

MOST_LANES = 60
"""Lanes of dots in a pile; more would overlap however they stand."""

SHADES = 6
"""Steps of colour: as many as the eye tells apart, and a small file."""


def chart(
    explanation: Attribution,
    *,
    top: int = 10,
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """One point for each row and feature; the pile shows how many rows have such a share.

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
    Colour is the rank of the feature's value among the rows, so one outlier does not use up the
    scale. Features without an order (categories) are squares in one colour, missing values grey
    diamonds. Above 2000 points each feature keeps an even sample over the ranks of its shares,
    with both extremes; the subtitle says so.
    """
    figure.check_width(width)
    found = reading.sheet(explanation, class_)
    order = found.order()[: reading.check_top(top)]
    keep = max(2, MOST_POINTS // len(order))
    columns = _points(found, order, keep)
    names = [found.names[i] for i in order]
    rows = found.values.shape[0]
    said = f"One point for each of {counted(rows, 'row')}; its share in {found.unit}."
    if len(order) < len(found.names):
        said += f" The {len(order)} greatest of {len(found.names)} {found.noun}s."
    if rows > keep:
        said += f" {keep:,} points of each {found.noun} drawn, spread evenly over their ranks."
    kinds, measure = set(columns["kind"]), measure_of(explanation)
    said += " Square: a category, without an order." if "category" in kinds else ""
    said += " Grey diamond: the feature is missing." if "missing" in kinds else ""
    said += " Green: of several columns." if found.noun == "term" and "unknown" in kinds else ""
    said += f" {counted(found.unknown, 'missing share')} left out." if found.unknown else ""
    return figure.finish(
        _drawn(columns, names, measure.axis_rows.format(unit=found.unit), theme),
        question=measure.asks_rows.format(noun=found.noun),
        reading=said,
        alternative=_alternative(explanation, found, order),
        theme=theme,
        width=width,
    )


def ranks(column: np.ndarray) -> np.ndarray:
    """Ranks of the known numbers from 0 to 1, ties sharing their mean rank; NaN where missing."""
    known = np.isfinite(column)
    result = np.full(len(column), np.nan)
    values, places, counts = np.unique(column[known], return_inverse=True, return_counts=True)
    if values.size:
        middle = np.cumsum(counts) - (counts + 1) / 2
        spread = middle[-1] - middle[0]
        scaled = (middle - middle[0]) / spread if spread else np.full(len(middle), 0.5)
        result[known] = scaled[places]
    return result


def spread_evenly(values: np.ndarray, keep: int) -> np.ndarray:
    """Positions of at most `keep` of the values: evenly over their ranks, both extremes kept."""
    order = np.argsort(values, kind="stable")
    if len(order) <= keep:
        return order
    return order[np.unique(np.linspace(0, len(order) - 1, keep).round().astype(int))]


def pile(values: np.ndarray, low: float, high: float, dots: int = 90) -> np.ndarray:
    """Offsets across the axis, from −1 to 1: values that would overlap stand in other lanes.

    `dots` is how many fit beside each other from `low` to `high`.
    """
    wide = ((high - low) or 1.0) / dots
    lanes = np.zeros(len(values), dtype=int)
    taken: list[list[float]] = []
    ranked = np.argsort(values, kind="stable")
    # The golden ratio takes the ranks in turns, so that no lane runs ahead of its neighbours.
    for place in ranked[np.argsort(np.arange(len(values)) * 0.6180339887 % 1, kind="stable")]:
        here = float(values[place])
        lane = next((i for i, dots in enumerate(taken) if _free(dots, here, wide)), len(taken))
        if lane == len(taken) < MOST_LANES:
            taken.append([])
        lane = lane if lane < len(taken) else int(place) % len(taken)
        insort(taken[lane], here)
        lanes[place] = lane
    steps = (lanes + 1) // 2 * np.where(lanes % 2, 1, -1)
    return steps * min(0.34, 1.0 / max(int(np.abs(steps).max(initial=1)), 1))


def _free(dots: list[float], here: float, wide: float) -> bool:
    """Whether no dot of a lane stands nearer than `wide`."""
    after = bisect_left(dots, here)
    left = after == 0 or here - dots[after - 1] >= wide
    return left and (after == len(dots) or dots[after] - here >= wide)


def _points(found: reading.Sheet, order: np.ndarray, keep: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        name: [] for name in ("feature", "row", "value", "offset", "rank", "kind", "shown")
    }
    finite = found.values[:, order][np.isfinite(found.values[:, order])]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    for place in order:
        known = np.flatnonzero(np.isfinite(found.values[:, place]))
        drawn = known[spread_evenly(found.values[known, place], keep)]
        shares = found.values[drawn, place]
        rank, kind, shown = _inputs(found.column(found.features[place]), drawn)
        columns["feature"] += [found.names[place]] * len(drawn)
        columns["row"] += [shorten(found.samples[i], 24) if found.samples else "" for i in drawn]
        columns["value"] += shares.tolist()
        columns["offset"] += pile(shares, low, high).round(3).tolist()
        columns["rank"] += rank
        columns["kind"] += kind
        columns["shown"] += shown
    return columns


def _inputs(
    column: np.ndarray | None, drawn: np.ndarray
) -> tuple[list[float], list[str], list[str]]:
    if column is None:
        return [np.nan] * len(drawn), ["unknown"] * len(drawn), ["unknown"] * len(drawn)
    absent = reading.missing(column)[drawn]
    numbers = reading.numeric(column)
    rank = np.full(len(drawn), np.nan) if numbers is None else ranks(numbers)[drawn]
    stepped = np.round(rank * (SHADES - 1)) / (SHADES - 1)
    usual = "category" if numbers is None else "number"
    kind = ["missing" if gone else usual for gone in absent]
    return stepped.round(3).tolist(), kind, [datum(column[i]) for i in drawn]


def _drawn(columns: dict[str, list[Any]], names: list[str], title: str, theme: str) -> Any:
    import altair as alt

    axis = alt.Axis(format=figure.number_format(columns["value"]), grid=False)
    scale = alt.Scale(domain=figure.span(columns["value"], [0.0]), nice=False)
    rows = alt.Axis(grid=True, gridDash=[2, 3], labelPadding=8, labelExpr=figure.MIDDLE)
    base = alt.Chart().encode(
        x=alt.X("value:Q", title=title, scale=scale, axis=axis),
        y=alt.Y(
            "feature:N", title=None, axis=rows, scale=alt.Scale(domain=names, paddingInner=0.15)
        ),
        yOffset=alt.YOffset("offset:Q", scale=alt.Scale(domain=[-1.15, 1.15])),
        tooltip=figure.tooltip(
            ("row", "row"),
            ("feature", "column"),
            ("shown", "value"),
            ("value", "share", figure.digits(columns["value"])),
        ),
    )
    zero = alt.Chart(figure.table({"zero": [0.0]})).mark_rule(strokeWidth=1).encode(x="zero:Q")
    layers = [zero.add_params(figure.narrow())]
    for kind, look in _looks(theme).items():
        chosen = np.array([one == kind for one in columns["kind"]])
        if chosen.any():
            part = {k: np.array(v, dtype=object)[chosen] for k, v in columns.items() if k != "kind"}
            mark = base.mark_point(filled=True, opacity=0.85, **look)
            colour = _ramp(theme) if kind == "number" else alt.Undefined
            layers.append(mark.encode(color=colour).properties(data=figure.table(part)))
    return alt.layer(*layers).properties(height=34 * len(names))


def _looks(theme: str) -> dict[str, dict[str, Any]]:
    colours = palette(theme)
    return {
        "unknown": {"shape": "circle", "size": 22, "color": colours.plain},
        "category": {"shape": "square", "size": 20, "color": colours.plain},
        "missing": {"shape": "diamond", "size": 30, "color": colours.missing},
        "number": {"shape": "circle", "size": 22},
    }


def _ramp(theme: str) -> alt.Color:
    import altair as alt

    legend = alt.Legend(
        values=[0, 1],
        labelExpr="datum.value ? 'high' : 'low'",
        title="value of the column",
    )
    scale = alt.Scale(domain=[0, 1], range=list(palette(theme).ramp))
    return alt.Color("rank:Q", scale=scale, legend=legend)


def _alternative(explanation: Attribution, found: reading.Sheet, order: np.ndarray) -> str:
    first = int(order[0])
    values = found.values[:, first][np.isfinite(found.values[:, first])]
    how = f"{method_name(explanation.method)}, {found.unit}"
    said = (
        f"Beeswarm of {counted(len(order), found.noun)} over {counted(len(found.values), 'row')} "
        f"({how}). {found.names[first]} moves the output most, by "
        f"{brief(found.size()[first])} on average, from {signed(values.min())} "
        f"to {signed(values.max())}."
    )
    if len(order) > 1:
        second = int(order[1])
        said += f" Next is {found.names[second]} with {brief(found.size()[second])}."
    column = found.column(found.features[first])
    numbers = None if column is None else reading.numeric(column)
    return said if numbers is None else said + _direction(numbers, found.values[:, first])


def _direction(numbers: np.ndarray, shares: np.ndarray) -> str:
    known = np.isfinite(numbers) & np.isfinite(shares)
    first, second = ranks(numbers[known]), ranks(shares[known])
    if known.sum() < 3 or not np.ptp(first) or not np.ptp(second):
        return ""
    together = float(np.corrcoef(first, second)[0, 1])
    if abs(together) < 0.3:
        return ""
    return f" Its high values {'raise' if together > 0 else 'lower'} the output."
