"""Rules for the mean gradient along a line, each of several levels that take ever more gradients.

Nodes of a smooth network are those of Clenshaw and Curtis. A network whose only bends are ReLUs has
gradients with steps, on which no such rule is quick: there each part of the way goes back by the
secants of its ReLUs, exact for whatever passes one bend on that part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.explainers.gradient.linear_nodes import refuse_others
from pellucid.explainers.gradient.pair_rules import shared
from pellucid.explainers.gradient.straight_line import StraightLine, shaped
from pellucid.explainers.network.differentiable import Differentiable, Network
from pellucid.explainers.network.opened import named
from pellucid.maths.nested_quadrature import fresh, levels, rule

FIRST = 4
"""Intervals of the first level."""

TOWARDS = 2.0
"""Parts of the way begin at these powers of equal steps: networks bend most near a baseline."""

ALONE = 5
"""Rows of the shortest run of secants, whose last row ends the last part only."""

EXACT = 1e-3
"""How far secants may be from adding up, as a part of the change, before they are not trusted."""

TINY = 1e-30
"""Stands for a sum of magnitudes, a change or a length of zero."""

Run = tuple[np.ndarray, np.ndarray]
"""Parts of the way (node,), and the weights of their gradients (level, node)."""


@dataclass(eq=False)
class LineRule(ABC):
    """Where gradients are taken, level by level, and with what weights.

    Parameters
    ----------
    network : callable
        What gradients are taken of.
    ladder : tuple of int
        How many parts the way has at each level.
    most : int
        Rows taken at once.
    """

    nested: ClassVar[bool]
    """Whether what a level took serves the next ones too."""

    network: Network
    ladder: tuple[int, ...]
    most: int

    @abstractmethod
    def runs(self, level: int) -> Iterator[Run]:
        """What one sample takes at a level, at most `most` rows each."""


class Nodes(LineRule):
    """Clenshaw-Curtis rules, each of which uses all gradients of the one before."""

    nested = True

    def runs(self, level: int) -> Iterator[Run]:
        intervals = self.ladder[level]
        places = fresh(intervals, FIRST)
        nodes, _ = rule(intervals)
        finer = self.ladder[level:]
        weights = np.stack([rule(each)[1][places * (each // intervals)] for each in finer])
        for i in range(0, len(places), self.most):
            yield nodes[places[i : i + self.most]], weights[:, i : i + self.most]


class Secants(LineRule):
    """Each level anew: rows that follow each other are the ends of a part of the way."""

    nested = False

    def runs(self, level: int) -> Iterator[Run]:
        ends = np.linspace(0, 1, self.ladder[level] + 1) ** TOWARDS
        lengths = np.append(np.diff(ends), 0)
        parts = -(-self.ladder[level] // (self.most - 1))
        for some in np.array_split(np.arange(self.ladder[level]), parts):
            here = slice(some[0], some[-1] + 2)
            weights = lengths[here].copy()
            weights[-1] = 0
            yield ends[here], weights[None]


def line_rule(door: Differentiable, line: StraightLine, pick: np.ndarray, budget: int) -> LineRule:
    """The rule for a network: secants if it allows them and the budget two levels of them."""
    most = door.fits(line.inputs)
    long = max(2, min(door.question.work.batch_size, max(most, ALONE)))
    ladder = _anew(budget)
    if "relu" in line.seen.names and len(ladder) > 1:
        network = line.answered(secant)
        if _serves(door, line, network, pick):
            return Secants(network, ladder, long)
    return Nodes(line.network, levels(budget, FIRST), most)


def secant(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation returns; a ReLU sends back its secant from each row to the next.

    The secant is the sum of what the two rows let through by the sum of their magnitudes, so that
    nothing cancels.
    """
    import torch

    name, in_place = named(func)
    if name != "relu" or not args or not args[0].requires_grad:
        return func(*args, **kwargs)
    given = args[0].detach()
    out, ratio = torch.relu(given), torch.empty_like(given)
    positive, negative = ratio[:-1], given[1:] + given[:-1]
    torch.add(out[1:], out[:-1], out=positive)
    torch.sub(positive, negative, out=negative)
    positive.div_(negative.add_(positive).clamp_min_(TINY))
    ratio[-1] = 0
    found = shared(lambda: out, lambda grad: [ratio.mul_(grad)], [args[0]])
    in_place = in_place or any(args[1:]) or kwargs.get("inplace", False)
    return args[0].copy_(found) if in_place else found


def _anew(budget: int) -> tuple[int, ...]:
    """Numbers of parts, each 9/4 of the one before, that take at most `budget` rows in all."""
    found: list[int] = []
    parts, left = FIRST, budget
    while parts < left:
        found.append(parts)
        left -= parts + 1
        parts = parts * 9 // 4
    return tuple(found)


def _serves(door: Differentiable, line: StraightLine, network: Network, pick: np.ndarray) -> bool:
    """Whether all else that the network does is linear, and secants add up as they must."""
    import torch

    if line.like.element_size() < 4:
        return False
    ends = torch.stack([line.start[0], line.start[0] + line.way[0]])
    at = shaped(ends, line.like).to(line.like.dtype)
    try:
        with torch.enable_grad():
            leaf = at.detach().requires_grad_(True)
            raw = network(leaf)
            score = door.picked(raw, pick[:1].repeat(2))
            if not score.requires_grad or not line.seen.agrees(raw.detach()):
                return False
            refuse_others(score.grad_fn)
            (slope,) = torch.autograd.grad(score.sum(), leaf)
    except (CannotExplain, RuntimeError):
        return False
    told = (slope[0].double() * (at[1] - at[0]).double()).sum()
    rise, largest = score.detach().double().diff(), score.detach().abs().max()
    return bool((told - rise).abs() <= EXACT * largest.clamp_min(1e-6))
