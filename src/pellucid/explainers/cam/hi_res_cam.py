"""HiResCAM: each cell times its own gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.explainers.cam.activation_map import ActivationMap
from pellucid.explainers.cam.tap import Tap

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class HiResCAM(ActivationMap):
    """Each cell of each channel times its own gradient, added over channels.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    ``Σ_k g_k ⊙ A_k``, signed as in the paper: there is no ReLU. Where only linear layers follow the
    site, the cells of the site's own grid add up to the score without its bias. Cost as `GradCAM`.

    References
    ----------
    Draelos and Carin (2020), arXiv:2011.08891.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    paper: ClassVar[str] = "arXiv:2011.08891"
    cost: ClassVar[str] = "rows forwarded + 1, with a backward pass behind the site"

    def map(self, tap: Tap) -> torch.Tensor:
        maps, slopes = tap.gradient()
        return (slopes * maps).sum(dim=1)
