"""Sections: which methods can be believed here, and what must the report not be used for?"""

from __future__ import annotations

import numpy as np

from pellucid.core.scores import Score, Scores
from pellucid.display.charts import comparison
from pellucid.display.charts.comparison import methods_of
from pellucid.display.report.blocks import WIDE, Block, Figure, Finding, Findings, Section, table
from pellucid.display.report.board import board, failing, sound
from pellucid.display.report.images.facts import MOST_JUDGED, Facts
from pellucid.display.words import capital, counted, listed, method_name, metric_name, sentence
from pellucid.maths.intervals import FEWEST_ROWS
from pellucid.metrics.believed import DOUBTS, FAITHFUL

NEVER = {
    "Not as a reason to trust": "A map says what the output came from, not whether the network is "
    "right, or right for a good reason.",
    "Not by single pixels": "Read regions. Single pixels change with noise that nobody sees.",
    "Not by size across methods": "Each method measures in a unit of its own: compare where they "
    "point, not how strongly.",
    "Not for other images": "On images of another kind both the network and its maps are guesses.",
    "Not as a choice of the prettiest": "Which map looks most sensible says nothing on which is "
    "true: that is what the judge is for.",
}
"""What no explanation of this kind may be used for."""

FEW = FEWEST_ROWS
"""Images judged below which there are no intervals, and the judge's word is weak."""


def section(facts: Facts) -> Section:
    """The verdict, the board, the picture of it, what fails, and every number."""
    found = facts.comparison
    if found is None:
        told = Finding(status="warn", text=_alone(facts))
        blocks: tuple[Block, ...] = (Findings(findings=(told,)),)
    else:
        blocks = (_verdict(facts, found), board(found), *_failing(found), _picture(found))
        blocks += (_numbers(found),)
    assumed = _assumed(facts)
    return Section(
        id="judge",
        short="Which to believe",
        title="Which of these methods are to be believed here?",
        lead="Maps disagree, so they were put to the test on "
        f"{counted(len(facts.judged), 'image')}: take "
        "away what a method calls important, and the output must fall; keep only that, and it must "
        "stay; and more than if parts were taken in random order.",
        blocks=(*blocks, *assumed),
    )


def believable(facts: Facts) -> Finding:
    """Which methods to believe, as one sentence."""
    found = facts.comparison
    if found is None:
        return Finding(status="warn", text=_alone(facts))
    good, names = sound(found), methods_of(found)
    bad = [name for name in names if name not in good]
    n = counted(len(facts.judged), "image")
    if not good:
        return Finding(
            status="warn",
            text=f"Judged on {n}, none of {len(names)} methods is to be believed without doubt.",
        )
    named = listed([method_name(name) for name in good])
    few = len(facts.judged) < FEW
    text = f"Judged on {n}, believe {named}"
    if few:
        text = f"On {n}, too few to be sure, nothing speaks against {named}"
    if bad:
        said = [f"{method_name(name)}, which {' and '.join(failing(found, name))}" for name in bad]
        text += f"; doubt {'; and '.join(said)}"
    return Finding(status="warn" if bad or few else "good", text=f"{text}.")


def agreement(facts: Facts) -> Finding:
    """Whether the methods say the same, as one sentence."""
    found = facts.comparison
    if found is None:
        return Finding(text=f"{_only(facts)}: see its maps.")
    said = found["verdict"].text.split(";")[0].rstrip(".")
    return Finding(text=sentence(f"{said}.", *methods_of(found)))


def limits(facts: Facts) -> Section:
    """What the report must not be used for, in general and here."""
    here = []
    if len(facts.judged) < min(FEW, len(facts.images)):
        here.append(
            f"Methods were judged on {counted(len(facts.judged), 'image')} only, to bound the "
            "cost: pellucid compare judges more with --rows."
        )
    if facts.truth.answers is None:
        here.append("No true answers were given: a clear map may explain a wrong prediction.")
    wrong = int(facts.truth.wrong.sum())
    if wrong:
        here.append(
            f"{counted(wrong, 'prediction')} of {len(facts.images):,} are wrong: what the network "
            "looked at there is what misled it, not what shows the class."
        )
    blocks: list[Block] = [
        Findings(findings=tuple(Finding(label=label, text=text) for label, text in NEVER.items()))
    ]
    if here:
        warned = tuple(Finding(status="warn", text=text) for text in here)
        blocks.append(Findings(title="For this network and these images", findings=warned))
    return Section(
        id="limits",
        short="Not to be used for",
        title="What must it not be used for?",
        blocks=tuple(blocks),
    )


