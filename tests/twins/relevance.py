"""Rules of relevance propagation with every contribution written out: slow, and easy to read.

A layer is a matrix ``w`` (input, output) with a bias; ``z[i, j] = x[i] * w[i, j]``. Convolutions
become matrices by asking them about one pixel at a time.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def contributions(rule: str, x, w, b, epsilon=1e-6, gamma=0.25, alpha=2.0, low=None, high=None):
    """The share of each input in each output's relevance, (input, output)."""
    z = x[:, None] * w
    total = z.sum(0) + b
    up, down = np.maximum(z, 0), np.minimum(z, 0)
    b_up, b_down = np.maximum(b, 0), np.minimum(b, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if rule == "zero":
            return z / total
        if rule == "epsilon":  # Bach et al. 2015, eq. 58
            return z / (total + epsilon * np.where(total >= 0, 1, -1))
        if rule == "alpha_beta":  # Bach et al. 2015, eq. 60
            positive, negative = up / (up.sum(0) + b_up), down / (down.sum(0) + b_down)
            mixed = alpha * positive - (alpha - 1) * negative
            mixed = np.where(down.sum(0) + b_down == 0, positive, mixed)
            return np.where(up.sum(0) + b_up == 0, negative, mixed)
        if rule == "z_plus":  # Montavon et al. 2017, which has no bias in its denominator
            positive, negative = up / up.sum(0), down / down.sum(0)
            return np.where(up.sum(0) > 0, positive, np.where(total < 0, negative, 0))
        if rule == "gamma":  # Montavon et al. 2019; negative outputs in the mirror
            for_up = (z + gamma * up) / ((z + gamma * up).sum(0) + b + gamma * b_up)
            for_down = (z + gamma * down) / ((z + gamma * down).sum(0) + b + gamma * b_down)
            return np.where(total > 0, for_up, for_down)
        if rule == "flat":
            return (w != 0) / (w != 0).sum(0)
        if rule == "w_square":  # Montavon et al. 2017
            return w**2 / (w**2).sum(0)
        low, high = np.broadcast_to(low, x.shape), np.broadcast_to(high, x.shape)
        box = z - low[:, None] * np.maximum(w, 0) - high[:, None] * np.minimum(w, 0)
        return box / box.sum(0)


def matrix(layer: nn.Module, shape: tuple[int, ...]):
    """A linear layer as a matrix and a bias, for one input of some shape."""
    blank = torch.zeros(1, *shape, dtype=torch.float64)
    size = blank.numel()
    with torch.no_grad():
        bias = layer(blank).flatten()
        rows = layer(torch.eye(size, dtype=torch.float64).view(size, *shape)).flatten(1) - bias
    return rows.numpy(), bias.numpy()


def propagate(net: nn.Sequential, x: torch.Tensor, pick: int, rules: list[str], **settings):
    """The relevance of one input of a sequence of layers and ReLU; a rule for each layer."""
    layers, seen = [], x[None].double()
    for part in net:
        if not isinstance(part, (nn.ReLU, nn.Flatten)):
            layers.append((seen[0], part))
        seen = part(seen)
    relevance = np.zeros(seen.shape[1])
    relevance[pick] = float(seen[0, pick])
    for (at, part), rule in zip(reversed(layers), reversed(rules), strict=True):
        w, b = matrix(part, tuple(at.shape))
        share = contributions(rule, at.flatten().numpy(), w, b, **settings)
        relevance = np.nan_to_num(np.where(relevance == 0, 0, share * relevance)).sum(1)
    return relevance.reshape(x.shape)
