"""The search for one row's anchor: beams of rules, best arms by KL-LUCB, proofs on fresh draws.

A search is a generator. It yields what it wants to know, `Draws` of rules, and is resumed when all
of it has been asked of the model: so the searches of many rows run side by side, and one call of
the model serves them all.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pellucid.explainers.surrogate.model_answers import Answers
from pellucid.maths.binomial import clopper_pearson, kl_bounds
from pellucid.maths.conditional_draws import (
    DrawKeys,
    Limit,
    Reservoir,
    compose,
    draw_keys,
    pack,
)

Conditions = tuple[Limit, ...]
"""A rule: at most one limit for each column, columns increasing."""

STEPS = (32, 128, 512)
"""Draws of an arm: it begins with the first of these counts, and ends with the last."""

MOST, LOOKS = STEPS[-1], len(STEPS)
"""How often an arm's bounds may be looked at."""

KNOWN = 256
"""Draws of each rule of a beam: they say which longer rules are promising."""

TRIED = 2
"""Rules of one level that are put to the proof at most."""

MARGIN = 0.2
"""How much of what the asked precision allows to be wrong a rule must leave free in the search,
on `MOST` draws, to be put to the proof."""

PROOF = (512, 1024, 2048)
"""Fresh draws at which a proof is looked at."""

CLOSE = 0.15
"""The ε of KL-LUCB: arms whose bounds are nearer than this need not be told apart."""

RISK = 0.05
"""The δ of KL-LUCB: how often a level's best arms may be missed."""

ARMS = 4
"""Arms tried on each level, as a multiple of the beam."""


@dataclass(frozen=True)
class Draws:
    """How many draws of a rule are wanted, for the search or for the proof."""

    rule: Conditions
    count: int
    proof: bool = False


Wanted = Generator[list[Draws], None, "Anchor"]


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A rule that was put to the proof: whether it holds, and whether more draws could tell."""

    rule: Conditions
    agreed: int
    tried: int
    low: float
    high: float
    coverage: float
    holds: bool
    settled: bool


@dataclass(kw_only=True, eq=False)
class Stream:
    """The draws of all rules from one sequence of random numbers, and the model's answers.

    Parameters
    ----------
    reservoir : Reservoir
        The background.
    start : array of int of shape (draw,)
        The background row that each draw starts from.
    uniform : array of shape (draw, column)
        Where new values are taken from.
    """

    reservoir: Reservoir
    start: np.ndarray
    uniform: np.ndarray
    keys: DrawKeys = field(default_factory=DrawKeys)
    answers: np.ndarray = field(default_factory=lambda: np.empty(0))
    by_rule: dict[Conditions, np.ndarray] = field(default_factory=dict)
    asked: tuple[list[Conditions], np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(cls, reservoir: Reservoir, rng: np.random.Generator, count: int) -> Stream:
        """A stream of `count` draws."""
        rows, columns = reservoir.codes.shape
        start = rng.integers(rows, size=count)
        return cls(reservoir=reservoir, start=start, uniform=rng.random((count, columns)))

    def plan(self, wanted: Mapping[Conditions, int]) -> np.ndarray:
        """The rows, shape (new, column), that must be predicted before `settle`."""
        rules = [rule for rule, count in wanted.items() if len(self.known(rule)) < count]
        spans = [(len(self.known(rule)), wanted[rule]) for rule in rules]
        which = np.repeat(np.arange(len(rules)), [end - begin for begin, end in spans])
        draw = np.concatenate([np.arange(*span) for span in spans] or [np.empty(0, np.int64)])
        packed, held = pack(rules), self.reservoir
        keys = draw_keys(packed, which, draw, self.start, held.bins)
        numbers, fresh = self.keys.number(keys)
        self.asked = rules, which, numbers
        return compose(
            *(packed, which[fresh], draw[fresh], self.start, self.uniform),
            *(held.bins, held.codes, held.ordered, held.starts),
        )

    def settle(self, answers: np.ndarray) -> None:
        """Take the model's answers to the rows of `plan`."""
        assert self.asked is not None
        rules, which, numbers = self.asked
        self.answers = np.concatenate([self.answers, answers])
        found = np.split(self.answers[numbers], np.flatnonzero(np.diff(which)) + 1)
        for rule, more in zip(rules, found, strict=True) if rules else ():
            self.by_rule[rule] = np.concatenate([self.known(rule), more])

    def known(self, rule: Conditions) -> np.ndarray:
        """The answers to the draws of a rule, as far as they were asked for."""
        return self.by_rule.get(rule, NOTHING)

    def bins_of(self, rule: Conditions, count: int) -> np.ndarray:
        """The bins of the first `count` draws of a rule, shape (draw, column)."""
        held = self.reservoir
        return compose(
            *(pack([rule]), np.zeros(count, np.int64), np.arange(count), self.start, self.uniform),
            *(held.bins, held.bins, held.ordered_bins, held.starts),
        )

    def forget(self) -> None:
        """Empty the memory of answers; they would come out the same again."""
        self.keys, self.answers, self.by_rule = DrawKeys(), np.empty(0), {}


