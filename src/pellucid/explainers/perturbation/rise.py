"""RISE: which pixels the output is high with, over random smooth masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.engine.work import slices
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.perturbation.masked import (
    Masks,
    between,
    checked_removal,
    nodes_along,
    outputs_under,
    stand_in,
)
from pellucid.explainers.settings import whole_number

NUMBERS = 1 << 22
"""Pixels of masks that are held at once: 32 MB."""


@dataclass(frozen=True, kw_only=True)
class RISE(Explainer):
    """The mean output over random masks, each counting by how much of the pixel it keeps.

    Parameters
    ----------
    budget : int
        Masks; they are drawn once and serve every image.
    cells : int
        Cells of the random grid along each side of the image.
    keep : float
        The chance that a cell is kept.
    removal : {"mean", "zero", "blur"} or float
        What stands in for removed pixels: the image's mean colour, zero, the image blurred, or a
        number.

    Notes
    -----
    A mask is a grid of cells kept or not, enlarged by linear interpolation and shifted at random. A
    value is the mean output where the pixel is kept, in the unit of the output: pixels differ by
    what keeping them adds, and do not add up to the output. ``error`` is the standard error over
    draws of masks; errors of pixels near each other go together.

    The estimate is that of the paper less its noise: with mask M, keeping each pixel by p in
    expectation, it is mean(f) + cov(f, M) / p instead of mean(f M) / p, which has the same
    expectation but also varies with how much the masks happen to keep.

    Deviations from the paper: removed pixels are by default of the mean colour, not zero.

    Cost: budget evaluations for each image.

    References
    ----------
    Petsiuk, Das and Saenko (2018), arXiv:1806.07421.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    paper: ClassVar[str] = "arXiv:1806.07421"
    cost: ClassVar[str] = "budget, per image"

    budget: int = 2048
    cells: int = 7
    keep: float = 0.5
    removal: float | str = "mean"

    def __post_init__(self) -> None:
        whole_number("budget", self.budget, 10)
        whole_number("cells", self.cells, 1)
        checked_removal(self.removal)
        if not isinstance(self.keep, (int, float)) or not 0 < self.keep < 1:
            raise InvalidSetting("keep is a chance", got=repr(self.keep), allowed="0 < keep < 1")

    def work(self, question: ImageQuestion) -> int:
        return question.size * self.budget

    def compute(self, question: ImageQuestion) -> Attribution:
        rows, columns = question.images.values.shape[2:]
        masks = self._masks(question, rows, columns)
        behind = stand_in(question, self.removal)
        outputs = outputs_under(question, behind, masks, self.budget)
        value, error = _covariance(outputs, masks, self.keep, rows * columns)
        shape = (question.size, rows, columns)
        return question.attribution(value.reshape(shape), error=error.reshape(shape))

    def _masks(self, question: ImageQuestion, rows: int, columns: int) -> Masks:
        rng = question.rng("masks")
        sides = (rows, columns)
        cell, nodes = zip(*(nodes_along(side, self.cells) for side in sides), strict=True)
        kept = (rng.random((self.budget, *nodes)) < self.keep).astype(np.float32)
        shift = [rng.integers(step, size=self.budget) for step in cell]
        down, across = map(between, sides, cell, nodes)

        def masks(numbers: np.ndarray) -> np.ndarray:
            left = down[shift[0][numbers]] @ kept[numbers]
            return np.asarray(left @ across[shift[1][numbers]].swapaxes(1, 2))

        return masks


def _covariance(
    outputs: np.ndarray, masks: Masks, keep: float, pixels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean output with each pixel kept, and its error: both (sample, pixel)."""
    samples, number = outputs.shape
    mean = outputs.mean(axis=1, keepdims=True)
    away = outputs - mean
    first, second = np.zeros((2, samples, pixels))
    for some in slices(number, max(1, NUMBERS // pixels)):
        mask = masks(np.arange(number)[some]).reshape(-1, pixels).astype(np.float64)
        first += away[:, some] @ mask
        second += away[:, some] ** 2 @ mask**2
    together = first / (number * keep)
    scatter = second / (number * keep**2) - together**2
    value = mean + together * number / (number - 1)
    return value, np.sqrt(np.clip(scatter, 0, None) / (number - 1))
