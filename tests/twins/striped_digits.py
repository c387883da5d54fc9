"""Digits whose rows or columns are striped, and a network that tells which."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn


def striped(X: np.ndarray, along: str) -> np.ndarray:
    """Images with every other row, or column, brighter."""
    changed = X.copy()
    lines = changed[:, :, ::2] if along == "rows" else changed[:, :, :, ::2]
    lines += 0.5 * (1 - lines)
    return changed


@cache
def stripes() -> tuple[nn.Module, np.ndarray]:
    """A network with an output for striped rows and one for striped columns, and other digits."""
    X = (load_digits().images[:, None] / 16).astype(np.float32)
    rng = np.random.default_rng(0)
    rows, columns = rng.random(len(X)) < 0.5, rng.random(len(X)) < 0.5
    seen = X.copy()
    seen[rows] = striped(seen[rows], "rows")
    seen[columns] = striped(seen[columns], "columns")
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 2),
    )  # fmt: skip
    adam = torch.optim.Adam(net.parameters(), 5e-3)
    inputs = torch.tensor(seen[:1200])
    wanted = torch.tensor(np.stack([rows, columns], axis=1)[:1200]).float()
    for _ in range(10):
        for some in torch.randperm(1200).split(64):
            adam.zero_grad()
            ((net(inputs[some]) - wanted[some]) ** 2).mean().backward()
            adam.step()
    return net, X[1200:]