NOTHING = np.empty(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Reference rows with the model's answers: they say which rules are worth trying, and cover.

    Parameters
    ----------
    bins : array of shape (row, column)
        The bins of the rows.
    answers : array of shape (row,)
        The model's answers.
    """

    bins: np.ndarray
    answers: np.ndarray

    def met(self, rule: Conditions) -> np.ndarray:
        """Which rows meet a rule."""
        return met_by(self.bins, rule)


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """The search for one row.

    Parameters
    ----------
    limits : list of Limit
        Every single limit that the row meets.
    own : float
        The model's answer for the row.
    within : float or None
        How far answers may lie apart and count as the same.
    precision, confidence : float
        What an anchor must reach, and how sure that must be.
    beam, length : int
        Rules kept on each level, and most limits added.
    """

    answers: Answers
    search: Stream
    proof: Stream
    seen: Seen
    limits: list[Limit]
    own: float
    within: float | None
    precision: float
    confidence: float
    beam: int
    length: int

    def run(self) -> Wanted:
        """Level by level to the rule that holds and covers most, else to the most precise one."""
        tests = 0
        best: Anchor | None = None
        beam: list[Conditions] = [()]
        tried: dict[Conditions, float] = {}
        for level in range(self.length + 1):
            wider = 0.0 if best is None else best.coverage
            arms: list[Conditions] = self.extended(beam, wider) if level else [()]
            if not arms:
                break
            shares, seems = yield from self.best_arms(arms)
            beam, tried = list(shares), {**tried, **shares}
            yield [Draws(rule, KNOWN) for rule in beam] + [Draws(rule, MOST) for rule in seems]
            likely = 1 - (1 - MARGIN) * (1 - self.precision)
            likely_rules = [each for each in seems if self.share(each, MOST) >= likely][:TRIED]
            for found in (yield from self.proven(likely_rules, tests)):
                if found.holds and found.coverage > wider:
                    best, wider = found, found.coverage
            tests += len(likely_rules)
            if best is not None and best.coverage == 1.0:
                break
        if best is not None:
            return best
        closest = max(tried, key=tried.__getitem__)
        return (yield from self.proven([closest], tests))[0]

    def best_arms(
        self, arms: list[Conditions]
    ) -> Generator[list[Draws], None, tuple[dict[Conditions, float], list[Conditions]]]:
        """The `beam` most precise arms with their shares of hits, each drawn towards one half by
        two draws, and all arms that seem precise enough, widest first."""
        count = np.full(len(arms), STEPS[0])
        level = np.full(len(arms), np.log(len(arms) * LOOKS / RISK))
        while True:
            yield [Draws(rule, int(n)) for rule, n in zip(arms, count, strict=True)]
            hits = np.array([self.hits(rule, n) for rule, n in zip(arms, count, strict=True)])
            order = np.argsort(-hits / count, kind="stable")
            grown = self._undecided(hits, count, level, order)
            if not len(grown):
                break
            count[grown] = np.array(STEPS)[np.searchsorted(STEPS, count[grown]) + 1]
        seems = [arms[i] for i in order if hits[i] >= self.precision * count[i]]
        seems.sort(key=self.coverage, reverse=True)
        shares = (hits + 1) / (count + 2)
        return {arms[i]: float(shares[i]) for i in order[: self.beam]}, seems

    def _undecided(
        self, hits: np.ndarray, count: np.ndarray, level: np.ndarray, order: np.ndarray
    ) -> np.ndarray:
        """Which arms need more draws to say that the first `beam` in order are the best."""
        if len(order) <= self.beam:
            return order[:0]
        low, high = kl_bounds(hits.astype(np.float64), count.astype(np.float64), level)
        top, rest = order[: self.beam], order[self.beam :]
        weakest, strongest = low[top].min(), high[rest].max()
        if strongest - weakest <= CLOSE:
            return order[:0]
        inside = top[low[top] < strongest - CLOSE]
        outside = rest[high[rest] > weakest + CLOSE]
        outside = outside[np.argsort(-high[outside], kind="stable")][: self.beam]
        wanted = np.concatenate([inside, outside])
        return wanted[count[wanted] < MOST]

    def proven(
        self, rules: Sequence[Conditions], before: int
    ) -> Generator[list[Draws], None, list[Anchor]]:
        """Whether fresh draws show that rules are precise enough, all at once.

        The n-th proof of a row may err with probability (1 − confidence) / (n (n + 1)), shared
        evenly by its looks: whatever is chosen, its limits hold at the stated confidence. `before`
        is how many proofs there were.
        """
        found: dict[Conditions, Anchor] = {}
        for tried in PROOF:
            open_ = [rule for rule in rules if rule not in found or not found[rule].settled]
            if not open_:
                break
            yield [Draws(rule, tried, proof=True) for rule in open_]
            for rule in open_:
                found[rule] = self._looked_at(rule, tried, before + 1 + rules.index(rule))
        return [found[rule] for rule in rules]

    def _looked_at(self, rule: Conditions, tried: int, test: int) -> Anchor:
        level = 1 - (1 - self.confidence) / (test * (test + 1) * len(PROOF))
        agreed = int(self.same(self.proof.known(rule)[:tried]).sum())
        low, high = (float(end) for end in clopper_pearson(agreed, tried, level))
        hopeless = tried > PROOF[0] and agreed < self.precision * tried
        return Anchor(
            rule=rule,
            agreed=agreed,
            tried=tried,
            low=low,
            high=high,
            coverage=self.coverage(rule),
            holds=low >= self.precision,
            settled=low >= self.precision or high < self.precision or hopeless,
        )

    def extended(self, beam: Sequence[Conditions], beyond: float) -> list[Conditions]:
        """The most promising rules of one limit more that cover more than `beyond`.

        What is promising is said by the reference rows, and the draws of the shorter rule, that
        happen to meet the longer one.
        """
        agree = self.same(self.seen.answers)
        singles = met_each(self.seen.bins, self.limits)
        scores: dict[Conditions, float] = {}
        for rule in beam:
            met = self.seen.met(rule)
            good = self.same(self.search.known(rule)[:KNOWN])
            meets = met_each(self.search.bins_of(rule, KNOWN), self.limits)
            size, drawn = singles @ met.astype(np.float32), meets.sum(axis=1)
            hits = singles @ (met & agree).astype(np.float32) + meets @ good.astype(np.float32)
            share = (hits + 2 * good.mean()) / (size + drawn + 2)
            for place in np.flatnonzero(size > beyond * len(met)):
                longer = narrowed(rule, self.limits[place])
                if longer != rule and longer not in scores:
                    scores[longer] = float(share[place])
        return sorted(scores, key=lambda rule: -scores[rule])[: ARMS * self.beam]

    def same(self, answers: np.ndarray) -> np.ndarray:
        """Which answers are the row's own."""
        return self.answers.same(answers, self.own, self.within)

    def hits(self, rule: Conditions, count: int) -> int:
        """Of the first `count` draws of a rule, those with the row's own answer."""
        return int(self.same(self.search.known(rule)[:count]).sum())

    def share(self, rule: Conditions, count: int) -> float:
        """The same as a share."""
        return self.hits(rule, count) / count

    def coverage(self, rule: Conditions) -> float:
        """Share of the reference rows that meet a rule."""
        return float(self.seen.met(rule).mean())


def met_by(bins: np.ndarray, rule: Conditions) -> np.ndarray:
    """Which rows meet a rule."""
    met = np.ones(len(bins), dtype=bool)
    for column, first, last in rule:
        met &= (bins[:, column] >= first) & (bins[:, column] <= last)
    return met


def met_each(bins: np.ndarray, limits: Sequence[Limit]) -> np.ndarray:
    """Which rows meet each limit on its own, as ones and zeros of shape (limit, row)."""
    if not limits:
        return np.zeros((0, len(bins)), dtype=np.float32)
    column, first, last = np.array(limits).T
    values = bins[:, column]
    return ((values >= first) & (values <= last)).T.astype(np.float32)


def narrowed(rule: Conditions, limit: Limit) -> Conditions:
    """A rule with one limit more; two limits on one column become one."""
    limits = {column: (first, last) for column, first, last in rule}
    column, first, last = limit
    if column in limits:
        first, last = max(first, limits[column][0]), min(last, limits[column][1])
    limits[column] = (first, last)
    return tuple((column, *limits[column]) for column in sorted(limits))


def run_together(searches: Sequence[Search], answers: Answers) -> list[Anchor]:
    """All searches side by side: what they want in one round is one call of the model."""
    running = {i: each.run() for i, each in enumerate(searches)}
    wanted = {i: next(each) for i, each in running.items()}
    found: dict[int, Anchor] = {}
    while wanted:
        _ask(searches[0], list(wanted.values()), answers)
        for i in list(wanted):
            try:
                wanted[i] = next(running[i])
            except StopIteration as end:
                found[i] = end.value
                del wanted[i]
    return [found[i] for i in range(len(searches))]


def _ask(one: Search, wanted: Sequence[list[Draws]], answers: Answers) -> None:
    most: tuple[dict[Conditions, int], dict[Conditions, int]] = ({}, {})
    for each in wanted:
        for draws in each:
            counts = most[draws.proof]
            counts[draws.rule] = max(counts.get(draws.rule, 0), draws.count)
    streams = (one.search, one.proof)
    rows = [stream.plan(counts) for stream, counts in zip(streams, most, strict=True)]
    together = np.concatenate(rows)
    said = answers.ask(together)[0] if len(together) else NOTHING
    for stream, part in zip(streams, np.split(said, [len(rows[0])]), strict=True):
        stream.settle(part)
