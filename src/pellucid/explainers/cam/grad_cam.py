"""Grad-CAM: channels weighed by their mean gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.explainers.cam.activation_map import ActivationMap, summed
from pellucid.explainers.cam.tap import Tap

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class GradCAM(ActivationMap):
    """Channels weighed by their mean gradient, added, and cut at zero.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    ``ReLU(Σ_k w_k A_k)`` with ``w_k`` the mean of the score's gradient over the map ``A_k``, drawn
    on the image's grid linearly. Where the map is averaged and a linear layer follows, it is that
    layer's class activation map over the number of cells, exactly. Values are in units of the score
    and are not stretched to [0, 1]. Cost: one forward pass, a backward pass to the site, and one
    evaluation to look for the site.

    References
    ----------
    Selvaraju et al. (2017), arXiv:1610.02391.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    paper: ClassVar[str] = "arXiv:1610.02391"
    cost: ClassVar[str] = "rows forwarded + 1, with a backward pass behind the site"

    def map(self, tap: Tap) -> torch.Tensor:
        maps, slopes = tap.gradient()
        return summed(slopes.mean(dim=(2, 3)), maps).clamp_min(0)
