"""One look for every picture: colours, type and the Vega-Lite configuration, light and dark.

Vermillion raises the output, blue lowers it (Okabe and Ito's pair, which stays apart under the
common kinds of colour blindness). A sign in text or a place on an axis always says the same thing,
so nothing rests on colour alone. Green is for sizes without a sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.core.errors import UnknownName

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
"""The reader's own sans-serif: no font is fetched or embedded."""

SMALLEST_TEXT = 11
"""Pixels."""

WIDTH = 640
"""Pixels of a whole picture, labels included."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one theme, each at least 3:1 against `background` where it carries meaning.

    Parameters
    ----------
    background, text, muted, grid : str
        Paper, text, secondary text, and lines that may be overlooked.
    raises, lowers : str
        What pushes the output up, and down.
    plain : str
        Sizes without a sign, and single curves.
    series : tuple of str
        Several curves or methods side by side; none means up or down.
    missing : str
        Missing values and what was not measured.
    ramp : tuple of str
        Low to high, monotone in luminance, moving away from the background.
    """

    background: str
    text: str
    muted: str
    grid: str
    raises: str
    lowers: str
    plain: str
    series: tuple[str, ...]
    missing: str
    ramp: tuple[str, ...]


PALETTES = {
    "light": Palette(
        background="#ffffff",
        text="#1b1f23",
        muted="#57606a",
        grid="#e3e6e9",
        raises="#d55e00",
        lowers="#0072b2",
        plain="#009e73",
        series=("#009e73", "#cc79a7", "#57606a", "#7b3294"),
        missing="#7d8388",
        ramp=("#1e9c89", "#25848e", "#31688e", "#414487", "#482475", "#440154"),
    ),
    "dark": Palette(
        background="#14171a",
        text="#eceff1",
        muted="#a9b1b8",
        grid="#2e343a",
        raises="#d55e00",
        lowers="#0072b2",
        plain="#009e73",
        series=("#009e73", "#cc79a7", "#a9b1b8", "#c9a0e0"),
        missing="#8a8f94",
        ramp=("#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26"),
    ),
}
"""The themes by name."""


def palette(theme: str) -> Palette:
    """The colours of `theme`.

    Raises
    ------
    UnknownName
        If there is no such theme.
    """
    if theme not in PALETTES:
        raise UnknownName.among("theme", theme, PALETTES)
    return PALETTES[theme]


def config(theme: str) -> dict[str, Any]:
    """The Vega-Lite configuration of `theme`, for one chart; nothing global is changed."""
    colours = palette(theme)
    text = {"labelColor": colours.text, "titleColor": colours.muted}
    sizes = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    return {
        "aria": False,
        "background": colours.background,
        "font": FONT,
        "padding": 10,
        "view": {"stroke": None},
        "axis": {
            **text,
            **sizes,
            "labelLimit": 0,
            "labelPadding": 6,
            "titlePadding": 8,
            "gridColor": colours.grid,
            "domainColor": colours.grid,
            "tickColor": colours.grid,
            "tickCount": 5,
        },
        "axisY": {"domain": False, "ticks": False},
        "legend": {
            **text,
            **sizes,
            "symbolType": "circle",
            "labelLimit": 160,
            "orient": "top",
            "titleOrient": "left",
            "gradientThickness": 10,
            "gradientLength": 120,
        },
        "header": {"labelColor": colours.text, "labelFontSize": 13, "labelFontWeight": 600},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "color": colours.text,
            "fontSize": 16,
            "fontWeight": 600,
            "offset": 14,
            "subtitleColor": colours.muted,
            "subtitleFontSize": 12,
            "subtitleLineHeight": 16,
            "subtitlePadding": 5,
        },
        "text": {"color": colours.text, "fontSize": SMALLEST_TEXT + 1},
        "bar": {"color": colours.plain},
        "line": {"color": colours.plain},
        "rule": {"color": colours.text},
    }
