"""Relevance propagation beside zennit: whole calls, the same composites, on real weights.

    python benchmarks/relevance.py [--quick]

Ours is `pellucid.explain`; zennit gets its composite, with batch norms merged, and the class.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from record import Measured, record
from torch import nn
from torch_peers import in_turn, peer, real_networks

import pellucid as pel
from pellucid.explainers.relevance.lrp import LRP

torch.set_num_threads(1)

TARGET = 1.5

SMALL = (
    "Of small networks and single images much of the time is Python around the operations and "
    "what every call does: checks, the fingerprint, for which all weights are read, the answer's "
    "axes and notes."
)

RESIDUAL = "zennit gives the whole relevance to each term of a sum that it is not told about."


def plain() -> nn.Module:
    """Four convolutions, the mean of all places, and a linear head."""
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for narrow, wide in ((3, 32), (32, 64), (64, 128), (128, 128)):
        parts += [nn.Conv2d(narrow, wide, 3, 2 if wide > narrow else 1, 1), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)).eval()


def cases(real: Any) -> list[tuple[str, nn.Module, np.ndarray, tuple[float, float], int]]:
    """Name, network, images, the limits of their values, and turns."""
    photos, crops = real.photos(224).images.values, real.crops(32)[0]
    colours = real.normalised(crops, *real.COLOURS).astype(np.float32)
    return [
        ("CNN, 224²", plain(), photos, (-1.0, 1.0), 5),
        ("MobileNetV2, 224²", real.mobilenet(), photos, (-1.0, 1.0), 3),
        ("ResNet-20, 32²", real.resnet20(), colours, (-3.0, 3.0), 10),
        ("LeNet, 32²", real.lenet(), real.normalised(crops).astype(np.float32), (-1.0, 1.0), 20),
    ]


def composites(zennit: Any, low: float, high: float, x: torch.Tensor) -> dict[str, Any]:
    """zennit's, by our names."""
    merged = {"canonizers": [zennit.canonizers.SequentialMergeBatchNorm()]}
    ends = {"low": torch.full_like(x[:1], low), "high": torch.full_like(x[:1], high)}
    return {
        "epsilon_plus_flat": lambda: zennit.composites.EpsilonPlusFlat(**merged),
        "epsilon_gamma_box": lambda: zennit.composites.EpsilonGammaBox(**ends, **merged),
        "epsilon_alpha_beta_flat": lambda: zennit.composites.EpsilonAlpha2Beta1Flat(**merged),
    }


def compared(
    zennit: Any, name: str, net: nn.Module, X: np.ndarray, ends: tuple[float, float], turns: int
) -> list[Measured]:
    lines = []
    for rows in (1, 4, 16):
        some = np.ascontiguousarray(X[:rows])
        x = torch.from_numpy(some)
        with torch.no_grad():
            scores = net(x)
        pick = scores.argmax(dim=1, keepdim=True)
        start = torch.zeros_like(scores).scatter(1, pick, scores.gather(1, pick))
        for kind, made in composites(zennit, *ends, x).items():
            box = {"low": ends[0], "high": ends[1]} if "box" in kind else {}
            if (box and name.startswith("Mobile")) or (rows != 4 and kind != "epsilon_plus_flat"):
                continue  # zennit's box does not go through a padding of its own

            def ours(how: LRP, some: np.ndarray = some) -> np.ndarray:
                return pel.explain(net, some, method=how).values

            def theirs(made: Callable = made, x: torch.Tensor = x, start: Any = start) -> Any:
                with zennit.attribution.Gradient(model=net, composite=made()) as way:
                    return way(x, start)[1].detach().numpy()

            how = LRP(composite=kind, **box)
            mine, other = in_turn([lambda how=how: ours(how), theirs], turns, time.process_time)
            lines.append(line(f"{name}, {kind}, {rows}", mine, other, name))
            if rows == 4 and kind == "epsilon_plus_flat" and "²" in name:
                same = LRP(composite="epsilon_alpha_beta_flat", alpha=1.0)
                off = np.abs(ours(same) - theirs()).max() / np.abs(theirs()).max()
                print(f"{name}: with biases in z+ ours is {off:.1g} of the greatest away")
    return lines


def line(task: str, mine: float, theirs: float, name: str) -> Measured:
    missed = theirs < TARGET * mine
    notes = [RESIDUAL] if name.startswith(("Mobile", "ResNet")) else []
    return Measured(
        task=f"{task} image{'s' * (task[-2:] != ' 1')}",
        ours=f"{1e3 * mine:.1f} ms",
        peer=f"{1e3 * theirs:.1f} ms",
        against="zennit 0.5.1",
        ratio=theirs / mine,
        target=None if name.startswith("LeNet") else TARGET,
        note=" ".join([*notes, *([SMALL] if missed else [])]),
    )


def main() -> int:
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true")
    said = ask.parse_args()
    real, zennit = real_networks(), peer("zennit")
    if real is None or zennit is None:
        return 0
    lines = []
    for name, net, X, ends, turns in cases(real):
        lines += compared(zennit, name, net, X, ends, 1 if said.quick else turns)
    record(
        "relevance",
        "Relevance propagation",
        "Whole calls, the class predicted of each image, one thread; least processor time of "
        "several turns, zennit in turn with ours. Its import of torchvision is answered by an "
        "empty module; batch norms are merged on both sides.",
        lines,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
