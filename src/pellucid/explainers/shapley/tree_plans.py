"""What TreeSHAP prepares for a model, kept for the next question about the same model.

Plans are found by the content of the trees and never by the model's identity: a model that was
fitted again has other trees, so it never meets an old plan.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Any

import numpy as np

from pellucid.maths.tree_paths import Program
from pellucid.maths.tree_shapley import Background, prepare, read_background
from pellucid.models.trees import Trees

MOST_PLANS, MOST_BYTES = 8, 256 * 2**20
"""What is kept at most; the plans used least recently go first."""


class Plan:
    """One model's trees laid out for one assignment of columns to players.

    Parameters
    ----------
    trees : Trees
    players : ndarray of int, (encoded column,)
    """

    trees: Trees
    players: np.ndarray
    program: Program
    bytes: int

    def __init__(self, trees: Trees, players: np.ndarray) -> None:
        self.trees, self.players = trees, players.copy()
        self.program = prepare(trees, players)
        self._background: tuple[np.ndarray, Background] | None = None
        self.bytes = self._held()

    def background(self, rows: np.ndarray) -> Background:
        """Encoded background rows as the trees read them; the last ones asked for are kept."""
        kept = self._background
        if kept is not None and _same(kept[0], rows):
            return kept[1]
        self._background = rows, read_background(self.trees, rows)
        self.bytes = self._held()
        return self._background[1]

    def fits(self, trees: Trees, players: np.ndarray) -> bool:
        """Whether these are the trees and players it was made for."""
        if not np.array_equal(self.players, players):
            return False
        return _same(trees, self.trees)

    def _held(self) -> int:
        """Memory it holds in bytes, apart from what the trees remember of themselves."""
        held: list[Any] = [getattr(self.trees, field.name) for field in fields(self.trees)]
        held += [*self.program, *([] if self._background is None else self._background[1])]
        held += [] if self._background is None else [self._background[0]]
        return sum(part.nbytes for part in held if isinstance(part, np.ndarray))


_kept: OrderedDict[int, Plan] = OrderedDict()
_lock = Lock()


def plan_for(trees: Trees, players: np.ndarray) -> Plan:
    """The plan for these trees and players: a kept one, or a new one.

    Parameters
    ----------
    trees : Trees
    players : ndarray of int, (encoded column,)
        The player that owns each encoded column.

    Returns
    -------
    Plan
        Its `trees` have the content of those given.
    """
    with _lock:
        known = list(_kept.items())
    known.sort(key=lambda each: each[1].trees is trees)  # those are told apart soonest
    for key, plan in reversed(known):
        if plan.fits(trees, players):
            _keep(key, plan)
            return plan
    plan = Plan(trees, players)
    _keep(id(plan), plan)
    return plan


def _keep(key: int, plan: Plan) -> None:
    """Put a plan last, and let the first go while there are too many."""
    with _lock:
        _kept[key] = plan
        _kept.move_to_end(key)
        sizes = {each: kept.bytes for each, kept in _kept.items()}
        while len(_kept) > MOST_PLANS or sum(sizes[each] for each in _kept) > MOST_BYTES:
            _kept.popitem(last=False)


def _same(one: Any, other: Any) -> bool:
    """Equality to the last bit, of arrays and of what is not an array."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return (
            one.shape == other.shape
            and one.dtype == other.dtype
            and np.array_equal(_bits(one), _bits(other))
        )
    if is_dataclass(one) and type(one) is type(other):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, float) and isinstance(other, float) and one != one:
        return other != other
    return type(one) is type(other) and bool(one == other)


def _bits(array: np.ndarray) -> np.ndarray:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(f"u{flat.itemsize}") if flat.itemsize in (1, 2, 4, 8) else flat
