"""AsymmetricSHAP: Shapley values that respect a given order of causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.question import Question
from pellucid.explainers.shapley.game import game_of
from pellucid.explainers.shapley.kernel_shap import drawn
from pellucid.explainers.shapley.sampler import WHOLE_AT_ONCE, Sampler
from pellucid.maths.coalitions import shared_out
from pellucid.perturb.game import Game, Plan

LEAST_EACH = 2
"""Pairs for each player but one, at least: fewer say too little of their error."""


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
        Most coalitions evaluated for each row, shared out among the groups. A group whose
        coalitions are no more than its share is exact; the values of others have an error.
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
    Laws: efficiency; within the error linearity, and dummy unless removal depends on the known
    columns; symmetry only within a group. The chain is taken as given: nothing here tests it.

    Once its causes are known, a group plays a game of its own, whose Shapley values are those asked
    for. It is played as `KernelSHAP` plays, which also says what ``error`` covers.

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
        pairs = self._shared_out(np.array([len(group) for group in groups]))
        rng = question.rng("coalitions", players)
        plans = [drawn(question, len(g), n, rng) for g, n in zip(groups, pairs, strict=True)]
        return _step_by_step(groups, plans)

    def _shared_out(self, sizes: np.ndarray) -> np.ndarray:
        """How many pairs each group draws: all of a small one, and shares of the rest."""
        whole = 2 ** (sizes - 1.0) - 1
        least = np.where(sizes <= WHOLE_AT_ONCE, whole, LEAST_EACH * (sizes - 1))
        beside = 1 + len(sizes)  # nobody, everybody, and whoever came before each later group
        free = (self.budget - beside) // 2 - least.sum()
        if free < 0:
            fewest = beside + 2 * int(least.sum())
            raise InvalidSetting(
                f"AsymmetricSHAP cannot say its error for {sizes.sum()} columns on this budget",
                got=f"budget={self.budget}",
                allowed=f"budget ≥ {fewest}",
                fix=f"Allow budget={fewest} or more coalitions, or shorter groups in the order",
            )
        return (least + shared_out(free, sizes, whole - least)).astype(int)

    def _chain(self, names: tuple[str, ...]) -> list[np.ndarray]:
        """The players in each group; those not named are the last one."""
        for name in (name for group in self.order for name in group):
            if name not in names:
                raise UnknownName.among("column or group", name, names)
        chain = [np.array([names.index(name) for name in group]) for group in self.order]
        held = {int(player) for group in chain for player in group}
        rest = [player for player in range(len(names)) if player not in held]
        return [*chain, np.array(rest)] if rest else chain


def _step_by_step(groups: list[np.ndarray], plans: list[Plan]) -> Plan:
    """Each group plays its own plan, once all groups before it are in and none of those after it.

    A stage is the next stage of every group's plan.
    """
    players = sum(map(len, groups))
    doors = np.zeros((len(groups) + 1, players), dtype=bool)
    for number, group in enumerate(groups):
        doors[number + 1 :, group] = True
    rows, whose, stage = (
        [doors[1:-1]],
        [np.full(len(groups) - 1, -1)],
        [np.zeros(len(groups) - 1, dtype=int)],
    )
    for number, (group, plan) in enumerate(zip(groups, plans, strict=True)):
        teams = np.tile(doors[number], (len(plan.coalitions), 1))
        teams[:, group] = plan.coalitions
        rows.append(teams)
        whose.append(np.full(len(teams), number))
        stage.append(np.searchsorted(plan.ends, np.arange(len(teams)), side="right"))
    order = np.argsort(np.concatenate(stage), kind="stable")
    ends = np.cumsum(np.bincount(np.concatenate(stage)))
    player_group = np.concatenate(whose)[order]

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        so_far = player_group[: worth.shape[1]]
        first = np.broadcast_to(nobody, everybody.shape)
        at = [first, *worth[:, so_far < 0].swapaxes(0, 1), everybody]
        values, error = np.zeros((2, len(worth), players, worth.shape[2]))
        for number, (group, plan) in enumerate(zip(groups, plans, strict=True)):
            found = plan.shares(worth[:, so_far == number], at[number], at[number + 1])
            values[:, group], error[:, group] = found
        return values, error

    return Plan(np.concatenate(rows)[order], shares, tuple(int(end) for end in ends))


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
