"""Anchors: the conditions of a row under which the model says the same whatever else changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.rules import Condition, Rule, Rules
from pellucid.engine.work import slices
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import positive, whole_number
from pellucid.explainers.surrogate.anchor_search import (
    MOST,
    PROOF,
    Anchor,
    Conditions,
    Search,
    Seen,
    Stream,
    met_by,
    run_together,
)
from pellucid.explainers.surrogate.model_answers import Answers
from pellucid.explainers.surrogate.predicates import Bins
from pellucid.maths.binomial import clopper_pearson
from pellucid.maths.conditional_draws import Reservoir

TOGETHER = 256
"""Rows whose searches run side by side."""

REMEMBERED = 1 << 22
"""Answers kept for later rows: about 150 MB."""

CHOOSING, STATING = 2048, 20_000
"""Most reference rows on which rules are chosen, and on which their coverage is stated."""

ENOUGH = 200
"""Reference rows from which on those that choose and those that state are different ones."""


@dataclass(frozen=True, kw_only=True)
class Anchors(Explainer):
    """For each row a short rule that the row meets and that fixes the model's answer.

    Parameters
    ----------
    precision : float
        Share of draws that meet the rule for which the model must answer as for the row.
    confidence : float
        How sure that must be before a rule is accepted, and how often the limits stated for the
        precision and the coverage of a rule hold.
    bins : int
        Numbers and dates are limited at their quantiles, this many bins.
    beam : int
        Rules kept from one level of the search to the next.
    length : int
        Most limits in a rule; two limits on one column make one condition.
    within : float, optional
        For models that answer with numbers: answers this near to the row's own count as the same.
        By default half a standard deviation of the model's answers.

    Notes
    -----
    A draw that meets a rule is a whole row of the background, with new values for just those
    columns that break the rule, each drawn on its own from the background's values that keep it:
    as in the authors' code for tables. The precision is about such draws, not about the rows that
    meet the rule by themselves.

    The precision is measured on fresh draws that served for nothing else, with exact
    (Clopper–Pearson) limits that allow for every look and for every rule tried on the row. A rule
    is accepted once the lower limit reaches `precision`. Where none is, the most precise rule is
    given with its limits, and a note says for how many rows. The coverage is that of background
    rows by which no rule was chosen, where there are 200 or more of them.

    Numbers have a condition "at most" or "above" at each quantile, ordered categories at each
    category, other categories "is", missing values "is missing". A column may be named once.

    Which rules are tried is decided by the background rows that meet them, and settled by KL-LUCB
    among these; all rules are tried on the same random numbers. Cost: some hundred to some
    thousand evaluations for each row, fewer where rows are alike: draws are shared.

    Deviations from the paper: the arms of KL-LUCB are those that look best on the background and
    on the draws of the shorter rule; its bounds are Chernoff's at three counts of draws, and all
    arms that are not yet told apart are drawn at once; the lower limit, not the mean, must reach
    the asked precision (the authors' code accepts a lower limit of the precision − 0.05); the
    limits are measured anew.

    References
    ----------
    Ribeiro, Singh and Guestrin (2018), doi:10.1609/aaai.v32i1.11491; Kaufmann and
    Kalyanakrishnan (2013), proceedings.mlr.press/v30/Kaufmann13.html.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> found = Anchors().explain(model, X.head(1), background=X, seed=0)
    >>> found[0].text, found[0].prediction
    ('petal width (cm) ≤ 0.3', 0)
    """

    paper: ClassVar[str] = "doi:10.1609/aaai.v32i1.11491"
    cost: ClassVar[str] = "hundreds to thousands for each row, shared between rows"

    precision: float = 0.95
    confidence: float = 0.95
    bins: int = 4
    beam: int = 2
    length: int = 6
    within: float | None = None

    def __post_init__(self) -> None:
        for name in ("precision", "confidence"):
            positive(name, getattr(self, name))
            if getattr(self, name) >= 1:
                raise InvalidSetting(
                    f"{name} cannot be used", got=getattr(self, name), allowed="between 0 and 1"
                )
        whole_number("bins", self.bins, 2)
        whole_number("beam", self.beam, 1)
        whole_number("length", self.length, 1)
        positive("within", self.within, optional=True)

    def work(self, question: Question) -> int:
        return PROOF[-2] * len(question.table)

    def compute(self, question: Question) -> Rules:
        background, answers = question.reference(None), Answers.to(question)
        own, outputs = answers.ask(question.table.codes)
        choosing, stating = _parts(question, background)
        bins = Bins.of(choosing, list(question.table.schema.values()), self.bins)
        seen = Seen(bins=bins.place(choosing), answers=answers.ask(choosing)[0])
        within = answers.within(seen.answers, self.within)
        reservoir = Reservoir(codes=background, bins=bins.place(background))
        streams = [
            Stream.of(reservoir, question.rng("anchors", purpose), count)
            for purpose, count in (("search", MOST), ("proof", PROOF[-1]))
        ]
        rows = bins.place(question.table.codes)
        found: list[Anchor] = []
        for some in slices(len(rows), TOGETHER):
            searches = [
                Search(
                    answers=answers,
                    search=streams[0],
                    proof=streams[1],
                    seen=seen,
                    limits=[each for each in bins.met_by(rows[i]) if reservoir.holds_any(each)],
                    own=float(own[i]),
                    within=within,
                    precision=self.precision,
                    confidence=self.confidence,
                    beam=self.beam,
                    length=self.length,
                )
                for i in range(some.start, some.stop)
            ]
            found += run_together(searches, answers)
            for stream in streams:
                if stream.keys.known > REMEMBERED:
                    stream.forget()
        self._note(question, found)
        facts = Stated(bins=bins, rows=bins.place(stating), confidence=self.confidence)
        rules = [
            facts.rule(each, answers, float(own[i]), outputs[i], within)
            for i, each in enumerate(found)
        ]
        coords = {"sample": list(question.table.rows)}
        return Rules(rules=tuple(rules), coords=coords, provenance=Provenance(method=""))

    def _note(self, question: Question, found: list[Anchor]) -> None:
        short = sum(not each.holds for each in found)
        if short:
            question.note(
                f"No rule could be shown to be precise in {self.precision:.0%} for {short} of "
                f"{len(found)} rows; the most precise one found is given, with its limits."
            )
        question.note(
            "Precision is about draws that meet the rule: background rows, with new values where "
            f"they break it. Limits hold at {self.confidence:.0%}."
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Stated:
    """What is said of a rule: its words, and its coverage of reference rows with these bins."""

    bins: Bins
    rows: np.ndarray
    confidence: float

    def rule(
        self, anchor: Anchor, answers: Answers, own: float, output: np.ndarray, within: float | None
    ) -> Rule:
        """The rule for the reader."""
        covered = int(met_by(self.rows, anchor.rule).sum())
        low, high = clopper_pearson(covered, len(self.rows), self.confidence)
        return Rule(
            conditions=tuple(self._conditions(anchor.rule)),
            prediction=answers.label(own),
            value=answers.value(own, output),
            within=within,
            agreed=anchor.agreed,
            tried=anchor.tried,
            covered=covered,
            rows=len(self.rows),
            precision_low=anchor.low,
            precision_high=anchor.high,
            coverage_low=float(low),
            coverage_high=float(high),
        )

    def _conditions(self, rule: Conditions) -> list[Condition]:
        return [self.bins.condition(j, range(first, last + 1)) for j, first, last in rule]


def _parts(question: Question, background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows on which rules are chosen, and rows on which their coverage is stated."""
    if len(background) < ENOUGH:
        question.note(
            f"The coverage is that of the {len(background)} background rows by which rules were "
            "chosen: too few to be parted."
        )
        return background, background
    order = question.rng("anchors", "reference").permutation(len(background))
    middle = min(len(background) // 2, CHOOSING)
    return background[order[:middle]], background[order[middle : middle + STATING]]
