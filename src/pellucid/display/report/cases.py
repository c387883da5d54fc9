"""Section 5: why these particular rows?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.display.charts import waterfall
from pellucid.display.report.blocks import (
    CASE,
    Block,
    Case,
    Cell,
    DataTable,
    Figure,
    Search,
    Section,
    cell,
    table,
)
from pellucid.display.report.drivers import moves, sureness
from pellucid.display.report.facts import Facts, _row_number
from pellucid.display.report.reasons import Typical, moved, reasons, short_reason
from pellucid.display.words import SENTENCE_WIDTH, brief, datum, percent

ROWS_LISTED = 500
"""Most rows in the searchable table: it must not make the page heavy."""


def section(facts: Facts) -> Section:
    """The chosen cases with reasons in words, then every row in a table to search."""
    chosen = dict(cases(facts))
    typical = _typical(facts)
    blocks: list[Block] = [_case(facts, place, why, typical) for place, why in chosen.items()]
    blocks.append(_search(facts))
    return Section(
        id="cases",
        short="Particular cases",
        title="Why these particular cases?",
        lead="Reasons are what the model counted, compared with an average row; they are not "
        "causes, and changing one of them need not change the decision.",
        blocks=tuple(blocks),
    )


def cases(facts: Facts) -> Iterator[tuple[int, str]]:
    """Places among the explained rows, each once, with why it is shown."""
    labels = [str(label) for label in facts.attribution.coords["sample"]]
    named = [str(facts.table.rows[_row_number(facts.table, row)]) for row in facts.options.rows]
    asked = [(labels.index(name), "You asked for this row.") for name in named]
    seen: set[int] = set()
    for place, why in [*asked, *_instructive(facts)]:
        if place not in seen:
            seen.add(place)
            yield place, why


def _instructive(facts: Facts) -> list[tuple[int, str]]:
    rows = facts.explained
    if not facts.classification:
        prediction, gap = (
            facts.question.output[rows, 0],
            facts.question.output[rows, 0] - facts.y[rows],
        )
        return [
            (int(prediction.argmax()), "The highest prediction."),
            (int(np.abs(gap).argmax()), "The prediction that is furthest from the truth."),
            (int(prediction.argmin()), "The lowest prediction."),
        ]
    p, threshold = facts.focus_probability[rows], facts.options.threshold
    right = facts.predicted[rows] == facts.y[rows]
    assert facts.probability is not None
    names = np.array(facts.classes, dtype=object)
    truth = np.array([np.flatnonzero(names == y)[0] for y in facts.y[rows]])
    believed = facts.probability[rows, truth]
    found = [(int(p.argmax()), f"The model is most confident of {facts.focus} here.")]
    if not right.all():
        found.append((int(believed.argmin()), "The model is most wrong here."))
    if len(names) == 2:
        found.append(
            (int(np.abs(p - threshold).argmin()), f"Nearest to the threshold of {threshold:g}.")
        )
    else:
        best = np.sort(facts.probability[rows], axis=1)
        found.append(
            (int((best[:, -1] - best[:, -2]).argmin()), "The closest call between two classes.")
        )
    found.append((int(p.argmin()), f"The model is most confident that this is not {facts.focus}."))
    return found


def _typical(facts: Facts) -> Typical:
    reference = facts.question.background or facts.table
    units = {c.name: c.unit for c in facts.table.schema.values() if c.unit}
    return Typical(columns=reference.columns(), units=units)


def output_name(facts: Facts) -> str:
    """What the explained output is called in a sentence."""
    return str(facts.focus) if facts.classification else "the prediction"


def _case(facts: Facts, place: int, why: str, typical: Typical) -> Case:
    one = facts.attribution.isel(sample=place)
    label = facts.attribution.coords["sample"][place]
    order = np.argsort(-np.abs(one.values), kind="stable")
    assert one.inputs is not None
    rows = [
        (
            str(one.features[i]),
            datum(np.asarray(one.inputs[str(one.features[i])]).item(), SENTENCE_WIDTH),
            float(one.values[i]),
            moved(float(one.values[i]), one.scale, output_name(facts)),
        )
        for i in order
    ]
    picture = facts.attribution.isel(sample=[place])
    return Case(
        id=f"case{place}",
        title=f"Row {label}",
        why=why,
        verdict=_verdict(facts, place, one),
        reasons=reasons(one, typical, output_name(facts)),
        figure=Figure(
            id=f"waterfall{place}",
            question="How does it get from the average to this prediction?",
            chart=waterfall.chart(picture, width=CASE),
            reading=f"Start at the average, {brief(float(np.asarray(one.base)))}; each step is "
            f"what one column moved; end at the prediction, {brief(float(np.asarray(one.output)))} "
            f"({moves(one)}).",
            certainty=sureness(facts.attribution.isel(sample=[place])),
            table=table("All columns of this row", ("column", "value", "share", "in words"), rows),
        ),
    )


def _verdict(facts: Facts, place: int, one: Attribution) -> str:
    row = int(facts.explained[place])
    truth = facts.y[row]
    if not facts.classification:
        said, base = float(np.asarray(one.output)), float(np.asarray(one.base))
        return (
            f"The model says {brief(said)}, against {brief(base)} on average; the truth is "
            f"{brief(truth)}."
        )
    p = float(facts.focus_probability[row])
    predicted = facts.predicted[row]
    right = "which is right" if predicted == truth else f"but the truth is {truth}"
    sure = f"it gives {facts.focus} a probability of {percent(p)}"
    return f"The model predicts {predicted}, {right}: {sure}."


def _search(facts: Facts) -> Search:
    shown = min(len(facts.explained), ROWS_LISTED)
    rows = [_listed(facts, place) for place in range(shown)]
    header = (
        "row",
        "true",
        "predicted",
        *(("probability",) if facts.classification else ()),
        "main reasons",
    )
    whole = DataTable(
        caption=f"Rows with their main reasons ({shown:,} of {len(facts.table):,} rows)",
        header=header,
        rows=tuple(rows),
        id="rows",
        search=True,
    )
    return Search(
        title="Look up any row",
        lead=f"▲ raised and ▼ lowered {moves(facts.attribution)}. Every column sorts.",
        hint="row, class, column or value",
        table=whole,
    )


def _listed(facts: Facts, place: int) -> tuple[Cell, ...]:
    row = int(facts.explained[place])
    one = facts.attribution.isel(sample=place)
    order = np.argsort(-np.abs(one.values), kind="stable")[:3]
    told = ", ".join(short_reason(one, int(i)) for i in order if one.values[i])
    values: list[object] = [facts.attribution.coords["sample"][place]]
    if facts.classification:
        p = float(facts.focus_probability[row])
        values += [facts.y[row], facts.predicted[row], Cell(text=percent(p), sort=p)]
    else:
        values += [float(facts.y[row]), float(facts.predicted[row])]
    return tuple(map(cell, [*values, told or "nothing the model counted"]))
