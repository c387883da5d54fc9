"""AblationCAM: channels weighed by what the score loses without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pellucid.core.errors import CannotExplain
from pellucid.engine.work import slices
from pellucid.explainers.cam.activation_map import ActivationMap, summed
from pellucid.explainers.cam.restart import Diverged, Restart
from pellucid.explainers.cam.tap import Tap
from pellucid.explainers.image_question import Opening

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class AblationCAM(ActivationMap):
    """Channels weighed by the share of the score that is lost without each; needs no gradient.

    Parameters
    ----------
    site : str, optional
        The module whose activation is drawn; see `ActivationMap`.

    Notes
    -----
    ``ReLU(Σ_k w_k A_k)`` with ``w_k = (y - y_k) / |y|``, where ``y_k`` is the score when channel k
    is zero at all cells, and at all tokens. The paper divides by ``y``, which is the same where it
    is positive, and turns the map around where it is not; a score of zero divides nothing. Channels
    that are zero already weigh nothing and are not asked about.

    Cost: an evaluation for each other channel, of the layers behind the site only: what comes
    before is computed once for each image and recalled. First the unchanged activation is put
    back, twice; where that does not give the score back, whole forward passes are made instead,
    and a note says so.

    References
    ----------
    Desai and Ramaswamy (2020), doi:10.1109/WACV45572.2020.9093360.
    """

    paper: ClassVar[str] = "doi:10.1109/WACV45572.2020.9093360"
    cost: ClassVar[str] = "channels × images, of the layers behind the site"

    def opening(self) -> Opening | None:
        """None: what is recalled must not be overwritten, so that nothing may work in place."""
        return None

    def map(self, tap: Tap) -> torch.Tensor:
        import torch

        with torch.no_grad():
            return torch.cat([_map(tap, place) for place in range(len(tap.x))])


def _map(tap: Tap, place: int) -> torch.Tensor:
    """The map of one image, (1, row, column)."""
    tap.door.question.work.spend(1)
    restart = Restart(tap, place)
    maps = tap.site.maps(restart.activation)
    others = [axis for axis in range(restart.activation.ndim) if axis != tap.site.axis]
    alive = (restart.activation != 0).sum(dim=others).nonzero()[:, 0]
    whole = float(tap.whole[place])
    weights = maps.new_zeros(1, maps.shape[1])
    ask = _asking(tap, restart, whole)
    for some in slices(len(alive), tap.door.question.work.batch_size) if len(alive) else ():
        channels = alive[some]
        rows = restart.activation.repeat_interleave(len(channels), dim=0)
        rows.movedim(tap.site.axis, 1)[range(len(rows)), channels] = 0
        weights[0, channels] = (whole - ask(rows).float()) / (abs(whole) or 1.0)
    return summed(weights, maps).clamp_min(0)


def _asking(tap: Tap, restart: Restart, whole: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """The quickest way to the scores that gives the known score back for the known activation."""
    model, address = tap.door.model.name, tap.site.address
    if _gives_back(restart, restart.scores, whole):
        return restart.scores
    if not _gives_back(restart, restart.scores_of_whole, whole):
        raise CannotExplain(
            f"{model} answers otherwise when its activation at {address!r} is put back unchanged",
            fix="Choose another site",
        )
    tap.door.question.note(
        f"{model} cannot be restarted at {address!r}: all its layers were run for each channel."
    )
    return restart.scores_of_whole


def _gives_back(
    restart: Restart, ask: Callable[[torch.Tensor], torch.Tensor], whole: float
) -> bool:
    import torch

    twice = restart.activation.repeat_interleave(2, dim=0)
    try:
        found = ask(twice).double().cpu()
    except (Diverged, RuntimeError):  # torch's error for writing in place on recalled rows
        return False
    allowed = torch.finfo(restart.activation.dtype).eps ** 0.5 * max(1.0, abs(whole))
    return bool(((found - whole).abs() <= allowed).all())
