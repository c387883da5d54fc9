"""Normalisations with what they divide by held for constant: they are linear then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def layer_norm(
    x: torch.Tensor, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> torch.Tensor:
    return _scaled(_standard(x, tuple(range(-len(shape), 0)), eps), weight, bias).to(x.dtype)


def rms_norm(
    x: torch.Tensor, shape: Any, weight: Any = None, eps: float | None = None
) -> torch.Tensor:
    import torch

    eps = torch.finfo(x.dtype).eps if eps is None else eps
    wide = _wide(x)
    mean = wide.detach().square().mean(tuple(range(-len(shape), 0)), keepdim=True)
    return _scaled(wide * (mean + eps).rsqrt(), weight, None).to(x.dtype)


def group_norm(
    x: torch.Tensor, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> torch.Tensor:
    out = _standard(x.reshape(len(x), groups, -1), (-1,), eps).reshape(x.shape)
    weight, bias = (_by_channel(each, x.ndim) for each in (weight, bias))
    return _scaled(out, weight, bias).to(x.dtype)


def instance_norm(
    x: torch.Tensor, weight: Any, bias: Any, mean: Any, var: Any, by_input: bool,
    momentum: float, eps: float, *_: Any,
) -> torch.Tensor:  # fmt: skip
    if by_input:
        return group_norm(x, x.shape[1], weight, bias, eps)
    factor, shift = batch_norm(x, weight, bias, mean, var, False, momentum, eps)
    factor, shift = _by_channel(factor, x.ndim), _by_channel(shift, x.ndim)
    return (x * factor + shift).to(x.dtype)


def batch_norm(
    x: torch.Tensor, weight: Any, bias: Any, mean: Any, var: Any, by_input: bool,
    momentum: float, eps: float, *_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The factor and the summand of each channel."""
    import torch

    if by_input or mean is None:
        axes = (0, *range(2, x.ndim))
        mean, var = _wide(x).detach().mean(axes), _wide(x).detach().var(axes, correction=0)
    factor = torch.rsqrt(_wide(var) + eps)
    factor = factor if weight is None else factor * weight
    shift = -mean * factor
    return factor, shift if bias is None else shift + bias


RUNS: dict[str, Callable[..., torch.Tensor]] = {
    "group_norm": group_norm, "instance_norm": instance_norm, "layer_norm": layer_norm,
    "rms_norm": rms_norm,
}  # fmt: skip
"""By operation."""


def _wide(x: torch.Tensor) -> torch.Tensor:
    import torch

    return x if x.dtype == torch.float32 else x.to(torch.promote_types(x.dtype, torch.float32))


def _standard(x: torch.Tensor, axes: tuple[int, ...], eps: float) -> torch.Tensor:
    wide = _wide(x)
    centred = wide - wide.mean(axes, keepdim=True)
    spread = centred.detach().square().mean(axes, keepdim=True)
    return centred * (spread + eps).rsqrt()


def _scaled(x: torch.Tensor, weight: Any, bias: Any) -> torch.Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _by_channel(x: Any, ndim: int) -> Any:
    return None if x is None else x.reshape(-1, *[1] * (ndim - 2))
