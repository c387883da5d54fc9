"""Overlays: images, and beside each what every method lays over it, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import AxisError, InvalidSetting, UnknownName
from pellucid.display import figure
from pellucid.display.pictures import address, enlarged, overlaid
from pellucid.display.reading import check_top
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import brief, counted, listed, method_name, shorten
from pellucid.explainers.attention.worth import PROVES, SAID

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution of images",)

MOST = 8
"""Images drawn, unless more are asked for."""

SMALLEST = 72
"""Pixels of the side of one picture at least; more methods take another line."""

LARGEST = 200

Paint = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, str]]
"""From an image (row, column, 3) and a method's values (row, column) to a picture and its words."""

GAP, HEAD = 8, 18
"""Pixels between pictures, and for the words above each."""


def chart(
    explanation: Attribution | Sequence[Attribution],
    *,
    row: str | int | None = None,
    top: int | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """Each image as it is, and then with the values of each method laid over its grey copy.

    Parameters
    ----------
    explanation : Attribution or sequence of them
        Of the same images, such as those of several methods.
    row : label, optional
        The only image to draw.
    top : int, optional
        How many images to draw, at most; 8 by default.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Notes
    -----
    Values are added up over channels. Full strength is the value that 98 % of an image's pixels
    stay below, for each image and method by itself: methods measure in different units, so what is
    compared is where each puts its weight, and which way. Where all values of an image are above
    zero, the least of them is drawn as nothing.
    """
    given = (explanation,) if isinstance(explanation, Attribution) else tuple(explanation)
    return side_by_side(
        given,
        _laid_over,
        question="What did the network look at?",
        reading=_reading(given),
        row=row,
        top=top,
        theme=theme,
        width=width,
    )


def side_by_side(
    given: Sequence[Attribution],
    paint: Paint,
    *,
    question: str,
    reading: str,
    row: str | int | None,
    top: int | None,
    theme: str,
    width: int,
) -> alt.LayerChart:
    """Each image, and beside it what `paint` makes of the values of each method."""
    import altair as alt

    figure.check_width(width)
    maps = [maps_of(each) for each in given]
    pixels = _pixels(given)
    if len({each.shape for each in maps}) > 1 or pixels.shape[:3] != maps[0].shape:
        raise InvalidSetting(
            "Overlays are of the same images, on the images' own grid",
            got=[f"{each.shape}" for each in maps],
            allowed=f"{pixels.shape[:3]}",
        )
    _same_images(given)
    places = _chosen(given[0], row, top)
    columns, size = _laid_out(given, maps, pixels, places, width, paint)
    side, tall, wide, high = size
    colours = palette(theme)
    base = alt.Chart(figure.table(columns)).encode(
        x=alt.X("x:Q", scale=alt.Scale(domain=[0, wide], nice=False), axis=None),
        y=alt.Y("y:Q", scale=alt.Scale(domain=[high, 0], nice=False), axis=None),
        tooltip=figure.tooltip(("name", "image"), ("method", "method"), ("said", "values")),
    )
    layers = alt.layer(
        base.mark_image(width=side, height=tall, aspect=False).encode(url="url:N"),
        base.mark_text(dy=-tall / 2 - HEAD / 2, color=colours.text, fontSize=11).encode(
            text="head:N"
        ),
    )
    words = zip(columns["name"], columns["method"], columns["said"], strict=True)
    told = " ".join(f"Image {n}, {how}: {what}." for n, how, what in words if how != "image")
    methods = listed([method_name(each.method) for each in given])
    return figure.finish(
        layers.properties(height=high, width=wide),
        question=question,
        reading=" ".join([reading, *_worth(given)]),
        alternative=f"{counted(len(places), 'image')} with overlays of {methods}. {told}",
        theme=theme,
        width=width,
        fit=False,
    )


def _worth(given: Sequence[Attribution]) -> list[str]:
    """How faithful the maps of attention are, which never stand without it."""
    told = [(each, note) for each in given for note in each.notes if note.startswith(SAID)]
    found = [
        f"{method_name(each.method).capitalize()}: {note.removeprefix(SAID).partition(PROVES)[0]}"
        for each, note in told
    ]
    return [*found, f"{PROVES.strip()}."] if found else []


def _laid_out(
    given: Sequence[Attribution],
    maps: Sequence[np.ndarray],
    pixels: np.ndarray,
    places: Sequence[int],
    width: int,
    paint: Paint,
) -> tuple[dict[str, list[object]], tuple[int, int, int, int]]:
    """Where each picture stands and what it shows; the sides of one, and of all of them."""
    names = ["image", *(method_name(each.method) for each in given)]
    fits = max(1, min(len(names), (width - 20) // (SMALLEST + GAP)))
    lines = -(-len(names) // fits)
    across = -(-len(names) // lines)  # lines of about one length
    side = int(min(LARGEST, (width - 20) / across - GAP))
    tall = max(1, round(side * pixels.shape[1] / pixels.shape[2]))
    columns: dict[str, list[object]] = {
        key: [] for key in ("x", "y", "head", "url", "said", "method", "name")
    }
    for line, place in enumerate(places):
        target = _target(given[0], place)
        for number, name in enumerate(names):
            part, at = divmod(number, across)
            image = enlarged(pixels[place])
            picture, said = image, "the image itself"
            if number:
                picture, said = paint(image, maps[number - 1][place])
            columns["x"].append(at * (side + GAP) + side / 2)
            columns["y"].append((line * lines + part) * (tall + HEAD + GAP) + HEAD + tall / 2)
            columns["head"].append(
                shorten(f"{target}" if number == 0 else name, max(int(side / 5.6), 8))
            )
            columns["url"].append(address(picture))
            columns["said"].append(said)
            columns["method"].append(name)
            columns["name"].append(str(given[0].coords["sample"][place]))
    return columns, (side, tall, across * (side + GAP), len(places) * lines * (tall + HEAD + GAP))


def maps_of(attribution: Attribution) -> np.ndarray:
    """Values on the images' grid, added up over channels: (sample, row, column)."""
    if set(attribution.dims) - {"sample", "channel", "row", "column"}:
        raise AxisError(
            "An overlay has a value for each pixel",
            got=attribution.dims,
            allowed=("sample", "channel", "row", "column"),
        )
    if "sample" not in attribution.dims:
        raise AxisError("An overlay is of a batch of images", fix="Keep it: isel(sample=[0])")
    kept = attribution.sum("channel") if "channel" in attribution.dims else attribution
    return kept.values


def _pixels(given: Sequence[Attribution]) -> np.ndarray:
    for each in given:
        if each.inputs is not None and "pixels" in each.inputs:
            return np.asarray(each.inputs["pixels"])
    shape = maps_of(given[0]).shape
    return np.ones((*shape, 3))


def _same_images(given: Sequence[Attribution]) -> None:
    """Raise unless all explain the images that the first explains, in the same order."""
    first = next((each for each in given if "pixels" in (each.inputs or {})), given[0])
    pixels = (first.inputs or {}).get("pixels")
    for each in given:
        named = list(each.coords["sample"]) == list(given[0].coords["sample"])
        own = (each.inputs or {}).get("pixels")
        if named and (pixels is None or own is None or np.array_equal(own, pixels)):
            continue
        raise InvalidSetting(
            "Overlays are of the same images, in the same order",
            got="other pixels under the same names" if named else list(each.coords["sample"]),
            allowed=None if named else list(given[0].coords["sample"]),
            fix="Show explanations of other images apart",
        )


def _chosen(attribution: Attribution, row: str | int | None, top: int | None) -> list[int]:
    labels = list(attribution.coords["sample"])
    if row is None:
        return list(range(min(len(labels), check_top(top or MOST))))
    if row not in labels:
        raise UnknownName.among("image", str(row), [str(label) for label in labels])
    return [labels.index(row)]


def _target(attribution: Attribution, place: int) -> str:
    """The class explained, which stands above the image."""
    inputs = attribution.inputs or {}
    if "target" in inputs:
        return str(inputs["target"][place])
    return attribution.target or str(attribution.coords["sample"][place])


def _laid_over(image: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, str]:
    """The overlay, and how much the values raise and lower the output in all."""
    return overlaid(image, enlarged(values)), moved(values)


def moved(values: np.ndarray) -> str:
    """How much the values of one image raise and lower the output in all, in words."""
    up, down = float(values[values > 0].sum()), float(values[values < 0].sum())
    return f"raise it by {brief(up)}, lower it by {brief(-down)}" if down else f"{brief(up)} in all"


def _reading(given: Sequence[Attribution]) -> str:
    signed = any((each.values < 0).any() for each in given)
    said = "Vermillion: raises the output of the class named; the deeper, the more."
    if signed:
        said = "Vermillion: raises the output of the class named, striped blue: lowers it."
    return f"{said} Full colour is each picture's own strongest."
