"""ScoreCAM: channels weighed by the score of the image that shows through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.engine.work import slices
from pellucid.explainers.cam.activation_map import ActivationMap, summed
from pellucid.explainers.cam.tap import Tap
from pellucid.explainers.network.grids import upsampled

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ScoreCAM(ActivationMap):
    """Channels weighed by the score of the image multiplied by each; needs no gradient.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    Each channel is drawn on the image's grid, stretched to [0, 1] and multiplied into the image.
    Weights are the softmax of the scores of these images over the channels, on the question's
    scale; the paper's baseline cancels in it. The map is ``ReLU(Σ_k w_k A_k)``. Multiplying by
    zero paints with zero: black, or the mean colour of normalised images. Flat channels show
    nothing: they are not asked about and have no weight.

    Cost: an evaluation for each channel that is not flat, a forward pass up to the site, and one
    evaluation to look for the site.

    References
    ----------
    Wang et al. (2020), arXiv:1910.01279.
    """

    paper: ClassVar[str] = "arXiv:1910.01279"
    cost: ClassVar[str] = "channels × images"

    def map(self, tap: Tap) -> torch.Tensor:
        maps = tap.maps()
        return summed(_weights(tap, maps), maps).clamp_min(0)


def _weights(tap: Tap, maps: torch.Tensor) -> torch.Tensor:
    """The softmax over channels of the scores of masked images, (sample, channel)."""
    import torch

    low, high = maps.amin(dim=(2, 3)), maps.amax(dim=(2, 3))
    shown = (high > low).nonzero()
    if not len(shown):
        return torch.zeros_like(low)
    scores = torch.full_like(low, -torch.inf)
    with torch.no_grad():
        for some in slices(len(shown), tap.door.question.work.batch_size):
            sample, channel = shown[some].T
            masks = upsampled(maps[sample, channel], tuple(tap.x.shape))
            masks = _stretched(masks)[:, None].to(tap.x.dtype)
            pick = tap.pick[sample.cpu().numpy()]
            found = tap.door.score(tap.call, tap.x[sample] * masks, pick)
            scores[sample, channel] = found.float()
    any_shown = (high > low).any(dim=1, keepdim=True)
    return torch.softmax(scores.where(any_shown, scores.new_zeros(())), dim=1) * any_shown


def _stretched(masks: torch.Tensor) -> torch.Tensor:
    """Each mask from its least value, 0, to its greatest, 1."""
    low = masks.amin(dim=(1, 2), keepdim=True)
    span = masks.amax(dim=(1, 2), keepdim=True) - low
    return (masks - low) / span.where(span > 0, span.new_ones(()))
