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
    shades : tuple of str
        From nothing (near the background) to everything, for filled cells; monotone in luminance.
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
    shades: tuple[str, ...]


PALETTES = {
    "light": Palette(
        background="#ffffff",
        text="#1b1f23",
        muted="#57606a",
        grid="#e3e6e9",
        raises="#d55e00",
        lowers="#0072b2",
        plain="#009e73",
        series=("#009e73", "#cc79a7", "#57606a", "#482475"),
        missing="#7d8388",
        ramp=("#1e9c89", "#25848e", "#31688e", "#414487", "#482475", "#440154"),
        shades=("#f4f7f6", "#c9e4db", "#8cc9b5", "#4aa588", "#1c7a62", "#064e3d"),
    ),
    "dark": Palette(
        background="#14171a",
        text="#eceff1",
        muted="#a9b1b8",
        grid="#2e343a",
        raises="#d55e00",
        lowers="#0072b2",
        plain="#009e73",
        series=("#009e73", "#cc79a7", "#a9b1b8", "#bddf26"),
        missing="#8a8f94",
        ramp=("#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26"),
        shades=("#1b2023", "#14413a", "#166352", "#1f8a70", "#53b899", "#a5e3cd"),
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


def mixed(first: str, second: str, share: float) -> str:
    """The colour at `share` of the way from `first` to `second`, as ``#rrggbb``."""
    parts = (
        round(int(first[i : i + 2], 16) * (1 - share) + int(second[i : i + 2], 16) * share)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


def along(stops: tuple[str, ...], share: float) -> str:
    """The colour at `share` of the way along evenly spaced `stops`."""
    place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    left = min(int(place), len(stops) - 2)
    return mixed(stops[left], stops[left + 1], place - left)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` as WCAG 2 defines it, from 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours as WCAG 2 defines it, from 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def ink(paper: str) -> str:
    """Black or white, whichever reads better on `paper`."""
    return max(("#ffffff", "#111111"), key=lambda colour: contrast(colour, paper))


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
        "legend": {**text, **sizes, "symbolType": "circle", "labelLimit": 220, "labelOffset": 7},
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
