"""Reasons: what counted most against one person, or how often each reason comes first, second, …"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.reasons import Reasons
from pellucid.display import figure
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import brief, counted, listed, percent, shorten, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("reasons",)

PLACES = ("first reason", "second", "third", "fourth", "later")
"""What the places are called."""

DETAIL = 64
"""Characters of a row's own value and the usual one."""


def chart(
    explanation: Reasons,
    *,
    row: Label | None = None,
    top: int = 10,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """The reasons of one row, or how often each feature is a reason over all rows.

    Parameters
    ----------
    explanation : Reasons
        Of one row or of many.
    row : label, optional
        The row to draw; needed where only one is wanted of many.
    top : int
        Over many rows: how many features to draw.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    figure.check_width(width)
    chosen = explanation if row is None else explanation.sel(row)
    if len(chosen) == 1:
        return _one(chosen, palette(theme), theme, width)
    return _many(chosen, top, palette(theme), theme, width)


def _one(found: Reasons, colours: Palette, theme: str, width: int) -> Any:
    import altair as alt

    there = [i for i, name in enumerate(found.names[0]) if name]
    labels = unique([str(found.names[0, i]) for i in there], 36)
    shares = [float(found.shares[0, i]) for i in there]
    said = [found.beside(0, i, DETAIL) for i in there]
    rows = figure.table(
        {
            "label": labels, "share": shares, "said": said,
            "text": [f"▲ {brief(share)}" for share in shares],
        }
    )  # fmt: skip
    room = alt.Scale(domain=[0, 1.18 * max(shares, default=1.0)], nice=False)
    axis = alt.Axis(format=figure.number_format(shares))
    y = alt.Y(
        "label:N", title=None, sort=labels, axis=alt.Axis(labelExpr=figure.MIDDLE),
        scale=alt.Scale(domain=labels, paddingInner=0.5, paddingOuter=0.35),
    )  # fmt: skip
    x = alt.X("share:Q", title=f"share of the output ({found.scale})", scale=room, axis=axis)
    base = alt.Chart(rows)
    bars = base.mark_bar(color=colours.raises).encode(
        x=x, y=y, tooltip=figure.tooltip(("label", "reason"), ("said", "value"), ("text", "share"))
    )
    numbers = base.mark_text(align="left", dx=6).encode(x=x, y=y, text="text:N")
    details = base.mark_text(align="left", dy=21, color=colours.muted).encode(
        x=alt.value(2), y=y, text="said:N"
    )
    layers = alt.layer(bars.add_params(figure.narrow()), numbers, details)
    return figure.finish(
        layers.properties(height=56 * max(len(labels), 1)),
        question=f"What counted most against row {shorten(found.samples[0], 24)}?",
        reading=_certainty(found),
        alternative=f"Reasons, greatest first: {listed(labels) or 'none'}. {_certainty(found)}",
        theme=theme,
        width=width,
    )


def _certainty(found: Reasons) -> str:
    said = (
        f"Compared with {found.population:,} reference rows (mean output {brief(found.base)}); "
        f"this row has {brief(float(found.output[0]))}."
    )
    if found.stability is None:
        return said
    return f"{said} Same reasons, same order in {percent(float(found.stability[0]))} of redraws."


def _many(found: Reasons, top: int, colours: Palette, theme: str, width: int) -> Any:
    import altair as alt

    names, place = found.names.ravel(), np.tile(np.arange(found.names.shape[1]), len(found))
    place = np.minimum(place, len(PLACES) - 1)[names != ""]
    names = names[names != ""].astype(str)
    known, which = np.unique(names, return_inverse=True)
    counts = np.zeros((len(known), len(PLACES)), dtype=int)
    np.add.at(counts, (which, place), 1)
    order = np.lexsort((known, -counts[:, 0], -counts.sum(axis=1)))[:top]
    labels = unique([str(known[i]) for i in order], 36)
    used = [p for p in range(len(PLACES)) if counts[:, p].any()]
    rows = figure.table(
        {
            "label": [label for label in labels for _ in used],
            "place": [PLACES[p] for _ in labels for p in used],
            "rank": [p for _ in labels for p in used],
            "rows": [int(counts[i, p]) for i in order for p in used],
        }
    )
    y = alt.Y(
        "label:N", title=None, axis=alt.Axis(labelExpr=figure.MIDDLE),
        scale=alt.Scale(domain=labels, padding=0.25),
    )  # fmt: skip
    steps = np.linspace(len(colours.ramp) - 1, 0, len(used)).round().astype(int)
    shades = [colours.ramp[step] for step in steps]
    paint = alt.Scale(domain=[PLACES[p] for p in used], range=shades)
    bars = alt.Chart(rows).mark_bar().encode(
        x=alt.X("rows:Q", title="rows with this reason", axis=alt.Axis(tickMinStep=1)),
        y=y,
        color=alt.Color("place:N", scale=paint, title=None, legend=alt.Legend(orient="top")),
        order=alt.Order("rank:Q"),
        tooltip=figure.tooltip(("label", "reason"), ("place", "place"), ("rows", "rows", ",d")),
    )  # fmt: skip
    said = f"{counted(len(found), 'row')} against {found.population:,} reference rows."
    if found.stability is not None:
        said += (
            " Where the reference rows are redrawn, a row keeps its reasons and their order in "
            f"{percent(float(found.stability.mean()))} of cases on average."
        )
    most = [
        f"{label} ({int(counts[i].sum())} rows)" for label, i in zip(labels, order, strict=True)
    ]
    return figure.finish(
        alt.layer(bars.add_params(figure.narrow())).properties(height=max(28 * len(labels), 60)),
        question="What counts most against people?",
        reading=said,
        alternative=f"Reasons by number of rows: {listed(most[:5]) or 'none'}. {said}",
        theme=theme,
        width=width,
    )
