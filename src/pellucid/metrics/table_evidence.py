"""What a metric judges of a table: rows, features, and background rows to replace them from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.data.schema import Column
from pellucid.data.table import Table
from pellucid.engine.work import slices
from pellucid.explainers.question import Question
from pellucid.maths.spread import deviations
from pellucid.metrics.evidence import Evidence

MOVABLE = ("numeric", "date")
"""Kinds of columns that can be changed a little; categories and yes-or-no cannot."""


@dataclass(kw_only=True)
class Repeat(Question):
    """A question asked again about other rows or with another seed, against the same reference.

    Parameters
    ----------
    first : Question
        The question as it was first asked, whose reference rows stay in use.
    """

    first: Question

    def reference(self, most: int | None, *, covered: bool = False) -> np.ndarray:
        """The reference rows of the first question."""
        return self.first.reference(most, covered=covered)


def repeat(
    question: Question, first: Question, *, table: Table | None = None, seed: int | None = None
) -> Repeat:
    """`question` about another table or with another seed, with the reference rows of `first`."""
    same: dict[str, Any] = {field.name: getattr(question, field.name) for field in fields(Question)}
    same["table"] = question.table if table is None else table
    same["seed"] = question.seed if seed is None else seed
    return Repeat(**{**same, "notes": []}, first=first)


@dataclass(frozen=True, kw_only=True, eq=False)
class TableEvidence(Evidence):
    """The evidence of rows of a table; units are features, or groups of them."""

    thing: ClassVar[str] = "row"
    one: ClassVar[str] = "a row"
    part: ClassVar[str] = "feature"
    number: ClassVar[str] = "number"
    ways: ClassVar[Mapping[str, str]] = {
        "background": "background values",
        "typical": "the most typical value of each column",
    }

    question: Question
    first: Question

    @property
    def features(self) -> tuple[str, ...]:
        return self.question.player_names

    @property
    def names(self) -> tuple[Any, ...]:
        return tuple(self.question.table.rows)

    @property
    def inputs(self) -> np.ndarray:
        return self.question.table.codes

    @property
    def outputs(self) -> np.ndarray:
        return self.question.output

    @property
    def classes(self) -> np.ndarray:
        return np.array([str(label) for label in self.question.labels], object)[self.chosen]

    @cached_property
    def spread(self) -> float:
        """How far the prediction ranges over the rows judged and a hundred reference rows."""
        seen = self.question.output
        if self.has_reference:
            known = self.reference
            at = np.unique(np.linspace(0, len(known) - 1, min(100, len(known))).astype(int))
            seen = np.concatenate([seen, self.question.predict(known[at])])
        return float(np.ptp(seen, axis=0).max())

    @property
    def has_reference(self) -> bool:
        return self.question.background is not None or len(self.first.table) > 1

    @property
    def immovable(self) -> str | None:
        columns = self.question.table.schema.values()
        if any(column.kind in MOVABLE for column in columns):
            return None
        return "no column holds numbers, so no row can be changed a little"

    @cached_property
    def reference(self) -> np.ndarray:
        """Coded background rows; the rows explained where no background was given."""
        return self.question.reference(None)

    def predict(self, changed: np.ndarray, rows: np.ndarray) -> np.ndarray:
        found = self.question.predict(changed)
        return np.take_along_axis(found, self.chosen[rows][:, None], 1)[:, 0]

    def donors(self, most: int, way: str | None = None) -> np.ndarray:
        """Coded rows for each row judged, drawn for each anew: (sample, donor, feature)."""
        known = self.reference
        if way == "typical":
            known = self._typical()[None]
        n, size = len(self), min(most, len(known))
        if size == len(known):
            return np.broadcast_to(known, (n, *known.shape))
        rng = self.rng("donors")
        drawn = np.stack([rng.choice(len(known), size, replace=False) for _ in range(n)])
        return known[drawn]

    def _typical(self) -> np.ndarray:
        """The median of each numeric column, the most frequent value of each other: (feature,)."""
        found = np.empty(self.reference.shape[1])
        for j, column in enumerate(self.question.table.schema.values()):
            told = self.reference[np.isfinite(self.reference[:, j]), j]
            if not len(told):
                found[j] = np.nan
            elif column.kind in MOVABLE:
                found[j] = np.sort(told)[len(told) // 2]
            else:
                codes, count = np.unique(told, return_counts=True)
                found[j] = codes[count.argmax()]
        return found

    def without(self, rows: np.ndarray, removed: np.ndarray, given: Any) -> np.ndarray:
        size = given.shape[1]
        codes = self.question.table.codes
        step = max(1, self.question.work.batch_size // size)
        parts = []
        for part in slices(len(rows), step):
            own, mask = rows[part], removed[part][:, self.question.player_of]
            mixed = np.where(mask[:, None, :], given[own], codes[own][:, None, :])
            parts.append(self.predict(mixed.reshape(-1, codes.shape[1]), np.repeat(own, size)))
        return np.concatenate(parts).reshape(len(rows), size)

    def nudged(self, rows: np.ndarray, noise: float, *purpose: str | int) -> np.ndarray:
        """Rows whose numbers have moved by `noise` standard deviations of their column."""
        codes = self.inputs[rows]
        known = self.reference if self.has_reference else codes
        drawn = self.rng("noise", *purpose).normal(size=codes.shape)
        moved = codes + noise * deviations(known) * drawn
        for j, column in enumerate(self.question.table.schema.values()):
            moved[:, j] = _allowed(column, codes[:, j], moved[:, j])
        return moved

    def explained(
        self, rows: np.ndarray, changed: np.ndarray | None, seed: int | None
    ) -> np.ndarray | None:
        table: Table = self.question.table.take(rows)
        asked = repeat(
            replace(self.first, columns=self.question.columns, labels=self.question.labels),
            self.first,
            table=table if changed is None else table.with_codes(changed),
            seed=seed,
        )
        assert self.recipe is not None
        found = self.recipe.answer(asked, progress=False)
        shape = (len(rows), len(self.features))
        if not isinstance(found, Attribution) or found.values.shape[:2] != shape:
            return None
        return found.values.reshape(*shape, -1)


def _allowed(column: Column, own: np.ndarray, moved: np.ndarray) -> np.ndarray:
    if column.kind not in MOVABLE:
        return own
    if column.integer or column.kind == "date":
        moved = own + np.round(moved - own)
    inside = np.clip(
        moved,
        -np.inf if column.low is None else column.low,
        np.inf if column.high is None else column.high,
    )
    return np.where(np.isfinite(own), inside, own)
