"""Gradients at noisy copies of the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.explainers.network.differentiable import Differentiable, Network

if TYPE_CHECKING:
    import torch


def noisy_gradients(
    door: Differentiable,
    call: Network,
    x: torch.Tensor,
    pick: np.ndarray,
    draws: int,
    noise: float,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Noisy copies and the gradients there, draw after draw: each like `x`.

    The noise of a draw is the same for all samples, times `noise` times the sample's range, so that
    a sample's answer depends neither on the others nor on the size of a batch.
    """
    import torch

    flat = x.reshape(len(x), -1)
    width = noise * (flat.amax(dim=1) - flat.amin(dim=1)).reshape(-1, *[1] * (x.ndim - 1))
    per = max(1, door.fits(x) // len(x))
    for begin in range(0, draws, per):
        numbers = range(begin, min(begin + per, draws))
        drawn = [_drawn(door, number, x) for number in numbers]
        copies = torch.cat([x + width * each for each in drawn])
        found, _ = door.gradient(call, copies, np.tile(pick, len(drawn)))
        yield from zip(copies.split(len(x)), found.split(len(x)), strict=True)


def _drawn(door: Differentiable, number: int, x: torch.Tensor) -> Any:
    import torch

    drawn = door.question.rng("noise", number).standard_normal(tuple(x.shape[1:]))
    return torch.as_tensor(drawn, dtype=x.dtype, device=x.device)
