"""The weights with which a network attends, caught where they are made, whatever its code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.explainers.network.differentiable import Differentiable, Network
from pellucid.explainers.network.intercept import intercepted

if TYPE_CHECKING:
    import torch


def attended(
    door: Differentiable, call: Network, x: torch.Tensor, pick: np.ndarray, known: np.ndarray
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The attention of each layer (sample, head, token, token), and the score (sample,).

    Fused attention is computed in its parts meanwhile, so that its weights can be seen; the score
    must stay what it is `known` to be.

    Raises
    ------
    CannotExplain
        If the network makes no attention weights that can be seen, or not among all its tokens.
    """
    caught = _Caught(door.model.name, len(x))

    def watched(inputs: torch.Tensor, of: torch.Tensor | None = None) -> torch.Tensor:
        with intercepted(caught):
            return call(inputs)

    score = door.score(watched, x, pick)
    found = score.detach().double().cpu().numpy()
    eps = float(np.finfo(np.float32).eps if x.element_size() > 2 else 2.0**-7) ** 0.5
    if (np.abs(found - known) > eps * np.maximum(1, np.abs(known))).any():
        raise CannotExplain(
            f"The attention of {door.model.name} cannot be taken apart",
            got=f"scores up to {np.abs(found - known).max():.2g} off",
            fix="Choose a class activation map, such as 'grad_cam'",
        )
    return caught.layers(), score


class _Caught:
    """Runs operations, and keeps the weights of those that attend."""

    def __init__(self, model: str, samples: int) -> None:
        self.model, self.samples = model, samples
        self.weights: list[torch.Tensor] = []

    def __call__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        import torch.nn.functional as F

        if func is F.multi_head_attention_forward:
            return self._many_heads(**_named(func, args, kwargs))
        if func is F.scaled_dot_product_attention:
            return self.attend(**_named(_fused, args, kwargs))
        found = func(*args, **kwargs)
        if func in _softmaxes() and found.ndim in (3, 4) and found.shape[-1] == found.shape[-2]:
            return self._kept(found)
        return found

    def layers(self) -> list[torch.Tensor]:
        """The weights of all layers (sample, head, token, token), among the same tokens.

        Raises
        ------
        CannotExplain
        """
        if not self.weights:
            raise CannotExplain(
                f"{self.model} makes no attention weights that can be seen",
                got="no softmax among tokens, and no scaled dot-product attention",
                fix="Choose a class activation map, such as 'grad_cam'",
            )
        shapes = {tuple(each.shape[-2:]) for each in self.weights}
        if len(shapes) > 1 or any(rows != columns for rows, columns in shapes):
            raise CannotExplain(
                f"{self.model} does not attend among the same tokens in every layer",
                got=", ".join(f"{rows} × {columns}" for rows, columns in sorted(shapes)),
                fix="Choose a class activation map, such as 'grad_cam'",
            )
        leads = {tuple(each.shape[:-2]) for each in self.weights}
        if any(len(lead) != 2 or lead[0] != self.samples for lead in leads):
            raise CannotExplain(
                f"{self.model} does not attend among all tokens of an image",
                got=f"weights of shape {tuple(self.weights[0].shape)} for {self.samples} images",
                fix="Choose a class activation map, such as 'grad_cam'",
            )
        return self.weights

    def _kept(self, weights: torch.Tensor) -> torch.Tensor:
        """Keep weights, by sample and head; the network goes on with what is kept."""
        if weights.ndim == 3 and len(weights) % self.samples == 0:
            self.weights.append(weights.reshape(self.samples, -1, *weights.shape[1:]))
        else:
            self.weights.append(weights)
        return self.weights[-1].reshape(weights.shape)

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> torch.Tensor:
        """Scaled dot-product attention in its parts."""
        import torch

        self._refuse(dropout_p > 0, "attention that drops weights at random")
        if enable_gqa:
            times = query.shape[-3] // key.shape[-3]
            key, value = (each.repeat_interleave(times, dim=-3) for each in (key, value))
        logits = (
            query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
        )
        if is_causal:
            attn_mask = torch.ones_like(logits, dtype=torch.bool).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            logits = logits.masked_fill(~attn_mask, -torch.inf)
        elif attn_mask is not None:
            logits = logits + attn_mask
        return self._kept(torch.softmax(logits, dim=-1)) @ value

    def _many_heads(self, **given: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`torch.nn.functional.multi_head_attention_forward`, in its parts."""
        import torch
        import torch.nn.functional as F

        query, heads = given["query"], given["num_heads"]
        odd = ("bias_k", "bias_v", "key_padding_mask", "static_k", "static_v")
        self._refuse(
            any(given[name] is not None for name in odd) or given["add_zero_attn"],
            "attention with added or masked tokens",
        )
        self._refuse(query.ndim != 3, "attention without a batch")
        if given["use_separate_proj_weight"]:
            parts = [given[f"{name}_proj_weight"] for name in "qkv"]
        else:
            parts = given["in_proj_weight"].chunk(3)
        bias = given["in_proj_bias"]
        biases = [None] * 3 if bias is None else bias.chunk(3)
        tokens, samples, width = query.shape

        def split(x: torch.Tensor, weight: torch.Tensor, b: torch.Tensor | None) -> torch.Tensor:
            return F.linear(x, weight, b).reshape(len(x), samples, heads, -1).permute(1, 2, 0, 3)

        inputs = (query, given["key"], given["value"])
        q, k, v = (split(*each) for each in zip(inputs, parts, biases, strict=True))
        mask = given["attn_mask"]
        if mask is not None:
            given["is_causal"] = False
            if mask.ndim == 3:
                mask = mask.reshape(samples, heads, *mask.shape[1:])
            if mask.dtype == torch.bool:
                mask = ~mask
        joined = self.attend(q, k, v, mask, is_causal=given["is_causal"])
        joined = joined.permute(2, 0, 1, 3).reshape(tokens, samples, width)
        out = F.linear(joined, given["out_proj_weight"], given["out_proj_bias"])
        if not given["need_weights"]:
            return out, None
        weights = self.weights[-1]
        return out, weights.mean(dim=1) if given["average_attn_weights"] else weights

    def _refuse(self, odd: bool, what: str) -> None:
        if odd:
            raise CannotExplain(
                f"{self.model} has {what}", fix="Choose a class activation map, such as 'grad_cam'"
            )


def _fused(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> None:
    """The arguments of fused attention, which has no signature of its own."""


def _named(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by name, with their defaults."""
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


@cache
def _softmaxes() -> tuple[Any, ...]:
    import torch

    return torch.softmax, torch.nn.functional.softmax, torch.Tensor.softmax, torch.special.softmax
