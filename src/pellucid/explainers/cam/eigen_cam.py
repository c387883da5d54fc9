"""EigenCAM: what the activation has most of, whatever the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.core.errors import CannotExplain
from pellucid.explainers.cam.activation_map import ActivationMap
from pellucid.explainers.cam.tap import Tap

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class EigenCAM(ActivationMap):
    """The activation along its first principal direction; it does not look at the class.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    The cells' activations, (cell, channel), times their first right singular vector, not centred,
    as in the paper. Its sign is open: the one is taken with which the map adds up to a positive
    number; after a ReLU the map is then nowhere negative. The map is the same for every class, so
    it says what the network sees, not why it decides. Values are in units of the activation. Cost:
    one forward pass up to the site, and one evaluation to look for the site.

    References
    ----------
    Muhammad and Yeasin (2020), arXiv:2008.00299.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sites"})
    paper: ClassVar[str] = "arXiv:2008.00299"
    cost: ClassVar[str] = "rows forwarded as far as the site + 1"

    def map(self, tap: Tap) -> torch.Tensor:
        import torch

        tap.door.question.note("EigenCAM does not look at the class: its map is that of any class.")
        maps = tap.maps()
        if not torch.isfinite(maps).all():
            raise CannotExplain(
                f"The activation at {tap.site.address!r} is not finite",
                fix="Look for divisions by zero, or roots of zero, before that site",
            )
        return first_component(maps)


def first_component(maps: torch.Tensor) -> torch.Tensor:
    """Maps (sample, channel, row, column) along their first singular vector, adding up to > 0."""
    import torch

    cells = maps.double().flatten(2).transpose(1, 2)
    wide = cells.shape[2] > cells.shape[1]
    _, vectors = torch.linalg.eigh(cells @ cells.mT if wide else cells.mT @ cells)
    first = vectors[:, :, -1:]
    direction = cells.mT @ first if wide else first
    length = direction.norm(dim=1, keepdim=True)
    found = (cells @ direction / length.where(length > 0, length.new_ones(())))[:, :, 0]
    sign = torch.where(found.sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
    return (sign * found).reshape(len(maps), *maps.shape[2:])
