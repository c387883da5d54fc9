"""Rules: how a layer's outputs share their relevance among its inputs.

Relevance is carried as messages: the relevance of an activation is the activation times its
message, so that a plain gradient is the message of the basic rule, and no rule but that of the
epsilon divides by what may be near 0. Rules for the layer that reads the input give relevance
itself, since inputs that are 0, such as black pixels, get some as well.
"""

from __future__ import annotations

from collections.abc import Callable
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

    parts = _Signs(layer, x)
    relevance, total = z * message, torch.zeros_like(x)
    for sign, here in ((1, z > 0), (-1, z < 0)):
        some = torch.where(here, relevance, 0)
        if sign < 0 and not some.any():
            continue
        part = z + how.gamma * parts.of(sign)
        total = total + parts.pull(some / torch.where(here, part, 1), sign, how.gamma)
    return total


def alpha_beta(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    """An output without negative contributions has its positive ones counted once."""
    import torch

    parts, relevance = _Signs(layer, x), z * message
    up, down = parts.of(1), parts.of(-1)
    factor = torch.where(down < 0, how.alpha, 1)
    found = parts.pull(_ratio(relevance * factor, up), 1)
    return found - parts.pull(_ratio(relevance * (how.alpha - 1), down), -1)


def z_plus(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    parts = _Signs(layer, x)
    return parts.pull(_ratio(z * message, parts.of(1)), 1)


def flat(
    layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor, how: Composite
) -> torch.Tensor:
    import torch

    return _evenly(layer, x, z * message, torch.ones_like(layer.weight))


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
    above = layer.run(x, weight) - layer.run(low, up) - layer.run(high, down)
    sent = _ratio(z * message, above)
    ways = (layer.pull(sent, x, each) for each in (weight, up, down))
    return sum(end * way for end, way in zip((x, -low, -high), ways, strict=True))  # type: ignore[return-value]


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
        self.mixed = bool((x < 0).any())

    def of(self, sign: int) -> torch.Tensor:
        """Their sum, among them the bias of that sign."""
        layer, x = self.layer, self.x
        same, other = self._weights(sign)
        found = layer.run(x.clamp_min(0) if self.mixed else x, same)
        if self.mixed:
            found = found + layer.run(x.clamp_max(0), other)
        if layer.bias is None:
            return found
        return found + (layer.bias.clamp_min(0) if sign > 0 else layer.bias.clamp_max(0))

    def pull(self, message: torch.Tensor, sign: int, more: float | None = None) -> torch.Tensor:
        """The way back through contributions of this sign, or all with that `more` of these."""
        import torch

        layer = self.layer
        same, other = self._weights(sign)
        if more is not None:
            same, other = (layer.weight + more * each for each in (same, other))
        found = layer.pull(message, self.x, same)
        if not self.mixed:
            return found
        return torch.where(self.x > 0, found, layer.pull(message, self.x, other))

    def _weights(self, sign: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Those that make contributions of this sign from positive and from negative inputs."""
        up, down = self.layer.weight.clamp_min(0), self.layer.weight.clamp_max(0)
        return (up, down) if sign > 0 else (down, up)


def _evenly(
    layer: Layer, x: torch.Tensor, relevance: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    assert layer.front is not None
    seen = layer.front.seen.to(x.dtype).expand(x.shape)
    return seen * layer.pull(_ratio(relevance, layer.run(seen, weight)), x, weight)


def _ratio(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Their ratio, 0 where there is nothing to share among."""
    import torch

    none = whole == 0
    return torch.where(none, 0, part / torch.where(none, 1, whole))
