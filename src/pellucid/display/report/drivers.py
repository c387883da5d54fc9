"""Section 3: what drives the model?"""

from __future__ import annotations

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.explanation import number
from pellucid.display.charts import bar, beeswarm, heatmap
from pellucid.display.report import grouping
from pellucid.display.report.blocks import BARS, WIDE, Figure, Section, drawn, table
from pellucid.display.report.facts import Facts
from pellucid.display.words import measured

FEWEST_ALIKE = 4
"""Rows without which there are no groups of like rows to see."""

SWARMS, LINES = 10, 8
"""Columns drawn as swarms of dots, and as lines of the heatmap."""

ROUNDING = 1e-6
"""Below this part of the output a gap is the rounding of the model's own numbers."""


def section(facts: Facts) -> Section:
    """Mean shares, their spread over rows, and what shuffling a column costs."""
    figures = [_bar(facts), _beeswarm(facts)]
    together = grouping.figure(facts)
    if together is not None:
        figures.append(together)
    if len(facts.attribution.values) >= FEWEST_ALIKE:
        figures.append(_heatmap(facts))
    if facts.importance is not None:
        figures.append(_importance(facts, facts.importance))
    return Section(
        id="drivers",
        short="What drives it",
        title="What drives the model?",
        lead="Two views that can differ: how much each column moves the predictions, and how much "
        "worse the model gets without it.",
        blocks=tuple(figures),
    )


def mean_shares(attribution: Attribution) -> dict[str, tuple[float, float, float]]:
    """Mean magnitude of each feature with its 95 % interval over rows, greatest first."""
    size = np.abs(attribution.values)
    middle, reach = size.mean(axis=0), np.zeros(size.shape[1])
    if len(size) > 1:
        spread = size.std(axis=0, ddof=1) ** 2 / len(size)
        reach = 1.96 * np.sqrt(spread + np.asarray(attribution.error).mean(axis=0) ** 2)
    order = np.argsort(-middle, kind="stable")
    return {
        str(attribution.features[i]): (
            float(middle[i]),
            max(float(middle[i] - reach[i]), 0.0),
            float(middle[i] + reach[i]),
        )
        for i in order
    }


def moves(attribution: Attribution) -> str:
    """What the shares move, in a sentence: ``the log-odds of malignant``, ``the prediction``."""
    return "the prediction" if attribution.scale == "raw" else f"the {measured(attribution)}"


def sureness(attribution: Attribution) -> str:
    """How sure single shares are."""
    if attribution.exact:
        gap = float(np.abs(attribution.gap()).max())
        size = float(np.abs(np.asarray(attribution.output)).max()) or 1.0
        missed = "up to rounding" if gap <= ROUNDING * size else f"to {number(gap)}"
        how = attribution.provenance.exactness.replace("exact for", "exact for this model and")
        how = "exact for this model" if how == "exact" else how
        return f"Each share is {how}: the average and the shares add up to the prediction {missed}."
    error = float(np.asarray(attribution.error).mean())
    return f"The shares are sampled, with a standard error of {number(error)} on average."


def _bar(facts: Facts) -> Figure:
    shares = mean_shares(facts.attribution)
    rows = [(name, *values) for name, values in shares.items()]
    n = len(facts.attribution.values)
    whiskers = f" The whiskers are 95 % intervals of the mean over {n:,} rows." if n > 1 else ""
    return Figure(
        id="importance",
        question="Which columns move the predictions most?",
        chart=bar.chart(
            facts.attribution,
            top=BARS,
            intervals={name: (low, high) for name, (_, low, high) in shares.items()},
            width=WIDE,
        ),
        reading=f"The longer the bar, the more the column moves {moves(facts.attribution)} "
        f"away from its average, up or down, in a typical row.{drawn(BARS, len(rows))}",
        certainty=sureness(facts.attribution) + whiskers,
        table=table(
            "Mean magnitude of the shares", ("column", "mean magnitude", "low", "high"), rows
        ),
    )


def _beeswarm(facts: Facts) -> Figure:
    values = facts.attribution.values
    rows = [
        (str(name), *np.percentile(values[:, i], [0, 25, 50, 75, 100]).tolist())
        for i, name in enumerate(facts.attribution.features)
    ]
    rows.sort(key=lambda row: -max(abs(float(row[1])), abs(float(row[5]))))
    return Figure(
        id="beeswarm",
        question="Does a high value push up or down?",
        chart=beeswarm.chart(facts.attribution, top=SWARMS, width=WIDE),
        reading="Each dot is a row. To the right the column raised the output, to the left it "
        "lowered it; the shade tells whether the row's value of the column is low or high."
        f"{drawn(SWARMS, len(rows))}",
        certainty=sureness(facts.attribution),
        table=table(
            "The shares over all rows",
            ("column", "lowest", "25 %", "median", "75 %", "highest"),
            rows,
        ),
    )


def _heatmap(facts: Facts) -> Figure:
    features = len(facts.attribution.features)
    top = facts.attribution.top(min(LINES, features))
    rows = [
        (label, *[float(v) for v in values])
        for label, values in list(zip(top.coords["sample"], top.values, strict=True))[:100]
    ]
    return Figure(
        id="heatmap",
        question="Are there groups of rows with the same reasons?",
        chart=heatmap.chart(facts.attribution, top=LINES, width=WIDE),
        reading="Each column of the picture is a row of the data, placed beside rows with similar "
        "reasons; the strip above shows the output. Blocks of one colour are groups."
        + (f" Drawn are the {LINES} greatest of {features} columns." if features > LINES else ""),
        certainty=f"{sureness(facts.attribution)} The order of rows is only for the eye.",
        table=table("The shares of the first hundred rows", ("row", *map(str, top.features)), rows),
    )


def _importance(facts: Facts, importance: Attribution) -> Figure:
    order = np.argsort(-importance.values, kind="stable")
    below = " Left of 0 the model is better without it, or by chance."
    error = np.asarray(importance.error)
    rows = [
        (
            str(importance.features[i]),
            float(importance.values[i]),
            float(importance.values[i] - 1.96 * error[i]),
            float(importance.values[i] + 1.96 * error[i]),
        )
        for i in order
    ]
    return Figure(
        id="permutation",
        question="How much worse does the model get when a column is shuffled?",
        chart=bar.chart(importance, top=BARS, width=WIDE),
        reading="The longer the bar, the more the model's loss grows when the column's values are "
        "dealt out at random. A column whose interval holds 0 may not be needed."
        + below * bool((importance.values < 0).any())
        + drawn(BARS, len(rows)),
        certainty="The whiskers are 95 % intervals for other rows and other shuffles. Two columns "
        "that say the same can both look unneeded, since each stands in for the other.",
        table=table("Growth of the loss", ("column", "growth", "low", "high"), rows),
    )
