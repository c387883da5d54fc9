"""Grad-CAM++: positive gradients weighed by how much of the map each accounts for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.explainers.cam.activation_map import ActivationMap, summed
from pellucid.explainers.cam.tap import Tap

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class GradCAMPlusPlus(ActivationMap):
    """Grad-CAM whose cells weigh by the second and third derivative of ``exp(score)``.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    With the gradient ``g`` of the score, ``w_k = Σ α ReLU(g)`` and
    ``α = g² / (2 g² + Σ A_k · g³)``, zero where ``g`` is; the map is ``ReLU(Σ_k w_k A_k)``. The
    paper multiplies ``w_k`` by ``exp(score)``, the same for the whole map: it is left out, as it
    overflows. The derivatives are those of a score that is linear behind the site up to ReLU; for
    other networks they are an approximation, as in the paper. Cost as `GradCAM`.

    References
    ----------
    Chattopadhay et al. (2018), arXiv:1710.11063.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    paper: ClassVar[str] = "arXiv:1710.11063"
    cost: ClassVar[str] = "rows forwarded + 1, with a backward pass behind the site"

    def map(self, tap: Tap) -> torch.Tensor:
        maps, slopes = tap.gradient()
        rising = slopes.clamp_min(0)
        below = 2 + maps.sum(dim=(2, 3), keepdim=True) * rising
        share = ((rising > 0) & (below != 0)) / below.where(below != 0, below.new_ones(()))
        return summed((share * rising).sum(dim=(2, 3)), maps).clamp_min(0)
