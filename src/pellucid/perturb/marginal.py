"""Removing features means taking them from background rows, whatever the other features are.

The worth of a coalition of features, for one explained row, is the mean prediction over rows that
have the coalition's values from the explained row and all others from a background row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pellucid.engine.work import BATCH_ROWS, slices
from pellucid.maths.coalitions import every_coalition, exact_shapley

CELLS = 1 << 23
"""Worths that are held at once: 64 MB."""


class Plan(NamedTuple):
    """Which coalitions to evaluate for a number of players, and what to make of them.

    Parameters
    ----------
    coalitions : array of bool of shape (coalition, player)
        Without nobody and everybody, whose worth is known.
    shares : callable
        From worths (sample, coalition, output), the worth of nobody (output,) and of everybody
        (sample, output), to values and errors, both (sample, player, output).
    """

    coalitions: np.ndarray
    shares: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, kw_only=True, eq=False)
class MarginalGame:
    """The game of each explained row against one background.

    Parameters
    ----------
    predict : callable
        From coded rows (row, feature) to outputs (row, output).
    rows : array of shape (sample, feature)
        The explained rows.
    output : array of shape (sample, output)
        Their predictions: the worth of everybody.
    background : array of shape (row, feature)
        Equal rows are evaluated once.
    batch_size : int
        Most rows that are composed at once.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    rows: np.ndarray
    output: np.ndarray
    background: np.ndarray
    batch_size: int = BATCH_ROWS

    @cached_property
    def _reference(self) -> tuple[np.ndarray, np.ndarray]:
        """The different background rows and their shares of the background."""
        rows, count = np.unique(self.background, axis=0, return_counts=True)
        return rows, count / count.sum()

    @cached_property
    def base(self) -> np.ndarray:
        """Mean prediction over the background, shape (output,): the worth of nobody."""
        rows, share = self._reference
        return share @ self.predict(rows)

    @cached_property
    def playing(self) -> np.ndarray:
        """Whether a feature differs between the row and any background row: (sample, feature).

        The others change nothing whether they are in a coalition or not.
        """
        rows, _ = self._reference
        varies = ~_same(rows, rows[0]).all(axis=0)
        return varies | ~_same(self.rows, rows[0])

    def worth(self, samples: np.ndarray, players: np.ndarray, coalitions: np.ndarray) -> np.ndarray:
        """Worth of the same coalitions for several rows.

        Parameters
        ----------
        samples : array of int of shape (sample,)
            Which of `rows`.
        players : array of int of shape (sample, player)
            The feature that each player is, row by row.
        coalitions : array of bool of shape (coalition, player)

        Returns
        -------
        array of shape (sample, coalition, output)

        Notes
        -----
        Cost: samples × coalitions × different background rows, in calls of `batch_size` rows.
        """
        reference, share = self._reference
        number = coalitions.shape[1]
        place = np.full((len(samples), self.rows.shape[1]), number)
        np.put_along_axis(place, players, np.arange(number)[None], axis=1)
        member = np.concatenate([coalitions, np.zeros((len(coalitions), 1), dtype=bool)], axis=1)
        jobs = len(samples) * len(coalitions)
        if jobs == 0:
            return np.zeros((len(samples), len(coalitions), self.output.shape[1]))
        parts = []
        for job in slices(jobs, max(1, self.batch_size // len(reference))):
            sample, coalition = np.divmod(np.arange(job.start, job.stop), len(coalitions))
            inside = member[coalition[:, None], place[sample]]
            own = self.rows[samples[sample]]
            composed = np.where(inside[:, None], own[:, None], reference)
            outputs = self.predict(composed.reshape(-1, self.rows.shape[1]))
            parts.append(np.einsum("b,jbo->jo", share, outputs.reshape(len(own), len(share), -1)))
        return np.concatenate(parts).reshape(len(samples), len(coalitions), -1)

    def shapley(self, plan: Callable[[int], Plan]) -> tuple[np.ndarray, np.ndarray]:
        """Values and errors of all rows, both (sample, feature, output).

        Parameters
        ----------
        plan : callable
            From the number of players to a `Plan`; rows with as many players share it, so that
            what is said of a row does not depend on the rows beside it.
        """
        shape = (*self.rows.shape, self.output.shape[1])
        values, error = np.zeros(shape), np.zeros(shape)
        count = self.playing.sum(axis=1)
        for number in np.unique(count)[::-1]:
            if number == 0:
                continue
            chosen = plan(int(number))
            group = np.flatnonzero(count == number)
            several = max(1, CELLS // (shape[2] * max(1, len(chosen.coalitions))))
            for some in slices(len(group), several):
                samples = group[some]
                players = np.nonzero(self.playing[samples])[1].reshape(len(samples), number)
                worth = self.worth(samples, players, chosen.coalitions)
                found = chosen.shares(worth, self.base, self.output[samples])
                values[samples[:, None], players], error[samples[:, None], players] = found
        return values, error


def enumerated(players: int) -> Plan:
    """All coalitions, and values without error."""

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        first = np.broadcast_to(nobody, everybody.shape)[:, None]
        values = exact_shapley(np.concatenate([first, worth, everybody[:, None]], axis=1))
        return values, np.zeros_like(values)

    return Plan(every_coalition(players)[1:-1], shares)


def odd_half(
    worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray, pairs: int
) -> np.ndarray:
    """Half the difference within each pair, everybody against nobody first.

    Parameters
    ----------
    worth : array of shape (sample, coalition, output)
        `pairs` coalitions, and then those of the others.
    nobody, everybody : arrays of shape (output,) and (sample, output)
    pairs : int

    Returns
    -------
    array of shape (sample, 1 + pairs, output)
    """
    whole = (everybody - nobody)[:, None] / 2
    return np.concatenate([whole, (worth[:, :pairs] - worth[:, pairs:]) / 2], axis=1)


def _same(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (values == others) | (np.isnan(values) & np.isnan(others))
