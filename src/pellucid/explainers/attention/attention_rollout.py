"""Attention rollout: attention multiplied through the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.explainers.attention.attention_map import AttentionMap, mixed, read

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class AttentionRollout(AttentionMap):
    """How much of each patch reaches the token that is read, if attention were all that mixes.

    Notes
    -----
    A note holds it against random parts of the image (`explainers.attention.worth`): it looks at
    neither the class nor the values that are attended to. The product over layers of ``(mean over
    heads + identity) / 2``; of it the row of the class token, or the mean of all rows in networks
    without one. The patches' values, before they are drawn on the image's grid linearly, and those
    of the other tokens add up to 1. Cost: five evaluations for each image, four of them for the
    note, and one to find the grid.

    References
    ----------
    Abnar and Zuidema (2020), arXiv:2005.00928.
    """

    paper: ClassVar[str] = "arXiv:2005.00928"

    def shares(self, layers: list[torch.Tensor], score: torch.Tensor, extra: int) -> torch.Tensor:
        between = mixed(layers[0])
        for weights in layers[1:]:
            between = mixed(weights) @ between
        return read(between, extra)
