"""What stands in the graph in place of operations: the way back carries messages, not gradients.

Where a tensor is the input itself, still unread by any layer, relevance is carried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TINY = 1e-30
"""Inputs smaller than this are 0: a function value there belongs to no input."""

Back = Callable[..., Sequence["torch.Tensor | None"]]
"""From the tensors kept and the messages of the output to those of the inputs."""


def node(out: Callable[[], torch.Tensor], back: Back, *inputs: torch.Tensor) -> torch.Tensor:
    """An output whose messages are sent `back`; that is given inputs, output and messages."""
    return _nodes()[0].apply(out, back, *inputs)


def metered(
    run: Callable[..., torch.Tensor],
    share: float,
    book: Callable[[torch.Tensor], None],
    *inputs: torch.Tensor,
) -> torch.Tensor:
    """The output of `run`, whose gradient, times `share`, is the message.

    What the messages lose on the way is booked: relevance of the output less that of the inputs.
    """
    return _nodes()[1].apply(run, share, book, *inputs)


def pointwise(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """A function of each number of `x`, which gets the relevance of its function value."""

    def back(x: torch.Tensor, y: torch.Tensor, message: torch.Tensor) -> Sequence[torch.Tensor]:
        return [(y / x).masked_fill_(x.abs() < TINY, 0).mul_(message)]

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


def dot(x: torch.Tensor, message: torch.Tensor) -> torch.Tensor:
    """The relevance of an activation in all; infinite ones, such as those masked, have none."""
    import torch

    wide = torch.promote_types(x.dtype, torch.float32)
    message = message.to(wide).reshape(-1)
    found = torch.dot(x.to(wide).reshape(-1), message)
    if found.isfinite():
        return found
    return torch.dot(x.to(wide).nan_to_num(0, 0, 0).reshape(-1), message)


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
