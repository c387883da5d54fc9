"""Agreement: whether two methods hold the same features important."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import ColumnMismatch, InvalidSetting
from pellucid.display import figure, reading
from pellucid.display.charts.beeswarm import ranks
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import brief, cells, counted, method_name, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution pair",)

FAR = 3
"""Places apart from which a line counts as disagreement and is drawn strongly."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """Two rankings of the same features: names, places from 1 and sizes, of shape (feature,)."""

    names: list[str]
    methods: list[str]
    places: tuple[np.ndarray, np.ndarray]
    sizes: tuple[np.ndarray, np.ndarray]
    top: int

    @property
    def shared(self) -> int:
        """How many features are among the first on both sides."""
        return int(((self.places[0] <= self.top) & (self.places[1] <= self.top)).sum())

    @property
    def shown(self) -> np.ndarray:
        """Positions of the features among the first of either side."""
        return np.flatnonzero((self.places[0] <= self.top) | (self.places[1] <= self.top))

    @property
    def apart(self) -> np.ndarray:
        """Places between the two sides."""
        return np.abs(self.places[0] - self.places[1])

    @property
    def correlation(self) -> float:
        """Spearman's rank correlation; NaN where a side is constant or there is one feature."""
        first, second = map(ranks, self.sizes)
        if not np.ptp(first) or not np.ptp(second):
            return float("nan")
        return float(np.corrcoef(first, second)[0, 1])


def chart(
    explanation: Sequence[Attribution],
    *,
    top: int = 10,
    class_: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """The features by rank on two sides; a crossing line is a disagreement.

    Parameters
    ----------
    explanation : two Attributions
        Of the same features, by two methods, two models or two seeds. Only ranks are compared, so
        their units may differ.
    top : int
        The first features of either side are drawn.
    class_ : label, optional
        The class to compare; needed where there are several.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Raises
    ------
    ColumnMismatch
        If the two have other features.
    """
    figure.check_width(width)
    found = _matched(explanation, class_, reading.check_top(top))
    said = (
        f"Features by mean size of their share; the first {found.top} of either side. "
        f"Rank correlation {brief(found.correlation)}; {found.shared} of the first {found.top} "
        "in common."
    )
    if (found.apart[found.shown] >= FAR).any():
        said += f" Strong lines: {FAR} or more places apart."
    return figure.finish(
        _drawn(found, theme, width),
        question=f"Do {found.methods[0]} and {found.methods[1]} find the same features important?",
        reading=said,
        alternative=_alternative(found),
        theme=theme,
        width=width,
        fit=False,
    )


def _matched(explanation: Sequence[Attribution], class_: Label | None, top: int) -> Match:
    if len(explanation) != 2:
        raise InvalidSetting(
            "Agreement is between two attributions", got=f"{len(explanation)}", allowed="2"
        )
    first, second = (reading.sheet(one, class_) for one in explanation)
    odd = set(first.features) ^ set(second.features)
    if odd:
        raise ColumnMismatch("The two attributions have other features", got=sorted(map(str, odd)))
    order = [second.features.index(feature) for feature in first.features]
    sizes = first.size(), second.size()[order]
    methods = [method_name(one.method) for one in explanation]
    if methods[0] == methods[1]:
        methods = [f"{methods[0]} (first)", f"{methods[1]} (second)"]
    return Match(
        names=unique(first.features, 24),
        methods=methods,
        places=(_places(sizes[0]), _places(sizes[1])),
        sizes=sizes,
        top=min(top, len(order)),
    )


def _places(sizes: np.ndarray) -> np.ndarray:
    return 1 + np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")


def _drawn(found: Match, theme: str, width: int) -> Any:
    import altair as alt

    colours, shown = palette(theme), found.shown
    names = [found.names[i] for i in shown]
    heights = [np.argsort(np.argsort(places[shown])) for places in found.places]
    far = np.tile(found.apart[shown] >= FAR, 2)
    places = [places[shown] for places in found.places]
    lines = {
        "feature": names * 2,
        "first": np.tile(places[0], 2),
        "second": np.tile(places[1], 2),
        "side": np.repeat([0, 1], len(shown)),
        "y": np.concatenate(heights),
        "colour": np.where(far, colours.series[1], colours.missing),
        "strong": np.where(far, 3.0, 1.2),
    }
    x = alt.X("side:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
    down = alt.Scale(domain=[-1.3, len(shown) - 0.4], reverse=True, nice=False)
    y = alt.Y("y:Q", axis=None, scale=down)
    told = figure.tooltip(
        ("feature", "column"),
        ("first", f"place by {found.methods[0]}"),
        ("second", f"place by {found.methods[1]}"),
    )
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(figure.table(lines)).encode(x=x, y=y, color=colour, tooltip=told)
    strong = alt.StrokeWidth("strong:Q", scale=None)
    layers = [
        base.add_params(figure.narrow()).mark_line().encode(detail="feature:N", strokeWidth=strong),
        base.mark_point(filled=True, size=40, opacity=1),
    ]
    for side in (0, 1):
        layers += [words.encode(x=x, y=y) for words in _side(found, side, names, heights[side])]
    plot = max(int(width) - 2 * int(6.6 * max(map(cells, names)) + 34), 120)
    return alt.layer(*layers).properties(width=plot, height=24 * (len(shown) + 1))


def _side(found: Match, side: int, names: list[str], heights: np.ndarray) -> list[Any]:
    """The names and places on one side, under the method's name."""
    import altair as alt

    align: Any = ("right", "left")[side]
    places = found.places[side][found.shown]
    said = [f"{place}  {name}" for name, place in zip(names, places, strict=True)]
    rows = {"side": [side] * len(names), "y": heights, "text": said}
    head = {"side": [side], "y": [-1.0], "text": [found.methods[side]]}
    limit = alt.ExprRef(f"{figure.NARROW} ? 96 : 400")
    texts = alt.Chart(figure.table(rows)).mark_text(align=align, dx=(-12, 12)[side], limit=limit)
    title = alt.Chart(figure.table(head)).mark_text(
        align=align, dx=(-12, 12)[side], fontWeight=600, fontSize=13, limit=limit
    )
    return [texts.encode(text="text:N"), title.encode(text="text:N")]


def _alternative(found: Match) -> str:
    first, second = (found.names[int(np.argmin(places))] for places in found.places)
    tops = f"both put {first} first"
    if first != second:
        tops = f"{first} is first by {found.methods[0]}, {second} by {found.methods[1]}"
    said = (
        f"Slope chart of {counted(len(found.names), 'feature')} ranked by {found.methods[0]} and "
        f"{found.methods[1]}: {tops}; {found.shared} of the first {found.top} in common, rank "
        f"correlation {brief(found.correlation)}."
    )
    worst = int(np.argmax(found.apart))
    if found.apart[worst]:
        said += (
            f" The widest gap: {found.names[worst]}, place {found.places[0][worst]} against "
            f"{found.places[1][worst]}."
        )
    return said
