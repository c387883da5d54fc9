"""``pellucid demo images``: a network that is right for the wrong reason, and who finds out.

Digits carry a coloured patch in a corner. For one network the colour is that of the answer, for
its twin any colour; both are right on new images. What tells them apart is what they look at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.cli.app import say
from pellucid.cli.report import told
from pellucid.core.errors import UnknownName
from pellucid.data.planted_digits import KINDS, PlantedDigits, planted_digits
from pellucid.display.report.blocks import (
    Cell,
    DataTable,
    Finding,
    Findings,
    Paragraph,
    Section,
    table,
)
from pellucid.display.report.images.facts import METHODS, Options
from pellucid.display.report.images.report import report_on_images
from pellucid.display.report.made import Report
from pellucid.display.words import capital, method_name, percent
from pellucid.explainers.explain import explain
from pellucid.maths.intervals import wilson
from pellucid.maths.localisation import relevance_mass
from pellucid.models.small_network import accuracy, train_network
from pellucid.models.threads import one_thread

MEASURED = 30
"""Held-out images on which it is measured where each method points."""

BUDGET = 512
"""Perturbed images for each image measured, of methods that sample."""


SAID = {
    "hans": "whose corner has the colour of the answer",
    "honest": "whose corner has any colour",
}
"""What the patch of each kind is, in a sentence."""

TITLES = {
    "hans": "Right for the wrong reason: what does this network look at?",
    "honest": "Right, and for the right reason? What this network looks at",
}

DONE = (
    "Two networks of the same kind were trained on the same {number:,} handwritten digits, each "
    "with a coloured patch in one corner. For the first network, called hans after a horse that "
    "read its answers off its master's face, the patch always has the colour of the answer. For "
    "its twin, called honest, the colour is drawn by lot. Neither was told about the patch. This "
    "report is about {kind}; its twin is measured beside it."
)
"""What was done, in plain words."""

TRY = (
    "Run pellucid demo images --data honest and compare: there the maps must leave the patch. With "
    "your own network: pellucid report NETWORK FOLDER, with a folder of images for each class. "
    "Where maps crowd onto a corner, a border or a caption, change that part of the images and see "
    "whether the answers change."
)
"""What to do next."""


@dataclass(frozen=True, kw_only=True)
class Twins:
    """What was measured of both networks.

    Parameters
    ----------
    kind : str
        The one that the report is about.
    number : int
        Digits they were trained on.
    right, swapped : dict of str to (share, low, high)
        How often each is right on new images, and where these have one another's patches.
    mass : dict of str to dict of str to float
        By network and method, the share of what raises the output that lies on the patch.
    area : float
        The share of an image that is the patch.
    """

    kind: str
    number: int
    right: dict[str, tuple[float, float, float]]
    swapped: dict[str, tuple[float, float, float]]
    mass: dict[str, dict[str, float]]
    area: float


def run_images(data: str | None, output: Path, seed: int, json: bool) -> None:
    """Train both networks, measure where methods point, and write the report of one."""
    kind = "hans" if data is None else data
    if kind not in KINDS:
        raise UnknownName.among("kind of digits", kind, KINDS)
    with one_thread("This lesson, which trains a network,"):
        digits: dict[str, PlantedDigits] = {each: planted_digits(each, seed=seed) for each in KINDS}
        nets: dict[str, Any] = {}
        for each, every in digits.items():
            say(f"Training a small network on {len(every.train.labels):,} digits, {SAID[each]} …")
            nets[each] = train_network(every.train.images, every.train.labels, seed=seed)
        say("Explaining both with eight methods, and testing the methods …")
        twins = measured(kind, nets, digits, seed)
        made = _written(nets[kind], digits[kind], twins, output, seed)
    seen = to_see(twins)
    if not json:
        print(f"What to see in this lesson ({kind}):")
        for one in seen:
            print(f"  {one.label}. {one.text}")
    facts = {"schema": 1, "report": str(made.path), "findings": made.findings}
    told({**facts, "lesson": [one.text for one in seen]}, json)


def _written(net: Any, digits: PlantedDigits, twins: Twins, output: Path, seed: int) -> Report:
    test = digits.test
    return report_on_images(
        net,
        test.images,
        test.labels,
        path=output,
        background=None,
        options=Options(
            gold=test.patch,
            lesson=lesson(twins),
            first=(_maps_tell(twins),),
            origin={"Trained on": f"planted digits, {twins.kind}"},
            splits={"training": twins.number, "held out": len(test.labels)},
            seed=seed,
        ),
        title=TITLES[twins.kind],
    )


def measured(kind: str, nets: dict[str, Any], digits: dict[str, PlantedDigits], seed: int) -> Twins:
    """Both networks on images they have not seen."""
    tests = {each: every.test for each, every in digits.items()}
    return Twins(
        kind=kind,
        number=len(digits[kind].train.labels),
        right={each: _right(nets[each], tests[each]) for each in KINDS},
        swapped={each: _right(nets[each], tests[each].shuffled(seed)) for each in KINDS},
        mass={each: _on_patch(nets[each], tests[each], seed) for each in KINDS},
        area=float(tests[kind].patch.mean()),
    )


def lesson(twins: Twins) -> Section:
    """What was done, what to see, and the numbers that show it."""
    done = DONE.format(kind=twins.kind, number=twins.number)
    return Section(
        id="lesson",
        short="The lesson",
        title="The lesson: being right is not enough",
        lead="All of this was trained and measured just now, on this machine.",
        blocks=(
            Paragraph(title="What was done", text=done),
            Findings(title="What to see", findings=to_see(twins)),
            _table(twins),
            Paragraph(title="Try it yourself", text=TRY),
        ),
    )


def to_see(twins: Twins) -> tuple[Finding, ...]:
    """The lesson in four sentences."""
    return (
        _accuracy_is_blind(twins), _swapping_tells(twins), _maps_tell(twins), _which_maps(twins)
    )  # fmt: skip


def _right(net: Any, digits: PlantedDigits) -> tuple[float, float, float]:
    """The share of images predicted rightly, with its 95 % interval."""
    share, n = accuracy(net, digits.images, digits.labels), len(digits.labels)
    low, high = wilson(share * n, n)
    return share, float(low), float(high)


def _on_patch(net: Any, digits: PlantedDigits, seed: int) -> dict[str, float]:
    """By method, the mean share of what raises the output that lies on the patch."""
    some = digits.take(np.linspace(0, len(digits.labels) - 1, MEASURED).astype(int))
    found = {}
    for name in METHODS[True]:
        budget = BUDGET if name == "kernel_shap" else None
        made = explain(net, some.images, method=name, budget=budget, seed=seed, progress=False)
        maps = made.values.sum(axis=1) if made.values.ndim == 4 else made.values
        found[name] = float(np.nanmean(relevance_mass(maps, some.patch)))
    return found


def _accuracy_is_blind(twins: Twins) -> Finding:
    said = {each: f"{percent(share)} ({percent(low)} to {percent(high)})"
            for each, (share, low, high) in twins.right.items()}  # fmt: skip
    better = max(KINDS, key=lambda each: twins.right[each][0])
    return Finding(
        label="Accuracy is blind",
        text=f"On new images like those they learned from, hans is right for {said['hans']} and "
        f"honest for {said['honest']}. By this number {better} is the better network.",
    )


def _swapping_tells(twins: Twins) -> Finding:
    before, after = twins.right["hans"][0], twins.swapped["hans"][0]
    return Finding(
        label="Swapping tells",
        status="warn",
        text=f"Give each image the patch of another: hans goes from {percent(before)} to "
        f"{percent(after)}, honest from {percent(twins.right['honest'][0])} to "
        f"{percent(twins.swapped['honest'][0])}. Hans reads colours, not digits. In real life "
        "nobody tells you which part to swap.",
    )


def _maps_tell(twins: Twins) -> Finding:
    hans, honest = (max(twins.mass[each].values()) for each in ("hans", "honest"))
    best = max(twins.mass["hans"], key=lambda name: twins.mass["hans"][name])
    return Finding(
        label="Maps tell",
        status="warn" if twins.kind == "hans" else "good",
        text=f"The patch in the corner is {percent(twins.area)} of an image. "
        f"{capital(method_name(best))} puts {percent(hans)} of what raises the output of hans on "
        f"it; for honest no method puts more than {percent(honest)} there. Nothing but the network "
        "and the images was needed to see it.",
    )


def _which_maps(twins: Twins) -> Finding:
    mass = twins.mass["hans"]
    order = sorted(mass, key=lambda name: -mass[name])
    named = ", ".join(f"{method_name(name)} ({percent(mass[name])})" for name in order[:3])
    return Finding(
        label="But not all maps",
        text=f"Most on the patch of hans put {named}; {method_name(order[-1])} puts only "
        f"{percent(mass[order[-1]])} there. The judge below makes no use of the patch for its "
        "verdict: see whether the methods it believes are those that find it.",
    )


def _table(twins: Twins) -> DataTable:
    def line(name: str, share: dict[str, float]) -> tuple[object, ...]:
        return (name, *(Cell(text=percent(share[each]), sort=share[each]) for each in KINDS))

    rows = [
        line("right on new images", {each: twins.right[each][0] for each in KINDS}),
        line("right with swapped patches", {each: twins.swapped[each][0] for each in KINDS}),
    ]
    rows += [
        line(f"on the patch: {method_name(name)}", {each: twins.mass[each][name] for each in KINDS})
        for name in twins.mass["hans"]
    ]
    rows.append(line("on the patch: by chance", dict.fromkeys(KINDS, twins.area)))
    made = table("Two networks, and where eight methods point", ("share", *KINDS), rows)
    return replace(made, id="twins")
