"""The straight line from a baseline to the input, as near to the output as it stays straight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pellucid.explainers.network.differentiable import Differentiable, Network
from pellucid.explainers.network.front import Answered, Tried, tried
from pellucid.explainers.network.intercept import intercepted

if TYPE_CHECKING:
    import torch


@dataclass(kw_only=True, eq=False)
class StraightLine:
    """Where gradients are taken, and how their means become values of the inputs.

    Parameters
    ----------
    network : callable
        From places on the line (row, …) to raw scores.
    start, way : tensor of shape (sample, number)
        Its beginning, and the way from there to the end; as the numbers lie in memory.
    values : callable
        From the mean gradient along the line (sample, number) to the values of the inputs.
    inputs : tensor of shape (sample, …)
        Their end of the line.
    like : tensor of shape (sample, …)
        The end of the line where gradients are taken.
    seen : Tried
        What the whole network did at the ends of the first sample's line. Where it has a front, the
        line begins behind that.
    """

    network: Network
    start: torch.Tensor
    way: torch.Tensor
    values: Callable[[torch.Tensor], torch.Tensor]
    inputs: torch.Tensor
    like: torch.Tensor
    seen: Tried

    def put(self, sample: int, part: torch.Tensor, out: torch.Tensor) -> None:
        """Write places of one sample's line, as parts of its way, to `out` (part, number)."""
        import torch

        torch.addcmul(self.start[sample], part[:, None], self.way[sample], out=out)

    def answered(self, then: Answered) -> Network:
        """The network with another answer to each operation behind the front."""
        call, known = self.network, self.seen.front

        def network(at: torch.Tensor, of: torch.Tensor | None = None) -> torch.Tensor:
            if known is not None:
                return known.behind(at, then)
            with intercepted(then):
                return call(at, of)

        return network


def straight_line(
    door: Differentiable, call: Network, x: torch.Tensor, before: torch.Tensor
) -> StraightLine:
    """The line from `before` to `x`.

    It begins behind the network's front where there is one: then what the front does, and undoes,
    at every place of the line is done at its two ends.
    """
    import torch

    way = (x - before).float()
    seen = Tried()
    if door.site is None and "sites" in door.model.can:
        seen = tried(call, torch.cat([before[:1], x[:1]]))
    known = seen.front
    if known is None:
        flat = way.flatten(1)
        return StraightLine(
            network=call, start=before.float().flatten(1), way=flat, inputs=x, like=x,
            values=lambda mean: way * mean.view_as(way), seen=seen,
        )  # fmt: skip
    leaf = x.detach().requires_grad_(True)
    with torch.enable_grad():
        end = known.activation(leaf)
    with torch.no_grad():
        start = flattened(known.activation(before), end)

    def values(mean: torch.Tensor) -> torch.Tensor:
        grown = shaped(mean, end).to(end.dtype)
        (slope,) = torch.autograd.grad(end, leaf, grown, retain_graph=True)
        return way * slope.float()

    after = flattened(end.detach(), end)
    return StraightLine(
        network=lambda at, of=None: known.behind(at), start=start, way=after - start,
        values=values, inputs=x, like=end.detach(), seen=seen,
    )  # fmt: skip


def flattened(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Numbers of 32 bits (row, number), in the order in which those of `like` lie in memory."""
    x = x.permute(0, 2, 3, 1) if _channels_last(like) else x
    return x.reshape(len(x), -1).float()


def shaped(flat: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The inverse of `flattened`, without a copy."""
    if not _channels_last(like):
        return flat.view(len(flat), *like.shape[1:])
    _, channels, rows, columns = like.shape
    return flat.view(len(flat), rows, columns, channels).permute(0, 3, 1, 2)


def _channels_last(x: torch.Tensor) -> bool:
    import torch

    return x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
