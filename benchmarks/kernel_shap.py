"""Sampled Shapley values side by side with shap: accuracy, coverage of the errors, and overhead.

Run: ``python benchmarks/kernel_shap.py [seeds]``. Every game is played on switches: the explained
row is all ones and the background all zeros, so one model evaluation is the worth of one coalition
and all samplers get exactly the same game and budget.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import shap
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

import pellucid as pel
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.explainers.shapley.permutation_shap import PermutationSHAP
from pellucid.models.callable import CallableModel

ROWS, REFERENCE, LONG = 3, 30, 400_000
BUDGETS = (512, 2048)


@dataclass
class Games:
    """Several games of the same players: worths (coalition, game) and exact values."""

    worth: Callable[[np.ndarray], np.ndarray]
    names: list[str]
    truth: np.ndarray


def model_games(kind: str, players: int) -> Games:
    """Three rows of a classifier against 30 background rows."""
    X, y = make_classification(
        5000, players, n_informative=players // 2, n_redundant=players // 4, random_state=0
    )
    forest = RandomForestClassifier(100, max_depth=10, random_state=0, n_jobs=1)
    network = MLPClassifier((64, 32), max_iter=60, random_state=0)
    model = (forest if kind == "forest" else network).fit(X, y)
    rows, background = X[-ROWS:], X[:REFERENCE]

    def worth(switches: np.ndarray) -> np.ndarray:
        parts = []
        for some in np.array_split(np.asarray(switches) > 0.5, max(1, len(switches) // 1000)):
            composed = np.where(some[:, None, None], rows[:, None], background)
            chance = model.predict_proba(composed.reshape(-1, players))[:, 1]
            parts.append(chance.reshape(len(some), ROWS, -1).mean(axis=2))
        return np.concatenate(parts)

    if players <= 12:
        table = worth(switches_of(np.arange(2**players), players))
        power = 1 << np.arange(players)
        truth = from_definition(table, players)
        return Games(lambda Z: table[(np.asarray(Z) > 0.5) @ power], [kind] * ROWS, truth)
    if kind == "forest":
        how = {"model_output": "probability", "feature_perturbation": "interventional"}
        found = shap.TreeExplainer(model, background, **how).shap_values(rows)[..., 1]
        return Games(worth, [kind] * ROWS, found)
    return Games(worth, [kind] * ROWS, long_run(worth, players))


def planted_games(players: int) -> Games:
    """Games whose values are known in closed form."""
    rng = np.random.default_rng(5)
    height = np.abs(rng.normal(size=players))
    teams = [rng.permutation(players)[:3] for _ in range(6)]
    prize = rng.normal(size=6)
    first = np.arange(players)

    def worth(switches: np.ndarray) -> np.ndarray:
        Z = np.asarray(switches) > 0.5
        sign = 2.0 * Z - 1
        return np.stack(
            [
                sum(p * Z[:, t].all(axis=1) for p, t in zip(prize, teams, strict=True)),
                Z[:, :5].all(axis=1),
                Z[:, :9].all(axis=1),
                sign[:, :3].prod(axis=1),
                sign[:, :5].prod(axis=1),
                np.where(Z, height, 0).max(axis=1),
            ],
            axis=1,
        ).astype(float)

    truth = [
        sum(p * np.isin(first, t) / 3 for p, t in zip(prize, teams, strict=True)),
        (first < 5) / 5,
        (first < 9) / 9,
        (first < 3) * 2 / 3,
        (first < 5) * 2 / 5,
        airport(height),
    ]
    names = ["six teams of 3", "AND of 5", "AND of 9", "parity of 3", "parity of 5", "maximum"]
    return Games(worth, names, np.array(truth))


def airport(height: np.ndarray) -> np.ndarray:
    """Values of the game whose worth is the greatest height (Littlechild and Owen 1973)."""
    order = np.argsort(height)
    steps = np.diff(height[order], prepend=0.0) / np.arange(len(height), 0, -1)
    values = np.empty(len(height))
    values[order] = np.cumsum(steps)
    return values


def switches_of(number: np.ndarray, players: int) -> np.ndarray:
    return (number[:, None] >> np.arange(players) & 1).astype(float)


def from_definition(table: np.ndarray, players: int) -> np.ndarray:
    """Shapley values (game, player) from the worth of all coalitions, by the definition."""
    number = np.arange(2**players)
    size = switches_of(number, players).sum(axis=1).astype(int)
    weight = np.array([1 / (players * comb(players - 1, s)) for s in range(players)])
    values = []
    for i in range(players):
        without = number[number >> i & 1 == 0]
        gain = table[without | 1 << i] - table[without]
        values.append(weight[size[without]] @ gain)
    return np.array(values).T


def long_run(worth: Callable[[np.ndarray], np.ndarray], players: int) -> np.ndarray:
    """A long run of shap's permutation sampler, for a game that cannot be enumerated."""
    rows = []
    for game in range(ROWS):
        sampler = shap.explainers.Permutation(
            lambda Z, g=game: worth(Z)[:, g], np.zeros((1, players)), seed=1
        )
        rows.append(sampler(np.ones((1, players)), max_evals=LONG, silent=True).values[0])
    return np.array(rows)


