"""Sampled Shapley values side by side with shap and shapiq: accuracy, errors, overhead, rows.

    python benchmarks/kernel_shap.py [--quick] [--seeds 200]

Every game is played on switches: the explained row is all ones and the background all zeros, so
one model evaluation is the worth of one coalition and all samplers get exactly the same game and
budget. ``--seeds`` is how many draws the coverage of the errors with 30 columns and of made-up
games is measured on; `calibration.py` measures it with 12 columns, on 200 draws.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import shap
from record import Measured, record
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pellucid as pel
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.explainers.shapley.permutation_shap import PermutationSHAP
from pellucid.explainers.shapley.proxy_shap import ProxySHAP
from pellucid.models.callable import CallableModel

ROWS, REFERENCE, LONG = 3, 30, 600_000
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
    """A long run of antithetic permutations, for games that cannot be enumerated: (game, player).

    Its own error is about 1 % of the mean absolute value.
    """
    rng = np.random.default_rng(1)
    ends = worth(np.array([np.zeros(players), np.ones(players)]))
    total, blocks, size = 0.0, LONG // (2 * (players - 1)) // 100, 100
    for _ in range(blocks):
        order = np.argsort(rng.random((size, players)), axis=1)
        rank = np.argsort(order, axis=1)
        joined = (rank[:, None, :] <= np.arange(players - 1)[None, :, None]).astype(float)
        flat = joined.reshape(-1, players)
        odd = ((worth(flat) - worth(1 - flat)) / 2).reshape(size, players - 1, -1)
        whole = np.broadcast_to((ends[1] - ends[0]) / 2, (size, 1, odd.shape[2]))
        steps = np.diff(np.concatenate([-whole, odd, whole], axis=1), axis=1)
        total += np.take_along_axis(steps, rank[:, :, None], axis=1).mean(axis=0) / blocks
    return total.T


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


def game_by_game(run: Callable[[Callable, int, int, int], np.ndarray]) -> Callable:
    """A peer that plays one game at a time."""

    def each(games: Games, budget: int, seed: int) -> np.ndarray:
        players = games.truth.shape[1]
        alone = [
            lambda Z, g=g: games.worth(np.atleast_2d(Z))[:, g] for g in range(len(games.truth))
        ]
        return np.array([run(game, players, budget, seed) for game in alone])

    return each


def peer_kernel(l1: object) -> Callable[[Games, int, int], np.ndarray]:
    def run(game: Callable, players: int, budget: int, seed: int) -> np.ndarray:
        np.random.seed(seed)  # noqa: NPY002 (shap draws from the global stream)
        peer = shap.KernelExplainer(game, np.zeros((1, players)))
        options = {} if l1 is None else {"l1_reg": l1}
        return peer.shap_values(np.ones((1, players)), nsamples=budget, silent=True, **options)[0]

    return game_by_game(run)


def peer_permutation(game: Callable, players: int, budget: int, seed: int) -> np.ndarray:
    peer = shap.explainers.Permutation(game, np.zeros((1, players)), seed=seed)
    return peer(np.ones((1, players)), max_evals=budget, silent=True).values[0]


SHAPIQ = {
    "KernelSHAP": {},
    "kADDSHAP": {"max_order": 2},
    "PermutationSamplingSV": {},
    "SVARM": {},
    "StratifiedSamplingSV": {},
    "OwenSamplingSV": {},
    "UnbiasedKernelSHAP": {},
    "LeverageSHAP": {},
    "PolySHAP": {},
    "RegressionMSR": {"index": "SV"},
    "ProxySHAP": {"max_order": 1, "index": "SV"},
    "OddSHAP": {},
}
"""Estimators of shapiq and their settings; the last five are there from 1.5 or 1.6 on."""


def shapiq_peers() -> dict[str, Callable[[Games, int, int], np.ndarray]]:
    """Those that the installed shapiq has."""
    try:
        from shapiq import approximator
    except ImportError:
        print("shapiq is not installed: not compared")
        return {}

    def peer(kind: type, options: dict[str, object]) -> Callable:
        def run(game: Callable, players: int, budget: int, seed: int) -> np.ndarray:
            found = kind(players, random_state=seed, **options).approximate(budget, game)
            return np.array([found[(i,)] for i in range(players)])

        return game_by_game(run)

    kinds = {n: getattr(approximator, n, None) for n in SHAPIQ}
    return {f"shapiq {n}": peer(k, SHAPIQ[n]) for n, k in kinds.items() if k is not None}


OURS = "pellucid KernelSHAP"
FREE, DEFAULT = "shap Kernel, l1_reg=0", "shap Kernel, default"
SAMPLERS = {
    OURS: ours(KernelSHAP),
    "pellucid PermutationSHAP": ours(PermutationSHAP),
    "pellucid ProxySHAP": ours(ProxySHAP),
    FREE: peer_kernel(0),
    DEFAULT: peer_kernel(None),
    "shap Permutation": game_by_game(peer_permutation),
    **shapiq_peers(),
}


ONE_BY_ONE = ("shapiq StratifiedSamplingSV", "shapiq OwenSamplingSV")
"""They ask for one coalition at a time, which takes a forest minutes; never the best with 12."""


def accuracy(games: Games, title: str, budget: int, seeds: int) -> list[Measured]:
    """Mean absolute error in % of the mean absolute value, against every peer."""
    size = np.abs(games.truth).mean(axis=1)
    off = {}
    for name, run in SAMPLERS.items():
        if name in ONE_BY_ONE and games.truth.shape[1] > 12:
            continue
        started = time.process_time()
        found = [np.abs(run(games, budget, seed) - games.truth) for seed in range(seeds)]
        seconds = (time.process_time() - started) / seeds / len(games.truth)
        off[name] = 100 * float((np.mean(found, axis=(0, 2)) / size).mean())
        print(f"    {name:30s} {off[name]:8.4f} %   {seconds:6.3f} s per row", flush=True)
    mine = off[OURS]
    theirs = {name: error for name, error in off.items() if name.startswith("shapiq")}
    against = {FREE: 5.0 if budget == 2048 else None, DEFAULT: 5.0 if budget == 2048 else None}
    if theirs:
        against[min(theirs, key=lambda name: theirs[name])] = 1.0
    return [
        Measured(
            task=f"{title}, {budget} evaluations: error of {OURS}",
            ours=f"{mine:.3g} %",
            peer=f"{off[name]:.3g} %",
            against=name if not name.startswith("shapiq") else f"{name}, the best of shapiq's",
            ratio=off[name] / mine,
            target=target,
            note=SHORT if target and off[name] / mine < target else "",
        )
        for name, target in against.items()
    ]


SHORT = (
    "A network's interactions are many and small, and 1023 pairs of coalitions say little of them; "
    "going by the step from 512 to 2048 evaluations, four times the budget would do."
)


def coverage(games: Games, title: str, recipe: KernelSHAP, seeds: int) -> list[Measured]:
    """How often value ± 1.96 errors holds the exact value."""
    runs = [explained(games, recipe, seed) for seed in range(seeds)]
    values, error = (np.array(part) for part in zip(*runs, strict=True))
    inside = np.abs(values - games.truth) <= 1.96 * error
    lines = []
    for name in dict.fromkeys(games.names):
        here = [i for i, each in enumerate(games.names) if each == name]
        off = np.sqrt(((values - games.truth)[:, here] ** 2).mean())
        share = inside[:, here].mean()
        said = np.sqrt((error[:, here] ** 2).mean())
        size = np.abs(games.truth[here]).mean()
        lines.append(
            Measured(
                task=f"{name}, {title}: coverage of the 95 % interval, {seeds} draws",
                ours=f"{100 * share:.1f} %",
                peer="95 %",
                against="what is said",
                ratio=float(share / 0.95),
                note=f"error said / made {said / off:.2f}; off by {100 * off / size:.2g} %",
            )
        )
    return lines


class Metered:
    """A model that knows the time it took."""

    def __init__(self, model: object) -> None:
        self.model, self.seconds = model, 0.0

    def __call__(self, X: np.ndarray) -> np.ndarray:
        started = time.process_time()
        answer = self.model.predict_proba(np.asarray(X))[:, 1]
        self.seconds += time.process_time() - started
        return answer


def pipeline_rows(quick: bool) -> list[Measured]:
    """Overhead, and 100 rows at equal error, on a pipeline with a forest of 100 trees."""
    X, y = make_classification(5000, 12, n_informative=6, n_redundant=3, random_state=0)
    forest = RandomForestClassifier(100, random_state=0, n_jobs=1)
    model = make_pipeline(StandardScaler(), forest).fit(X, y)
    background, few, rows = X[:100], X[-(2 if quick else 4) :], X[-(20 if quick else 100) :]
    ask = {"background": background, "seed": 0}
    exact = pel.explain(Metered(model), few, method="exact_shap", **ask).values
    size = np.abs(exact).mean() / 100
    timed = Metered(model)
    started = time.process_time()
    pel.explain(timed, few, method=KernelSHAP(), **ask)
    spent = time.process_time() - started
    overhead = (spent - timed.seconds) / timed.seconds
    lines = [
        Measured(
            task="Overhead of KernelSHAP beyond the model, 2048 evaluations",
            ours=f"{100 * overhead:.0f} %",
            peer="20 %",
            against="the aim",
            ratio=0.2 / max(overhead, 1e-9),
            target=1.0,
            note="" if overhead <= 0.2 else DEARER,
        )
    ]
    for name, options in ((FREE, {"l1_reg": 0}), (DEFAULT, {})):
        np.random.seed(0)  # noqa: NPY002
        peer = shap.KernelExplainer(Metered(model), background)
        started = time.process_time()
        theirs = peer.shap_values(few, nsamples=2048, silent=True, **options)
        their_seconds = (time.process_time() - started) / len(few) * len(rows)
        wanted = np.abs(theirs - exact).mean()
        budget, off = _enough(model, few, exact, wanted, ask)
        started = time.process_time()
        pel.explain(Metered(model), rows, method=KernelSHAP(budget=budget), **ask)
        seconds = time.process_time() - started
        lines.append(
            Measured(
                task=f"{len(rows)} rows at equal error, {budget} evaluations against 2048",
                ours=f"{seconds:.1f} s, {off / size:.2f} %",
                peer=f"{their_seconds:.1f} s, {wanted / size:.2f} %",
                against=name,
                ratio=their_seconds / seconds,
                target=10.0,
                note=FEWER if their_seconds < 10 * seconds else "",
            )
        )
    return lines


DEARER = (
    "About 0.08 s for each row and output, whatever the model: a smaller share of a slower model, "
    "or of more background rows. Less needs a cheaper factorisation of 1024 pairs."
)

FEWER = (
    "The model takes nearly all the time, so the ratio is that of evaluations at equal error; "
    "drawing other coalitions for each background row would save more of them."
)


def _enough(
    model: object, rows: np.ndarray, exact: np.ndarray, wanted: float, ask: dict[str, object]
) -> tuple[int, float]:
    """The least budget tried that is as close to the exact values, and how close it is."""
    for budget in (64, 96, 128, 160, 192, 224, 256, 320, 384, 512):
        found = pel.explain(Metered(model), rows, method=KernelSHAP(budget=budget), **ask).values
        off = float(np.abs(found - exact).mean())
        if off <= wanted:
            break
    return budget, off


def main() -> None:
    warnings.filterwarnings("ignore")
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true")
    ask.add_argument("--seeds", type=int, default=None, help="draws that coverage is measured on")
    said = ask.parse_args()
    draws = said.seeds or (4 if said.quick else 10)
    lines = pipeline_rows(said.quick)
    for players in (12,) if said.quick else (12, 30):
        for kind in ("forest", "network"):
            games = model_games(kind, players)
            for budget in BUDGETS:
                title = f"{kind}, {players} features"
                print(f"{title}, {budget} evaluations")
                lines += accuracy(games, title, budget, 2 if said.quick else 3)
                if players > 12 and not said.quick:  # `calibration.py` has those of 12
                    how = f"{players} features, {budget} evaluations"
                    lines += coverage(games, how, KernelSHAP(budget=budget), draws)
        for budget in BUDGETS:
            how = f"{players} features, {budget} evaluations"
            lines += coverage(planted_games(players), how, KernelSHAP(budget=budget), draws)
    record(
        "kernel_shap",
        "Sampled Shapley values",
        f"Three rows against {REFERENCE} background rows, a forest of 100 trees of depth 10 and a "
        "network of 64 and 32 units; errors are means over rows and draws, in % of the mean "
        f"absolute value; coverage over {draws} draws. Overhead and many rows: a forest of 100 "
        "full trees behind a scaler, 12 features, 100 background rows. Times are of the "
        "processor; shap's for many rows are those for a few, times their number.",
        lines,
    )


if __name__ == "__main__":
    main()
