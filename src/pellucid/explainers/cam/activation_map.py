"""What all class activation maps share: a site, a weighing of its channels, the image's grid."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.explainers.asked import Asked
from pellucid.explainers.cam.opened import opening
from pellucid.explainers.cam.tap import Tap
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import Opening
from pellucid.explainers.network.differentiable import Network, differentiable
from pellucid.explainers.network.grids import upsampled
from pellucid.explainers.network.settings import checked_site
from pellucid.explainers.network.site import find_site, site_seen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ActivationMap(Explainer):
    """The base of class activation maps.

    Parameters
    ----------
    site : str, optional
        The address of the module whose activation is drawn. By default the last one that lies on
        the image before it is pooled; of vision transformers, the last whose patches the score
        still depends on. A note tells which.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    needs: ClassVar[frozenset[str]] = frozenset({"sites"})
    exact: ClassVar[bool] = True

    site: str | None = None

    def __post_init__(self) -> None:
        checked_site(self.site)

    def opening(self) -> Opening | None:
        return opening(self.site)

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question)
        begun = door.begun.get(0)
        site = None if begun is None else site_seen(door, begun.seen, self.site)
        if site is None:
            with door.model.still() as call:
                site = find_site(door, lambda x, of=None: call(x), self.site)
        question.note(site.told())

        def explain(
            call: Network, x: torch.Tensor, pick: np.ndarray, places: slice
        ) -> torch.Tensor:
            tap = Tap(door=door, call=call, site=site, x=x, pick=pick, places=places)
            return upsampled(self.map(tap), tuple(x.shape))

        return door.attribution(door.each(explain))

    @abstractmethod
    def map(self, tap: Tap) -> Any:
        """The map of each image on the site's own grid, tensor (sample, row, column)."""


def summed(weights: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Channels (sample, channel) weighed and added: (sample, row, column)."""
    return (weights[:, :, None, None] * maps).sum(dim=1)
