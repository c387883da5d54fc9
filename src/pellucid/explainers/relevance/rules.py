"""Rules: how a layer's outputs share their relevance among its inputs.

Relevance is carried as messages: the relevance of an activation is the activation times its
message, so that a plain gradient is the message of the basic rule, and no rule but that of the
epsilon divides by what may be near 0. Rules for the layer that reads the input give relevance
itself, since inputs that are 0, such as black pixels, get some as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from pellucid.explainers.relevance.composites import Composite
from pellucid.explainers.relevance.layer import Layer

if TYPE_CHECKING:
    import torch

Rule = Callable[[Layer, "torch.Tensor", "torch.Tensor", "torch.Tensor", Composite], "torch.Tensor"]
"""From a layer, its input without offset, its output, the messages there and the settings."""


def zero(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    return layer.pull(message, x, layer.weight)


def epsilon(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    size = z.abs()
    return layer.pull(message * (size / (size + how.epsilon)), x, layer.weight)


def gamma(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    """Where the output is negative, negative contributions are favoured in the same way."""
    import torch

    parts, relevance = _Signs(layer, x), z * message
    up = torch.where(z > 0, relevance, 0)
    total = parts.pull(_ratio(up, z + how.gamma * parts.of(1)), 1, how.gamma)
    if up.count_nonzero() == relevance.count_nonzero():
        return total
    down = _ratio(relevance - up, z + how.gamma * parts.of(-1))
    return total + parts.pull(down, -1, how.gamma)


def alpha_beta(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    """An output with contributions of one sign only is shared by those."""
    import torch

    parts, relevance = _Signs(layer, x), z * message
    up, down = parts.of(1), parts.of(-1)
    found = parts.pull(_ratio(relevance * torch.where(down < 0, how.alpha, 1), up), 1)
    sent = relevance * torch.where(up > 0, 1 - how.alpha, 1)
    return found + parts.pull(_ratio(sent, down), -1)


def z_plus(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    """Biases take no part: only inputs share, as the rule was derived.

    A positive output that no input supports belongs to its bias; a negative one to its negative
    contributions.
    """
    parts = _Signs(layer.having(layer.weight, None), x)
    up = parts.of(1)
    sent = (z * message).div_(up)
    if _is_finite(sent) or _is_finite(sent.nan_to_num_(0, math.inf, -math.inf)):
        return parts.pull(sent, 1)  # nothing arrived where nothing is positive
    found = parts.pull(sent.nan_to_num_(0, 0, 0), 1)
    alone = (z * message).mul_((up <= 0).logical_and_(z < 0))
    if not alone.any():
        return found
    return found + parts.pull(_ratio(alone, parts.of(-1)), -1)


def flat(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    import torch

    if not layer.mixes:
        return _evenly(layer, x, z * message, torch.ones_like(layer.weight))
    assert layer.front is not None
    one = layer.weight.new_ones(()).expand(1, *layer.weight.shape[1:])  # all outputs are alike
    seen = layer.front.seen.to(x.dtype).expand(x.shape)
    sent = _ratio((z * message).sum(1, keepdim=True), layer.run(_once(layer, seen), one))
    return seen * layer.pull(sent, x[:, :1], one[:, :1])  # and all inputs


def w_square(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    return _evenly(layer, x, z * message, layer.weight.square())


def box(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    front, weight = layer.front, layer.weight
    assert front is not None
    assert front.low is not None
    assert front.high is not None
    low, high = ((end - front.zero).to(x.dtype).expand(x.shape) for end in (front.low, front.high))
    up, down = weight.clamp_min(0), weight.clamp_max(0)
    own = z if layer.bias is None else z - layer.bias
    above = own - layer.run(_once(layer, low), up) - layer.run(_once(layer, high), down)
    sent = _ratio(z * message, above)
    back, back_up = layer.pull(sent, x, weight), layer.pull(sent, x, up)
    return x * back - low * back_up - high * (back - back_up)


RULES: dict[str, Rule] = {
    "zero": zero, "epsilon": epsilon, "gamma": gamma, "alpha_beta": alpha_beta, "z_plus": z_plus,
    "flat": flat, "w_square": w_square, "box": box,
}  # fmt: skip

OF_INPUTS = frozenset(["flat", "w_square", "box"])
"""Rules that give relevance, not messages: only for the layer that reads the input."""


class _Signs:
    """The positive and the negative contributions to a layer's outputs, apart."""

    def __init__(self, layer: Layer, x: torch.Tensor) -> None:
        self.layer, self.x = layer, x
        self.mixed = x.amin().item() < 0
        self.joined = layer.mixes

    def of(self, sign: int) -> torch.Tensor:
        """Their sum, among them the bias of that sign."""
        layer, x = self.layer, self.x
        same, other = self._weights(sign)
        if not self.mixed:
            found = layer.run(x, same)
        elif self.joined:
            found = layer.run(self._apart, _joined(same, other))
        else:
            found = layer.run(x.clamp_min(0), same) + layer.run(x.clamp_max(0), other)
        if layer.bias is None:
            return found
        return found + (layer.bias.clamp_min(0) if sign > 0 else layer.bias.clamp_max(0))

    def pull(self, message: torch.Tensor, sign: int, more: float | None = None) -> torch.Tensor:
        """The way back through contributions of this sign, or all with that `more` of these."""
        import torch

        layer = self.layer
        same, other = self._weights(sign)
        if more is not None:
            same, other = layer.weight + more * same, layer.weight + more * other
        if not self.mixed:
            return layer.pull(message, self.x, same)
        if self.joined:
            found = layer.pull(message, self._apart, _joined(same, other))
            above, below = found.chunk(2, dim=1)
            return torch.where(self.x > 0, above, below)
        found = layer.pull(message, self.x, same)
        return torch.where(self.x > 0, found, layer.pull(message, self.x, other))

    def _weights(self, sign: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Those through which inputs of that sign, and of the other, contribute in this way."""
        return (self._up, self._down) if sign > 0 else (self._down, self._up)

    @cached_property
    def _up(self) -> torch.Tensor:
        return self.layer.weight.clamp_min(0)

    @cached_property
    def _down(self) -> torch.Tensor:
        return self.layer.weight.clamp_max(0)

    @cached_property
    def _apart(self) -> torch.Tensor:
        """Inputs above 0 and, as more channels, those below."""
        return _joined(self.x.clamp_min(0), self.x.clamp_max(0))


def _evenly(
    layer: Layer, x: torch.Tensor, relevance: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    assert layer.front is not None
    seen = layer.front.seen.to(x.dtype).expand(x.shape)
    return seen * layer.pull(_ratio(relevance, layer.run(_once(layer, seen), weight)), x, weight)


def _joined(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """As channels of one tensor: one convolution takes less time than two of half the channels."""
    import torch

    return torch.cat([first, second], dim=1)


def _is_finite(x: torch.Tensor) -> bool:
    """Whether it surely is: quick, but a sum may overflow."""
    return math.isfinite(x.sum().item())


def _once(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    """One of a batch of images that are all the same."""
    alone = layer.kind == "conv" and x.ndim == layer.weight.ndim and x.stride(0) == 0
    return x[:1] if alone else x


def _ratio(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Their ratio, 0 where there is nothing to share among."""
    return (part / whole).nan_to_num_(0, 0, 0)
