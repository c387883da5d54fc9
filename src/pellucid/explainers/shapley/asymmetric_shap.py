"""AsymmetricSHAP: Shapley values that respect a given order of causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.question import Question
from pellucid.explainers.shapley.game import game_of
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.walks import pairs_within, walked
from pellucid.maths.coalitions import every_coalition, exact_shapley
from pellucid.perturb.game import Game, Plan, enumerated

FEWEST = 4
"""Pairs of orders, below which the error is too small too often."""


@dataclass(frozen=True, kw_only=True)
class AsymmetricSHAP(Sampler):
    """Shapley values over the orders in which causes join before their effects.

    A column gets what it adds once all columns before it in the chain are known, so a cause gets
    what it does through its effects, and an effect only what is its own.

    Parameters
    ----------
    order : tuple of tuples of names
        The chain of causes, such as ``(("age", "sex"), ("income",))``: columns of one group join in
        all orders. Columns that are not named form the last group. Without any, values are Shapley
        values.
    symmetric : bool
        Whether columns join in all orders all the same, so that the chain shapes only what
        ``removal="causal"`` puts in for them: the causal Shapley values of Heskes et al.
    removal : str
        What stands in for removed columns: as for `ExactSHAP`, or ``"causal"``, which follows the
        chain: known columns are set from outside and change their effects, not their causes. Frye
        et al. use a conditional removal, such as ``"gaussian"``; with ``"marginal"`` an effect that
        the model does not use says nothing of its causes.
    budget : int
        Most coalitions evaluated for each row. Values are exact where all coalitions that the chain
        allows are no more; else orders are drawn, and values have an error.
    tolerance, top
        When to stop before the budget is spent, as for `KernelSHAP`.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.

    Raises
    ------
    UnknownName, InvalidSetting
        If the chain names a column that is not there, or one twice; if the budget is too small.

    Notes
    -----
    Laws: efficiency, linearity, and dummy unless removal depends on the known columns; symmetry
    only within a group. The chain is taken as given: nothing here tests it.

    ``error`` is the standard error over independent pairs of orders, widened so that value ± 1.96
    errors covers about 95 % (``benchmarks/calibration.py``). With fewer than four pairs it would be
    about 90 %, as columns of a small group vary little, and such a budget is refused.

    Cost: Σ 2^columns over the groups, or the budget, × background rows for each row.

    References
    ----------
    Frye, Rowat and Feige (2020), Asymmetric Shapley values, arXiv:1910.06358. Heskes, Sijben, Bucur
    and Claassen (2020), Causal Shapley values, arXiv:2011.01625.
    """

    laws = frozenset({"efficiency", "dummy", "linearity"})
    takes_groups: ClassVar[bool] = True
    paper = "arXiv:1910.06358"
    cost = "budget × background rows, per row"

    everyone: ClassVar[bool] = True
    chained: ClassVar[bool] = True

    order: tuple[tuple[str, ...], ...] = ()
    symmetric: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "order", _frozen(self.order))
        if not isinstance(self.symmetric, bool):
            raise InvalidSetting("symmetric is yes or no", got=repr(self.symmetric))

    def game(self, question: Question) -> Game:
        chain = self._chain(question.player_names)
        place = np.empty(len(question.player_names), dtype=int)
        for number, group in enumerate(chain):
            place[group] = number
        order = place[question.player_of]
        return game_of(question, self.removal, self.max_background, chain=order)

    def plan(self, question: Question, players: int) -> Plan:
        return self.sample(question, players)  # the chain says how many coalitions are all

    def sample(self, question: Question, players: int) -> Plan:
        names = question.player_names
        chain = self._chain(names)
        if self.order and len(chain) > len(self.order):
            question.note(
                f"The order does not name {', '.join(names[i] for i in chain[-1])}: taken for "
                "effects of all others."
            )
        groups = [np.arange(players)] if self.symmetric else chain
        if sum(2.0 ** len(group) for group in groups) <= self.budget + 2 * (len(groups) - 1):
            return enumerated(players) if len(groups) == 1 else _step_by_step(groups)
        pairs = pairs_within("AsymmetricSHAP", self.budget, players, FEWEST)
        rng = question.rng("orders", players)
        return walked(np.array([_both_ways(groups, rng) for _ in range(pairs)]))

    def _chain(self, names: tuple[str, ...]) -> list[np.ndarray]:
        """The players in each group; those not named are the last one."""
        for name in (name for group in self.order for name in group):
            if name not in names:
                raise UnknownName.among("column or group", name, names)
        chain = [np.array([names.index(name) for name in group]) for group in self.order]
        held = {int(player) for group in chain for player in group}
        rest = [player for player in range(len(names)) if player not in held]
        return [*chain, np.array(rest)] if rest else chain


def _step_by_step(groups: list[np.ndarray]) -> Plan:
    """All coalitions that causes allow; within a group, Shapley values of what it adds."""
    players = sum(map(len, groups))
    rows, before = [], np.zeros(players, dtype=bool)
    for group in groups:
        teams = np.tile(before, (2 ** len(group), 1))
        teams[:, group] = every_coalition(len(group))
        rows.append(teams[1:])
        before = teams[-1]
    coalitions = np.concatenate(rows)[:-1]

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        first = np.broadcast_to(nobody, everybody.shape)[:, None]
        table = np.concatenate([first, worth, everybody[:, None]], axis=1)
        values, start = np.zeros((len(worth), players, worth.shape[2])), 0
        for group in groups:
            end = start + 2 ** len(group) - 1
            values[:, group] = exact_shapley(table[:, start : end + 1])
            start = end
        return values, np.zeros_like(values)

    return Plan(coalitions, shares)


def _both_ways(groups: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A random order within each group, and the reverse within each group: (2, player)."""
    drawn = [rng.permutation(group) for group in groups]
    return np.stack([np.concatenate(drawn), np.concatenate([part[::-1] for part in drawn])])


def _frozen(order: Any) -> tuple[tuple[str, ...], ...]:
    fits = isinstance(order, Sequence) and not isinstance(order, str)
    groups = [(part,) if isinstance(part, str) else part for part in order] if fits else []
    fits = fits and all(isinstance(part, Sequence) and len(part) > 0 for part in groups)
    if not fits or not all(isinstance(name, str) for part in groups for name in part):
        raise InvalidSetting(
            "order is a chain of groups of names",
            got=repr(order),
            allowed='such as (("age", "sex"), ("income",))',
        )
    names = [name for part in groups for name in part]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidSetting("The order names a column twice", got=twice)
    return tuple(tuple(part) for part in groups)
