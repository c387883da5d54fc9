"""Meaningful perturbation: the smallest smooth region whose removal takes the output away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.network.differentiable import Differentiable, Network, differentiable
from pellucid.explainers.perturbation.masked import (
    between,
    checked_removal,
    nodes_along,
    stand_in,
)
from pellucid.explainers.settings import positive, whole_number

if TYPE_CHECKING:
    import torch

STEEP = 3.0
"""The power of differences between neighbours in the total variation, as in the paper."""


@dataclass(frozen=True, kw_only=True)
class MeaningfulPerturbation(Explainer):
    """A mask, found by gradient descent, that removes as little as takes the output away.

    Parameters
    ----------
    steps : int
        Steps of gradient descent (Adam).
    draws : int
        Random starts, each with its own shifts of the mask; values are means over them.
    cells : int
        Nodes of the mask along each side, at most half as many as pixels.
    area : float
        The price of removing the whole image, in units of what its removal takes away.
    variation : float
        The price of roughness: of the mean cubed difference between neighbours.
    rate : float
        The size of a step.
    removal : {"mean", "zero", "blur"} or float
        What stands in for removed pixels: the image's mean colour, zero, the image blurred, or a
        number.

    Notes
    -----
    Values are the share of each pixel that is removed, 0 to 1, and not in the unit of the output;
    they do not add up to it. A note says how much of the output the mask takes away. ``error`` is
    the standard error over starts: descent finds one of many good regions.

    The loss of a mask is ``f(masked) + area × mean removed + variation × roughness``, where f is
    the output as a share of its way from the image with all removed (0) to the image (1), and
    less than 0 counts as 0. Where the output rises by removing everything, the mask is what holds
    it down.

    Deviations from the paper: f is such a share, so that prices mean the same for every model and
    scale; instead of the image the mask is shifted, by less than a cell; several starts.

    Cost: draws × steps evaluations with their gradients, and three more, for each image.

    References
    ----------
    Fong and Vedaldi (2017), arXiv:1704.03296.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    measures: ClassVar[str | None] = "share removed"
    paper: ClassVar[str] = "arXiv:1704.03296"
    cost: ClassVar[str] = "draws × steps, per image"

    steps: int = 100
    draws: int = 4
    cells: int = 28
    area: float = 0.1
    variation: float = 0.2
    rate: float = 0.1
    removal: float | str = "blur"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("draws", 2), ("cells", 1)):
            whole_number(name, getattr(self, name), least)
        for name in ("area", "variation", "rate"):
            positive(name, getattr(self, name))
        checked_removal(self.removal)

    def work(self, question: ImageQuestion) -> int:
        return question.size

    def compute(self, question: ImageQuestion) -> Attribution:
        import torch

        door, behind = differentiable(question), stand_in(question, self.removal)
        left: list[np.ndarray] = []

        def masks(call: Network, x: torch.Tensor, pick: np.ndarray, some: slice) -> torch.Tensor:
            empty = door.model.tensor(behind[some])
            with torch.no_grad():
                ends = door.score(call, x, pick).double(), door.score(call, empty, pick).double()
            starts = range(self.draws)
            found = [self._descend(door, call, x, empty, pick, ends, draw) for draw in starts]
            every = torch.stack(found)
            mean = every.mean(dim=0)
            with torch.no_grad():
                shown = _shown(x, empty, 1 - mean)
                left.append(_share(door.score(call, shown, pick).double(), ends).cpu().numpy())
            return torch.stack([mean, every.std(dim=0) / self.draws**0.5], dim=1)

        (both,) = door.each(masks, often=True)
        value, error = both[:, 0], both[:, 1]
        gone = 1 - np.median(np.clip(np.concatenate(left), 0, None))
        question.note(
            f"At the median, removing {np.median(value.mean(axis=(1, 2))):.0%} of the pixels takes "
            f"away {gone:.0%} of what removing all of them takes away."
        )
        return question.attribution(value, error=error)

    def _descend(
        self,
        door: Differentiable,
        call: Network,
        x: torch.Tensor,
        empty: torch.Tensor,
        pick: np.ndarray,
        ends: tuple[torch.Tensor, torch.Tensor],
        draw: int,
    ) -> torch.Tensor:
        """What one start removes of each pixel, (sample, row, column); the same for all samples."""
        import torch

        rng = door.question.rng("masks", draw)
        grids = []
        for side in x.shape[2:]:
            cell, nodes = nodes_along(side, min(self.cells, max(1, side // 2)))
            grids.append(torch.as_tensor(between(side, cell, nodes)).to(x.device))
        down, across = grids
        start = 1 - 0.5 * rng.random((down.shape[2], across.shape[2]))
        mask = torch.as_tensor(start, dtype=torch.float32, device=x.device).repeat(len(x), 1, 1)
        mask.requires_grad_(True)
        adam = torch.optim.Adam([mask], lr=self.rate)
        shifts = np.column_stack([rng.integers(len(grid), size=self.steps) for grid in grids])
        for i, j in shifts:
            adam.zero_grad()
            kept = down[i] @ mask @ across[j].T
            with torch.enable_grad():
                score = door.score(call, _shown(x, empty, kept), pick).double()
                if not score.requires_grad:
                    raise CannotExplain(
                        f"{door.model.name} has no gradient",
                        got="an output that does not depend on the mask by differentiable "
                        "operations",
                        fix="Choose a method that only asks for predictions, such as 'occlusion'",
                    )
                left = _share(score, ends).clamp_min(0)  # less than nothing is worth no more
                (left + self._price(mask, kept)).sum().backward()
            adam.step()
            with torch.no_grad():
                mask.clamp_(0, 1)
        middle = [grid[len(grid) // 2] for grid in grids]
        return 1 - (middle[0] @ mask.detach() @ middle[1].T).double()

    def _price(self, mask: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        rough = mask.diff(dim=1).abs().pow(STEEP).mean(dim=(1, 2))
        rough = rough + mask.diff(dim=2).abs().pow(STEEP).mean(dim=(1, 2))
        return self.area * (1 - kept).mean(dim=(1, 2)) + self.variation * rough


def _shown(x: torch.Tensor, empty: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    part = kept[:, None].to(x.dtype)
    return x * part + empty * (1 - part)


def _share(score: torch.Tensor, ends: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Scores as a share of the way from all removed to nothing removed; 0 where they are equal."""
    import torch

    way = ends[0] - ends[1]
    return torch.where(way == 0, 0.0, (score - ends[1]) / torch.where(way == 0, 1.0, way))
