"""Operations written with simpler ones, so that a rule for each of those is a rule for all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pellucid.core.errors import CannotExplain

if TYPE_CHECKING:
    pass

Tensor = Any


def softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return log_softmax(x, dim, dtype).exp()


def log_softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    x = x if dtype is None else x.to(dtype)
    return x - x.logsumexp(dim, keepdim=True)


def maximum(x: Tensor, y: Tensor) -> Tensor:
    return y + (x - y).relu()


def minimum(x: Tensor, y: Tensor) -> Tensor:
    return y - (y - x).relu()


def greatest(x: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor = None) -> Tensor:
    import torch

    other = dim if isinstance(dim, torch.Tensor) else other
    if other is not None:
        return maximum(x, other)
    if dim is None:
        return x.flatten().amax(0, keepdim=True)[0]
    places = x.detach().max(dim, keepdim).indices
    found = x.amax(dim, keepdim=True)
    return torch.return_types.max((found if keepdim else found.squeeze(dim), places))


def smallest(x: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor = None) -> Tensor:
    import torch

    other = dim if isinstance(dim, torch.Tensor) else other
    if other is not None:
        return minimum(x, other)
    found = greatest(-x, dim, keepdim)
    if isinstance(found, torch.Tensor):
        return -found
    return torch.return_types.min((-found[0], found[1]))


def amax(x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    dims = _dims(x, dim)
    for axis in dims:
        x = x.amax(axis, keepdim=True)
    return x if keepdim else x.squeeze(dims)


def logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    x = x.logsumexp(dim, keepdim=True)
    return x if keepdim else x.squeeze(dim)


def amin(x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    return -amax(-x, dim, keepdim)


def std(
    x: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *,
    correction: float | None = None,
) -> Tensor:  # fmt: skip
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    correction = int(unbiased) if correction is None else correction
    return x.var(dim, correction=correction, keepdim=keepdim).sqrt()


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    x = x if dtype is None else x.to(dtype)
    dims = _dims(x, dim)
    if ord == 1:
        return x.abs().sum(dims, keepdim=keepdim)
    if ord == 2:
        return x.square().sum(dims, keepdim=keepdim).sqrt()
    raise no_rule(f"norm of order {ord}")


def layer_norm(
    x: Tensor, shape: Any, weight: Tensor = None, bias: Tensor = None, eps: float = 1e-5, *_: Any
) -> Tensor:
    out = _standard(x, tuple(range(-len(shape), 0)), eps)
    return _scaled(out, weight, bias).to(x.dtype)


def rms_norm(x: Tensor, shape: Any, weight: Tensor = None, eps: float | None = None) -> Tensor:
    import torch

    eps = torch.finfo(x.dtype).eps if eps is None else eps
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = wide.square().mean(tuple(range(-len(shape), 0)), keepdim=True)
    return _scaled(wide / (mean + eps).sqrt(), weight, None).to(x.dtype)


def group_norm(
    x: Tensor, groups: int, weight: Tensor = None, bias: Tensor = None, eps: float = 1e-5, *_: Any
) -> Tensor:
    out = _standard(x.reshape(len(x), groups, -1), (-1,), eps).reshape(x.shape)
    weight, bias = (_by_channel(each, x.ndim) for each in (weight, bias))
    return _scaled(out, weight, bias).to(x.dtype)


def instance_norm(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, by_input: bool,
    momentum: float, eps: float, *_: Any,
) -> Tensor:  # fmt: skip
    import torch

    if not by_input:
        return torch.batch_norm(x, weight, bias, mean, var, False, momentum, eps, False)
    return group_norm(x, x.shape[1], weight, bias, eps)


def attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor = None, dropout_p: float = 0.0,
    is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    import torch

    if dropout_p:
        raise no_rule("attention with dropout")
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = (each.repeat_interleave(times, -3) for each in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    score = query @ key.transpose(-2, -1) * scale
    if is_causal:
        attn_mask = torch.ones(score.shape[-2:], dtype=torch.bool, device=score.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        score = score.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        score = score + attn_mask
    return score.softmax(-1) @ value


def glu(x: Tensor, dim: int = -1) -> Tensor:
    first, second = x.chunk(2, dim)
    return first * second.sigmoid()


def addcmul(x: Tensor, y: Tensor, z: Tensor, *, value: float = 1) -> Tensor:
    return x + value * (y * z)


def addcdiv(x: Tensor, y: Tensor, z: Tensor, *, value: float = 1) -> Tensor:
    return x + value * (y / z)


def lerp(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    return x + weight * (y - x)


def cosine_similarity(x: Tensor, y: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    lengths = [vector_norm(each, 2, dim, keepdim=True).clamp_min(eps) for each in (x, y)]
    return ((x / lengths[0]) * (y / lengths[1])).sum(dim)


SIMPLER: dict[str, Callable[..., Any]] = {
    "addcdiv": addcdiv, "addcmul": addcmul, "amax": amax, "amin": amin,
    "cosine_similarity": cosine_similarity, "glu": glu, "lerp": lerp,
    "group_norm": group_norm, "instance_norm": instance_norm, "layer_norm": layer_norm,
    "linalg_vector_norm": vector_norm, "log_softmax": log_softmax, "logsumexp": logsumexp,
    "max": greatest, "min": smallest, "rms_norm": rms_norm,
    "scaled_dot_product_attention": attention, "softmax": softmax, "std": std,
}  # fmt: skip
"""Operations that are always written so."""

OF_TWO: dict[str, Callable[..., Any]] = {"maximum": maximum, "minimum": minimum}
"""Operations that are written so where two inputs change."""


def simpler(
    name: str, changing: int, args: Any, kwargs: dict[str, Any]
) -> Callable[..., Any] | None:
    """How an operation is written with simpler ones, unless it is one."""
    simplest = len(args) == 2 and not isinstance(args[1], list) and kwargs == {"keepdim": True}
    if simplest and (name == "logsumexp" or (name == "amax" and isinstance(args[1], int))):
        return None
    return SIMPLER.get(name) or (OF_TWO.get(name) if changing > 1 else None)


def no_rule(name: str) -> CannotExplain:
    """What is said of an operation whose output cannot be shared exactly."""
    return CannotExplain(
        f"The operation {name} has no rule that shares its output exactly",
        fix="Choose 'integrated_gradients', which only needs gradients",
    )


def _standard(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    import torch

    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    centred = wide - wide.mean(dims, keepdim=True)
    return centred / (centred.square().mean(dims, keepdim=True) + eps).sqrt()


def _scaled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _by_channel(x: Tensor, ndim: int) -> Tensor:
    return None if x is None else x.reshape(-1, *[1] * (ndim - 2))


def _dims(x: Tensor, dim: Any) -> tuple[int, ...]:
    if dim is None or dim == ():
        return tuple(range(x.ndim))
    return (dim,) if isinstance(dim, int) else tuple(dim)
