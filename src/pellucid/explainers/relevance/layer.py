"""Layers: operations that are linear in what comes from the input, with what else they add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Run = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""From input and weight to output, without bias."""

Pull = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""From messages at the output, an input and a weight to messages at that input."""

Scale = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""From a weight and a factor for each output channel to the weight that has it inside."""


@dataclass(frozen=True)
class Front:
    """What else would stand where the input stands, for an input that no layer has read yet.

    Parameters
    ----------
    zero, low, high : tensor
        The same for an input of zeros, and for the least and the greatest input.
    seen : tensor
        1 where the input arrives, 0 where there is a constant such as padding.
    """

    zero: torch.Tensor
    seen: torch.Tensor
    low: torch.Tensor | None = None
    high: torch.Tensor | None = None

    def each(self, change: Callable[[torch.Tensor], Any], seen: bool = True) -> Front:
        """After an operation, which arranges what is `seen` as well, unless it only counts."""
        return Front(
            change(self.zero),
            change(self.seen) if seen else self.seen,
            None if self.low is None else change(self.low),
            None if self.high is None else change(self.high),
        )


@dataclass(eq=False)
class Layer:
    """``run(x - offset, weight) + bias``.

    Parameters
    ----------
    name : str
        The operation.
    kind : {"conv", "dense"}
    run, pull : callable
    x : tensor
        As the network calls it.
    weight : tensor
    bias : tensor or None
        To be added to the output as it is.
    offset : tensor or None
        What a constant before the layer adds to `x`.
    scale : callable or None
        How a factor for each output channel gets into the weight.
    front : Front or None
        Where `x` is the input itself.
    """

    name: str
    kind: str
    run: Run
    pull: Pull
    x: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None = None
    offset: torch.Tensor | None = None
    scale: Scale | None = None
    front: Front | None = None

    @property
    def mixes(self) -> bool:
        """Whether this is a convolution in which all input channels make each of the output's."""
        plain = self.kind == "conv" and "transpose" not in self.name
        return plain and self.x.ndim == self.weight.ndim and self.weight.shape[1] == self.x.shape[1]

    def having(self, weight: torch.Tensor, bias: torch.Tensor | None) -> Layer:
        """The same with other parameters; quicker than `dataclasses.replace`."""
        made = object.__new__(Layer)
        made.__dict__.update(self.__dict__, weight=weight, bias=bias)
        return made

    def plus(self, constant: torch.Tensor) -> Layer:
        """With something added to its output."""
        return self.having(self.weight, constant if self.bias is None else self.bias + constant)

    def times(self, factor: torch.Tensor, shape: tuple[int, ...]) -> Layer:
        """With a factor for each output channel; `shape` puts channels on their axis."""
        assert self.scale is not None
        bias = None if self.bias is None else self.bias * factor.view(shape)
        return self.having(self.scale(self.weight, factor), bias)

    def wide(self, dtype: torch.dtype) -> Layer:
        """In another precision, and with what the offset adds among the bias."""
        weight, made = self.weight, self
        if weight.dtype != dtype or (self.bias is not None and self.bias.dtype != dtype):
            weight = weight.to(dtype)
            made = self.having(weight, None if self.bias is None else self.bias.to(dtype))
        offset = self.offset if self.front is None else self.front.zero
        if offset is None or (self.front is not None and not offset.any()):
            return made
        return made.plus(self.run(offset.to(dtype).expand(self.x.shape), weight))


def convolution(name: str, func: Any, args: Any, kwargs: Any) -> tuple[Run, Pull, Scale | None]:
    """The parts of a convolution, plain or transposed, as it is called with `args`."""
    import torch

    turned = name.startswith("conv_transpose")
    order = _TURNED if turned else _PLAIN
    given = {**dict(zip(order, args, strict=False)), **kwargs}
    rest = {key: given[key] for key in order[3:] if key in given}

    def run(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return func(x, weight, None, **rest)

    axes, groups = given["weight"].ndim - 2, rest.get("groups", 1)
    odd = isinstance(rest.get("padding"), str) or given["input"].ndim != axes + 2

    def pull(message: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        back: Any = torch.ops.aten.convolution_backward
        along = {key: _spread(rest.get(key, start), axes) for key, start in _START.items()}
        found = back(
            message, x, weight, None, along["stride"], along["padding"], along["dilation"],
            turned, along["output_padding"], groups, [True, False, False],
        )  # fmt: skip
        return found[0]

    if not turned:
        return run, backwards(run) if odd else pull, _first_axis
    return run, backwards(run) if odd else pull, _second_axis if groups == 1 else None


_PLAIN = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TURNED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
_START = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}


def linear(func: Any) -> tuple[Run, Pull, Scale | None]:
    """The parts of ``x @ weight.T``."""
    return lambda x, weight: func(x, weight), lambda c, x, weight: c @ weight, _first_axis


def product(left: bool, func: Any, weight: torch.Tensor) -> tuple[Run, Pull, Scale | None]:
    """The parts of a matrix product, the weight standing `left` or right of the input."""
    if not left and weight.ndim == 2:
        return func, lambda c, x, weight: c @ weight.mT, lambda weight, a: weight * a
    run = (lambda x, weight: func(weight, x)) if left else func
    return run, backwards(run), None


def backwards(run: Run) -> Pull:
    """The way back through any map that is linear in its input."""
    import torch

    def pull(message: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            at = torch.zeros_like(x).requires_grad_(True)
            (found,) = torch.autograd.grad(run(at, weight), at, message)
        return found

    return pull


def _first_axis(weight: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return weight * factor.view(-1, *[1] * (weight.ndim - 1))


def _second_axis(weight: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return weight * factor.view(1, -1, *[1] * (weight.ndim - 2))


def _spread(value: Any, axes: int) -> list[int]:
    if isinstance(value, (tuple, list)):
        return list(value) * (axes if len(value) == 1 else 1)
    return [value] * axes if isinstance(value, int) else [0] * axes
