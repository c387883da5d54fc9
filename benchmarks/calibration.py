"""Whether value ± 1.96 errors holds the exact value in 95 of 100 draws, for every sampler.

    python benchmarks/calibration.py [--quick] [--seeds 200]

The games are those of models on 12 columns, three rows each, whose worths are all tabulated: the
model that is explained looks them up. The exact values are enumerated by the definition, or by the
method itself with all coalitions, which the tests compare with other libraries.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import numpy as np
from kernel_shap import Games as Played
from kernel_shap import airport, explained, from_definition, model_games, switches_of
from record import Measured, record
from sklearn.datasets import make_friedman1
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor

from pellucid.explainers.explainer import Explainer
from pellucid.explainers.shapley.asymmetric_shap import AsymmetricSHAP
from pellucid.explainers.shapley.banzhaf import Banzhaf
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.explainers.shapley.owen_shap import OwenSHAP
from pellucid.explainers.shapley.permutation_shap import PermutationSHAP
from pellucid.explainers.shapley.proxy_shap import ProxySHAP
from pellucid.explainers.shapley.shapley_interactions import ShapleyInteractions

PLAYERS, REFERENCE, ROWS = 12, 30, 3
NAMED = tuple(f"x{i}" for i in range(PLAYERS))
HALVES = NAMED[:6], NAMED[6:]
LEAST = 4 * PLAYERS - 2
HARD = "maximum"
ROUNDING = 1e-13

SAMPLERS: tuple[tuple[str, Callable[[int], Explainer], tuple[int, ...]], ...] = (
    ("KernelSHAP", lambda b: KernelSHAP(budget=b), (LEAST, 128, 512, 2048)),
    ("PermutationSHAP", lambda b: PermutationSHAP(budget=b), (LEAST, 128, 512, 2048)),
    ("ProxySHAP", lambda b: ProxySHAP(budget=b), (256, 1024)),
    ("OwenSHAP, two halves", lambda b: OwenSHAP(hierarchy=HALVES, budget=b), (LEAST, 90)),
    ("AsymmetricSHAP, 1 before 11", lambda b: asymmetric(1, b), (LEAST, 128, 512)),
    ("AsymmetricSHAP, 4 before 8", lambda b: asymmetric(4, b), (70, 90, 128)),
    ("Banzhaf", lambda b: Banzhaf(budget=b), (LEAST, 128, 512, 2048)),
    ("ShapleyInteractions, k-SII", lambda b: pairs("k-SII", b), (128, 512, 2048)),
    ("ShapleyInteractions, STII", lambda b: pairs("STII", b), (128, 512, 2048)),
    ("ShapleyInteractions, Faith-SHAP", lambda b: pairs("Faith-SHAP", b), (128, 512, 2048)),
    ("ShapleyInteractions, k-SII of 3", lambda b: pairs("k-SII", b, 3), (512, 2048)),
)
"""Names, recipes for a budget, and budgets."""

FEW: tuple[tuple[int, str, Callable[[int], Explainer], tuple[int, ...]], ...] = (
    (8, "KernelSHAP", lambda b: KernelSHAP(budget=b), (50, 64, 128, 200)),
    (8, "PermutationSHAP", lambda b: PermutationSHAP(budget=b), (64, 128, 200)),
    (8, "Banzhaf", lambda b: Banzhaf(budget=b), (64, 128, 200)),
    (9, "KernelSHAP", lambda b: KernelSHAP(budget=b), (110, 256, 400)),
    (10, "KernelSHAP", lambda b: KernelSHAP(budget=b), (256, 512)),
)
"""The same for games of fewer columns, of which much is drawn."""

WIDE, WIDE_BUDGETS = 30, (512, 2048)
"""Columns of a forest whose exact values tree methods give, and budgets of `KernelSHAP`."""


def asymmetric(causes: int, budget: int) -> Explainer:
    return AsymmetricSHAP(order=(NAMED[:causes], NAMED[causes:]), budget=budget)


def pairs(index: str, budget: int, order: int = 2) -> Explainer:
    return ShapleyInteractions(index=index, order=order, budget=budget)


def tabulated() -> Played:
    """Worths of all coalitions of five models and of a maximum, looked up."""
    all_ = switches_of(np.arange(2**PLAYERS), PLAYERS)
    tables, names = [], []
    for kind in ("forest", "network"):
        tables.append(model_games(kind, PLAYERS).worth(all_))
        names += [kind] * ROWS
    X, y = make_friedman1(3000, n_features=PLAYERS, noise=0.5, random_state=1)
    for name, model in {
        "boosted regression": HistGradientBoostingRegressor(max_iter=200, random_state=0),
        "extra trees": ExtraTreesRegressor(50, random_state=0, min_samples_leaf=5),
        "network regression": MLPRegressor(hidden_layer_sizes=(50,), random_state=0, max_iter=500),
    }.items():
        tables.append(against(model.fit(X, y).predict, X[-ROWS:], X[:REFERENCE], all_ > 0.5))
        names += [name] * ROWS
    height = np.abs(np.random.default_rng(5).normal(size=PLAYERS))
    tables.append(np.where(all_ > 0.5, height, 0).max(axis=1)[:, None])
    worth = np.concatenate(tables, axis=1)
    truth = from_definition(worth, PLAYERS)
    np.testing.assert_allclose(truth[-1], airport(height), atol=1e-12)
    power = 1 << np.arange(PLAYERS)
    return Played(lambda Z: worth[(np.asarray(Z) > 0.5) @ power], [*names, HARD], truth)


def last_columns(games: Played, players: int) -> Played:
    """The games of the last columns, once all others are in."""
    inside = switches_of(np.arange(2**players), players)
    table = games.worth(np.concatenate([np.ones((len(inside), PLAYERS - players)), inside], axis=1))
    power = 1 << np.arange(players)
    truth = from_definition(table, players)
    return Played(lambda Z: table[(np.asarray(Z) > 0.5) @ power], games.names, truth)


def against(
    predict: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    background: np.ndarray,
    within: np.ndarray,
) -> np.ndarray:
    """Mean answers when each row keeps the columns of a coalition: (coalition, row)."""
    found = []
    for some in np.array_split(within, 16):
        composed = np.where(some[:, None, None], rows[:, None], background)
        answer = predict(composed.reshape(-1, rows.shape[1]))
        found.append(answer.reshape(len(some), len(rows), -1).mean(axis=2))
    return np.concatenate(found)


def covered(games: Played, name: str, recipe: Explainer, truth: np.ndarray, seeds: int) -> Measured:
    """How often each kind of game is covered, as one line: models, and the hard case apart."""
    runs = [explained(games, recipe, seed) for seed in range(seeds)]
    values, error = (np.array(part) for part in zip(*runs, strict=True))
    off = values - truth
    inside = np.abs(off) <= 1.96 * error + ROUNDING
    share, ratio = {}, {}
    for game in dict.fromkeys(games.names):
        here = [i for i, each in enumerate(games.names) if each == game]
        share[game] = 100 * float(inside[:, here].mean())
        ratio[game] = float(np.sqrt((error[:, here] ** 2).mean() / (off[:, here] ** 2).mean()))
    hard = ""
    if HARD in share:
        hard = f"; the maximum: {share.pop(HARD):.1f} %, {ratio.pop(HARD):.2f}"
    strays = {game: one for game, one in share.items() if not 93 <= round(one, 1) <= 97}
    outside = "".join(f"; outside: {game} {one:.1f} %" for game, one in strays.items())
    line = Measured(
        task=f"{name}, {recipe.budget} coalitions: least and most over models, {seeds} draws",
        ours=f"{min(share.values()):.1f} to {max(share.values()):.1f} %",
        peer="93 to 97 %",
        against="what is said",
        ratio=float(np.mean(list(share.values()))) / 95,
        note=f"error said / made {min(ratio.values()):.2f} to {max(ratio.values()):.2f}"
        f"{outside}{hard}",
    )
    print(f"    {line.task:80s} {line.ours}   {line.note}", flush=True)
    return line


def main() -> None:
    warnings.filterwarnings("ignore")
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true")
    ask.add_argument("--seeds", type=int, default=None)
    said = ask.parse_args()
    seeds = said.seeds or (20 if said.quick else 200)
    games, lines = tabulated(), []
    for name, make, budgets in SAMPLERS:
        truth, _ = explained(games, make(2**PLAYERS), 0)
        for budget in budgets:
            lines.append(covered(games, name, make(budget), truth, seeds))
    for players, name, make, budgets in FEW:
        few = last_columns(games, players)
        truth, _ = explained(few, make(2**players), 0)
        name = f"{name}, {players} columns"
        lines += [covered(few, name, make(budget), truth, seeds) for budget in budgets]
    wide = model_games("forest", WIDE)
    for budget in WIDE_BUDGETS:
        recipe = KernelSHAP(budget=budget)
        lines.append(covered(wide, f"KernelSHAP, {WIDE} columns", recipe, wide.truth, seeds))
    record(
        "calibration",
        "Errors that are said, against errors that are made",
        f"Shapley values of {PLAYERS} columns, {REFERENCE} background rows, three rows of each "
        "model, exact values by enumeration; how often value ± 1.96 errors holds them, over draws "
        "of coalitions. A maximum of random heights is there as a hard case: its jumps are rare, "
        "and a sample may not hold one. No sample can say its error for every game: coalitions "
        "that were not drawn can hold anything. Games of fewer columns are those of the last ones, "
        "once all others are in; of up to six all coalitions must be within the budget. Of 30 "
        "columns there is a forest, whose exact values are shap's.",
        lines,
    )


if __name__ == "__main__":
    main()
