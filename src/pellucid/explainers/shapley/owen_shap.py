"""OwenSHAP: Shapley values on a hierarchy of columns, in which related columns join together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.asked import Asked
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question
from pellucid.explainers.shapley import stages
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.stages import Found
from pellucid.explainers.shapley.walks import pairs_within, walked
from pellucid.maths.association import association
from pellucid.maths.hierarchy import (
    Hierarchy,
    contributions,
    members,
    merged,
    merged_segments,
    owen_weights,
    random_orders,
)
from pellucid.perturb.game import Game, Plan
from pellucid.perturb.image_game import ImageGame
from pellucid.perturb.removal import SEEN

ENUMERATED = 1 << 17
"""Most contributions that are written out."""

WRITTEN_OUT = 20
"""Most columns whose hierarchy is told to the reader."""


@dataclass(frozen=True, kw_only=True)
class OwenSHAP(Sampler):
    """Owen values: credit is shared between groups of columns, and then within each group.

    Columns join in the orders in which no group is interrupted, at every level of the hierarchy. So
    columns that say the same are not asked for apart from each other while others come between, and
    many columns need few coalitions: about columns² where groups are halved again and again.

    Parameters
    ----------
    hierarchy : tuple of names and tuples, optional
        Of columns; segments of images are merged by colour and place, each image for itself.
        Nested groups, such as ``(("age", "sex"), ("income", ("rent", "savings")))``; columns that
        are not named stand beside the outermost groups. By default columns are merged by average
        linkage of their association in the background (rank correlation, Cramér's V, correlation
        ratio).
    budget : int
        Most coalitions evaluated for each row. Values are exact where the hierarchy needs no more;
        else orders are drawn, and values have an error.
    tolerance, top
        When to stop before the budget is spent, as for `KernelSHAP`.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, or segments of images, as for `ExactSHAP`.

    Raises
    ------
    UnknownName, InvalidSetting
        If the hierarchy names a column that is not there, or one twice; if the budget is too small.

    Notes
    -----
    Laws: efficiency, linearity, and dummy unless removal depends on the known columns; symmetry
    only between members of one group. A group's values add up to the value that the group would
    have as a single player. A flat hierarchy gives Shapley values.

    ``error`` is the standard error over independent pairs of orders, widened so that value ± 1.96
    errors covers about 95 % with few pairs too.

    Cost: at most budget × background rows for each row.

    References
    ----------
    Owen (1977), doi:10.1007/978-3-642-45494-3_7. Winter (1989), doi:10.1007/BF01268161, for more
    than one level.
    """

    laws = frozenset({"efficiency", "dummy", "linearity"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    takes_groups: ClassVar[bool] = True
    paper = "doi:10.1007/978-3-642-45494-3_7"
    cost = "budget × background rows, per row"

    everyone: ClassVar[bool] = True

    hierarchy: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hierarchy is not None:
            object.__setattr__(self, "hierarchy", _frozen(self.hierarchy))

    def plan(self, question: Question, players: int) -> Plan:
        return self.sample(question, players)  # the hierarchy says how many coalitions are all

    def sample(self, question: Question, players: int) -> Plan:
        names = question.player_names
        tree = _merged(question) if self.hierarchy is None else _numbered(self.hierarchy, names)
        if len(names) <= WRITTEN_OUT:
            question.note(f"Groups of columns, from the outside in: {_words(tree, names)}.")
        return self._along(tree, question, players)

    def played(self, question: Question | ImageQuestion, game: Game | ImageGame) -> Found:
        if not isinstance(question, ImageQuestion):
            return super().played(question, game)
        assert isinstance(game, ImageGame)
        if self.hierarchy is not None:
            raise InvalidSetting(
                "hierarchy is for tables",
                got="hierarchy= and images",
                fix="Leave it out: segments are merged by their colour and place",
            )
        shape = (question.size, game.players, 1)
        values, error, done = np.zeros(shape), np.zeros(shape), np.ones(question.size, dtype=bool)
        for sample, own in enumerate(question.segment):
            tree = merged_segments(question.images.take(sample).pixels[0], own)
            plan = partial(self._along, tree, question)
            one = stages.played(game.alone(sample), plan, self._certain(), everyone=True)
            here = one[0].shape[1]
            values[sample, :here], error[sample, :here], done[sample] = (each[0] for each in one)
        return values, error, done

    def _along(self, tree: Hierarchy, question: Asked, players: int) -> Plan:
        """What to evaluate along a hierarchy."""
        if contributions(tree) <= ENUMERATED:
            coalitions, weights = owen_weights(tree, players)
            if len(coalitions) <= self.budget:
                return _weighted(coalitions, weights)
        pairs = pairs_within("OwenSHAP", self.budget, players, question.parts)
        return walked(random_orders(tree, pairs, question.rng("orders", players)))


def _weighted(coalitions: np.ndarray, weights: np.ndarray) -> Plan:
    """The plan of weighted sums of worths, those of nobody and everybody at the ends."""

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        values = np.einsum("pc,sco->spo", weights[:, 1:-1], worth)
        values += np.multiply.outer(weights[:, 0], nobody)
        values += weights[:, -1, None] * everybody[:, None]
        return values, np.zeros_like(values)

    return Plan(coalitions[1:-1], shares)


def _merged(question: Question) -> Hierarchy:
    """The hierarchy of association between players: the mean over their columns."""
    named = [c.kind in ("categorical", "boolean") for c in question.table.schema.values()]
    strength = association(question.reference(SEEN), np.array(named))
    whose = (question.player_of == np.arange(len(question.player_names))[:, None]).astype(float)
    whose /= whose.sum(axis=1, keepdims=True)
    return merged(whose @ strength @ whose.T)


def _frozen(given: Any) -> tuple[Any, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InvalidSetting(
            "hierarchy is nested groups of names",
            got=repr(given),
            allowed='such as (("age", "sex"), ("income", ("rent", "savings")))',
        )
    return tuple(part if isinstance(part, str) else _frozen(part) for part in given)


def _numbered(given: tuple[Any, ...], names: tuple[str, ...]) -> Hierarchy:
    """The hierarchy in numbers of players, with those not named beside the outermost groups."""

    def number(part: Any) -> Hierarchy:
        if isinstance(part, str):
            if part not in names:
                raise UnknownName.among("column or group", part, names)
            return names.index(part)
        inner = [number(each) for each in part if each != ()]
        return inner[0] if len(inner) == 1 else tuple(inner)

    parts = [number(part) for part in given]
    held = [player for part in parts for player in members(part)]
    if len(set(held)) < len(held):
        twice = sorted({names[player] for player in held if held.count(player) > 1})
        raise InvalidSetting("The hierarchy names a column twice", got=twice)
    parts += [player for player in range(len(names)) if player not in held]
    return parts[0] if len(parts) == 1 else tuple(parts)


def _words(tree: Hierarchy, names: tuple[str, ...]) -> str:
    if isinstance(tree, int):
        return names[tree]
    return "(" + ", ".join(_words(part, names) for part in tree) + ")"
