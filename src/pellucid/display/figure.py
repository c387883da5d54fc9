"""What every picture shares: its rows, its frame, its title, and how several stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.display.theme import WIDTH, config
from pellucid.display.words import wrapped

if TYPE_CHECKING:
    import altair as alt

TITLE_SIZE, SUBTITLE_SIZE = 16, 12
PANEL_TITLE_SIZE, PANEL_SUBTITLE_SIZE = 14, 11

BESIDE = 80
"""Pixels beside the frame of a panel, which its title may use."""

NARROW = "narrow"
"""The parameter that a page sets where a picture stands on a phone."""

MIDDLE = (
    f"{NARROW} && length(datum.label) > 18"
    " ? slice(datum.label, 0, 9) + '…' + slice(datum.label, -8) : datum.label"
)
"""The label of an axis, which loses its middle on a phone."""

NARROW_SIDE = 110
"""Pixels beside a stacked panel on a phone."""

Picture = TypeVar("Picture", bound="alt.TopLevelMixin")


def table(columns: Mapping[str, Any]) -> alt.Data:
    """Named columns of equal length as the rows of a chart, in plain JSON values."""
    import altair as alt
    from altair.utils.schemapi import debug_mode

    lists = [[plain(item) for item in column] for column in columns.values()]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
    with debug_mode(False):  # a thousand rows are checked once, with the whole chart
        return alt.Data(values=rows)


def plain(value: Any) -> Any:
    """A JSON value: numbers to eight digits, and nothing where there is no finite number."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return float(f"{value:.8g}") if np.isfinite(value) else None
    return value


def tooltip(*lines: tuple[str, ...]) -> list[alt.Tooltip]:
    """What a mark says under the pointer: (field, title), or (field, title, D3 format) each."""
    import altair as alt

    return [
        alt.Tooltip(field=field, type="quantitative", title=title, format=form[0])
        if form
        else alt.Tooltip(field=field, type="nominal", title=title)
        for field, title, *form in lines
    ]


def digits(*values: Any) -> str:
    """A D3 format for single numbers that gives the greatest of `values` four digits."""
    sizes = np.abs(np.concatenate([np.ravel(np.asarray(v, dtype=float)) for v in values]))
    largest = float(sizes[np.isfinite(sizes)].max(initial=0.0))
    if largest >= 1e12 or 0 < largest < 1e-3:
        return ".3~e"
    return f",.{min(max(3 - int(np.floor(np.log10(largest or 1.0))), 0), 6)}~f"


def finish(
    chart: Any,
    *,
    question: str,
    reading: str,
    alternative: str,
    theme: str,
    width: int = WIDTH,
    fit: bool = True,
) -> Any:
    """`chart` with its title, its text for those who do not see it, its size and its theme."""
    import altair as alt

    check_width(width)
    chart = chart.properties(
        title=alt.TitleParams(
            text=wrapped(question, width, TITLE_SIZE),
            subtitle=wrapped(reading, width, SUBTITLE_SIZE),
        ),
        description=alternative,
    )
    if fit:
        chart = chart.properties(
            width=width, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
        )
    return chart.configure(**config(theme))


def grid(
    charts: Sequence[Any], *, columns: int, theme: str, said: tuple[str, str] | tuple[()] = ()
) -> alt.ConcatChart:
    """Finished charts side by side in one picture, each with its own scales and title.

    `said` is a title for all, with what stands below it.
    """
    import altair as alt

    panels = []
    for chart in charts:
        panel = chart.copy(deep=False)
        panel.config = panel.autosize = alt.Undefined
        panel.title = _smaller(chart.title, chart.width + BESIDE)
        panels.append(panel)
    whole = alt.concat(*panels, columns=columns, spacing=36)
    words = " ".join([*said, *(str(chart.description) for chart in charts)])
    if said:
        wide = columns * (charts[0].width + BESIDE)
        below = wrapped(said[1], wide, SUBTITLE_SIZE)
        whole = whole.properties(title=alt.TitleParams(text=said[0], subtitle=below, offset=24))
    whole = whole.resolve_scale(color="independent").properties(description=words)
    return whole.configure(**config(theme))


def _smaller(title: Any, width: int) -> alt.TitleParams:
    """The title of a panel, over all of its width."""
    import altair as alt

    text, below = " ".join(title.text), " ".join(title.subtitle)
    return alt.TitleParams(
        text=wrapped(text, width, PANEL_TITLE_SIZE),
        subtitle=wrapped(below, width, PANEL_SUBTITLE_SIZE),
        fontSize=PANEL_TITLE_SIZE,
        subtitleFontSize=PANEL_SUBTITLE_SIZE,
        subtitleLineHeight=PANEL_SUBTITLE_SIZE + 4,
    )


def stacked(panels: Sequence[Any], side: int, plot: int, right: int = 0) -> alt.VConcatChart:
    """Panels under each other, each frame `plot` pixels wide with `side` and `right` beside it.

    `usermeta` tells a page how much stands beside the frames, so that it can set their width.
    """
    import altair as alt

    first, *others = (panel.properties(width=plot) for panel in panels)
    first = first.add_params(narrow())
    whole = alt.vconcat(first, *others, spacing=10)
    return whole.properties(
        usermeta={"side": side + right, "narrowSide": min(side, NARROW_SIDE) + min(right, 60)}
    )


def narrow() -> alt.Parameter:
    """The parameter `NARROW`, which is false until a page sets it."""
    import altair as alt

    return alt.param(name=NARROW, value=False)


def extent(side: int) -> Any:
    """Pixels for the labels beside a stacked panel: `side`, or what a phone has."""
    import altair as alt

    return alt.ExprRef(f"{NARROW} ? {min(side, NARROW_SIDE) - 6} : {side}")


def check_width(width: int) -> int:
    """`width`, once it is a number of pixels in which a chart can be read."""
    if not isinstance(width, (int, np.integer)) or isinstance(width, bool) or width < 200:
        raise InvalidSetting(
            "A picture needs room", got=repr(width), allowed="width ≥ 200 (pixels)"
        )
    return int(width)


def number_format(*values: Any) -> str:
    """A D3 format for the numbers of an axis: plain, or short where they are huge or tiny."""
    sizes = np.abs(np.concatenate([np.ravel(np.asarray(v, dtype=float)) for v in values]))
    sizes = sizes[np.isfinite(sizes)]
    largest = float(sizes.max()) if sizes.size else 0.0
    if largest >= 1e12 or 0 < largest < 1e-3:
        return "~e"
    return "~s" if largest >= 1e5 else ",~f"


def span(*values: Any, room: tuple[float, float] = (0.05, 0.05)) -> list[float]:
    """Lower and upper end of an axis that holds all finite `values`, with room at both ends."""
    numbers = np.concatenate([np.ravel(np.asarray(v, dtype=float)) for v in values])
    numbers = numbers[np.isfinite(numbers)]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
    if low == high:
        reach = abs(low) or 1.0
        low, high = low - reach / 2, high + reach / 2
    return [low - room[0] * (high - low), high + room[1] * (high - low)]
