"""How the change of an operation's output is shared among its inputs, exactly.

Each rule is given an operation, its inputs and those of the same call at the baseline, and makes
multipliers: the sum of multiplier times change of input is the change of the output. They take the
place of the gradient on the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TINY = 2e-6
"""Changes smaller than this part of the numbers are rounding: the derivative stands for the ratio
of changes there."""

Back = Callable[["torch.Tensor"], Sequence["torch.Tensor"]]
"""From multipliers of the output to those of the inputs."""

Run = Callable[..., "torch.Tensor"]
"""An operation as a function of its changing inputs."""

Rule = Callable[[Run, Sequence["torch.Tensor"], Sequence["torch.Tensor"]], Back]
"""From an operation, its inputs and those at the baseline."""


def shared(out: Callable[[], torch.Tensor], back: Back | None, inputs: Sequence[Any]) -> Any:
    """The output of an operation, which sends multipliers `back` to `inputs`."""
    return _function().apply(out, back, *inputs)


def is_shared(node: Any) -> bool:
    """Whether a node of a graph is the way back of a rule."""
    return isinstance(node, _function()._backward_cls)


@cache
def _function() -> Any:
    import torch

    class Shared(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, out: Any, back: Any, *inputs: Any) -> Any:
            ctx.back = back
            return out()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return (None, None, *ctx.back(grads[0]))

    return Shared


def wide(x: torch.Tensor) -> torch.Tensor:
    """Numbers of at least 32 bits."""
    import torch

    return x.to(torch.promote_types(x.dtype, torch.float32))


def small(moved: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
    """Whether a change is no more than rounding, or one between equal infinities."""
    return (moved.abs() > now.abs().mul_(TINY)).logical_not_()


def slope(run: Run, inputs: Sequence[torch.Tensor], before: Sequence[torch.Tensor]) -> Back:
    """Of a function of one number: change of the output by change of the input."""
    import torch

    (now,), (then,) = inputs, before
    moved = wide(now) - wide(then)
    near = small(moved, now)
    ratio = wide(run(now)).sub_(run(then)).div_(moved)
    if near.any():
        torch.where(near, wide(_derivative(run, now)), ratio, out=ratio)
    dtype = now.dtype
    return lambda grad: [(grad * ratio).to(dtype)]


def _derivative(run: Run, at: torch.Tensor) -> torch.Tensor:
    """The derivative of each output with respect to its one input; 0 where it is infinite."""
    import torch

    with torch.enable_grad():
        at = at.detach().requires_grad_(True)
        (found,) = torch.autograd.grad(run(at).sum(), at)
    return found.nan_to_num(0, 0, 0)


def midpoint(run: Run, inputs: Sequence[torch.Tensor], before: Sequence[torch.Tensor]) -> Back:
    """Of polynomials of degree two, such as products: the gradient half-way, which is exact.

    Of a product of two, each gets its change times the mean of the other: the Shapley values.
    """
    import torch

    middles = [(now + then) / 2 for now, then in zip(inputs, before, strict=True)]

    def back(grad: torch.Tensor) -> Sequence[torch.Tensor]:
        with torch.enable_grad():
            at = [each.requires_grad_(True) for each in middles]
            out = run(*at)
            return torch.autograd.grad(out, at, grad.to(out.dtype))

    return back


def quotient(run: Run, inputs: Sequence[torch.Tensor], before: Sequence[torch.Tensor]) -> Back:
    """Of a quotient: the rule of the product that it undoes, ``quotient * divisor = dividend``.

    Divided is by the mean of the two divisors, so that one near zero does no harm, as that of a
    normalisation at a baseline without variation. Where divisors differ in sign: as the product
    with the reciprocal.
    """
    import torch

    (top, low), (top_then, low_then) = inputs, before
    alike = low * low_then > 0
    middle = torch.where(alike, (low + low_then) / 2, 1)
    mean = (run(top, low) + run(top_then, low_then)) / 2
    times = torch.where(alike, 1 / middle, (1 / low + 1 / low_then) / 2)
    less = torch.where(alike, -mean / middle, -(top + top_then) / 2 / (low * low_then))
    return lambda grad: [
        (grad * each).to(x.dtype).sum_to_size(x.shape) for each, x in ((times, top), (less, low))
    ]


def largest(
    run: Run,
    inputs: Sequence[torch.Tensor],
    before: Sequence[torch.Tensor],
    *,
    find: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    axis: int | None = None,
    windows: int = 1,
) -> Back:
    """Of a maximum: all to the number that is the greatest now, or was before if that was greater.

    That number changed by at least as much as the maximum, so that multipliers lie between 0 and 1.

    Parameters
    ----------
    find : callable
        From numbers to the maxima and their places, counted through the last axes.
    axis : int, optional
        The axis that is brought to the end first.
    windows : int
        How many of the last axes the places count through.
    """
    import torch

    now, then = (x if axis is None else x.movedim(axis, -1) for x in (inputs[0], before[0]))
    (top, place), (top_then, place_then) = find(now), find(then)
    place = torch.where(top >= top_then, place, place_then).flatten(-windows)
    new, old = (x.flatten(-windows).gather(-1, place) for x in (now, then))
    moved, risen = wide(new) - wide(old), (wide(top) - wide(top_then)).flatten(-windows)
    ratio = torch.where(small(moved, new), 1, risen / moved)
    shape, dtype = now.shape, now.dtype

    def back(grad: torch.Tensor) -> Sequence[torch.Tensor]:
        grad = grad if axis is None else grad.movedim(axis, -1)
        sent = (grad.flatten(-windows) * ratio).to(dtype)
        empty = sent.new_zeros(*shape[:-windows], shape[-windows:].numel())
        found = empty.scatter_add(-1, place, sent).reshape(shape)
        return [found if axis is None else found.movedim(-1, axis)]

    return back


def log_sum(
    run: Run, inputs: Sequence[torch.Tensor], before: Sequence[torch.Tensor], *, dim: Any
) -> Back:
    """Of the logarithm of a sum of exponentials: the change by the change of each exponential."""
    import torch

    (now,), (then,) = inputs, before
    top = now.amax(dim, keepdim=True).maximum(then.amax(dim, keepdim=True))
    top = torch.where(top.isinf(), 0, top)
    powers, powers_then = (now - top).exp(), (then - top).exp()
    moved = wide(now) - wide(then)
    each = (wide(powers) - wide(powers_then)) / moved
    each = torch.where(small(moved, now), powers, each)
    total, total_then = (part.sum(dim, keepdim=True) for part in (powers, powers_then))
    risen = wide(total) - wide(total_then)
    ratio = (wide(run(now)) - wide(run(then))) / risen
    ratio = torch.where(small(risen, total), 1 / total, ratio)
    dtype = now.dtype
    return lambda grad: [(grad * ratio * each).to(dtype)]
