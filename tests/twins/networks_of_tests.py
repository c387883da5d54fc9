"""Small networks for tests: seeded, on one thread."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)


class Linear(nn.Module):
    """Scores that are linear in the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.flatten(1))


class Plain(nn.Module):
    """Convolutions with modules in place, a batch norm, and a pool."""

    def __init__(self, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        kept = {"inplace": True} if act is nn.ReLU else {}
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), act(**kept), nn.Dropout(0.5),
            nn.Conv2d(8, 12, 3, padding=1), act(**kept), nn.AdaptiveAvgPool2d(2),
        )  # fmt: skip
        self.head = nn.Linear(48, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).flatten(1))


class Functional(nn.Module):
    """The same, written with functions and a residual sum, one convolution used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.first(x))
        x = x + torch.relu(self.second(x))
        x = x + self.second(x).relu_()
        return self.head(x.mean(dim=(2, 3)))


def seeded(made: type[nn.Module], *given: object) -> nn.Module:
    """A network of random weights, with batch norms that have seen something."""
    torch.manual_seed(0)
    net = made(*given)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
    return net.train()  # as a careless user leaves it


def pictures(count: int = 3, side: int = 8) -> np.ndarray:
    """Random images, (sample, 3, side, side)."""
    drawn = np.random.default_rng(0).normal(size=(count, 3, side, side))
    return drawn.astype(np.float32)
