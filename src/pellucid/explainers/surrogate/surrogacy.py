"""What surrogates of a whole model share: the rows they learn from, and the proof of their fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.errors import EmptyData
from pellucid.core.rules import Condition, Rule
from pellucid.core.scores import Score
from pellucid.explainers.question import Question
from pellucid.explainers.surrogate.model_answers import Answers
from pellucid.maths.binomial import clopper_pearson
from pellucid.maths.bootstrap import bootstrap
from pellucid.maths.intervals import LEVEL, percentile

HELD_OUT = 0.3
"""Share of the rows on which the surrogate is tested."""

FEWEST = 5
"""Rows without which there is nothing to learn and to test."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Rows with the model's answers.

    Parameters
    ----------
    codes : array of shape (row, column)
        The rows.
    answers : array of shape (row,)
        Codes of classes, or numbers.
    outputs : array of shape (row, output)
        The explained outputs.
    """

    codes: np.ndarray
    answers: np.ndarray
    outputs: np.ndarray


def learn_and_test(question: Question, answers: Answers) -> tuple[Asked, Asked]:
    """The model's answers for rows to learn from, and for other rows to test on.

    The rows are those of the background, and those to explain that are not among them.

    Raises
    ------
    EmptyData
        If there are too few of them.
    """
    rows = question.table.codes
    if question.background is not None:
        known = {row.tobytes() for row in question.background.codes}
        fresh = np.array([row.tobytes() not in known for row in np.ascontiguousarray(rows)])
        rows = np.concatenate([question.background.codes, rows[fresh]])
    if len(rows) < FEWEST:
        raise EmptyData(
            "A surrogate learns from rows and is tested on others",
            got=f"{len(rows)} rows",
            allowed=f"{FEWEST} or more",
            fix="Give more rows, or background=",
        )
    said, outputs = answers.ask(rows)
    order = question.rng("held-out rows").permutation(len(rows))
    away = max(1, round(HELD_OUT * len(rows)))
    return tuple(  # type: ignore[return-value]
        Asked(codes=rows[part], answers=said[part], outputs=outputs[part])
        for part in (np.sort(order[away:]), np.sort(order[:away]))
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Tested:
    """A surrogate's rules on the rows on which it is tested.

    Parameters
    ----------
    answers : Answers
        What codes of answers mean.
    within : float or None
        How far numbers may lie apart and count as the same.
    test : Asked
        The rows.
    rule : array of int of shape (row,)
        The rule that decides for each row.
    said : array of shape (rule,)
        The answer of each rule.
    means : array of shape (rule, output)
        The outputs that each rule predicts.
    """

    answers: Answers
    within: float | None
    test: Asked
    rule: np.ndarray
    said: np.ndarray
    means: np.ndarray

    def rules(self, conditions: Sequence[Sequence[Condition]]) -> tuple[Rule, ...]:
        """The rules for the reader."""
        return tuple(self._rule(place, each) for place, each in enumerate(conditions))

    def _rule(self, place: int, conditions: Sequence[Condition]) -> Rule:
        here, own = self.rule == place, float(self.said[place])
        tried, rows = int(here.sum()), len(here)
        same = self.answers.same(self.test.answers[here], own, self.within)
        precise = clopper_pearson(int(same.sum()), tried, LEVEL)
        covers = clopper_pearson(tried, rows, LEVEL)
        label: Label = self.answers.label(own)
        return Rule(
            conditions=tuple(conditions),
            prediction=label,
            value=self.answers.value(own, self.means[place]),
            within=self.within,
            agreed=int(same.sum()),
            tried=tried,
            covered=tried,
            rows=rows,
            precision_low=float(precise[0]),
            precision_high=float(precise[1]),
            coverage_low=float(covers[0]),
            coverage_high=float(covers[1]),
        )

    def fidelity(self, question: Question) -> tuple[Score, ...]:
        """R² of the outputs and, of classes, the share of equal ones, with bootstrap intervals."""
        outputs, told = self.test.outputs, self.means[self.rule]
        n = len(outputs)
        equal = (self.test.answers == self.said[self.rule]).astype(np.float64)

        def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
            total = weights.sum(axis=1)
            mean = weights @ outputs / total[:, None]
            spread = weights @ np.square(outputs) - total[:, None] * np.square(mean)
            missed = weights @ np.square(outputs - told).sum(axis=1)
            varies = spread.sum(axis=1)
            safe = np.where(varies > 1e-12, varies, np.nan)
            found = {"r2": 1.0 - missed / safe}
            if self.answers.labels:
                found["accuracy"] = weights @ equal / total
            return found

        values, draws = bootstrap(
            statistic, n, resamples=1000, rng=question.rng("fidelity", "bootstrap")
        )
        return tuple(_score(name, values[name], draws[name], n) for name in reversed(values))


def _score(name: str, value: float, draws: np.ndarray, n: int) -> Score:
    low, high = percentile(draws)
    what = {
        "r2": "the share of the variance of the model's output that the surrogate explains",
        "accuracy": "the share of rows for which the surrogate says what the model says",
    }[name]
    return Score(
        metric=name,
        value=value,
        low=low,
        high=high,
        n=n,
        text=f"{value:.3g} is {what}, on {n} rows it did not learn from.",
    )


def note_size(question: Question, rules: int, limits: Sequence[int]) -> None:
    """How much there is to read."""
    question.note(
        f"{rules} rules with {np.mean(limits):.2g} conditions on average, {max(limits)} at most."
    )
