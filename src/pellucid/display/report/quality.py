"""Section 2: how good is the model, and where is it weak?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pellucid.core.scores import Score, Scores
from pellucid.display.charts import calibration, confusion, residuals, scores
from pellucid.display.charts.beeswarm import MOST_POINTS
from pellucid.display.report.blocks import (
    HALF,
    WIDE,
    Block,
    Figure,
    Finding,
    Findings,
    Section,
    Side,
    Status,
    table,
)
from pellucid.display.report.facts import Facts
from pellucid.display.words import BASELINE, capital, counted, metric_name, score_name

HEADLINES = ("skill", "accuracy", "balanced_accuracy", "roc_auc", "brier", "r2", "mae", "rmse")
"""The scores said in words; all stand in the table."""


def section(facts: Facts) -> Section:
    """Scores with intervals, calibration, confusion or residuals, and weak spots."""
    return Section(
        id="quality",
        short="How good, where weak",
        title="How good is it, and where is it weak?",
        lead=f"Measured on the {counted(len(facts.table), 'row')} judged. An explanation of a "
        "poor model explains its mistakes.",
        blocks=(_headlines(facts), _scores(facts), *_pictures(facts), *_weak(facts)),
    )


def _headlines(facts: Facts) -> Findings:
    names = [name for name in HEADLINES if name in facts.scores.metrics]
    rows = [facts.scores[name] for name in names]
    if facts.calibration_error is not None:
        rows.append(facts.calibration_error.rows[0])
    return Findings(findings=tuple(map(_headline, rows)))


def _headline(row: Score) -> Finding:
    status: Status = "warn" if row.passed is False else "good" if row.passed else "info"
    text = row.text.removeprefix("Warning: ")
    return Finding(label=capital(metric_name(row.metric)), status=status, text=capital(text))


def _scores(facts: Facts) -> Figure:
    rows = [score_row(row) for row in facts.scores]
    return Figure(
        id="scores",
        question="How good is the model, beside no model at all?",
        chart=scores.chart(_drawn(facts.scores), width=WIDE),
        reading="Each point is a score, its line the 95 % interval, and the hollow diamond what "
        "always giving the same answer would reach. ↓: lower is better.",
        certainty=" ".join(facts.scores.notes)
        or "The intervals come from resampling the rows judged.",
        table=table("Scores with 95 % intervals", ("score", "value", "low", "high", "rows"), rows),
    )


def _drawn(found: Scores) -> Scores:
    """The scores of all rows, those of no model, and what is found of each class."""
    return replace(
        found,
        rows=tuple(r for r in found.rows if r.group in ("", BASELINE) or r.metric == "recall"),
    )


def score_row(row: Score) -> tuple[object, ...]:
    """A score as a row of a table."""
    return (score_name(row.metric, row.group), row.value, row.low, row.high, row.n)


def _pictures(facts: Facts) -> tuple[Block, ...]:
    if facts.calibration is None or facts.confusion is None:
        return (_residuals(facts),)
    return (Side(figures=(_calibration(facts), _confusion(facts))),)


def _calibration(facts: Facts) -> Figure:
    curve = facts.calibration
    assert curve is not None
    assert curve.band is not None
    assert curve.weight is not None
    rows = list(
        zip(curve.grid, curve.values, curve.band[0], curve.band[1], curve.weight, strict=True)
    )
    return Figure(
        id="calibration",
        question=f"When it says 70 % for {facts.focus}, is it true 70 % of the time?",
        chart=calibration.chart(curve, width=HALF),
        reading="Points on the diagonal are honest probabilities. Above it the model is too "
        "careful, below it too sure.",
        certainty=f"{curve.band_meaning}; where few rows fall, the interval is wide.",
        table=table(
            "Predicted against observed", ("predicted", "observed", "low", "high", "rows"), rows
        ),
    )


def _confusion(facts: Facts) -> Figure:
    assert facts.confusion is not None
    rows = [
        (row.group.removeprefix("actual "), row.metric.removeprefix("predicted "), int(row.value))
        for row in facts.confusion
    ]
    at = facts.options.threshold
    rule = (
        f"the probability is at least {at:g}" if len(facts.classes) == 2 else "it is most probable"
    )
    return Figure(
        id="confusion",
        question="Which classes does it take for which?",
        chart=confusion.chart(facts.confusion, width=HALF),
        reading=f"Rows of the picture are the truth, columns the prediction. A class is predicted "
        f"when {rule}. Off the diagonal are mistakes.",
        certainty=f"Counts of {counted(len(facts.table), 'row')}; another sample of rows would "
        "give other counts, as the intervals of the scores say.",
        table=table("Counts", ("actual", "predicted", "rows"), rows),
    )


def _residuals(facts: Facts) -> Figure:
    predicted = facts.question.output[:, 0]
    gap = predicted - facts.y
    n = len(gap)
    drawn = f"All of the {counted(n, 'row')} judged are drawn."
    if n > MOST_POINTS:
        drawn = f"{MOST_POINTS:,} of {n:,} rows drawn, evenly over their errors."
    worst = np.argsort(-np.abs(gap))[:20]
    rows = [(facts.table.rows[i], facts.y[i], predicted[i], gap[i]) for i in worst]
    return Figure(
        id="residuals",
        question="Where is the prediction too high, and where too low?",
        chart=residuals.chart(predicted, facts.y, rows=facts.table.rows, width=WIDE),
        reading="Each point is a row: to the right a higher prediction, upwards a larger truth "
        "than predicted. A slope or a funnel means that some rows are treated worse than others.",
        certainty=f"{drawn} The diamonds, where rows are enough, are means with 95 % intervals.",
        table=table("The twenty largest errors", ("row", "true", "predicted", "error"), rows),
    )


def _weak(facts: Facts) -> tuple[Block, ...]:
    whole, *slices = facts.weak.rows
    told = [Finding(status="info" if slices else "good", text=whole.text)]
    told += [
        Finding(status="warn", text=capital(row.text.removeprefix("Warning: "))) for row in slices
    ]
    if slices and facts.weak.notes:
        told.append(Finding(text=" ".join(facts.weak.notes)))
    return (Findings(title="Where is it weak?", findings=tuple(told)),)
