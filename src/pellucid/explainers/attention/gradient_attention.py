"""Gradient × attention: attention that speaks for the class, added through the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.core.errors import CannotExplain
from pellucid.explainers.attention.attention_map import AttentionMap, read

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class GradientAttention(AttentionMap):
    """Attention weighed by the score's positive gradient at it, added through the layers.

    Notes
    -----
    A note holds it against random parts of the image (`explainers.attention.worth`). For each layer
    ``R ← R + mean over heads of ReLU(∂score/∂A ⊙ A) · R``, from the identity: the rule of the paper
    for self-attention, without relevance propagation (LRP). Of ``R`` less the identity, the row of
    the class token, or the mean of all rows in networks without one. Cost: one forward and one
    backward pass for each image, and one evaluation to find the grid.

    References
    ----------
    Chefer, Gur and Wolf (2021), arXiv:2103.15679.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    paper: ClassVar[str] = "arXiv:2103.15679"
    cost: ClassVar[str] = "rows forwarded + 1, with a backward pass"
    differentiates: ClassVar[bool] = True

    def shares(self, layers: list[torch.Tensor], score: torch.Tensor, extra: int) -> torch.Tensor:
        import torch

        slopes: tuple[torch.Tensor | None, ...] = (None,) * len(layers)
        if score.requires_grad:
            slopes = torch.autograd.grad(score.sum(), layers, allow_unused=True)
        if all(each is None for each in slopes):
            raise CannotExplain(
                "The score has no gradient at the attention weights",
                fix="Choose 'attention_rollout', which needs none",
            )
        one = torch.eye(layers[0].shape[-1], dtype=torch.float64, device=score.device)
        between = one.expand(len(score), *one.shape)
        for weights, slope in zip(layers, slopes, strict=True):
            if slope is None:
                continue
            acting = (weights.detach().double() * slope.double()).clamp_min(0).mean(dim=1)
            between = between + acting @ between
        return read(between - one, extra)
