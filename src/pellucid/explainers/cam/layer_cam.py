"""LayerCAM: each cell weighed by its own positive gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.explainers.cam.activation_map import ActivationMap
from pellucid.explainers.cam.tap import Tap

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class LayerCAM(ActivationMap):
    """Each cell times its own gradient where that is positive; serves early layers too.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    ``ReLU(Σ_k ReLU(g_k) ⊙ A_k)``. Cost as `GradCAM`.

    References
    ----------
    Jiang et al. (2021), doi:10.1109/TIP.2021.3089943.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    paper: ClassVar[str] = "doi:10.1109/TIP.2021.3089943"
    cost: ClassVar[str] = "rows forwarded + 1, with a backward pass behind the site"

    def map(self, tap: Tap) -> torch.Tensor:
        maps, slopes = tap.gradient()
        return (slopes.clamp_min(0) * maps).sum(dim=1).clamp_min(0)
