"""Dependence: how a feature's share changes with its value, and what else it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import InvalidData
from pellucid.display import figure, reading
from pellucid.display.charts.beeswarm import SHADES, pile, ranks, spread_evenly
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import (
    brief,
    cells,
    counted,
    datum,
    method_name,
    percent,
    shorten,
    signed,
    unique,
)

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

MOST_POINTS = 1000
"""Points in one picture; more are thinned evenly over the ranks of the shares."""

SLICE = 25
"""Rows in one slice of the feature, within which a partner must explain what is left."""

WORTH_COLOURING = 0.1
"""Share of the spread within slices that the best partner must explain to be shown."""

NO_SPREAD = 0.01
"""Below this share of all spread, what lies within slices is too little to explain."""

FEW_VALUES = 6
"""Numbers with at most so many values are drawn like categories, side by side."""

LEVEL = 230
"""Pixels that level labels of categories may take, so that they do not run together on a phone."""

MOST_CATEGORIES = 12
"""Categories drawn, those with most rows first."""


def chart(
    explanation: Attribution,
    *,
    feature: Label | None = None,
    partner: Label | None = "auto",
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """One point for each row: the feature's value against its share of the output.

    Parameters
    ----------
    explanation : Attribution
        Axes ``sample`` and ``feature``, with the feature's column in ``inputs``.
    feature : label, optional
        By default the one with the greatest mean magnitude.
    partner : label or None
        The feature that colours the points; ``"auto"`` chooses it, `None` leaves it out.
    class_ : label, optional
        The class to draw; needed where there are several.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Raises
    ------
    InvalidData
        If the explanation does not hold the feature's own values.

    Notes
    -----
    The rows are cut into slices of about 25 neighbours along the feature. Within a slice the
    feature hardly changes, so what spread its shares still have comes from other features. The
    partner is the one whose ranks (or categories) explain most of that spread by least squares,
    less what chance would explain. None is shown if the best explains under a tenth of it, or if
    it is under a hundredth of all spread.
    """
    figure.check_width(width)
    found = reading.sheet(explanation, class_)
    place = reading.feature_place(found, feature)
    column = found.column(found.features[place])
    if column is None or not found.samples:
        raise InvalidData(
            f"The values of {found.names[place]} are not known",
            got=f"input columns {sorted(map(str, found.inputs))}",
            fix="Make the explanation of rows, so that .inputs holds them",
        )
    other, strength = _partner(found, place, partner)
    known = np.flatnonzero(np.isfinite(found.values[:, place]))
    drawn = known[spread_evenly(found.values[known, place], MOST_POINTS)]
    layers, said = _layers(found, place, column, other, drawn, theme)
    if strength is not None and other is not None:
        said += f" Colour: {found.names[other]}, which explains {percent(strength)} of the spread."
    elif other is None and partner == "auto":
        said += " No other feature explains the spread."
    if len(drawn) < len(known):
        said += f" {len(drawn):,} of {len(known):,} rows drawn, spread evenly over their ranks."
    name = found.names[place]
    return figure.finish(
        layers,
        question=f"How does the effect of {name} change with its value?",
        reading=f"Share of {name} in {found.unit}, one point for each row.{said}",
        alternative=_alternative(explanation, found, place, column, other),
        theme=theme,
        width=width,
    )


def interaction(x: np.ndarray, shares: np.ndarray, partner: np.ndarray) -> float:
    """Share of the spread of `shares` within slices of `x` that `partner` explains, chance off."""
    numbers = reading.numeric(partner)
    scored = ranks(numbers) if numbers is not None else _codes(partner)
    known = np.isfinite(x) & np.isfinite(shares) & np.isfinite(scored)
    x, shares, scored = x[known], shares[known], scored[known]
    if len(x) < 2 * SLICE:
        return 0.0
    total = explained = freedom = 0.0
    for part in np.array_split(np.argsort(x, kind="stable"), len(x) // SLICE):
        own = shares[part] - _line(x[part], shares[part])
        total += float(own @ own)
        if numbers is None:
            fitted, spent = _group_means(scored[part], own)
        else:
            fitted, spent = _line(scored[part], own), 1
        explained += float(fitted @ fitted)
        freedom += spent / max(len(part) - 2, 1) * float(own @ own)
    if total <= NO_SPREAD * float(((shares - shares.mean()) ** 2).sum()):
        return 0.0
    return max(0.0, (explained - freedom) / total)


def _line(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    centred, spread = x - x.mean(), float(((x - x.mean()) ** 2).sum())
    slope = float(centred @ (y - y.mean())) / spread if spread > 0 else 0.0
    return y.mean() + slope * centred


def _group_means(codes: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    _, group, counts = np.unique(codes, return_inverse=True, return_counts=True)
    means = np.bincount(group, weights=y) / counts
    return means[group], len(counts) - 1


def _codes(column: np.ndarray) -> np.ndarray:
    gone = reading.missing(column)
    _, codes = np.unique([datum(item) for item in column], return_inverse=True)
    return np.where(gone, np.nan, codes.astype(float))


def _partner(
    found: reading.Sheet, place: int, partner: Label | None
) -> tuple[int | None, float | None]:
    if partner is None:
        return None, None
    if partner != "auto":
        return reading.feature_place(found, partner), None
    own = found.column(found.features[place])
    x = reading.numeric(own) if own is not None else None
    if x is None:
        return None, None
    strengths = {}
    for i, feature in enumerate(found.features):
        column = found.column(feature)
        if i != place and column is not None:
            strengths[i] = interaction(x, found.values[:, place], column)
    best = max(strengths, key=lambda i: strengths[i], default=None)
    if best is None or strengths[best] < WORTH_COLOURING:
        return None, None
    return best, strengths[best]


def _layers(
    found: reading.Sheet,
    place: int,
    column: np.ndarray,
    other: int | None,
    drawn: np.ndarray,
    theme: str,
) -> tuple[Any, str]:
    import altair as alt

    colours = palette(theme)
    shares = found.values[drawn, place]
    numbers = reading.numeric(column)
    columns: dict[str, Any] = {
        "row": [shorten(found.samples[i], 24) for i in drawn],
        "share": shares,
        "shown": [datum(column[i]) for i in drawn],
        **_colouring(found, other, drawn),
    }
    y = alt.Y(
        "share:Q",
        title=f"share in {found.unit}",
        scale=alt.Scale(domain=figure.span(shares, [0.0]), nice=False),
        axis=alt.Axis(format=figure.number_format(shares)),
    )
    zero = alt.Chart(figure.table({"zero": [0.0]})).mark_rule(opacity=0.6).encode(y="zero:Q")
    told: list[tuple[str, ...]] = [("row", "row"), ("shown", found.names[place])]
    told += [("partner", found.names[other])] if other is not None and "partner" in columns else []
    told += [("share", "share", figure.digits(shares))]
    if numbers is None or _few(numbers):
        marks, said = _strip(columns, numbers, drawn, found.names[place], y)
    else:
        marks, said = _scatter(columns, numbers[drawn], column, found.names[place], y)
    marks = [mark.encode(tooltip=figure.tooltip(*told)) for mark in marks]
    coloured = [_coloured(mark, columns, found, other, colours) for mark in marks]
    return alt.layer(zero, *coloured).properties(height=300), said


def _few(numbers: np.ndarray) -> bool:
    """Whether a column of numbers has so few values that each gets a place of its own."""
    return 1 < len(np.unique(numbers[np.isfinite(numbers)])) <= FEW_VALUES < len(numbers)


def _colouring(found: reading.Sheet, other: int | None, drawn: np.ndarray) -> dict[str, Any]:
    column = None if other is None else found.column(found.features[other])
    if column is None:
        return {}
    numbers = reading.numeric(column)
    if numbers is not None:
        stepped = np.round(ranks(numbers)[drawn] * (SHADES - 1)) / (SHADES - 1)
        return {"rank": stepped.round(3), "partner": [datum(column[i]) for i in drawn]}
    return {"partner": [datum(column[i]) for i in drawn]}


def _coloured(
    mark: Any, columns: dict[str, Any], found: reading.Sheet, other: int | None, colours: Any
) -> Any:
    import altair as alt

    if "partner" not in columns:
        return mark.encode(color=alt.value(colours.plain))
    title = shorten(found.names[other], 18) if other is not None else ""
    if "rank" in columns:
        scale = alt.Scale(domain=[0, 1], range=list(colours.ramp))
        legend = alt.Legend(
            values=[0, 1],
            labelExpr="datum.value ? 'high' : 'low'",
            title=title,
        )
        known = alt.Color("rank:Q", scale=scale, legend=legend)
        return mark.encode(
            color=alt.condition("isValid(datum.rank)", known, alt.value(colours.missing))
        )
    names = sorted(set(columns["partner"]))
    ramp = [colours.ramp[round(i * 5 / max(len(names) - 1, 1))] for i in range(len(names))]
    scale = alt.Scale(domain=names, range=ramp)
    legend = alt.Legend(columns=2, labelLimit=140, titleOrient="top")
    return mark.encode(
        color=alt.Color("partner:N", scale=scale, title=title, legend=legend),
        shape=alt.Shape("partner:N", scale=alt.Scale(domain=names), title=title, legend=legend),
    )


def _scatter(
    columns: dict[str, Any],
    numbers: np.ndarray,
    column: np.ndarray,
    name: str,
    y: Any,
) -> tuple[list[Any], str]:
    import altair as alt

    gone = ~np.isfinite(numbers)
    domain = figure.span(numbers, room=(0.1 if gone.any() else 0.03, 0.03))
    if column.dtype.kind == "M":
        factor = 86_400_000.0
        numbers, domain = numbers * factor, [end * factor for end in domain]
        x: Any = alt.X("x:T", title=name, scale=alt.Scale(domain=domain, type="utc"))
    else:
        axis = alt.Axis(format=figure.number_format(numbers), grid=False)
        x = alt.X("x:Q", title=name, scale=alt.Scale(domain=domain, nice=False), axis=axis)
    columns["x"] = np.where(gone, domain[0] + 0.02 * (domain[1] - domain[0]), numbers)
    marks = []
    for chosen, shape, size in ((~gone, "circle", 26), (gone, "diamond", 45)):
        if chosen.any():
            part = {k: np.asarray(v, dtype=object)[chosen] for k, v in columns.items()}
            mark = alt.Chart(figure.table(part)).mark_point(
                shape=shape, filled=True, size=size, opacity=0.8
            )
            marks.append(mark.encode(x=x, y=y))
    said = (
        f" Diamonds at the left: {counted(int(gone.sum()), 'row')} without a value."
        if gone.any()
        else ""
    )
    return marks, said


def _strip(
    columns: dict[str, Any], numbers: np.ndarray | None, drawn: np.ndarray, name: str, y: Any
) -> tuple[list[Any], str]:
    """Piles of points side by side: numbers in their order, categories by their mean share."""
    import altair as alt

    labels, counts = np.unique(columns["shown"], return_counts=True)
    most = labels[np.argsort(-counts, kind="stable")][:MOST_CATEGORIES]
    keep = np.isin(columns["shown"], most)
    shares = np.asarray(columns["share"])
    low, high = figure.span(shares[keep])
    offset = np.zeros(len(shares))
    for label in most:
        inside = np.asarray(columns["shown"]) == label
        offset[inside] = pile(shares[inside], low, high, dots=60)
    short = dict(zip(most, unique(most, 14), strict=True))
    columns["category"] = [short.get(item, "") for item in columns["shown"]]
    columns["offset"] = offset
    part = {k: np.asarray(v, dtype=object)[keep] for k, v in columns.items()}
    shown = np.asarray(columns["shown"])
    if numbers is None:
        order = sorted(most, key=lambda label: -float(shares[shown == label].mean()))
    else:
        place = dict(zip(columns["shown"], np.nan_to_num(numbers[drawn], nan=np.inf), strict=True))
        order = sorted(most, key=lambda label: float(place[label]))
    level = sum(7 * cells(label) + 12 for label in short.values()) < LEVEL
    axis = alt.Axis(labelAngle=0 if level else -40, labelLimit=115, grid=False)
    x = alt.X(
        "category:N", title=name, axis=axis, scale=alt.Scale(domain=[short[c] for c in order])
    )
    points = (
        alt.Chart(figure.table(part))
        .mark_point(shape="circle", filled=True, size=22, opacity=0.75)
        .encode(
            x=x,
            y=y,
            xOffset=alt.XOffset("offset:Q", scale=alt.Scale(domain=[-1.2, 1.2])),
        )
    )
    hidden = len(labels) - len(most)
    return [points], f" {hidden} rarer categories are not drawn." if hidden else ""


def _alternative(
    explanation: Attribution,
    found: reading.Sheet,
    place: int,
    column: np.ndarray,
    other: int | None,
) -> str:
    name, shares = found.names[place], found.values[:, place]
    head = f"Scatter of the share of {name} in {found.unit} ({method_name(explanation.method)})"
    head += f" over {counted(len(shares), 'row')}."
    numbers = reading.numeric(column)
    if numbers is None:
        labels = np.array([datum(item) for item in column])
        means = {label: float(np.nanmean(shares[labels == label])) for label in np.unique(labels)}
        top, low = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        found_out = (
            f" On average {signed(means[top])} for {top} and {signed(means[low])} for {low}."
        )
    else:
        known = np.flatnonzero(np.isfinite(numbers) & np.isfinite(shares))
        order = known[np.argsort(numbers[known], kind="stable")]
        ends = max(1, len(order) // 10)
        lowest, highest = shares[order[:ends]], shares[order[-ends:]]
        found_out = ""
        if len(order):
            found_out = (
                f" The share is {signed(lowest.mean())} on average where {name} is lowest "
                f"(from {brief(numbers[order[0]])}) and {signed(highest.mean())} where it is "
                f"highest (to {brief(numbers[order[-1]])})."
            )
    return head + found_out + (f" Coloured by {found.names[other]}." if other is not None else "")
