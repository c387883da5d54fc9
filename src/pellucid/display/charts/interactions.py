"""Interactions: what pairs of columns do together, as a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import AxisError
from pellucid.core.terms import members, term
from pellucid.display import figure, reading
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import brief, cells, counted, method_name, shorten, signed, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

CELL = 76
"""Pixels of a cell at most."""

FULL = 0.74
"""Opacity of the strongest: the theme's text still reads on it."""

LETTER = 6.8
"""Pixels of a digit in a cell."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Triangle:
    """The players drawn, and the values (player, player) of pairs, of players on the diagonal.

    NaN where a pair has no term.
    """

    names: list[str]
    value: np.ndarray
    players: int
    bigger: int


def chart(
    explanation: Attribution,
    *,
    top: int = 8,
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """A triangle: a cell for each pair of columns, and on the diagonal each column alone.

    An explanation with rows is drawn by mean magnitudes over them, one without by its own signed
    values. Pairs and single columns have a scale of strength each, as columns alone usually do
    far more than pairs; the numbers are on one scale.

    Parameters
    ----------
    explanation : Attribution
        Axis ``term``, and perhaps ``sample`` and ``class``.
    top : int
        How many columns to draw, those that act most in pairs first.
    class_ : label, optional
        The class to draw; needed where there are several.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Raises
    ------
    AxisError
        If there is no axis ``term``.
    """
    figure.check_width(width)
    if explanation.player != "term":
        raise AxisError(
            "Only terms have interactions",
            got=f"axes {explanation.dims}",
            allowed="an axis 'term'",
            fix="Explain with method='tree_interactions'",
        )
    found = reading.sheet(explanation, class_)
    drawn = _triangle(found, reading.check_top(top))
    return figure.finish(
        _drawn(drawn, palette(theme), width, bool(found.samples)),
        question="Which columns act together?",
        reading=_reading(found, drawn),
        alternative=_alternative(method_name(explanation.method), found, drawn),
        theme=theme,
        width=width,
        fit=False,
    )


def _triangle(found: reading.Sheet, top: int) -> Triangle:
    parts = members(found.features)
    value = found.size() if found.samples else np.nan_to_num(found.values[0])
    players = [number for number, own in enumerate(parts) if own == (number,)]
    where = {number: place for place, number in enumerate(players)}
    whole = np.full((len(players), len(players)), np.nan)
    for number, own in enumerate(parts):
        if len(own) <= 2:
            one, other = where[own[0]], where[own[-1]]
            whole[one, other] = whole[other, one] = value[number]
    sizes = np.abs(np.nan_to_num(whole))
    together = sizes.sum(axis=1) - np.diag(sizes)
    order = np.lexsort((-np.diag(sizes), -together))[:top]
    return Triangle(
        names=unique([found.features[players[i]] for i in order], 22),
        value=whole[np.ix_(order, order)],
        players=len(players),
        bigger=sum(len(own) > 2 for own in parts),
    )


def _drawn(drawn: Triangle, colours: Palette, width: int, sizes: bool) -> Any:
    import altair as alt

    side = 7 * max(map(cells, drawn.names)) + 16
    cell = max(12.0, min(CELL, (width - side - 8) / len(drawn.names)))
    level = 7 * max(map(cells, drawn.names)) < cell
    axis = alt.Axis(labelAngle=0 if level else -45, domain=False, ticks=False)
    flat = alt.Scale(domain=drawn.names, padding=0)
    columns = _cells(drawn, colours, sizes, cell)
    base = alt.Chart(figure.table(columns)).encode(
        x=alt.X("column:N", title=None, axis=axis, scale=flat, sort=None),
        y=alt.Y("row:N", title=None, scale=flat, sort=None),
        tooltip=figure.tooltip(("term", "term"), ("what", "is"), ("exact", "value")),
    )
    squares = base.mark_rect(stroke=colours.grid, strokeWidth=1).encode(
        color=alt.Color("colour:N", scale=None), opacity=alt.Opacity("opacity:Q", scale=None)
    )
    edges = base.mark_rect(fill="transparent", stroke=colours.grid, strokeWidth=1)
    alone = base.transform_filter("datum.row === datum.column")
    outline = alone.mark_rect(fill="transparent", stroke=colours.text, strokeWidth=1.5)
    layers = [squares, edges, outline, base.mark_text(fontSize=12).encode(text="text:N")]
    size = cell * len(drawn.names)
    return alt.layer(*layers).properties(width=size, height=min(size, 40 * len(drawn.names)))


def _cells(drawn: Triangle, colours: Palette, sizes: bool, cell: float) -> dict[str, Any]:
    """A cell for each two players, the lower triangle with the diagonal."""
    rows, columns = np.tril_indices(len(drawn.names))
    value = drawn.value[rows, columns]
    known, single = np.isfinite(value), rows == columns
    size = np.abs(np.where(known, value, 0.0))
    strongest = [float(size[part].max(initial=0.0)) or 1.0 for part in (~single, single)]
    sign = np.where(value > 0, colours.raises, colours.lowers)
    colour = np.where(single, colours.missing, colours.plain) if sizes else sign
    said = brief if sizes else signed
    exact = [said(v) if k else "" for v, k in zip(value, known, strict=True)]
    text = [said(v) if k else "" for v, k in zip(_rounded(value, strongest[0]), known, strict=True)]
    if max(map(len, text)) * LETTER > cell:
        text = [t[:1] if t[:1] in "+−" else "" for t in text]  # no room: the sign alone
    return {
        "row": [drawn.names[i] for i in rows],
        "column": [drawn.names[j] for j in columns],
        "term": [
            drawn.names[i] if i == j else term(drawn.names[j], drawn.names[i])
            for i, j in zip(rows, columns, strict=True)
        ],
        "what": np.where(single, "what the column does alone", "what the two do together"),
        "exact": exact,
        "text": text,
        "colour": colour,
        "opacity": FULL * size / np.where(single, strongest[1], strongest[0]),
    }


def _rounded(value: np.ndarray, strongest: float) -> np.ndarray:
    """Values to as many decimals as give the strongest pair three digits."""
    decimals = 2 - int(np.floor(np.log10(strongest)))
    return np.where(np.isfinite(value), np.round(value, decimals), np.nan) + 0.0


def _reading(found: reading.Sheet, drawn: Triangle) -> str:
    over = f"Mean size over {counted(len(found.samples), 'row')}, in" if found.samples else "In"
    said = (
        f"{over} {found.unit}. Outlined: what a column does alone; the others: what two do "
        "together beyond that. Stronger colour: more, among the pairs and among the outlined."
    )
    if np.isnan(drawn.value).any():
        said += " Empty: a pair without a term."
    if len(drawn.names) < drawn.players:
        said += f" The {len(drawn.names)} of {drawn.players} columns that act most in pairs."
    if drawn.bigger:
        said += f" {counted(drawn.bigger, 'term')} of more than two columns not drawn."
    return said + (f" {counted(found.unknown, 'missing share')} left out." if found.unknown else "")


def _alternative(method: str, found: reading.Sheet, drawn: Triangle) -> str:
    said = (
        f"Triangle of {counted(len(drawn.names), 'column')} and their pairs in {found.unit} "
        f"({method})."
    )
    sizes = np.abs(np.tril(np.nan_to_num(drawn.value), -1))
    if not sizes.any():
        return f"{said} No two columns act together."
    best = np.argsort(-sizes, axis=None, kind="stable")[:3]
    told = []
    for i, j in zip(*np.unravel_index(best, sizes.shape), strict=True):
        if sizes[i, j]:
            names = (shorten(drawn.names[j]), shorten(drawn.names[i]))
            told.append(f"{names[0]} with {names[1]} {brief(drawn.value[i, j])}")
    return f"{said} Strongest pairs: {', '.join(told)}."
