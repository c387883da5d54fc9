"""The rest of the Shapley family beside its peers: exact values, Owen values, interactions, SAGE.

Run: ``python benchmarks/shapley_family.py [--quick]``. Peers run in the same process, in turns.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from record import Measured, record
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

import pellucid as pel
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from pellucid.explainers.shapley.owen_shap import OwenSHAP
from pellucid.explainers.shapley.sage import SAGE
from pellucid.explainers.shapley.shapley_interactions import ShapleyInteractions
from pellucid.maths.interactions import exact_interactions, terms
from pellucid.models.callable import CallableModel

SETTING = (
    "One process; processor time, the best of {turns} turns, peers in turn with ours. 12 columns "
    "of normal numbers unless said, 30 background rows; the model is a sum and a product of tanh, "
    "so that the time is the method's own, or a forest of 100 trees."
)

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(32, 6))


def network(Z: np.ndarray) -> np.ndarray:
    Z = np.asarray(Z, dtype=float)
    hidden = np.tanh(Z @ WEIGHT[: Z.shape[1]] / 3)
    return hidden.sum(axis=1) + hidden[:, :3].prod(axis=1)


class Clock:
    """A model, and the processor time that it has taken."""

    def __init__(self, model: Callable[[np.ndarray], np.ndarray]) -> None:
        self.model, self.spent = model, 0.0

    def __call__(self, Z: np.ndarray) -> np.ndarray:
        start = time.process_time()
        answer = self.model(Z)
        self.spent += time.process_time() - start
        return answer


def interleaved(turns: int, *runs: Callable[[], object]) -> tuple[list[float], list[object]]:
    """The least processor time of each, and what each found last."""
    best, found = [np.inf] * len(runs), [None] * len(runs)
    for _ in range(turns):
        for i, run in enumerate(runs):
            start = time.process_time()
            found[i] = run()
            best[i] = min(best[i], time.process_time() - start)
    return best, found


def exact(turns: int, rows: int) -> list[Measured]:
    import shap

    X = RNG.normal(size=(60, 12))
    forest = RandomForestRegressor(100, max_depth=8, random_state=0, n_jobs=1)
    forest.fit(X, network(X))
    lines = []
    for name, function in (("tanh", network), ("forest", forest.predict)):
        model = Clock(function)
        peer = shap.explainers.Exact(model, shap.maskers.Independent(X[:30], max_samples=30))
        few = rows if name == "tanh" else 1

        def ours(m: Clock = model, k: int = few) -> np.ndarray:
            m.spent = 0.0
            given = CallableModel(m, task="regression")
            X_, method = X[30 : 30 + k], ExactSHAP()
            return np.asarray(pel.explain(given, X_, background=X[:30], method=method).values)

        times, found = interleaved(
            turns,
            ours,
            lambda p=peer, k=few: p(X[30 : 30 + k], max_evals=2**13, silent=True).values,
        )
        ours()
        off = np.abs(np.asarray(found[0]) - found[1]).max()
        lines.append(
            Measured(
                task=f"exact values, {few} rows, {name}",
                ours=f"{times[0]:.3f} s",
                peer=f"{times[1]:.3f} s",
                against=f"shap {shap.__version__} ExactExplainer",
                ratio=times[1] / times[0],
                note=f"greatest difference {off:.1e}; both ask for as many evaluations, which "
                f"take {model.spent / times[0]:.0%} of our time",
            )
        )
    wide = RNG.normal(size=(2, 20))
    peer = shap.explainers.Exact(network, shap.maskers.Independent(wide[1:]))
    times, found = interleaved(
        min(turns, 2),
        lambda: pel.explain(network, wide[:1], background=wide[1:], method=ExactSHAP()).values,
        lambda: peer(wide[:1], max_evals=2**21, silent=True).values,
    )
    off = np.abs(np.asarray(found[0]) - found[1]).max()
    lines.append(
        Measured(
            task="exact values, 1 row × 20 columns, 1 reference row, tanh",
            ours=f"{times[0]:.2f} s",
            peer=f"{times[1]:.2f} s",
            against=f"shap {shap.__version__} ExactExplainer",
            ratio=times[1] / times[0],
            note=f"2^20 coalitions; greatest difference {off:.1e}",
        )
    )
    return lines


def owen(turns: int) -> list[Measured]:
    import shap
    from scipy.cluster.hierarchy import linkage

    X = RNG.normal(size=(60, 16)) @ RNG.normal(size=(16, 16)) / 4
    links = linkage(np.abs(np.corrcoef(X.T)), "complete")
    nodes: list = [f"x{i}" for i in range(16)]
    for first, second, *_ in links:
        nodes.append((nodes[int(first)], nodes[int(second)]))
    peer = shap.explainers.Partition(
        network, shap.maskers.Partition(X[:30], clustering=links, max_samples=30)
    )
    method = OwenSHAP(hierarchy=nodes[-1], budget=60_000)
    times, found = interleaved(
        turns,
        lambda: pel.explain(network, X[30:33], background=X[:30], method=method).values,
        lambda: peer(X[30:33], max_evals=200_000, silent=True).values,
    )
    off = np.abs(np.asarray(found[0]) - found[1]).max()
    return [
        Measured(
            task="Owen values, 3 rows × 16 columns, binary hierarchy, exact",
            ours=f"{times[0]:.3f} s",
            peer=f"{times[1]:.3f} s",
            against=f"shap {shap.__version__} PartitionExplainer",
            ratio=times[1] / times[0],
            note=f"greatest difference {off:.1e}",
        )
    ]


def interactions_exact(turns: int) -> list[Measured]:
    import shapiq

    players = 12
    one, zero = np.ones((1, players)), np.zeros((1, players))
    peer_game = lambda teams: network(teams) - network(zero)[0]  # noqa: E731
    times, found = interleaved(
        turns,
        lambda: pel.explain(
            CallableModel(network, task="regression"),
            one,
            background=zero,
            method=ShapleyInteractions(budget=4096),
        ).values[0],
        lambda: shapiq.ExactComputer(peer_game, n_players=players)("k-SII", order=2),
    )
    theirs = np.array([found[1][team] for team in terms(players, 2)])
    return [
        Measured(
            task="k-SII of pairs, 12 players, all coalitions",
            ours=f"{times[0]:.4f} s",
            peer=f"{times[1]:.4f} s",
            against=f"shapiq {version('shapiq')} ExactComputer",
            ratio=times[1] / times[0],
            note=f"greatest difference {np.abs(theirs - found[0]).max():.1e}",
        )
    ]


def interactions_sampled(seeds: int) -> list[Measured]:
    """Mean absolute error at equal evaluations, against all coalitions."""
    import shapiq

    players, lines = 12, []
    one, zero = np.ones((1, players)), np.zeros((1, players))
    teams = (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(float)
    worth = network(teams) - network(zero)[0]
    named = terms(players, 2)
    peers = {
        "k-SII": ("KernelSHAPIQ", "PermutationSamplingSII", "SHAPIQ", "SVARMIQ"),
        "Faith-SHAP": ("RegressionFSII", "SHAPIQ", "SVARMIQ"),
        "STII": ("PermutationSamplingSTII", "SHAPIQ", "SVARMIQ"),
    }
    for index, estimators in peers.items():
        truth = exact_interactions(worth[None, :, None], index, 2)[0, :, 0]
        for budget in (500, 1000):
            ours = np.mean(
                [
                    np.abs(
                        np.asarray(
                            pel.explain(
                                CallableModel(network, task="regression"),
                                one,
                                background=zero,
                                seed=seed,
                                method=ShapleyInteractions(index=index, budget=budget),
                            ).values
                        )[0]
                        - truth
                    ).mean()
                    for seed in range(seeds)
                ]
            )
            best, winner = np.inf, "none"
            for name in estimators:
                off = np.mean(
                    [
                        _peer(shapiq, name, index, budget, seed, named, truth)
                        for seed in range(seeds)
                    ]
                )
                if off < best:
                    best, winner = off, name
            lines.append(
                Measured(
                    task=f"{index} of pairs, 12 players, {budget} evaluations, mean absolute error",
                    ours=f"{ours:.5f}",
                    peer=f"{best:.5f}",
                    against=f"shapiq {version('shapiq')} {winner}, its best",
                    ratio=best / ours,
                    target=1.0,
                )
            )
    return lines


def _peer(
    shapiq: object, name: str, index: str, budget: int, seed: int, named: list, truth: np.ndarray
) -> float:
    players = 12
    theirs = {"Faith-SHAP": "FSII"}.get(index, index)
    settings = {"n": players, "max_order": 2, "random_state": seed}
    if name in ("KernelSHAPIQ", "SHAPIQ", "SVARMIQ", "PermutationSamplingSII"):
        settings["index"] = theirs
    estimator = getattr(shapiq.approximator, name)(**settings)
    zero = network(np.zeros((1, players)))[0]
    found = estimator.approximate(budget, lambda teams: network(np.atleast_2d(teams)) - zero)
    values = np.array([found[team] for team in named])
    return float(np.abs(values - truth).mean())


def sage(turns: int) -> list[Measured]:
    try:
        import sage as peer
    except ImportError:
        print("sage-importance is not installed here: no comparison of SAGE")
        return []
    X = RNG.normal(size=(300, 12))
    y = network(X) + RNG.normal(size=300) / 4
    model = LinearRegression().fit(X, y)
    method = SAGE(metric="mse", tolerance=0.025, max_background=64)

    def theirs() -> np.ndarray:
        imputer = peer.MarginalImputer(model.predict, X[:64])
        return peer.PermutationEstimator(imputer, "mse")(X[100:], y[100:], thresh=0.025, bar=False)

    def ours(method: SAGE) -> np.ndarray:
        found = pel.explain(model, X[100:], y=y[100:], background=X[:64], method=method, seed=0)
        return np.asarray(found.values)

    truth = ours(SAGE(metric="mse", tolerance=None, budget=4096, max_background=64))
    times, found = interleaved(turns, lambda: ours(method), theirs)
    mine, other = np.abs(found[0] - truth).mean(), np.abs(found[1].values - truth).mean()
    return [
        Measured(
            task="SAGE to a tolerance of 0.025, 200 rows × 12 columns",
            ours=f"{times[0]:.2f} s",
            peer=f"{times[1]:.2f} s",
            against=f"sage-importance {version('sage-importance')}",
            ratio=times[1] / times[0],
            note=f"mean distance from the exact values {mine:.1e}, theirs {other:.1e}; a linear "
            "model under squared error, for which an order and its reverse are exact",
        )
    ]


def main() -> None:
    warnings.filterwarnings("ignore")
    quick = "--quick" in sys.argv
    turns = 2 if quick else 5
    lines = exact(turns, 3 if quick else 10) + owen(turns) + interactions_exact(turns)
    lines += interactions_sampled(2 if quick else 10) + sage(turns)
    record("shapley_family", "The Shapley family", SETTING.format(turns=turns), lines)


if __name__ == "__main__":
    main()
