"""Agreement: whether two methods hold the same features important."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import ColumnMismatch, InvalidSetting
from pellucid.show import figure, reading
from pellucid.show.charts.beeswarm import ranks
from pellucid.show.figure import WIDTH
from pellucid.show.theme import palette
from pellucid.show.words import brief, counted, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution pair",)

FAR = 3
"""Places apart from which a line counts as disagreement and is drawn strongly."""


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
    """
    reading.check_top(top)
    left, right = _pair(explanation, class_)
    a, b = (1 + np.argsort(np.argsort(-s, kind="stable"), kind="stable") for s in (left, right))
    shown = np.flatnonzero((a <= top) | (b <= top))
    names = unique([str(f) for f in reading.sheet(explanation[0], class_).features], 24)
    methods = [one.method for one in explanation]
    if methods[0] == methods[1]:
        methods = [f"{methods[0]} (first)", f"{methods[1]} (second)"]
    alike = correlation(left, right)
    shared = int(((a <= top) & (b <= top)).sum())
    limit = min(top, len(names))
    said = (
        f"Features by mean size of their share; the first {limit} of either side. Rank correlation "
        f"{brief(alike)}; {shared} of the first {limit} in common."
    )
    far = int((np.abs(a - b)[shown] >= FAR).sum())
    said += f" Strong lines: {FAR} or more places apart." if far else ""
    return figure.finish(
        _drawn(names, a, b, shown, methods, theme, width),
        question=f"Do {methods[0]} and {methods[1]} find the same features important?",
        reading=said,
        alternative=_alternative(names, a, b, methods, alike, shared, limit),
        theme=theme,
        width=width,
        fit=False,
    )


def correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's rank correlation, NaN where one side is constant."""
    first, second = ranks(left), ranks(right)
    if len(left) < 2 or not np.ptp(left) or not np.ptp(right):
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _pair(
    explanation: Sequence[Attribution], class_: Label | None
) -> tuple[np.ndarray, np.ndarray]:
    if len(explanation) != 2:
        raise InvalidSetting(
            "Agreement is between two attributions", got=f"{len(explanation)}", allowed="2"
        )
    first, second = (reading.sheet(one, class_) for one in explanation)
    if set(first.features) != set(second.features):
        missing = [str(f) for f in set(first.features) ^ set(second.features)]
        raise ColumnMismatch("The two attributions have other features", got=sorted(missing))
    order = [second.features.index(feature) for feature in first.features]
    return first.size(), second.size()[order]


def _drawn(
    names: list[str],
    a: np.ndarray,
    b: np.ndarray,
    shown: np.ndarray,
    methods: list[str],
    theme: str,
    width: int,
) -> Any:
    import altair as alt

    colours = palette(theme)
    heights = [np.argsort(np.argsort(side[shown])).tolist() for side in (a, b)]
    far = np.abs(a - b)[shown] >= FAR
    up = (b < a)[shown]
    lines = {
        "feature": [names[i] for i in shown] * 2,
        "side": [0.0] * len(shown) + [1.0] * len(shown),
        "y": heights[0] + heights[1],
        "colour": np.tile(
            np.where(far, np.where(up, colours.raises, colours.lowers), colours.missing), 2
        ),
        "width": np.tile(np.where(far, 2.5, 1.2), 2),
        "text": [f"{names[i]}  {a[i]}" for i in shown] + [f"{b[i]}  {names[i]}" for i in shown],
    }
    x = alt.X("side:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
    y = alt.Y(
        "y:Q", axis=None, scale=alt.Scale(domain=[-1.2, len(shown) - 0.4], reverse=True, nice=False)
    )
    base = alt.Chart(figure.table(lines)).encode(x=x, y=y)
    strokes = base.mark_line().encode(
        detail="feature:N",
        color=alt.Color("colour:N", scale=None),
        strokeWidth=alt.StrokeWidth("width:Q", scale=None),
    )
    dots = base.mark_point(filled=True, size=36, opacity=1).encode(
        color=alt.Color("colour:N", scale=None)
    )
    sides = [
        base.transform_filter(f"datum.side == {i}")
        .mark_text(align=align, dx=dx)
        .encode(text="text:N")
        for i, (align, dx) in enumerate((("right", -10), ("left", 10)))
    ]
    heads = alt.Chart(figure.table({"side": [0.0, 1.0], "y": [-1.0, -1.0], "method": methods}))
    titles = [
        heads.transform_filter(f"datum.side == {i}")
        .mark_text(align=align, fontWeight=600, fontSize=13)
        .encode(x=x, y=y, text="method:N")
        for i, align in enumerate(("right", "left"))
    ]
    label = 8 * max(len(names[i]) for i in shown) + 30
    plot = max(int(width) - 2 * label, 120)
    return alt.layer(strokes, dots, *sides, *titles).properties(
        width=plot, height=24 * (len(shown) + 1)
    )


def _alternative(
    names: list[str],
    a: np.ndarray,
    b: np.ndarray,
    methods: list[str],
    alike: float,
    shared: int,
    limit: int,
) -> str:
    first, second = names[int(np.argmin(a))], names[int(np.argmin(b))]
    tops = (
        f"both put {first} first"
        if first == second
        else f"{first} is first by {methods[0]}, {second} by {methods[1]}"
    )
    said = (
        f"Slope chart of {counted(len(names), 'feature')} ranked by {methods[0]} and {methods[1]}: "
        f"{tops}; {shared} of the first {limit} in common, rank correlation {brief(alike)}."
    )
    worst = int(np.argmax(np.abs(a - b)))
    if a[worst] != b[worst]:
        said += f" The widest gap: {names[worst]}, place {a[worst]} against {b[worst]}."
    return said
