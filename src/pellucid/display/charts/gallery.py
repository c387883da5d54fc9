"""Gallery: images that stand for a class or a unit, a line for each of what they are."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.core.examples import Examples
from pellucid.display import figure
from pellucid.display.pieces.overlay import png
from pellucid.display.reading import check_top
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import brief, counted, listed, method_name, shorten

if TYPE_CHECKING:
    import altair as alt

TAKES = ("examples",)

MOST = 6
"""Images of a line, unless more are asked for."""

LARGEST, ENLARGED = 150, 200
"""Pixels of the side of one picture as drawn, and at least as stored."""

GAP, HEAD, LINE = 8, 18, 26
"""Pixels between pictures, for the words above each, and for those above a line."""


def chart(
    explanation: Examples, *, top: int | None = None, theme: str = "light", width: int = WIDTH
) -> alt.LayerChart:
    """Each group's images, those of each role in a line, with their scores above.

    Parameters
    ----------
    explanation : Examples
        Of images.
    top : int, optional
        How many images of a line to draw, at most; 6 by default.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    import altair as alt

    figure.check_width(width)
    if "pixels" not in explanation.inputs:
        raise InvalidSetting(
            "A gallery is of images", got=list(explanation.inputs), allowed="inputs with 'pixels'"
        )
    lines = _lines(explanation, check_top(top or MOST))
    columns, heads, side, tall = _laid_out(explanation, lines, width)
    across, high = width - 20, len(lines) * (LINE + HEAD + tall + GAP)
    colours = palette(theme)
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, across], nice=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[high, 0], nice=False), axis=None)
    pictures = alt.Chart(figure.table(columns)).encode(
        x=x, y=y, tooltip=figure.tooltip(("name", "image"), ("role", "which is"), ("said", "score"))
    )
    words = alt.Chart(figure.table(heads)).encode(x=x, y=y, text="head:N")
    layers = alt.layer(
        pictures.mark_image(width=side, height=tall, aspect=False).encode(url="url:N"),
        pictures.mark_text(dy=-tall / 2 - HEAD / 2, color=colours.muted, fontSize=11).encode(
            text="said:N"
        ),
        words.mark_text(align="left", color=colours.text, fontSize=12, fontWeight="bold"),
    )
    return figure.finish(
        layers.properties(height=high, width=across),
        question="What would the network most like to see?",
        reading=f"Above each image its score ({explanation.scale}). Images that were optimised "
        "need not look like any that the network meets.",
        alternative=_alternative(explanation, lines),
        theme=theme,
        width=width,
        fit=False,
    )


def _lines(examples: Examples, most: int) -> list[tuple[str, list[int]]]:
    """The words above each line, and the places of its images."""
    pairs = list(dict.fromkeys(zip(examples.group, examples.role, strict=True)))
    found = []
    for group, role in pairs:
        mine = [
            place
            for place, pair in enumerate(zip(examples.group, examples.role, strict=True))
            if pair == (group, role)
        ]
        found.append((f"{group}, {role}", mine[:most]))
    return found


def _laid_out(
    examples: Examples, lines: list[tuple[str, list[int]]], width: int
) -> tuple[dict[str, list[Any]], dict[str, list[Any]], int, int]:
    """Where each picture and each line of words stands; the sides of a picture."""
    pixels = np.asarray(examples.inputs["pixels"])
    longest = max(len(places) for _, places in lines)
    side = int(min(LARGEST, (width - 20) / longest - GAP))
    tall = max(1, round(side * pixels.shape[1] / pixels.shape[2]))
    step = LINE + HEAD + tall + GAP
    columns: dict[str, list[Any]] = {key: [] for key in ("x", "y", "url", "name", "role", "said")}
    for number, (_, places) in enumerate(lines):
        for along, place in enumerate(places):
            columns["x"].append(along * (side + GAP) + side / 2)
            columns["y"].append(number * step + LINE + HEAD + tall / 2)
            columns["url"].append(_address(pixels[place]))
            columns["name"].append(str(examples.names[place]))
            columns["role"].append(examples.role[place])
            columns["said"].append(brief(float(examples.score[place])))
    heads = {
        "x": [0.0] * len(lines),
        "y": [number * step + LINE / 2 + 4 for number in range(len(lines))],
        "head": [shorten(words, 80) for words, _ in lines],
    }
    return columns, heads, side, tall


def _address(image: np.ndarray) -> str:
    times = max(1, -(-ENLARGED // max(image.shape[:2])))
    large = np.kron(np.round(255 * image).astype(np.uint8), np.ones((times, times, 1), np.uint8))
    return "data:image/png;base64," + base64.b64encode(png(large)).decode()


def _alternative(examples: Examples, lines: list[tuple[str, list[int]]]) -> str:
    said = [
        f"{words}: {listed([brief(float(examples.score[i])) for i in places])}"
        for words, places in lines[:4]
    ]
    images = counted(sum(len(places) for _, places in lines), "image")
    return f"{images} of {method_name(examples.method)}, with scores. {'. '.join(said)}."
