"""Occlusion: how far the output falls when a window of the image is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.perturbation.masked import checked_removal, outputs_under, stand_in

PART = 8
"""The window is this part of the image's side, unless another is asked for."""


@dataclass(frozen=True, kw_only=True)
class Occlusion(Explainer):
    """What the output loses when a window slides over the image and covers it, all channels alike.

    Parameters
    ----------
    window : int or (row, column), optional
        Size of the window in pixels; by default an eighth of the image's sides.
    stride : int or (row, column), optional
        Pixels between windows, at most their size; by default half of it.
    removal : {"mean", "zero", "blur"} or float
        What covers: the image's mean colour, zero, the image blurred, or a number.

    Raises
    ------
    InvalidSetting
        If the stride leaves pixels out, or the window is larger than the image.

    Notes
    -----
    The value of a pixel is the mean loss of output over all windows that cover it, in the unit of
    the output; values do not add up to it. Nothing is drawn at random. Where strides do not end at
    the border the last windows are cut off there.

    Cost: one evaluation for each window and image; 225 by default.

    References
    ----------
    Zeiler and Fergus (2014), arXiv:1311.2901.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "arXiv:1311.2901"
    cost: ClassVar[str] = "windows, per image"

    window: int | tuple[int, int] | None = None
    stride: int | tuple[int, int] | None = None
    removal: float | str = "mean"

    def __post_init__(self) -> None:
        checked_removal(self.removal)
        for name in ("window", "stride"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, _sizes(name, given))

    def work(self, question: ImageQuestion) -> int:
        high, wide = (len(starts) for starts, _ in self._windows(question))
        return question.size * high * wide

    def compute(self, question: ImageQuestion) -> Attribution:
        (down, high), (across, wide) = self._windows(question)
        rows, columns = question.images.values.shape[2:]
        in_row = _covered(down, high, rows)
        in_column = _covered(across, wide, columns)

        def masks(numbers: np.ndarray) -> np.ndarray:
            i, j = np.divmod(numbers, len(across))
            return np.asarray(~(in_row[i][:, :, None] & in_column[j][:, None, :]))

        behind = stand_in(question, self.removal)
        found = outputs_under(question, behind, masks, len(down) * len(across))
        lost = question.output[:, None] - found
        lost = lost.reshape(question.size, len(down), len(across))
        total = in_row.T.astype(float) @ lost @ in_column.astype(float)
        return question.attribution(total / np.outer(in_row.sum(axis=0), in_column.sum(axis=0)))

    def _windows(self, question: ImageQuestion) -> list[tuple[np.ndarray, int]]:
        """Along rows and columns: where windows start, and how long they are."""
        found = []
        for axis, side in enumerate(question.images.values.shape[2:]):
            size = max(1, round(side / PART)) if self.window is None else self.window[axis]  # type: ignore[index]
            step = max(1, size // 2) if self.stride is None else self.stride[axis]  # type: ignore[index]
            if size > side:
                raise InvalidSetting("The window is larger than the image", got=size, allowed=side)
            if step > size:
                raise InvalidSetting(
                    "The stride leaves pixels out", got=step, allowed=f"at most the window's {size}"
                )
            found.append((np.arange(0, side - size + step, step), size))
        return found


def _sizes(name: str, given: Any) -> tuple[int, int]:
    pair = tuple(given) if isinstance(given, (tuple, list)) else (given, given)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in pair)
    if len(pair) != 2 or not whole or min(pair) < 1:
        raise InvalidSetting(
            f"{name} is a number of pixels", got=repr(given), allowed="≥ 1, or (row, column)"
        )
    return int(pair[0]), int(pair[1])


def _covered(starts: np.ndarray, size: int, side: int) -> np.ndarray:
    """Which places each window covers: (window, place)."""
    place = np.arange(side)
    return (place >= starts[:, None]) & (place < starts[:, None] + size)
