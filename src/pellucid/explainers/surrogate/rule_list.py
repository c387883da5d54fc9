"""A list of if-then rules, read from the top, that says what the model says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.provenance import Provenance
from pellucid.core.rules import Rules
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import positive, whole_number
from pellucid.explainers.surrogate.anchor_search import Conditions, met_by, met_each, narrowed
from pellucid.explainers.surrogate.model_answers import Answers
from pellucid.explainers.surrogate.predicates import Bins
from pellucid.explainers.surrogate.surrogacy import Asked, Tested, learn_and_test, note_size
from pellucid.maths.conditional_draws import Limit
from pellucid.maths.description_length import of_classes, of_numbers, of_whole_number

BEAM = 20
"""Rules that are tried with one limit more."""


@dataclass(frozen=True, kw_only=True)
class RuleList(Explainer):
    """An ordered list of rules learnt from the model's answers: the first that holds decides.

    Parameters
    ----------
    rules : int
        Most rules before the last, "otherwise".
    length : int
        Most limits in a rule; two limits on one column make one condition.
    bins : int
        Numbers and dates are limited at their quantiles, this many bins.
    within : float, optional
        For models that answer with numbers: answers this near to a rule's count as the same. By
        default half a standard deviation of the model's answers.

    Notes
    -----
    Rows: those of the background, and those to explain that are not among them. The list learns
    from 70 % of them; the other 30 % say how faithful it is (`Rules.fidelity`) and how precise
    each rule is for the rows that come down to it.

    A rule is added while it shortens the description of the model's answers by more bits than it
    takes to write the rule down; the one that saves most for each row it holds for comes first.
    So the length of the list is found, not set. Classes are coded by their counts, numbers by a
    normal distribution, whose spread counts as no less than a twentieth of the whole.

    Cost: one evaluation for each row.

    Deviations from the papers: "otherwise" answers with what is left to it, not with all rows.

    References
    ----------
    Proença and van Leeuwen (2020), arXiv:1905.00328, for classes; Proença, Grünwald, Bäck and van
    Leeuwen (2022), arXiv:2103.13686, for numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> found = RuleList().explain(model, X, seed=0)
    >>> found.text(1), found[1].prediction, found.text(3)
    ('petal length (cm) > 5.1', 2, 'otherwise')
    """

    paper: ClassVar[str] = "arXiv:1905.00328"
    cost: ClassVar[str] = "one for each row"

    rules: int = 12
    length: int = 3
    bins: int = 8
    within: float | None = None

    def __post_init__(self) -> None:
        whole_number("rules", self.rules, 1)
        whole_number("length", self.length, 1)
        whole_number("bins", self.bins, 2)
        positive("within", self.within, optional=True)

    def work(self, question: Question) -> int:
        rows = question.background
        return len(question.table) + (0 if rows is None else len(rows))

    def compute(self, question: Question) -> Rules:
        answers = Answers.to(question)
        learn, test = learn_and_test(question, answers)
        bins = Bins.of(learn.codes, list(question.table.schema.values()), self.bins)
        placed = bins.place(learn.codes)
        search = Search(
            bins=placed,
            limits=[each for j in range(len(bins.columns)) for each in bins.limits(j)],
            facts=_facts(learn, answers),
            code=_code(learn, answers),
            length=self.length,
        )
        found = search.run(self.rules)
        decides = _deciding(placed, found)
        means = np.stack(
            [learn.outputs[decides == place].mean(axis=0) for place in range(len(found))]
        )
        tested = Tested(
            answers=answers,
            within=answers.within(learn.answers, self.within),
            test=test,
            rule=_deciding(bins.place(test.codes), found),
            said=np.array(
                [_said(learn.answers[decides == place], answers) for place in range(len(found))]
            ),
            means=means,
        )
        conditions = [
            [bins.condition(j, range(first, last + 1)) for j, first, last in rule] for rule in found
        ]
        note_size(question, len(found), [len(each) for each in conditions])
        return Rules(
            rules=tested.rules(conditions),
            dims=("rule",),
            coords={"rule": range(1, len(found) + 1)},
            arranged="list",
            fidelity=tested.fidelity(question),
            provenance=Provenance(method=""),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """The greedy search for the rules of a list.

    Parameters
    ----------
    bins : array of int of shape (row, column)
        The rows to learn from.
    limits : list of Limit
        What rules are made of.
    facts : array of shape (row, fact)
        What is summed over the rows of a rule for `code`.
    code : callable
        From sums of shape (rule, fact) to bits (rule,).
    length : int
        Most limits in a rule.
    """

    bins: np.ndarray
    limits: list[Limit]
    facts: np.ndarray
    code: Callable[[np.ndarray], np.ndarray]
    length: int

    def run(self, most: int) -> list[Conditions]:
        """The rules from the top; the last, without conditions, holds for what is left."""
        met = met_each(self.bins, self.limits)
        left = np.ones(len(self.bins), dtype=bool)
        found: list[Conditions] = []
        while len(found) < most:
            best = self._best(np.ascontiguousarray(met[:, left]), left)
            if best is None:
                break
            found.append(best)
            left &= ~met_by(self.bins, best)
        return [*found, ()]

    def _best(self, met: np.ndarray, left: np.ndarray) -> Conditions | None:
        """The rule that saves most bits for each row it holds for, if any saves more than none."""
        if not self.limits:
            return None
        facts, bins = np.asfortranarray(self.facts[left]), self.bins[left]
        known: dict[Conditions, float] = {}
        beam: list[Conditions] = [()]
        for _ in range(self.length):
            held = np.stack([met_by(bins, rule) for rule in beam])
            sums = np.stack([(met @ (held * fact).T).T for fact in facts.T], axis=2)
            longer = [narrowed(rule, limit) for rule in beam for limit in self.limits]
            gains = self._gain(longer, sums.reshape(len(longer), -1), facts)
            fresh = {
                rule: float(gain)
                for rule, gain in zip(longer, gains, strict=True)
                if rule not in known and np.isfinite(gain)
            }
            known |= fresh
            beam = sorted(fresh, key=lambda rule: -fresh[rule])[:BEAM]
            if not beam:
                break
        best = max(known, key=known.__getitem__, default=None)
        return None if best is None or known[best] <= 0 else best

    def _gain(self, rules: list[Conditions], sums: np.ndarray, facts: np.ndarray) -> np.ndarray:
        """Bits saved by each rule for each row it holds for; −∞ where it holds for none or all."""
        whole = facts.sum(axis=0, dtype=np.float64)
        inside = sums.astype(np.float64)
        told = self.code(whole[None])[0] - self.code(inside) - self.code(whole - inside)
        written = np.array([self._written(rule) for rule in rules])
        size = inside[:, 0] if self.code is not of_classes else inside.sum(axis=1)
        useful = (size > 0) & (size < len(facts))
        return np.where(useful, (told - written) / np.maximum(size, 1), -np.inf)

    def _written(self, rule: Conditions) -> float:
        """Bits that a rule takes to write down."""
        return of_whole_number(1 + len(rule)) + len(rule) * float(np.log2(len(self.limits)))


def _deciding(bins: np.ndarray, rules: list[Conditions]) -> np.ndarray:
    """The first rule that holds for each row."""
    return np.argmax(np.stack([met_by(bins, rule) for rule in rules]), axis=0)


def _facts(learn: Asked, answers: Answers) -> np.ndarray:
    if answers.labels:
        classes = np.arange(len(answers.labels))
        return (learn.answers[:, None] == classes).astype(np.float32)
    centred = (learn.answers - learn.answers.mean()) / (learn.answers.std() or 1.0)
    return np.stack([np.ones(len(centred)), centred, centred**2], axis=1).astype(np.float32)


def _code(learn: Asked, answers: Answers) -> Callable[[np.ndarray], np.ndarray]:
    if answers.labels:
        return of_classes
    return lambda moments: of_numbers(moments, 1.0)


def _said(here: np.ndarray, answers: Answers) -> float:
    """The class most often given, or the mean of numbers."""
    return float(np.bincount(here.astype(int)).argmax() if answers.labels else here.mean())
