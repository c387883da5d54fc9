"""XGrad-CAM: gradients averaged by the activation they act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.explainers.cam.activation_map import ActivationMap, summed
from pellucid.explainers.cam.tap import Tap

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class XGradCAM(ActivationMap):
    """Grad-CAM whose mean gradient is weighed by the activation of each cell.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    ``ReLU(Σ_k w_k A_k)`` with ``w_k = Σ A_k g_k / Σ A_k``, and zero where the activation of a
    channel adds up to zero. Cost as `GradCAM`.

    References
    ----------
    Fu et al. (2020), arXiv:2008.02312.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    paper: ClassVar[str] = "arXiv:2008.02312"
    cost: ClassVar[str] = "rows forwarded + 1, with a backward pass behind the site"

    def map(self, tap: Tap) -> torch.Tensor:
        maps, slopes = tap.gradient()
        whole = maps.sum(dim=(2, 3))
        weights = (maps * slopes).sum(dim=(2, 3)) / whole.where(whole != 0, whole.new_ones(()))
        return summed(weights * (whole != 0), maps).clamp_min(0)
