"""KernelSHAP: Shapley values of any model, from a regression on sampled coalitions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from pellucid.explainers.asked import Asked
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.stages import doubling, every_pair_of, exactly, in_pairs
from pellucid.maths.coalitions import chances, sampled_pairs
from pellucid.maths.relevance import LEAST_FOR_EACH, learnt
from pellucid.maths.shapley_regression import ShapleyRegression, with_everybody
from pellucid.perturb.game import Plan

PAIRS_AT_ONCE = 2048
"""Pairs in one regression, whose cost grows with their cube; more are cut into several."""

FEW = 8
"""Players of which a quarter of all coalitions is too large a part for errors to be trusted; of
more players it is more than half."""


@dataclass(frozen=True, kw_only=True)
class KernelSHAP(Sampler):
    """Shapley values by regression of the worth of coalitions on who is in them.

    The most accurate of the samplers here for the same evaluations, and the one that is chosen
    where nothing is exact.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row. At least 4 × columns − 2; where it reaches
        2^columns, all coalitions may be evaluated and the values are then exact.
    tolerance : float, optional
        Stop as soon as 1.96 errors of every value of a row are within this, in units of the
        output. Coalitions are evaluated in stages, each twice as long as all before.
    top : int, optional
        Stop as soon as the order of this many values, largest first by size, is certain at 95 %.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, or segments of images, as for `ExactSHAP`.

    Raises
    ------
    InvalidSetting
        If the budget is too small for the columns; says the least.

    Notes
    -----
    Laws: efficiency exactly; linearity under change of unit exactly, and of sums of models, dummy
    and symmetry within the error, because the coalitions are a sample. Coalitions are drawn in
    complementary pairs, by leverage scores and without replacement, and are the same for all rows
    with as many columns that differ from the background.

    ``error`` is the standard error over draws of coalitions, meant for value ± 1.96 errors to cover
    the exact value in 95 of 100 draws. ``benchmarks/calibration.py`` measures it over 200 draws: 95
    to 97 % for models of 12 columns, with budgets of 46 to 2048. No sample can promise it for every
    game: a maximum, whose jumps are rare and may not be met, is covered in 92 % at 512. Where more
    than half of all coalitions are drawn, or much of those of eight columns or fewer, values can be
    found almost exactly and covered in 100 %, or missed more often: a note says so, and with which
    budget they are exact.

    Deviations from the paper: no columns are dropped to save evaluations (the ``l1`` penalty of
    the peer library), sizes are weighted by leverage, and what interactions leave unexplained is
    not taken for independent noise but has the covariance of interactions of all odd orders, in
    which columns matter as much as the row's own worths say (`pellucid.maths.relevance`). Below
    four pairs of coalitions for each column, all columns are taken to matter alike. Budgets above
    4098 are cut into several regressions, whose mean is taken.

    Cost: (budget − 2) × background rows for each row; and about 0.07 s for each row and output at
    the default budget, 0.01 s at 250.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Covert and Lee (2021), arXiv:2012.01536. Musco and
    Witter (2025), arXiv:2410.01917. Fumagalli et al. (2026), arXiv:2602.01399.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    takes_groups: ClassVar[bool] = True
    paper = "arXiv:1705.07874"
    cost = "budget × background rows, per row"

    def sample(self, question: Asked, players: int) -> Plan:
        rng = question.rng("coalitions", players)
        return drawn(question, players, (self.budget - 2) // 2, rng)


def drawn(question: Asked, players: int, count: int, rng: np.random.Generator) -> Plan:
    """The plan of this many drawn pairs, or of all there are."""
    whole, threads = every_pair_of(players), question.threads
    count = min(count, whole)
    tell_if_rough(question, players, count)
    pairs, _ = sampled_pairs(players, count, rng)

    def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        met = pairs[: odd.shape[1] - 1]
        return exactly(met, odd) if len(met) == whole else regressions(met, odd, threads)

    return in_pairs(pairs, doubling(LEAST_FOR_EACH * players, count), shares)


def tell_if_rough(question: Asked, players: int, count: int) -> None:
    """Say so where errors may be far off: much of few coalitions is drawn, or most of many."""
    most = 2**players
    part = (2 * count + 2) / most
    if part < 1 and (part > 0.5 or (players <= FEW and part >= 0.25)):
        question.note(
            f"{2 * count + 2} of all {most} coalitions of {players} {question.parts} are "
            "evaluated: with so large a part, 95 % intervals may be too wide or too narrow (they "
            f"held 79 to 100 % in trials). With {most} coalitions the values are exact."
        )


def regressions(pairs: np.ndarray, odd: np.ndarray, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """One regression for each sample and output, or for all where they can share it."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # small factorisations crawl when threads must share cores
        if len(pairs) < LEAST_FOR_EACH * pairs.shape[1]:
            return _fitted(pairs, None)(odd)
        signs = with_everybody(pairs)
        plain = cache(lambda: _fitted(pairs, None))

        def one(game: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            relevance = learnt(signs, game[0, :, 0])
            return (plain() if relevance is None else _fitted(pairs, relevance))(game)

        games = [odd[i : i + 1, :, j : j + 1] for i in range(len(odd)) for j in range(odd.shape[2])]
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(one, games))
    shape = (len(odd), odd.shape[2], -1)
    values, error = (np.concatenate(part).reshape(shape) for part in zip(*found, strict=True))
    return values.transpose(0, 2, 1), error.transpose(0, 2, 1)


def _fitted(
    pairs: np.ndarray, relevance: np.ndarray | None
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """From odd halves to values and errors: the mean of regressions on parts of the pairs."""
    chance, part, parts = chances(pairs), *_parts(pairs)
    some = [np.flatnonzero((part == one) | (part < 0)) for one in range(parts)]
    within = np.where(part < 0, chance, chance / parts)
    fits = [ShapleyRegression.of(pairs[i], within[i], relevance, parts) for i in some]

    def estimate(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = [
            fit.estimate(odd[:, np.concatenate([[0], 1 + i])])
            for fit, i in zip(fits, some, strict=True)
        ]
        values = np.mean([value for value, _ in found], axis=0)
        return values, np.sqrt(np.mean([error**2 for _, error in found], axis=0) / parts)

    return estimate


def _parts(pairs: np.ndarray) -> tuple[np.ndarray, int]:
    """The part that each pair belongs to, and how many there are; -1 is in all of them.

    Each part has its share of every size. Small sizes, where a single coalition tells most, are in
    all parts as far as they are taken whole.
    """
    if len(pairs) <= PAIRS_AT_ONCE:
        return np.zeros(len(pairs), dtype=int), 1
    size, chance = pairs.sum(axis=1), chances(pairs)
    number = np.bincount(size, minlength=int(size.max()) + 1)
    shared = (np.cumsum(number)[size] <= PAIRS_AT_ONCE // 4) & (chance == 1)
    parts = int(-(-(~shared).sum() // (PAIRS_AT_ONCE - shared.sum())))
    part = np.full(len(pairs), -1)
    for one in np.unique(size[~shared]):
        here = size == one
        part[here] = (one + np.arange(here.sum())) % parts
    return part, parts
