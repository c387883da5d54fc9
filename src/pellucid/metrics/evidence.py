"""What a metric judges: an explanation, its model and rows, and how to make it again."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain
from pellucid.core.seeds import generator
from pellucid.data.table import Table
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question


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
class Evidence:
    """One explained output per row, with everything that is needed to check it.

    Parameters
    ----------
    question : Question
        The model, the rows judged and the outputs explained.
    values, error : array of shape (sample, feature, output)
        The explanation and its standard errors.
    base : array of shape (sample, output) or None
        What the values start from.
    chosen : int array of shape (sample,)
        Which output of each row is judged.
    group : str
        What that output is called; empty where there is only one.
    recipe : Explainer or None
        The method that made the explanation, if it is known.
    first : Question
        The question as it was asked when the explanation was made.
    unrepeatable : str
        Why the explanation cannot be made again; empty where it can.
    cost : float
        Model evaluations that the explanation of one row took.
    seed : int
        The seed of the checks.
    """

    question: Question
    values: np.ndarray
    error: np.ndarray
    base: np.ndarray | None
    chosen: np.ndarray
    group: str = ""
    recipe: Explainer | None
    first: Question
    unrepeatable: str = ""
    cost: float
    seed: int

    def __len__(self) -> int:
        return len(self.values)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return self.question.player_names

    @property
    def scale(self) -> str:
        """What the output is measured in."""
        return self.question.scale

    @property
    def shares(self) -> np.ndarray:
        """The values of the output judged, shape (sample, feature)."""
        return self.pick(self.values, np.arange(len(self)))

    @property
    def output(self) -> np.ndarray:
        """The model's own prediction of the output judged, shape (sample,)."""
        return np.take_along_axis(self.question.output, self.chosen[:, None], axis=1)[:, 0]

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
        """Whether there are rows to take the place of a removed feature from."""
        return self.question.background is not None or len(self.first.table) > 1

    @cached_property
    def reference(self) -> np.ndarray:
        """Coded background rows; the rows explained where no background was given."""
        return self.question.reference(None)

    def pick(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The output judged out of `values` (row, feature, output) made for these rows."""
        return np.take_along_axis(values, self.chosen[rows][:, None, None], axis=2)[:, :, 0]

    def predict(self, codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The output judged, shape (row,), of changed copies of `rows`."""
        return np.take_along_axis(self.question.predict(codes), self.chosen[rows][:, None], 1)[:, 0]

    def again(
        self, rows: np.ndarray, *, codes: np.ndarray | None = None, seed: int | None = None
    ) -> np.ndarray:
        """Values of the output judged, shape (row, feature), explained once more.

        Parameters
        ----------
        rows : int array of shape (row,)
            Which of the rows judged.
        codes : array of shape (row, feature), optional
            Changed copies of them, to be explained in their place.
        seed : int, optional
            Another seed than the explanation's own.

        Raises
        ------
        CannotExplain
            If the method gives something else than values for these rows and features.
        """
        if self.recipe is None:
            raise CannotExplain("The explanation cannot be made again", got=self.unrepeatable)
        table: Table = self.question.table.take(rows)
        asked = repeat(
            replace(self.first, columns=self.question.columns, labels=self.question.labels),
            self.first,
            table=table if codes is None else table.with_codes(codes),
            seed=seed,
        )
        found = self.recipe.answer(asked, progress=False)
        shape = (len(rows), len(self.features))
        if not isinstance(found, Attribution) or found.values.shape[:2] != shape:
            raise CannotExplain(
                f"{self.recipe.name()} gave no attribution when it was run again",
                got=type(found).__name__,
            )
        return self.pick(found.values.reshape(*shape, -1), rows)

    def affordable(self, runs: int, budget: int) -> np.ndarray:
        """Which rows can be explained `runs` times for `budget` evaluations; at least one."""
        most = int(budget / max(runs * self.cost, 1))
        return self.some(max(most, 1), f"{runs} more explanations of each")

    def some(self, most: int, why: str) -> np.ndarray:
        """At most `most` of the rows judged, drawn at random; a cut is noted."""
        n = len(self)
        if n <= most:
            return np.arange(n)
        self.question.note(f"For {why}, {most} of {n} rows were drawn to bound the cost.")
        return np.sort(self.rng("rows").choice(n, most, replace=False))

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """A random stream for one purpose."""
        return generator(self.seed, *purpose)
