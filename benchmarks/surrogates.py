"""LIME and anchors side by side with lime, anchor-exp and alibi: time, ranking, precision.

Run: ``python benchmarks/surrogates.py [--quick]``. anchor-exp and alibi hold other libraries back,
so they run in an environment of their own, `.venv-peers`, which trains the same forest on the same
rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

PEERS = Path(__file__).parent.parent / ".venv-peers" / "bin" / "python"
NUMBERS = [f"n{i}" for i in range(8)]
WORDS = [f"c{i}" for i in range(4)]
ASKED, HELD_OUT = 0.95, 20_000
AT_ONCE = 100
"""Rows drawn at once; alibi's draws depend on how many."""


Found = Callable[[np.ndarray], tuple[Callable[[int], np.ndarray], float, int]]
"""From a row to fresh draws of its rule (whether each agrees), its coverage and its length."""

Turn = tuple[np.ndarray, float, float]
"""Values, CPU seconds in all, and CPU seconds beside the model."""


def data() -> tuple[pd.DataFrame, np.ndarray]:
    """5000 rows of 8 numbers and 4 categories, and a noisy class with interactions."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(5000, 8))
    numbers[:, 1] += 0.5 * numbers[:, 0]
    X = pd.DataFrame(numbers, columns=NUMBERS)
    for name, count in zip(WORDS, (3, 4, 5, 3), strict=True):
        X[name] = np.array(list("abcde"))[rng.integers(0, count, 5000)]
    score = 1.5 * X.n0 - X.n1 * X.n2 + np.sin(2 * X.n3) + 1.5 * (X.c0 == "a")
    score += (X.c2 == "c") * X.n4 - (X.c1 == "b")
    return X, (score + 0.7 * rng.normal(size=5000) > 0.3).astype(int).to_numpy()


def forest(X: pd.DataFrame, y: np.ndarray) -> Any:
    """A forest of 100 trees behind one-hot encoding."""
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), WORDS), remainder="passthrough"
    )
    return make_pipeline(encoder, RandomForestClassifier(100, random_state=0)).fit(X, y)


class Clock:
    """A function whose time and rows are counted."""

    def __init__(self, function: Callable[[Any], np.ndarray]) -> None:
        self.function, self.seconds, self.rows = function, 0.0, 0

    def __call__(self, X: Any) -> np.ndarray:
        started = time.process_time()
        found = self.function(X)
        self.seconds += time.process_time() - started
        self.rows += len(X)
        return found


def coded(X: pd.DataFrame) -> tuple[np.ndarray, dict[int, list[str]]]:
    """Categories as numbers, as the peers want them."""
    parts, names = [X[NUMBERS].to_numpy()], {}
    for place, name in enumerate(WORDS):
        codes, levels = pd.factorize(X[name], sort=True)
        parts.append(codes[:, None])
        names[len(NUMBERS) + place] = [str(level) for level in levels]
    return np.column_stack(parts).astype(float), names


def decoded(codes: np.ndarray, names: dict[int, list[str]]) -> pd.DataFrame:
    X = pd.DataFrame(codes[:, : len(NUMBERS)], columns=NUMBERS)
    for place, name in enumerate(WORDS, len(NUMBERS)):
        X[name] = np.array(names[place], dtype=object)[codes[:, place].astype(int)]
    return X


def by_anchor_exp(predict: Clock, codes: np.ndarray, names: dict[int, list[str]]) -> Found:
    """What anchor-exp finds for a row: its search, and the precision of the rule in many draws."""
    from anchor.anchor_base import AnchorBaseBeam
    from anchor.anchor_tabular import AnchorTabularExplainer

    explainer = AnchorTabularExplainer(["0", "1"], [*NUMBERS, *WORDS], codes, names)

    def search(row: np.ndarray) -> tuple[Callable[[int], np.ndarray], float, int]:
        draw, mapping = explainer.get_sample_fn(row, predict)
        anchor = AnchorBaseBeam.anchor_beam(
            draw, delta=0.1, epsilon=0.15, batch_size=AT_ONCE, desired_confidence=ASKED
        )
        chosen = list(anchor["feature"])
        coverage = anchor["coverage"][-1] if chosen else 1.0
        length = len({mapping[each][0] for each in chosen})
        return lambda number: draw(chosen, number)[2], float(coverage), length

    return search


def by_alibi(predict: Clock, codes: np.ndarray, names: dict[int, list[str]]) -> Found:
    """What alibi finds for a row; its settings are the same."""
    from alibi.explainers import AnchorTabular

    class Keeping(AnchorTabular):
        """Keeps the search's own names of the conditions."""

        found: tuple[int, ...] = ()

        def add_names_to_exp(self, explanation: dict[str, Any]) -> None:
            self.found = tuple(explanation["feature"])
            super().add_names_to_exp(explanation)

    explainer = Keeping(predict, [*NUMBERS, *WORDS], categorical_names=names, seed=0).fit(codes)

    def search(row: np.ndarray) -> tuple[Callable[[int], np.ndarray], float, int]:
        rule = explainer.explain(row, threshold=ASKED, delta=0.1, tau=0.15, batch_size=AT_ONCE)
        sampler, rule_found = explainer.samplers[0], explainer.found

        def draws(number: int) -> np.ndarray:
            parts = [sampler.perturbation(rule_found, AT_ONCE)[0] for _ in range(number // AT_ONCE)]
            return sampler.compare_labels(np.concatenate(parts))

        return draws, float(rule.coverage), len(set(rule.raw["feature"]))

    return search


ANCHORS = {"anchor-exp": by_anchor_exp, "alibi": by_alibi}
"""The peers in an environment of their own."""


def peer_anchors(peer: str, rows: int) -> None:
    """What a peer finds, as JSON; meant for its own environment."""
    np.random.seed(0)  # noqa: NPY002 (both draw from the global stream)
    X, y = data()
    model = forest(X, y)
    codes, names = coded(X)
    predict = Clock(lambda Z: model.predict(decoded(Z, names)))
    search = ANCHORS[peer](predict, codes, names)
    predict.seconds, predict.rows = 0.0, 0
    found, seconds = [], 0.0
    for row in codes[:rows]:
        started = time.process_time()
        draw, coverage, length = search(row)
        seconds += time.process_time() - started
        spent = predict.seconds, predict.rows
        true = float(np.mean(draw(HELD_OUT)))
        predict.seconds, predict.rows = spent
        found.append((true, coverage, length))
    said = {"found": found, "seconds": seconds, "model": predict.seconds, "rows": predict.rows}
    print(json.dumps(said))


def our_anchors(rows: int) -> dict[str, Any]:
    """The same of Pellucid, and what truly holds by draws made here, from the raw values."""
    from pellucid.explainers.surrogate.anchors import Anchors

    X, y = data()
    model = forest(X, y)
    predict = Clock(model.predict_proba)
    Anchors().explain(predict, X.head(2), background=X, seed=1)
    predict.seconds, predict.rows = 0.0, 0
    started = time.process_time()
    rules = Anchors(precision=ASKED).explain(predict, X.head(rows), background=X, seed=0)
    seconds = time.process_time() - started
    own, rng = model.predict(X.head(rows)), np.random.default_rng(5)
    found = []
    for rule, mine in zip(rules, own, strict=True):
        true = float(np.mean(model.predict(drawn(rule, X, rng)) == mine))
        found.append((true, rule.coverage, len(rule.conditions)))
    said = {"found": found, "seconds": seconds, "model": predict.seconds, "rows": predict.rows}
    said["claimed"] = [rule.precision_low >= ASKED for rule in rules]
    said["inside"] = [
        rule.precision_low <= true <= rule.precision_high
        for rule, (true, _, _) in zip(rules, found, strict=True)
    ]
    return said


def drawn(rule: Any, X: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Rows that meet a rule, drawn as the paper's code draws them."""
    rows = X.iloc[rng.integers(len(X), size=HELD_OUT)].reset_index(drop=True)
    for condition in rule.conditions:
        values = rows[condition.feature].to_numpy().copy()
        broken = ~condition.holds(values)
        pool = X[condition.feature].to_numpy()
        values[broken] = rng.choice(pool[condition.holds(pool)], int(broken.sum()))
        rows[condition.feature] = values
    return rows


def anchors(rows: int) -> list[Any]:
    """The lines of the page about anchors."""
    ours, lines = our_anchors(rows), []
    for peer in ANCHORS:
        theirs = asked(peer, rows)
        if theirs is not None:
            lines += compared(ours, theirs, peer, rows)
    return lines


def asked(peer: str, rows: int) -> dict[str, Any] | None:
    """What a peer finds, if it is there."""
    module = {"anchor-exp": "anchor"}.get(peer, peer)
    there = [str(PEERS), "-c", f"import {module}"]
    if not PEERS.exists() or subprocess.run(there, capture_output=True).returncode:
        print(f"{peer} is not installed in {PEERS}")
        return None
    call = [str(PEERS), __file__, "--peer-anchors", peer, str(rows)]
    run = subprocess.run(call, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def compared(ours: dict[str, Any], peer: dict[str, Any], name: str, rows: int) -> list[Any]:
    """Time, coverage and kept promises against one peer."""
    from record import Measured

    task = f"anchors at precision {ASKED}, {rows} rows of 8 numbers and 4 categories"
    lines = []
    for what, of in (("in all", _whole), ("beside the model", _beside)):
        spent, taken = of(ours) / rows, of(peer) / rows
        lines.append(
            Measured(
                task=f"{task}, CPU time {what}",
                ours=f"{1000 * spent:.1f} ms/row",
                peer=f"{1000 * taken:.0f} ms/row",
                against=name,
                ratio=taken / spent,
                target=10.0,
                note=f"Model rows a row: {ours['rows'] / rows:.0f} and {peer['rows'] / rows:.0f}.",
            )
        )
    mine, theirs = (np.array(each["found"]) for each in (ours, peer))
    claimed = np.array(ours["claimed"])
    lines.append(
        Measured(
            task=f"{task}, mean coverage",
            ours=f"{mine[:, 1].mean():.3f}",
            peer=f"{theirs[:, 1].mean():.3f}",
            against=name,
            ratio=float(mine[:, 1].mean() / theirs[:, 1].mean()),
            target=1.0,
            note=(
                f"Mean true precision {mine[:, 0].mean():.3f} and {theirs[:, 0].mean():.3f}, "
                f"conditions {mine[:, 2].mean():.1f} and {theirs[:, 2].mean():.1f}."
            ),
        )
    )
    kept = float(np.mean(mine[claimed, 0] >= ASKED))
    peer_kept = float(np.mean(theirs[:, 0] >= ASKED))
    lines.append(
        Measured(
            task=f"{task}, rules said to be precise that truly are",
            ours=f"{kept:.1%} of {claimed.sum()}",
            peer=f"{peer_kept:.1%} of {len(theirs)}",
            against=name,
            ratio=kept / peer_kept,
            note=(
                f"By {HELD_OUT:,} held-out draws of each rule. Ours says where it found no such "
                f"rule; its stated limits hold the truth in {np.mean(ours['inside']):.1%}."
            ),
        )
    )
    return lines


def _whole(found: dict[str, Any]) -> float:
    return float(found["seconds"])


def _beside(found: dict[str, Any]) -> float:
    return float(found["seconds"] - found["model"])


def peer_lime(
    model: Any, discretise: bool, rows: int, seed: int
) -> tuple[np.ndarray, float, float]:
    """Values of lime, and its CPU seconds in all and beside the model."""
    from lime.lime_tabular import LimeTabularExplainer

    codes, names = coded(data()[0])
    predict = Clock(lambda Z: model.predict_proba(decoded(Z, names)))
    explainer = LimeTabularExplainer(
        codes,
        categorical_features=list(names),
        categorical_names=names,
        discretize_continuous=discretise,
        random_state=seed,
    )
    started = time.process_time()
    found = [
        explainer.explain_instance(row, predict, num_features=12, num_samples=5000)
        for row in codes[:rows]
    ]
    seconds = time.process_time() - started
    weights = np.array([[weight for _, weight in sorted(each.as_map()[1])] for each in found])
    if not discretise:
        numbers = codes[:, : len(NUMBERS)]
        away = (numbers[:rows] - numbers.mean(axis=0)) / numbers.std(axis=0)
        weights[:, : len(NUMBERS)] *= away
    return weights, seconds, seconds - predict.seconds


def our_lime(model: Any, discretise: bool, rows: int, seed: int) -> Turn:
    """The same of Pellucid."""
    from pellucid.explainers.surrogate.lime import LIME

    X, predict = data()[0], Clock(model.predict_proba)
    started = time.process_time()
    recipe = LIME(discretise=discretise)
    found = recipe.explain(predict, X.head(rows), background=X, seed=seed)
    seconds = time.process_time() - started
    return np.asarray(found.values), seconds, seconds - predict.seconds


def alike(first: np.ndarray, second: np.ndarray) -> float:
    """Mean rank correlation of sizes, row by row."""
    from scipy.stats import spearmanr

    pairs = zip(np.abs(first), np.abs(second), strict=True)
    return float(np.mean([spearmanr(one, other).statistic for one, other in pairs]))


def local_lines(rows: int) -> list[Any]:
    """The lines of the page about LIME."""
    from record import Measured

    model, lines = forest(*data()), []
    for discretise, kind in ((True, "discretised"), (False, "continuous")):
        our_lime(model, discretise, 2, 0)
        turns = [
            (peer_lime(model, discretise, rows, seed), our_lime(model, discretise, rows, seed))
            for seed in range(2)
        ]
        (first, ours), (second, _) = turns
        note = (
            f"Rank correlation with lime {alike(first[0], ours[0]):.2f}; of lime with itself under "
            f"another seed {alike(first[0], second[0]):.2f}."
        )
        for place, what in ((1, "in all"), (2, "beside the model")):
            theirs, mine = (min(turn[side][place] for turn in turns) / rows for side in (0, 1))
            lines.append(
                Measured(
                    task=f"LIME, 5000 samples, {rows} rows, {kind}, CPU time {what}",
                    ours=f"{1000 * mine:.2f} ms/row",
                    peer=f"{1000 * theirs:.1f} ms/row",
                    against="lime",
                    ratio=theirs / mine,
                    target=10.0 if place == 1 else None,
                    note=note,
                )
            )
    return lines


def main() -> None:
    warnings.filterwarnings("ignore")
    if "--peer-anchors" in sys.argv:
        peer_anchors(sys.argv[-2], int(sys.argv[-1]))
        return
    from record import record

    quick = "--quick" in sys.argv
    setting = (
        "5000 rows, a forest of 100 trees behind one-hot encoding. CPU seconds of one process "
        "(anchor-exp and alibi in an environment of their own, same rows and forest). LIME: the "
        "better of two turns, peers interleaved; anchors: one turn."
    )
    lines = [*local_lines(10 if quick else 100), *anchors(10 if quick else 60)]
    record("surrogates", "LIME and anchors", setting, lines)


if __name__ == "__main__":
    main()