def ours(recipe: type) -> Callable[[Games, int, int], np.ndarray]:
    def run(games: Games, budget: int, seed: int) -> np.ndarray:
        return explained(games, recipe(budget=budget), seed)[0]

    return run


def explained(games: Games, recipe: object, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and errors, both (game, player)."""
    players = games.truth.shape[1]
    one, zero = np.ones((1, players)), np.zeros((1, players))
    model = CallableModel(games.worth, task="regression")
    found = pel.explain(model, one, method=recipe, background=zero, seed=seed)
    return np.asarray(found.values)[0].T, np.asarray(found.error)[0].T


def peer_kernel(l1: object) -> Callable[[Games, int, int], np.ndarray]:
    def run(games: Games, budget: int, seed: int) -> np.ndarray:
        players = games.truth.shape[1]
        np.random.seed(seed)  # noqa: NPY002 (shap draws from the global stream)
        found = []
        for game in range(len(games.truth)):
            peer = shap.KernelExplainer(
                lambda Z, g=game: games.worth(Z)[:, g], np.zeros((1, players))
            )
            options = {} if l1 is None else {"l1_reg": l1}
            found.append(
                peer.shap_values(np.ones((1, players)), nsamples=budget, silent=True, **options)[0]
            )
        return np.array(found)

    return run


def peer_permutation(games: Games, budget: int, seed: int) -> np.ndarray:
    players = games.truth.shape[1]
    found = []
    for game in range(len(games.truth)):
        peer = shap.explainers.Permutation(
            lambda Z, g=game: games.worth(Z)[:, g], np.zeros((1, players)), seed=seed
        )
        found.append(peer(np.ones((1, players)), max_evals=budget, silent=True).values[0])
    return np.array(found)


SAMPLERS = {
    "pellucid KernelSHAP": ours(KernelSHAP),
    "pellucid PermutationSHAP": ours(PermutationSHAP),
    "shap Kernel, l1_reg=0": peer_kernel(0),
    "shap Kernel, default": peer_kernel(None),
    "shap Permutation": peer_permutation,
}


def accuracy(games: Games, budget: int, seeds: int) -> None:
    """Mean absolute error in % of the mean absolute value, and seconds of the processor."""
    size = np.abs(games.truth).mean(axis=1)
    worst = {}
    for name, run in SAMPLERS.items():
        started = time.process_time()
        off = [np.abs(run(games, budget, seed) - games.truth) for seed in range(seeds)]
        seconds = (time.process_time() - started) / seeds / len(games.truth)
        worst[name] = float((np.mean(off, axis=(0, 2)) / size).mean())
        print(f"    {name:26s} {100 * worst[name]:8.3f} %   {seconds:6.3f} s per row")
    mine = worst["pellucid KernelSHAP"]
    print("    ratios to ours:", {k: round(v / mine, 2) for k, v in worst.items()})


def coverage(games: Games, recipe: object, seeds: int) -> None:
    """How often value ± 1.96 errors holds the exact value."""
    runs = [explained(games, recipe, seed) for seed in range(seeds)]
    values, error = (np.array(part) for part in zip(*runs, strict=True))
    inside = np.abs(values - games.truth) <= 1.96 * error
    for name in dict.fromkeys(games.names):
        here = [i for i, each in enumerate(games.names) if each == name]
        off = np.sqrt(((values - games.truth)[:, here] ** 2).mean())
        said = np.sqrt((error[:, here] ** 2).mean())
        by_player = inside[:, here].mean(axis=0)
        print(
            f"    {name:16s} {100 * inside[:, here].mean():5.1f} %  "
            f"(players {100 * by_player.min():.0f} to {100 * by_player.max():.0f} %), "
            f"error said / made {said / off:.2f}"
        )


def main() -> None:
    warnings.filterwarnings("ignore")
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for players in (12, 30):
        played = {kind: model_games(kind, players) for kind in ("forest", "network")}
        played["planted"] = planted_games(players)
        for budget in BUDGETS:
            for kind in ("forest", "network"):
                print(f"accuracy: {kind}, {players} features, {budget} evaluations")
                accuracy(played[kind], budget, max(2, seeds // 20))
        for budget in (4 * players - 2, *BUDGETS):
            for recipe in (KernelSHAP(budget=budget), PermutationSHAP(budget=budget)):
                print(f"coverage of 95 %: {players} features, {recipe}")
                for games in played.values():
                    coverage(games, recipe, seeds)


if __name__ == "__main__":
    main()
