"""Sections: what did the network look at, and what would it most like to see?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.display.charts import gallery
from pellucid.display.charts.overlays import maps_of, moved
from pellucid.display.pictures import (
    REGION,
    address,
    enlarged,
    masked,
    overlaid,
    region,
    shrunk,
)
from pellucid.display.report.blocks import (
    WIDE,
    Figure,
    Finding,
    Findings,
    Picture,
    Section,
    Sight,
    table,
)
from pellucid.display.report.board import sound
from pellucid.display.report.images.facts import Facts
from pellucid.display.words import counted, method_name, percent

SIDE = 128
"""Pixels of a picture on the page, about: more would make it heavy."""


def section(facts: Facts) -> Section:
    """The images chosen, each with what every method lays over it and the region it names."""
    return Section(
        id="looked",
        short="What it looked at",
        title="What did the network look at?",
        lead=f"Under each method's name: the map over the image, then the image with only the "
        f"strongest {percent(REGION)} left. Vermillion raises the output of the class explained, "
        "striped blue lowers it; full colour is each picture's own strongest, so compare where, "
        "not how much. How these images were chosen stands above each.",
        blocks=tuple(_sight(facts, number) for number in range(len(facts.shown))),
    )


def _sight(facts: Facts, number: int) -> Sight:
    shown = facts.shown[number]
    image = shrunk(facts.images.take([shown.place]).pixels[0], SIDE)
    marked = facts.options.gold
    first = Picture(
        name="the image",
        sources=(address(enlarged(image, SIDE)), *_marked(facts, image, shown.place)),
        alternatives=("The image as it is.", "What was marked as responsible.")[
            : 1 if marked is None else 2
        ],
    )
    good = () if facts.comparison is None else sound(facts.comparison)
    pictures = [
        _picture(each.method, image, maps_of(each)[number], bool(good) and each.method not in good)
        for each in facts.found
    ]
    return Sight(
        id=f"image{number}",
        title=f"Image {facts.images.names[shown.place]}",
        why=shown.why,
        verdict=_verdict(facts, number),
        pictures=(first, *pictures),
    )


def _marked(facts: Facts, image: np.ndarray, place: int) -> tuple[str, ...]:
    if facts.options.gold is None:
        return ()
    there = shrunk(np.asarray(facts.options.gold)[place].astype(float), SIDE) > 0.5
    return (address(masked(enlarged(image, SIDE), enlarged(there, SIDE))),)


def _picture(method: str, image: np.ndarray, values: np.ndarray, doubted: bool) -> Picture:
    small = shrunk(values, SIDE)
    over = overlaid(enlarged(image, SIDE), enlarged(small, SIDE))
    kept = shrunk(region(values).astype(float), SIDE) > 0.5
    left = masked(enlarged(image, SIDE), enlarged(kept, SIDE))
    name = method_name(method)
    where = (
        f"its strongest region lies at the {_where(kept)}" if kept.any() else "nothing raises it"
    )
    return Picture(
        name=name,
        sources=(address(over), address(left)),
        alternatives=(f"Map of {name}: {moved(values)}.", f"What {name} keeps: {where}."),
        doubted=doubted,
    )


def _where(kept: np.ndarray) -> str:
    """Where the middle of a region lies, in words."""
    rows, columns = np.nonzero(kept)
    down = ("top", "middle", "bottom")[min(int(3 * rows.mean() / kept.shape[0]), 2)]
    along = ("left", "centre", "right")[min(int(3 * columns.mean() / kept.shape[1]), 2)]
    return f"{down} {along}"


def _verdict(facts: Facts, number: int) -> str:
    """What the model says of an image, whether it is right, and which output is explained."""
    place, truth = facts.shown[number].place, facts.truth
    said, sure = truth.predicted[place], float(facts.confidence[place])
    if not truth.several:
        true = "" if truth.answers is None else f"; the truth is {truth.answers[place]:.4g}"
        return f"The model says {float(said):.4g}{true}."
    how = f"{percent(sure)} probability" if facts.probable else f"a score of {sure:.4g}"
    text = f"The model says {said}, with {how}"
    if truth.answers is not None:
        right = truth.answers[place] == said
        text += ", which is right" if right else f"; the truth is {truth.answers[place]}"
    target = str((facts.found[0].inputs or {})["target"][number])
    return f"{text}. Explained is {target}." if target != str(said) else f"{text}."


def visualised(facts: Facts) -> Sequence[Section]:
    """What would excite the network most; no section where it was not made."""
    if facts.seen is None:
        return ()
    rows = [
        (str(name), group, role, float(score))
        for name, group, role, score in zip(
            facts.seen.names, facts.seen.group, facts.seen.role, facts.seen.score, strict=True
        )
    ]
    figure = Figure(
        id="seen",
        question="What excites a class most: made from noise, and found among the images?",
        chart=gallery.chart(facts.seen, width=WIDE),
        reading=f"For each of the {counted(len(set(facts.seen.group)), 'class', 'classes')} "
        "predicted most often, images that were changed step by step until the network is as sure "
        "as it can be, and under them the real images that come closest.",
        certainty="Made images need not look like any that the network meets; what they share with "
        "the real ones is what counts.",
        table=table("What each image reaches", ("image", "class", "what", "score"), rows),
    )
    notes = tuple(Finding(text=note) for note in facts.seen.notes)
    return (
        Section(
            id="seen-section",
            short="What it likes to see",
            title="What would the network most like to see?",
            lead="",
            blocks=(figure, *((Findings(findings=notes),) if notes else ())),
        ),
    )
