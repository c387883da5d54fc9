"""Sections 6 and 7: can this explanation be trusted, and what must it not be used for?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.data.protected import may_be_protected
from pellucid.display.charts import agreement
from pellucid.display.report.blocks import WIDE, Block, Figure, Finding, Findings, Section, table
from pellucid.display.report.facts import Facts
from pellucid.display.report.origin import together
from pellucid.display.words import capital, counted, listed, metric_name, sentence

NEVER = {
    "Not as a cause": "A share says what the model counted, not what would happen in the world if "
    "the value changed.",
    "Not as advice": "Changing a value that raised the output need not change the decision, and "
    "may not be possible or wise.",
    "Not for other rows": "Outside the ranges in the table of columns, both the model and its "
    "explanation are guesses.",
    "Not as fairness": "A column that is not used can still be stood in for by others.",
    "Not across reports": "Shares are not to be compared with those of another model, scale or "
    "reference: the fingerprints tell.",
}
"""What no explanation of this kind may be used for."""


def trust(facts: Facts) -> Section:
    """Every check with its number, and the second opinion drawn beside the first."""
    told = tuple(
        Finding(
            label=capital(metric_name(row.metric)),
            status={True: "good", False: "warn", None: "info"}[row.passed],  # type: ignore[arg-type]
            text=capital(sentence(row.text.removeprefix("Warning: "), facts.attribution.method)),
        )
        for row in facts.evidence
        if row.text
    )
    rows = [
        (metric_name(row.metric), row.group, row.value, row.low, row.high, row.n or np.nan,
         {True: "holds", False: "fails", None: "not a check"}[row.passed])
        for row in facts.evidence
    ]  # fmt: skip
    header = ("check", "of", "value", "low", "high", "n", "verdict")
    blocks: list[Block] = [
        Findings(findings=told),
        table("Every check with its number and 95 % interval", header, rows),
        *_second_opinion(facts),
    ]
    notes = tuple(
        dict.fromkeys((*facts.attribution.notes, *facts.question.notes, *facts.evidence.notes))
    )
    if notes:
        blocks.append(Findings(title="What was assumed", findings=_assumed(facts, notes)))
    return Section(
        id="trust",
        short="Can you trust it",
        title="Can you trust this explanation?",
        lead="An explanation is a claim. These are the tests it was put to, against chance and "
        "against a second method.",
        blocks=tuple(blocks),
    )


def _assumed(facts: Facts, notes: Sequence[str]) -> tuple[Finding, ...]:
    """Every note, with a word on those that only the curves of effects rest on."""
    curves = {note for effect in facts.effects for note in effect.dependence.notes}
    of_curves = curves - {*facts.attribution.notes, *facts.evidence.notes}
    return tuple(Finding(text=f"{'Effects: ' * (note in of_curves)}{note}") for note in notes)


def _second_opinion(facts: Facts) -> tuple[Figure, ...]:
    if facts.importance is None or len(facts.attribution.features) < 2:
        return ()
    mean = facts.attribution.abs().mean("sample")
    first = dict(zip(map(str, mean.features), mean.values, strict=True))
    second = dict(zip(map(str, facts.importance.features), facts.importance.values, strict=True))
    rows = [
        (name, float(first[name]), float(second[name]))
        for name in sorted(first, key=lambda n: -first[n])
    ]
    return (
        Figure(
            id="agreement",
            question="Do two unrelated methods name the same columns?",
            chart=agreement.chart((mean, facts.importance), width=WIDE),
            reading="Each column ranked by the size of its shares and by how much worse the model "
            "gets when it is shuffled. Level lines are agreement."
            + " Drawn are the ten greatest of either."
            * (len(rows) > 10),
            certainty="The two answer different questions, so small disagreements are normal; a "
            "strong column of one that is weak in the other deserves a look.",
            table=table(
                "Two measures of importance", ("column", "mean share", "growth of loss"), rows
            ),
        ),
    )


def limits(facts: Facts) -> Section:
    """What the report must not be used for, in general and for this data."""
    particular = []
    names = [name for name in facts.table.names if may_be_protected(name)]
    if names:
        particular.append(
            f"The model sees {listed(names)}, which may stand for protected groups. This report "
            "does not test whether they are treated fairly."
        )
    if len(facts.table) < 200:
        particular.append(
            f"Judged on {counted(len(facts.table), 'row')} only: small differences mean little."
        )
    groups = together(facts)
    if groups:
        particular.append(
            f"{counted(sum(map(len, groups)), 'column')} nearly say the same as another; do not "
            "read the split of credit between them as a finding."
        )
    failures = facts.evidence.failures
    if failures:
        failed = listed(sorted({metric_name(row.metric) for row in failures}))
        particular.append(
            f"Some checks fail ({failed}): do not rely on single shares before you know why."
        )
    never = tuple(Finding(label=label, text=text) for label, text in NEVER.items())
    blocks: list[Block] = [Findings(findings=never)]
    if particular:
        warnings = tuple(Finding(status="warn", text=text) for text in particular)
        blocks.append(Findings(title="For this model and this data", findings=warnings))
    return Section(
        id="limits",
        short="Not to be used for",
        title="What must it not be used for?",
        blocks=tuple(blocks),
    )
