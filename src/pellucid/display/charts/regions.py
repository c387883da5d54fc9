"""Regions: images, and beside each the strongest part of it that every method names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.display.charts.overlays import side_by_side
from pellucid.display.pictures import REGION, enlarged, masked, region
from pellucid.display.theme import WIDTH
from pellucid.display.words import percent

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution of images",)


def chart(
    explanation: Attribution | Sequence[Attribution],
    *,
    row: str | int | None = None,
    top: int | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """Each image as it is, and then what is left of it in the strongest tenth of each method.

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
    Of the cells of a regular grid, the one that explanations are judged by, a tenth is kept: those
    of the greatest mean value, as long as it is above zero.
    """
    given = (explanation,) if isinstance(explanation, Attribution) else tuple(explanation)
    return side_by_side(
        given,
        _left,
        question="Which region does each method call decisive?",
        reading=f"Kept is the strongest {percent(REGION)} of the image, framed in vermillion: what "
        "raises the output of the class named most.",
        row=row,
        top=top,
        theme=theme,
        width=width,
    )


def _left(image: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, str]:
    """The image with all but the region paled, and how much of it the region is."""
    kept = region(values)
    return masked(image, enlarged(kept)), f"a region of {percent(float(kept.mean()))} of the image"
