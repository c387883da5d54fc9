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
from pellucid.maths.survey_regression import surveyed
from pellucid.perturb.game import Plan

PAIRS_AT_ONCE = 2048
"""Pairs in one regression, whose cost grows with their cube; more are cut into several."""

FEW, SURVEYED = 9, 3
"""Up to so many players a quarter of all pairs, and so many pairs for each player, are taken for a
survey; of more players no more than half of all pairs is drawn, unless it is all."""


@dataclass(frozen=True, kw_only=True)
class KernelSHAP(Sampler):
    """Shapley values by regression of the worth of coalitions on who is in them.

    The most accurate of the samplers here for the same evaluations, and the one that is chosen
    where nothing is exact.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row. At least 4 × columns − 2, of up to six columns all;
        where it reaches 2^columns, all coalitions may be evaluated and the values are then exact.
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
    the exact value in 95 of 100 draws. ``benchmarks/calibration.py`` measures it over 200 draws. No
    sample can promise it for every game: a maximum, whose jumps are rare and may not be met, is
    covered in 92 % at 512. From a quarter of all coalitions of up to nine columns on, the
    regression is that of a survey (`pellucid.maths.survey_regression`), which is less accurate and
    knows its error. Of more columns no more than half of all coalitions is evaluated, unless the
    budget reaches all of them; a note says so.

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
    """The plan of so many drawn pairs, or of all there are."""
    whole, threads = every_pair_of(players), question.threads
    ends = stage_ends(question, players, count, LEAST_FOR_EACH * players)
    pairs, _ = sampled_pairs(players, ends[-1], rng)

    def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        met = pairs[: odd.shape[1] - 1]
        if len(met) == whole:
            return exactly(met, odd)
        if players <= FEW and len(met) >= max(whole // 4, SURVEYED * players):
            return surveyed(met, odd)
        return regressions(met, odd, threads)

    return in_pairs(pairs, ends, shares)


def stage_ends(question: Asked, players: int, count: int, least: int) -> tuple[int, ...]:
    """After how many pairs values can be had; of many players' no more than half, or all."""
    whole, half = every_pair_of(players), every_pair_of(players - 1)
    ends = doubling(least, min(count, whole))
    if players <= FEW:
        return ends
    if half < count < whole:
        question.note(
            f"{2 * half + 2} of all {2**players} coalitions of {players} {question.parts} are "
            f"evaluated, although the budget has room for {2 * count + 2}: of a larger part no "
            f"errors could be told. With {2**players} coalitions the values are exact."
        )
    return tuple(dict.fromkeys(end if end == whole else min(end, half) for end in ends))


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
