"""KernelSHAP on superpixels side by side with captum: evaluations at equal error.

    python benchmarks/image_kernel_shap.py [--quick]

Networks are trained on scikit-learn's digits for it; MobileNetV2 is compared on a photo where the
folder of real data sets is there. With 12 segments all 4096 coalitions are asked of the network
once, and both sides play the game of that table: an image of 12 pixels, each a segment. With 50
segments both ask the network, and the truth is a long run of another method, PermutationSHAP.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import KernelShap as Peer
from integrated_gradients import digits, plain, train
from record import Measured, record
from torch import nn
from torch_peers import real_networks

import pellucid as pel
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.explainers.shapley.permutation_shap import PermutationSHAP
from pellucid.maths.superpixels import cells, slic

FEW, MANY, LONG = 12, 50, 100_000
BUDGETS = {FEW: (100, 200, 400, 800), MANY: (256, 512, 1024, 2048)}
FINER = 8
"""Ours are measured from an eighth of each budget on, to find where the errors are equal."""


@dataclass
class Played:
    """An image, its segments, a model of it, and exact values (segment,)."""

    model: Callable[[torch.Tensor], torch.Tensor]
    image: np.ndarray
    segment: np.ndarray
    truth: np.ndarray


def of_segments(values: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Values (channel, row, column) added up over each segment."""
    return np.bincount(segment.ravel(), values.sum(axis=0).ravel())


def ours(game: Played, method: object, seed: int) -> np.ndarray:
    found = pel.explain(
        game.model, game.image[None], method=method, segments=game.segment, seed=seed, target=0,
        progress=False, batch_size=256,
    )  # fmt: skip
    return of_segments(found.values[0], game.segment)


def captums(game: Played, budget: int, seed: int) -> np.ndarray:
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - captum draws from it
    mask = torch.from_numpy(game.segment.astype(np.int64))[None, None]
    found = Peer(game.model).attribute(
        torch.from_numpy(game.image)[None], feature_mask=mask, n_samples=budget, target=0,
        perturbations_per_eval=256,
    )  # fmt: skip
    each = found.numpy()[0, 0].ravel()
    first = np.unique(game.segment, return_index=True)[1]
    return np.asarray(each[first])


def table_game(net: nn.Module, image: np.ndarray, segment: np.ndarray) -> Played:
    """The game of all coalitions of a network's segments, on an image of switches."""
    players = int(segment.max()) + 1
    teams = (np.arange(1 << players)[:, None] >> np.arange(players) & 1).astype(bool)
    parts = []
    with torch.no_grad():
        whole = int(net(torch.from_numpy(image)[None]).argmax())
        for some in np.array_split(teams, max(1, len(teams) // 64)):
            shown = np.where(some[:, segment][:, None], image, 0).astype(np.float32)
            parts.append(net(torch.from_numpy(shown))[:, whole].double())
    table, power = torch.cat(parts), torch.from_numpy(1 << np.arange(players))

    def worth(switches: torch.Tensor) -> torch.Tensor:
        held = (torch.as_tensor(switches).flatten(1) > 0.5).long()
        return table[held @ power][:, None]

    image, segment = np.ones((1, 1, players), dtype=np.float32), np.arange(players)[None]
    game = Played(worth, image, segment, np.zeros(players))
    game.truth = ours(game, ExactSHAP(removal="zero"), 0)
    return game


def network_game(net: nn.Module, image: np.ndarray, segment: np.ndarray) -> Played:
    """The game of a network whose coalitions are too many to be listed."""
    with torch.no_grad():
        whole = int(net(torch.from_numpy(image)[None]).argmax())

    def model(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return net(torch.as_tensor(images))[:, [whole]]

    game = Played(model, image, segment, np.zeros(int(segment.max()) + 1))
    game.truth = ours(game, PermutationSHAP(budget=LONG, removal="zero"), 0)
    return game


def errors(game: Played, seeds: int) -> tuple[dict[int, float], dict[int, float]]:
    """Root mean squared errors by budget: ours, and captum's."""
    players = len(game.truth)
    budgets = BUDGETS[FEW if players <= FEW else MANY]
    least = 4 * players - 2
    finer = sorted({max(least, round(b / FINER**share)) for b in budgets for share in _shares()})

    def missed(values: np.ndarray) -> float:
        return float(np.mean((values - game.truth) ** 2))

    mine = {
        b: np.mean(
            [missed(ours(game, KernelSHAP(budget=b, removal="zero"), s)) for s in range(seeds)]
        )
        for b in finer
    }
    theirs = {b: np.mean([missed(captums(game, b, s)) for s in range(seeds)]) for b in budgets}
    return {b: v**0.5 for b, v in mine.items()}, {b: v**0.5 for b, v in theirs.items()}


def _shares() -> list[float]:
    return [0.0, 0.25, 0.5, 0.75, 1.0]


def needed(mine: dict[int, float], error: float) -> tuple[float, str]:
    """Evaluations at which our error is as small, and whether fewer might do."""
    budgets, found = np.array(list(mine)), np.minimum.accumulate(list(mine.values()))
    if found[0] <= error:
        return float(budgets[0]), "at most "
    if found[-1] > error:
        return float("nan"), ""
    below = int(np.argmax(found <= error))
    low, high = np.log(found[below]), np.log(found[below - 1])
    share = (high - np.log(error)) / max(high - low, 1e-12)
    ends = np.log(budgets[below - 1 : below + 1])
    return float(np.exp(ends[0] + share * (ends[1] - ends[0]))), ""


def _reason(ratio: float, bound: bool) -> str:
    """What a reader must know of a line."""
    if bound:
        return "Ours is more accurate on its least budget already: the ratio is a lower bound."
    if ratio < 2:
        return "Below four pairs of coalitions for each segment, ours takes all to matter alike."
    return ""


def games(quick: bool) -> dict[str, Played]:
    torch.manual_seed(0)
    net = plain(nn.ReLU)
    train(net, 30 if quick else 100)
    image = digits(10_000, 1)[0][0].numpy()
    pixels = np.moveaxis(np.clip(image * 0.35 + 0.25, 0, 1), 0, 2)
    found = {
        "CNN on a digit, 12 cells": table_game(net, image, cells(32, 32, FEW)),
        "CNN on a digit, SLIC of 12": table_game(net, image, slic(pixels, FEW)),
    }
    if quick:
        return found
    found["CNN on a digit, SLIC of 50"] = network_game(net, image, slic(pixels, MANY))
    real = real_networks()
    if real is not None:
        photo = real.photos(224, 415748)
        segment = slic(photo.images.pixels[0], FEW)
        mobilenet = real.mobilenet().eval()
        found["MobileNetV2 on a photo, SLIC of 12"] = table_game(
            mobilenet, photo.images.values[0], segment
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    seeds = 5 if quick else 30
    lines = []
    for name, game in games(quick).items():
        mine, theirs = errors(game, seeds)
        for budget, error in theirs.items():
            count, most = needed(mine, error)
            lines.append(
                Measured(
                    task=f"{name} ({len(game.truth)} segments), error {error:.3g}",
                    ours=f"{most}{count:.0f} evaluations",
                    peer=f"{budget} evaluations",
                    against="captum 0.9",
                    ratio=budget / count,
                    target=2.0,
                    note=_reason(budget / count, bool(most)),
                )
            )
    setting = (
        f"Root mean squared error of the values over {seeds} draws, in units of the logit; ours "
        "interpolated between budgets to where it equals captum's. Removed segments are zero."
    )
    record("image_kernel_shap", "KernelSHAP on images: evaluations at equal error", setting, lines)


if __name__ == "__main__":
    main()
