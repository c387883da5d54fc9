"""Section: what does it predict, and is it right?"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from pellucid.core.scores import Score
from pellucid.display.charts import confusion, residuals, scores
from pellucid.display.report.blocks import (
    WIDE,
    Block,
    Cell,
    DataTable,
    Figure,
    Finding,
    Findings,
    Search,
    Section,
    Status,
    cell,
    table,
)
from pellucid.display.report.images.facts import Facts
from pellucid.display.report.quality import score_row
from pellucid.display.words import BASELINE, capital, counted, metric_name, percent

HEADLINES = ("skill", "accuracy", "top_5_accuracy", "balanced_accuracy", "r2", "mae")
"""The scores said in words; all stand in the table."""

LISTED = 500
"""Most images in the table that is searched: it must not make the page heavy."""

UNSURE = 0.6
"""The probability below which a prediction is called unsure."""


def section(facts: Facts) -> Section:
    """How good it is, where it errs, and what it says of each image."""
    blocks: list[Block] = [_headlines(facts)]
    if facts.truth.scores is not None and len(facts.truth.scores) > 2:
        blocks.append(_scores(facts))
    if facts.truth.confusion is not None:
        blocks.append(_confusion(facts))
    if not facts.truth.several and facts.truth.answers is not None:
        blocks.append(_residuals(facts))
    return Section(
        id="predictions",
        short="What it predicts",
        title="What does it predict, and is it right?",
        lead="A map of what a network looked at says nothing on whether it was right to.",
        blocks=(*blocks, _search(facts)),
    )


def of_images(text: str) -> str:
    """A sentence on rows as one on images."""
    return re.sub(r"\b([Rr])ows?\b", lambda m: "image" + "s" * m.group().endswith("s"), text)


def how_right(facts: Facts) -> Finding:
    """How good the model is, as one sentence; that it cannot be told, where answers are missing."""
    found = facts.truth.scores
    if found is None:
        return Finding(
            text="Whether it is right cannot be told, as no true answers were given. "
            f"{_unsure(facts)}"
        )
    main = found["accuracy" if facts.truth.several else "r2"]
    skill = found["skill"] if "skill" in found.metrics else None
    if skill is None or skill.passed:
        return Finding(status="good" if skill else "info", text=of_images(main.text))
    return Finding(status="warn", text=of_images(f"{main.text} {skill.text}"))


def _unsure(facts: Facts) -> str:
    if not facts.truth.several:
        low, high = facts.output.min(), facts.output.max()
        return f"It says {low:.4g} to {high:.4g}."
    classes = counted(len(set(map(str, facts.truth.predicted))), "class", "classes")
    n = counted(len(facts.images), "image")
    if not facts.probable:
        return f"It names {classes} among {n}."
    unsure = float((facts.confidence < UNSURE).mean())
    return (
        f"It names {classes} among {n}, and gives {percent(unsure)} of them less than "
        f"{percent(UNSURE)} probability."
    )


def _headlines(facts: Facts) -> Findings:
    found = facts.truth.scores
    if found is None:
        return Findings(findings=(how_right(facts),))
    rows = [found[name] for name in HEADLINES if name in found.metrics]
    return Findings(findings=tuple(map(_headline, rows)))


def _headline(row: Score) -> Finding:
    status: Status = "warn" if row.passed is False else "good" if row.passed else "info"
    text = capital(of_images(row.text.removeprefix("Warning: ")))
    return Finding(label=capital(metric_name(row.metric)), status=status, text=text)


def _scores(facts: Facts) -> Figure:
    found = facts.truth.scores
    assert found is not None
    kept = tuple(r for r in found if r.group in ("", BASELINE) or r.metric == "recall")
    return Figure(
        id="scores",
        question="How good is the network, beside no network at all?",
        chart=scores.chart(replace(found, rows=kept), width=WIDE),
        reading="Each point is a score, its line the 95 % interval, and the hollow diamond what "
        "always giving the same answer would reach. ↓: lower is better.",
        certainty=of_images(" ".join(found.notes))
        or "The intervals come from resampling the images.",
        table=table(
            "Scores with 95 % intervals", ("score", "value", "low", "high", "images"),
            [score_row(row) for row in found],
        ),
    )  # fmt: skip


def _confusion(facts: Facts) -> Figure:
    found = facts.truth.confusion
    assert found is not None
    rows = [
        (row.group.removeprefix("actual "), row.metric.removeprefix("predicted "), int(row.value))
        for row in found
        if row.value
    ]
    return Figure(
        id="confusion",
        question="Which classes does it take for which?",
        chart=confusion.chart(found, width=WIDE),
        reading="Rows of the picture are the truth, columns the prediction. Off the diagonal are "
        "mistakes.",
        certainty=f"Counts of {counted(len(facts.images), 'image')}; others would give other "
        "counts, as the intervals of the scores say.",
        table=table("Counts", ("actual", "predicted", "images"), rows),
    )


def _residuals(facts: Facts) -> Figure:
    answers = np.asarray(facts.truth.answers, dtype=float)
    gap = facts.truth.predicted - answers
    worst = np.argsort(-np.abs(gap))[:20]
    rows = [
        (str(facts.images.names[i]), answers[i], facts.truth.predicted[i], gap[i]) for i in worst
    ]
    return Figure(
        id="residuals",
        question="Where is the prediction too high, and where too low?",
        chart=residuals.chart(
            facts.truth.predicted, answers, rows=facts.images.names, of="image", width=WIDE
        ),
        reading="Each point is an image: to the right a higher prediction, upwards a larger truth "
        "than predicted.",
        certainty="The diamonds, where images are enough, are means with 95 % intervals.",
        table=table("The largest errors", ("image", "true", "predicted", "error"), rows),
    )


def _search(facts: Facts) -> Search:
    """Every image with what the model says; those it is wrong about, and least sure of, first."""
    truth, sure = facts.truth, facts.confidence
    order = np.lexsort((sure, ~truth.wrong))[:LISTED]
    said = "probability" if facts.probable else "output"
    header = ("image", *(("true",) if truth.answers is not None else ()), "predicted", said)
    rows = []
    for place in map(int, order):
        own = [] if truth.answers is None else [truth.answers[place]]
        value = float(sure[place])
        shown = Cell(text=percent(value), sort=value) if facts.probable else value
        name = Cell(text=str(facts.images.names[place]))
        rows.append(tuple(map(cell, [name, *own, truth.predicted[place], shown])))
    first = "wrong ones first, then those it is least sure of" if truth.wrong.any() else (
        "those it is least sure of first"
    )  # fmt: skip
    caption = f"{len(rows):,} of {counted(len(facts.images), 'image')}, {first}"
    return Search(
        title="Look up any image",
        lead="Every column sorts.",
        hint="image or class",
        noun="image",
        table=DataTable(caption=caption, header=header, rows=tuple(rows), id="images", search=True),
    )
