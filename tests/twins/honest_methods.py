"""Methods written from the definition, in the slowest way, for the judge to judge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question


def worth(question: Question, known: np.ndarray, coalition: tuple[int, ...]) -> np.ndarray:
    """Mean prediction, shape (sample, output), with only the coalition's features kept."""
    codes = question.table.codes
    kept = list(coalition)
    mixed = np.repeat(known[None], len(codes), axis=0)
    mixed[:, :, kept] = codes[:, None, kept]
    return question.predict(mixed.reshape(-1, codes.shape[1])).reshape(*mixed.shape[:2], -1).mean(1)


@dataclass(frozen=True, kw_only=True)
class Brute(Explainer):
    """Shapley values by the formula, over all coalitions."""

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True

    def compute(self, question: Question) -> Attribution:
        known, p = question.reference(None), question.table.shape[1]
        v = {c: worth(question, known, c) for k in range(p + 1) for c in combinations(range(p), k)}
        values = np.zeros((*question.table.shape, len(question.columns)))
        for c, without in v.items():
            weight = (
                factorial(len(c)) * factorial(p - len(c) - 1) / factorial(p) if len(c) < p else 0
            )
            for j in set(range(p)) - set(c):
                values[:, j] += weight * (v[tuple(sorted((*c, j)))] - without)
        return question.attribution(values, v[()][0])


@dataclass(frozen=True, kw_only=True)
class Sampled(Explainer):
    """Shapley values by random orders; each order's shares are one draw.

    `honesty` scales the standard error that is stated.
    """

    laws = frozenset({"efficiency"})
    draws: int = 40
    honesty: float = 1.0

    def compute(self, question: Question) -> Attribution:
        known, p = question.reference(None), question.table.shape[1]
        rng, found = question.rng("orders"), []
        for _ in range(self.draws):
            order, before = rng.permutation(p), worth(question, known, ())
            shares = np.zeros((*question.table.shape, len(question.columns)))
            for k, j in enumerate(order):
                after = worth(question, known, tuple(order[: k + 1]))
                shares[:, j], before = after - before, after
            found.append(shares)
        error = np.std(found, axis=0, ddof=1) / np.sqrt(self.draws)
        base = worth(question, known, ())[0]
        return question.attribution(np.mean(found, axis=0), base, self.honesty * error)


@dataclass(frozen=True, kw_only=True)
class Fragile(Explainer):
    """Exact values, but noise that hangs on the last digits of the row moves shares about."""

    laws = frozenset({"efficiency"})
    exact = True
    noise: float = 1.0

    def compute(self, question: Question) -> Attribution:
        honest = Brute().compute(question)
        values = np.array(honest.values)
        for row, codes in zip(values, question.table.codes, strict=True):
            kick = np.random.default_rng(list(codes.tobytes())).normal(size=len(row))
            row += self.noise * np.abs(row).mean() * (kick - kick.mean())
        return question.attribution(values[:, :, None], honest.base[:1])


def linear(weights: Any) -> Any:
    """A model that is a weighted sum."""
    w = np.asarray(weights, dtype=float)

    def weighted_sum(X: Any) -> np.ndarray:
        return np.asarray(X, dtype=float) @ w

    return weighted_sum
