"""Samples changed a little, again and again: how far inputs, answers and explanations move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from pellucid.metrics.evidence import Evidence
from pellucid.models.representation import representation
from pellucid.models.torch import TorchModel

LEAST = 1e-6
"""What stands for 0 below a fraction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """How far the neighbours of samples are from them, whatever explains them.

    Parameters
    ----------
    distance : array of shape (sample, neighbour)
        Of the inputs, in units.
    relative : array of shape (sample, neighbour)
        Of the inputs, relative to them.
    answer : array of shape (sample, neighbour)
        Of the model's outputs.
    inside : array of shape (sample, neighbour)
        Of the activation inside the model, relative to it; NaN where nothing was looked at.
    same : array of bool of shape (sample, neighbour)
        Whether the neighbour has the class of the sample.
    """

    distance: np.ndarray
    relative: np.ndarray
    answer: np.ndarray
    inside: np.ndarray
    same: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Changes:
    """How far the explanations of neighbours are from those of the samples.

    Parameters
    ----------
    size : array of shape (sample,)
        Euclidean norm of the samples' own.
    distance, total : array of shape (sample, neighbour)
        Euclidean norm, and sum of magnitudes, of the difference.
    relative : array of shape (sample, neighbour)
        The difference relative to the samples' own.
    """

    size: np.ndarray
    distance: np.ndarray
    total: np.ndarray
    relative: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Which neighbours are visited, and how relative differences are taken.

    Parameters
    ----------
    noise : float
        How far numbers move, as a share of their spread.
    neighbours : int
        How many of each sample.
    elementwise : bool
        Whether differences are divided number by number, or as a whole.
    site : str, optional
        Where inside the model to look.
    """

    noise: float
    neighbours: int
    elementwise: bool = False
    site: str | None = None

    def moved(self, evidence: Evidence, rows: np.ndarray, which: int) -> np.ndarray:
        """One neighbour of each of these samples."""
        return evidence.nudged(rows, self.noise, "neighbour", which)

    def steps(self, evidence: Evidence, rows: np.ndarray, *, inside: bool) -> Steps:
        """How far neighbours are away; asked for once for all explanations of the samples."""
        key = ("steps", self, rows.tobytes(), inside)
        return evidence.once(key, partial(self._steps, evidence, rows, inside))

    def _steps(self, evidence: Evidence, rows: np.ndarray, inside: bool) -> Steps:
        own = evidence.inputs[rows]
        answers = evidence.answers(own)
        seen = _inside(evidence, own, self.site) if inside else None
        found: list[tuple[np.ndarray, ...]] = []
        for which in range(self.neighbours):
            moved = self.moved(evidence, rows, which)
            told = evidence.answers(moved)
            before, after = (_measured(evidence, each) for each in (own, moved))
            deep = np.full(len(rows), np.nan)
            if seen is not None:
                deep = self.relative(seen, _inside(evidence, moved, self.site))
            found.append((
                _norm(after - before),
                self.relative(before, after),
                _norm(told - answers),
                deep,
                decided(evidence, told) == decided(evidence, answers),
            ))  # fmt: skip
        distance, relative, answer, deep, same = (
            np.stack(each, axis=1) for each in zip(*found, strict=True)
        )
        return Steps(distance=distance, relative=relative, answer=answer, inside=deep, same=same)

    def changes(self, evidence: Evidence, rows: np.ndarray) -> tuple[Changes, Changes]:
        """How far explanations move, and how far random values of their size would.

        One neighbour of all samples is explained at a time, so that each keeps its place, and a
        method that draws its random numbers by place draws the same.
        """
        own = _flat(evidence.in_finest(evidence.told[rows]))
        size = _norm(own)
        chance = evidence.rng("random values")
        first = _of_size(chance.normal(size=own.shape), size)
        found, random = [], []
        for which in range(self.neighbours):
            moved = self.moved(evidence, rows, which)
            after = _flat(evidence.in_finest(evidence.told_again(rows, changed=moved)))
            found.append(self._apart(own, after))
            fresh = _of_size(chance.normal(size=own.shape), size)
            random.append(self._apart(first, fresh))
        return _changes(size, found), _changes(size, random)

    def _apart(self, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, ...]:
        away = after - before
        return _norm(away), np.abs(away).sum(axis=1), self.relative(before, after)

    def relative(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """The difference relative to what was before, (row,); NaN where that is nothing."""
        away = after - before
        if self.elementwise:
            return _norm(away / np.where(before == 0, LEAST, before))
        size = _norm(before)
        return np.divide(_norm(away), size, out=np.full_like(size, np.nan), where=size > 0)


def decided(evidence: Evidence, answers: np.ndarray) -> np.ndarray:
    """The class that answers (row, output) speak for, (row,); 0 for all where there are none."""
    if evidence.question.model.task != "classification":
        return np.zeros(len(answers), dtype=int)
    if answers.shape[1] > 1:
        return answers.argmax(axis=1)
    return np.asarray(answers[:, 0] > (0.5 if evidence.scale == "probability" else 0), dtype=int)


def _measured(evidence: Evidence, inputs: np.ndarray) -> np.ndarray:
    """Inputs in units, (row, number); what is missing, or cannot move, is 0."""
    return _flat(np.nan_to_num(inputs / evidence.unit, posinf=0.0, neginf=0.0))


def _inside(evidence: Evidence, inputs: np.ndarray, site: str | None) -> np.ndarray:
    """Activations (row, number) inside the network for changed inputs."""
    model = evidence.question.model
    assert isinstance(model, TorchModel)
    return evidence.question.work.predict(
        lambda part: representation(model, evidence.encoded(part), site), inputs
    )


def _changes(size: np.ndarray, found: list[tuple[np.ndarray, ...]]) -> Changes:
    distance, total, relative = (np.stack(each, axis=1) for each in zip(*found, strict=True))
    return Changes(size=size, distance=distance, total=total, relative=relative)


def _of_size(drawn: np.ndarray, size: np.ndarray) -> np.ndarray:
    return drawn * (size / _norm(drawn))[:, None]


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).astype(float)


def _norm(values: np.ndarray) -> np.ndarray:
    """Euclidean norm of each row, (row,)."""
    return np.asarray(np.linalg.norm(values, axis=1))
