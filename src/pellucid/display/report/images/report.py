"""The report on images, from what was measured to one page."""

from __future__ import annotations

import os
import time
from typing import Any

from pellucid.display.charts.comparison import methods_of
from pellucid.display.report.blocks import Finding, Section, Tile
from pellucid.display.report.board import sound
from pellucid.display.report.images import judge, looked, origin, predictions
from pellucid.display.report.images.facts import Facts, Options, gather
from pellucid.display.report.made import Report
from pellucid.display.report.page import write
from pellucid.display.words import brief, counted, method_name, percent


def report_on_images(
    model: Any,
    X: Any,
    y: Any,
    *,
    path: str | os.PathLike[str],
    background: Any,
    options: Options,
    title: str | None,
) -> Report:
    """Measure and write; see `pellucid.report`."""
    started = time.perf_counter()
    facts = gather(model, X, y, background, options)
    return write(
        path,
        title=title or f"What does {facts.model.name} look at?",
        lead=_lead(facts),
        findings=headline(facts),
        tiles=tiles(facts),
        sections=sections(facts),
        seed=facts.seed,
        started=started,
        evaluations=facts.evaluations,
        warnings=_failures(facts),
    )


def sections(facts: Facts) -> tuple[Section, ...]:
    """The answers, in the order in which a careful reader asks."""
    lesson = facts.options.lesson
    return (
        *(() if lesson is None else (lesson,)),
        origin.section(facts),
        predictions.section(facts),
        looked.section(facts),
        judge.section(facts),
        *looked.visualised(facts),
        judge.limits(facts),
    )


def headline(facts: Facts) -> tuple[Finding, ...]:
    """Is it right, do the methods agree, which of them to believe; and what a lesson says first."""
    found = (predictions.how_right(facts), judge.agreement(facts), judge.believable(facts))
    return (*facts.options.first, *found)


def tiles(facts: Facts) -> tuple[Tile, ...]:
    """The numbers to see at a glance."""
    found = [_right(facts), _judged(facts)]
    comparison = facts.comparison
    if comparison is not None:
        good, names = sound(comparison), methods_of(comparison)
        first = method_name(good[0]) if good else "none"
        found.append(
            Tile(name="Methods not doubted", value=f"{len(good)} of {len(names)}",
                 note="by any check of the judge")
        )  # fmt: skip
        found.append(
            Tile(name="Most faithful of them", value=first, note="by what is lost and kept")
        )
    return tuple(found)


def _right(facts: Facts) -> Tile:
    if facts.truth.scores is None:
        return Tile(
            name="Classes named" if facts.truth.several else "Images",
            value=f"{len(set(map(str, facts.truth.predicted))):,}",
            note=f"among {counted(len(facts.images), 'image')}; no true answers",
        )
    main = facts.truth.scores["accuracy" if facts.truth.several else "r2"]
    value = percent(main.value) if facts.truth.several else brief(main.value)
    known = main.low == main.low
    between = f"95 % interval {brief(main.low)} to {brief(main.high)}" if known else "no interval"
    return Tile(name="Right" if facts.truth.several else "R²", value=value, note=between)


def _judged(facts: Facts) -> Tile:
    return Tile(
        name="Images",
        value=f"{len(facts.images):,}",
        note=f"{len(facts.shown)} shown, {len(facts.judged)} to judge methods",
    )


def _failures(facts: Facts) -> int:
    """How many checks fail of methods."""
    if facts.comparison is None:
        return 0
    names = methods_of(facts.comparison)
    return sum(row.group in names for row in facts.comparison.failures)


def _lead(facts: Facts) -> str:
    names = [method_name(name) for name in facts.methods]
    return (
        f"{facts.model.name} on {counted(len(facts.images), 'image')}, explained by "
        f"{', '.join(names)}; and which of these to believe."
    )
