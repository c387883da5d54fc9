"""What stands in the graph in place of operations: the way back carries messages, not gradients.

Where a tensor is the input itself, still unread by any layer, relevance is carried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TINY = 1e-30
"""Inputs smaller than this are 0: a function value there belongs to no input."""

MOST = 1e30
"""Ratios of function values to inputs whose squares add up to less come from no such input."""

Back = Callable[..., Sequence["torch.Tensor | None"]]
"""From the tensors kept and the messages of the output to those of the inputs."""


def node(out: Callable[[], torch.Tensor], back: Back, *inputs: torch.Tensor) -> torch.Tensor:
    """An output whose messages are sent `back`; that is given inputs, output and messages."""
    return _nodes()[0].apply(out, back, *inputs)


def metered(
    run: Callable[..., torch.Tensor],
    share: float,
    book: Callable[[float], None],
    *inputs: torch.Tensor,
) -> torch.Tensor:
    """The output of `run`, whose gradient, times `share`, is the message.

    What the messages lose on the way is booked: relevance of the output less that of the inputs.
    """
    return _nodes()[1].apply(run, share, book, *inputs)


def pointwise(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """A function of each number of `x`, which gets the relevance of its function value."""

    def back(x: torch.Tensor, y: torch.Tensor, message: torch.Tensor) -> Sequence[torch.Tensor]:
        found = y / x
        if not dot(found, found) < MOST:  # nor if a ratio is missing
            found.masked_fill_(x.abs() < TINY, 0)
        return [found.mul_(message)]

    return node(lambda: out, back, x)


def crossing(x: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """An input as an activation: from there on, messages."""
    return node(x.clone, lambda x, y, message: [(x - zero) * message], x)


def affine(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The input in other units: its relevance stays its own."""
    return node(lambda: out, lambda x, y, message: [message.sum_to_size(x.shape)], x)


def refused(out: torch.Tensor, error: Exception) -> torch.Tensor:
    """A tensor through which no relevance can go: if any arrives, the error is raised."""

    def back(*given: Any) -> Any:
        raise error

    return node(out.detach, back, out)


def dot(x: torch.Tensor, message: torch.Tensor) -> float:
    """The relevance of an activation in all; infinite ones, such as those masked, have none."""
    import torch

    wide = x.dtype if x.dtype in (torch.float32, torch.float64) else torch.float32
    if x.dtype != wide or message.dtype != wide:
        x, message = x.to(wide), message.to(wide)
    x, message = _alike(x, message)
    found = torch.dot(x, message).item()
    if math.isfinite(found):
        return found
    return torch.dot(x.nan_to_num(0, 0, 0), message).item()


def _alike(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The numbers of both in the same order, that in which they lie in memory if it is shared."""
    import torch

    alike = x.ndim == 4 and not x.is_contiguous() and x.stride() == y.stride()
    if alike and x.is_contiguous(memory_format=torch.channels_last):
        x, y = x.permute(0, 2, 3, 1), y.permute(0, 2, 3, 1)
    return x.reshape(-1), y.reshape(-1)


@cache
def _nodes() -> Any:
    import torch

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, out: Any, back: Any, *inputs: Any) -> Any:
            found = out()
            ctx.back = back
            ctx.save_for_backward(*inputs, found)
            return found

        @staticmethod
        def backward(ctx: Any, *messages: Any) -> Any:
            return (None, None, *ctx.back(*ctx.saved_tensors, *messages))

    class Metered(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, run: Any, share: Any, book: Any, *inputs: Any) -> Any:
            with torch.enable_grad():
                ctx.at = [each.detach().requires_grad_(True) for each in inputs]
                ctx.out = run(*ctx.at)
            ctx.share, ctx.book = share, book
            return ctx.out.detach()

        @staticmethod
        def backward(ctx: Any, *messages: Any) -> Any:
            found = torch.autograd.grad(ctx.out, ctx.at, messages[0])
            found = [each * ctx.share for each in found]
            sent = sum(dot(x.detach(), c) for x, c in zip(ctx.at, found, strict=True))
            ctx.book(dot(ctx.out.detach(), messages[0]) - sent)
            return (None, None, None, *found)

    return Node, Metered
