"""What a metric judges of a table: rows, features, and background rows to replace them from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain
from pellucid.data.schema import Column
from pellucid.data.table import Table
from pellucid.engine.work import slices
from pellucid.explainers.question import Question
from pellucid.maths.spread import deviations
from pellucid.metrics.evidence import Evidence
from pellucid.models.adapter import Model
from pellucid.models.as_model import as_model

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
    step: ClassVar[str] = "standard deviation"
    unmoved: ClassVar[str] = "whole numbers do not change by so little"
    evaluations: ClassVar[int] = 5_000_000
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

    @cached_property
    def unit(self) -> np.ndarray:
        """The standard deviation of each column, as `nudged` takes it."""
        known = self.reference if self.has_reference else self.inputs
        movable = [each.kind in MOVABLE for each in self.question.table.schema.values()]
        spread = deviations(known)
        return np.where(movable & (spread > 0), spread, np.inf)

    @property
    def told(self) -> np.ndarray:
        return self.shares

    @property
    def doubt(self) -> np.ndarray:
        return self.pick(self.error, np.arange(len(self)))

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

    def answers(self, changed: np.ndarray) -> np.ndarray:
        asked = self.question
        return asked.work.predict(
            lambda codes: asked.model.predict(asked.table.native(codes), asked.scale), changed
        )

    def encoded(self, changed: np.ndarray) -> np.ndarray:
        return self.question.encode(changed)

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

    def blanked(self, removed: np.ndarray, way: str) -> np.ndarray:
        instead = self.donors(1, way)[:, 0]
        return np.where(removed[:, self.question.player_of], instead, self.inputs)

    def native(self, changed: np.ndarray) -> Any:
        return self.question.table.native(changed)

    def classified(self, model: Model, changed: np.ndarray) -> np.ndarray:
        sure = "probability" in model.scales
        scale = "probability" if sure else model.scales[0]
        scores = self.question.work.predict(
            lambda codes: model.predict(self.native(codes), scale), changed
        )
        second = (scores[:, 0] > (0.5 if sure else 0.0)).astype(int)
        best = scores.argmax(axis=1) if scores.shape[1] > 1 else second
        known = range(scores.shape[1]) if model.classes is None else model.classes
        return np.array([str(label) for label in known])[best]

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
        return self.pick(found.values.reshape(*shape, -1), rows)

    @property
    def picked(self) -> np.ndarray:
        asked = self.question
        if asked.complement:
            return np.zeros(len(self), dtype=np.intp)
        return np.asarray(asked.columns)[self.chosen]

    @property
    def class_count(self) -> int:
        classes = self.question.model.classes
        return 1 if classes is None or len(classes) == 2 else len(classes)

    def adapted(self, model: Any) -> Model:
        found = as_model(model)
        found.greet(self.question.table.native())
        return found

    def otherwise(
        self,
        rows: np.ndarray,
        *,
        model: Model | None = None,
        classes: np.ndarray | None = None,
        changed: np.ndarray | None = None,
    ) -> np.ndarray:
        known = self.question.model.classes
        picked = self.picked[rows] if classes is None else classes
        found = np.empty((len(rows), len(self.features)))
        for place in np.unique(picked):
            mine = picked == place
            table = self.question.table.take(rows[mine])
            asked = repeat(
                replace(
                    self.first,
                    columns=[int(place)],
                    labels=(int(place) if known is None else known[place],),
                    model=self.first.model if model is None else model,
                ),
                self.first,
                table=table if changed is None else table.with_codes(changed[mine]),
            )
            found[mine] = self._shares_of(asked)
        return found

    def _shares_of(self, asked: Question) -> np.ndarray:
        """Values (row, feature) of a question about one output."""
        assert self.recipe is not None
        made = self.recipe.answer(asked, progress=False)
        shape = (asked.size, len(self.features))
        if not isinstance(made, Attribution) or made.values.shape != shape:
            raise CannotExplain(f"{self.recipe.name()} gave no value for each row and feature")
        return np.asarray(made.values)


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
