"""The game that Shapley methods play: what a model answers when only some columns are known.

The worth of a coalition of players, for one explained row, is the mean prediction over the rows
that a removal completes it to. A player is a column, or a group of columns that come together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pellucid.engine.work import BATCH_ROWS, slices
from pellucid.maths.coalitions import every_coalition, exact_shapley
from pellucid.perturb.removal import Removal, same

JOBS = 1 << 15
"""Coalitions that are searched for equal ones at once."""


class Plan(NamedTuple):
    """Which coalitions to evaluate for a number of players, and what to make of them.

    Parameters
    ----------
    coalitions : array of bool of shape (coalition, player)
        Without nobody and everybody, whose worth is known.
    shares : callable
        From worths (sample, coalition, output), the worth of nobody (output,) and of everybody
        (sample, output), to values and errors, both (sample, player, output).
    ends : tuple of int
        Numbers of coalitions after which values can be had from the worths so far, growing; the
        last is all.
    """

    coalitions: np.ndarray
    shares: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    ends: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Game:
    """The game of each explained row.

    Parameters
    ----------
    predict : callable
        From coded rows (row, feature) to outputs (row, output).
    rows : array of shape (sample, feature)
        The explained rows.
    output : array of shape (sample, output)
        Their predictions: the worth of everybody.
    removal : Removal
        What stands in for the columns that a coalition lacks.
    player_of : array of int of shape (feature,)
        The player that holds each column.
    batch_size : int
        Most rows that are composed at once.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    rows: np.ndarray
    output: np.ndarray
    removal: Removal
    player_of: np.ndarray
    batch_size: int = BATCH_ROWS

    @property
    def players(self) -> int:
        """How many there are."""
        return int(self.player_of.max()) + 1

    @cached_property
    def base(self) -> np.ndarray:
        """Mean prediction when nothing is known, shape (output,): the worth of nobody."""
        rows, share = self.removal.reference
        return np.asarray(share @ self.predict(rows))

    @cached_property
    def playing(self) -> np.ndarray:
        """Whether a player differs between the row and any reference row: (sample, player).

        The others change nothing whether they are in a coalition or not.
        """
        rows = self.removal.seen
        varies = ~same(rows, rows[0]).all(axis=0) | ~same(self.rows, rows[0])
        return varies @ (self.player_of[:, None] == np.arange(self.players))

    @cached_property
    def _alike(self) -> bool:
        """Whether two explained rows share a value, so that coalitions may be equal."""
        return any(len(np.unique(column)) < len(column) for column in self.rows.T)

    def answers(self, samples: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Worth of one coalition for each job.

        Parameters
        ----------
        samples : array of int of shape (job,)
            Which of `rows`.
        inside : array of bool of shape (job, feature)
            The columns that are known.

        Returns
        -------
        array of shape (job, output)

        Notes
        -----
        Cost: jobs × completed rows, in calls of about `batch_size` rows. Coalitions that say the
        same of two explained rows are evaluated once.
        """
        if not len(samples):
            return np.zeros((0, self.output.shape[1]))
        width = self.removal.width
        parts = []
        for some in slices(len(samples), JOBS):
            own, known = self.rows[samples[some]], inside[some]
            first, place = _distinct(own, known) if self._alike else (slice(None), slice(None))
            own, known = own[first], known[first]
            each = [
                self._ask(own[job], known[job])
                for job in slices(len(own), max(1, self.batch_size // width))
            ]
            parts.append(np.concatenate(each)[place])
        return np.concatenate(parts)

    def _ask(self, own: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Mean predictions over the completed rows, of which only those with a share are asked."""
        rows, share = self.removal.complete(own, inside)
        if share.ndim == 1:  # coalitions in turn for each row: a model of trees is then quicker
            jobs, width, features = rows.shape
            outputs = self.predict(rows.swapaxes(0, 1).reshape(-1, features))
            return np.einsum("b,bjo->jo", share, outputs.reshape(width, jobs, -1))
        asked = share > 0
        outputs = self.predict(rows[asked]) * share[asked][:, None]
        ends = np.cumsum(asked.sum(axis=1))[:-1]
        return np.add.reduceat(outputs, np.concatenate([[0], ends]), axis=0)

    def worth(self, samples: np.ndarray, players: np.ndarray, coalitions: np.ndarray) -> np.ndarray:
        """Worth of the same coalitions for several rows.

        Parameters
        ----------
        samples : array of int of shape (sample,)
            Which of `rows`.
        players : array of int of shape (sample, player)
            Who each player is, row by row.
        coalitions : array of bool of shape (coalition, player)

        Returns
        -------
        array of shape (sample, coalition, output)
        """
        number = coalitions.shape[1]
        seat = np.full((len(samples), self.players), number)
        np.put_along_axis(seat, players, np.arange(number)[None], axis=1)
        seat = seat[:, self.player_of]
        member = np.concatenate([coalitions, np.zeros((len(coalitions), 1), dtype=bool)], axis=1)
        jobs, parts = len(samples) * len(coalitions), []
        if jobs == 0:
            return np.zeros((len(samples), len(coalitions), self.output.shape[1]))
        for job in slices(jobs, JOBS):
            coalition, sample = np.divmod(np.arange(job.start, job.stop), len(samples))
            inside = member[coalition[:, None], seat[sample]]
            parts.append(self.answers(samples[sample], inside))
        found = np.concatenate(parts).reshape(len(coalitions), len(samples), -1)
        return np.ascontiguousarray(found.transpose(1, 0, 2))


def whole_table(worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray) -> np.ndarray:
    """Worths of all coalitions but two with those two put in: (sample, 2^players, output)."""
    first = np.broadcast_to(nobody, everybody.shape)[:, None]
    return np.concatenate([first, worth, everybody[:, None]], axis=1)


def enumerated(players: int) -> Plan:
    """All coalitions, and Shapley values without error.

    They come in the order of Gray's code: neighbours differ in few players.
    """
    number = np.arange(1 << players)
    order = number ^ (number >> 1)
    order = order[(order > 0) & (order < len(number) - 1)]
    place = np.argsort(order)

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        values = exact_shapley(whole_table(worth[:, place], nobody, everybody))
        return values, np.zeros_like(values)

    return Plan(every_coalition(players)[order], shares)


def _distinct(own: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The jobs that differ in what is known, and for each job its place among them."""
    known = np.concatenate([np.where(inside, own + 0.0, 0.0), inside], axis=1)
    raw = np.ascontiguousarray(known).view(np.dtype((np.void, known.shape[1] * 8))).ravel()
    _, first, place = np.unique(raw, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[place.reshape(-1)]