def _alone(facts: Facts) -> str:
    return f"{_only(facts)}, and one method alone is not compared with others."


def _only(facts: Facts) -> str:
    """Why there is a single method: the others refused, or none was asked for."""
    name = method_name(facts.methods[0])
    if facts.refused:
        return f"Of {len(facts.refused) + 1} methods tried, only {name} explains these images"
    return f"Only {name} was asked for"


def _verdict(facts: Facts, found: Scores) -> Findings:
    """The judge's sentence, part by part."""
    names = methods_of(found)
    parts = found["verdict"].text.rstrip(".").split("; ")
    told = [Finding(text=f"{capital(sentence(part, *names))}.") for part in parts]
    return Findings(findings=tuple(told))


def _failing(found: Scores) -> tuple[Findings, ...]:
    """Every check that fails, in its own words."""
    names = methods_of(found)
    known = {*FAITHFUL, *DOUBTS}
    failed = [r for r in found.failures if r.group in names and r.metric in known and r.text]
    if not failed:
        return ()
    told = tuple(
        Finding(label=method_name(row.group), status="warn", text=_told(row, names))
        for row in _once(failed)
    )
    return (Findings(title="What fails", findings=told),)


def _once(rows: list[Score]) -> list[Score]:
    """Of each method and metric the first failure: ways of removal mostly say the same."""
    first: dict[tuple[str, str], Score] = {}
    for row in rows:
        first.setdefault((row.group, row.metric), row)
    return sorted(first.values(), key=lambda row: row.group)


def _told(row: Score, names: tuple[str, ...]) -> str:
    return capital(sentence(row.text.removeprefix("Warning: "), *names))


def _picture(found: Scores) -> Figure:
    rows = [
        (metric_name(row.metric), method_name(row.group), row.removal, row.value, row.low, row.high)
        for row in found
        if row.group and np.isfinite(row.value)
    ]
    return Figure(
        id="comparison",
        question="Do the methods agree, and which can be relied on?",
        chart=comparison.chart(found, width=WIDE),
        reading="Above, how many of the strongest cells of an image two methods share. Then, for "
        "each method, how much of the output is lost without its strongest cells, and kept by them "
        "alone, in two ways of taking away; further right is better.",
        certainty="Points are means over images with 95 % intervals; the grey band is what random "
        "orders reach. Taken-away parts make images that the network never met: where two ways of "
        "taking away disagree, trust neither alone.",
        table=table("Every number", ("number", "of", "taken away", "value", "low", "high"), rows),
    )


def _numbers(found: Scores) -> Findings:
    """What the columns of the board are."""
    told = {
        "Lost, kept": "The share of what the image adds to the output, over an empty one, that is "
        "lost without the strongest cells, and that they keep alone: the mean over 5, 10, 20, 50 % "
        "of them and so on, as the numbers say.",
        "Orders": "Random order is what chance reaches; gold order, where there is one, takes "
        "first what was marked; reverse order is the best method turned round.",
        "Doubted": "A method is doubted where it is no better than chance, or fails to stay the "
        "same under noise or another seed, or to change where it must.",
    }
    return Findings(
        title="How to read the board",
        findings=tuple(Finding(label=label, text=text) for label, text in told.items()),
    )


def _assumed(facts: Facts) -> tuple[Findings, ...]:
    notes: dict[str, None] = dict.fromkeys(
        () if facts.comparison is None else facts.comparison.notes
    )
    for each in facts.found:
        notes.update(dict.fromkeys(f"{method_name(each.method)}: {note}" for note in each.notes))
    if len(facts.judged) < len(facts.images):
        notes[
            f"{len(facts.judged)} of {len(facts.images):,} images, at most {MOST_JUDGED}, were "
            f"drawn at random to judge (seed {facts.seed}); fewer where images are large."
        ] = None
    names = facts.methods
    said = tuple(Finding(text=sentence(note, *names)) for note in notes)
    return (Findings(title="What was assumed", findings=said),) if said else ()
