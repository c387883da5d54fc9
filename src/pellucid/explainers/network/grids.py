"""Maps on the grid of an image: which tokens are patches of it, and how a coarse map is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MOST_EXTRA = 8
"""Most class and register tokens before the patches."""

Grid = tuple[int, int]


def token_grid(tokens: int, image: Grid, maps: Iterable[Grid]) -> tuple[Grid, int] | None:
    """The rows and columns of patches among `tokens`, and how many tokens stand before them.

    Parameters
    ----------
    tokens : int
        Length of the token axis.
    image : (row, column)
        Size of the input.
    maps : iterable of (row, column)
        Sizes of the maps inside the network, such as that of the convolution that cuts patches.
        Without any, square patches that fill the image are looked for.

    Returns
    -------
    ((row, column), extra), or None if no grid fits
    """
    known = list(maps) or _cuts(image)
    fitting = [
        (tokens - rows * columns, (rows, columns))
        for rows, columns in known
        if 0 <= tokens - rows * columns <= min(MOST_EXTRA, rows * columns - 1)
    ]
    if not fitting:
        return None
    extra, grid = min(fitting)
    return grid, extra


def _cuts(image: Grid) -> list[Grid]:
    rows, columns = image
    sides = range(1, math.gcd(rows, columns) + 1)
    return [(rows // p, columns // p) for p in sides if rows % p == 0 and columns % p == 0]


def upsampled(maps: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Maps (sample, row, column) drawn on a finer grid, linearly between their cells."""
    import torch

    whole = maps.float()[:, None]
    return torch.nn.functional.interpolate(
        whole, size=(size[-2], size[-1]), mode="bilinear", align_corners=False
    )[:, 0]
