"""One forward pass that answers and begins a map: the graph starts at the last sites on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pellucid.explainers.image_question import Opening
from pellucid.explainers.network.site import CONVOLUTION, Change, Output, Seen, listening
from pellucid.models.held import named_parts

if TYPE_CHECKING:
    import torch

    from pellucid.models.torch import Call, TorchModel


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenCut(Seen):
    """What modules returned, and the leaves of the graph that stand for some of it, by address."""

    leaves: dict[str, torch.Tensor] = field(default_factory=dict)

    def leaf(self, address: str) -> torch.Tensor | None:
        """That at an address, if the graph behind it was not cut once more."""
        last = next(reversed(self.leaves), None)
        return self.leaves[address] if address == last else None


def opening(address: str | None) -> Opening:
    """For maps at an address, or at the last convolution or what comes behind it.

    The site is only known once the network has run. So each module from the last convolution on,
    and each that holds it, cuts the graph: what is behind the last of them is small.
    """

    def run(model: TorchModel, call: Call, x: torch.Tensor) -> tuple[torch.Tensor, SeenCut]:
        outputs: list[Output] = []
        leaves: dict[str, torch.Tensor] = {}
        places = _late(model.module) if address is None else {address}
        x = x.detach()
        with listening(model.module, outputs, change=_cutting(places, leaves)):
            raw = call(x)
        grid = x.shape[-2], x.shape[-1]
        return raw, SeenCut(outputs=outputs, score=None, image=grid, samples=len(x), leaves=leaves)

    return Opening(run=run, light=True)


def _late(module: Any) -> set[str]:
    """The addresses of the last convolution, of what holds it and of what was made after it."""
    named = [(name, type(part).__module__) for name, part in named_parts(module)[1:]]
    last = max((i for i, (_, kind) in enumerate(named) if kind == CONVOLUTION), default=None)
    if last is None:
        return set()
    parts = named[last][0].split(".")
    above = (".".join(parts[:depth]) for depth in range(1, len(parts)))
    return {*above, *(name for name, _ in named[last:])}


def _cutting(places: set[str], leaves: dict[str, torch.Tensor]) -> Change:
    """Lets the graph begin anew at some places, with copies that the network may write into."""

    def cut(out: Output, found: torch.Tensor) -> torch.Tensor:
        if out.address not in places or out.pooled or len(out.shape) < 3:
            return found
        leaves.pop(out.address, None)  # the last cut comes last
        leaves[out.address] = found.detach().clone().requires_grad_(True)
        return leaves[out.address].clone()

    return cut
