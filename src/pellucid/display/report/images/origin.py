"""Section: what is this network, and what are these images?"""

from __future__ import annotations

from collections import Counter

import numpy as np

from pellucid.display.report.blocks import Facts as FactBlock
from pellucid.display.report.blocks import Finding, Findings, Section
from pellucid.display.report.images.facts import Facts
from pellucid.display.report.images.truth import SCORES
from pellucid.display.words import counted, listed, method_name, shorten

NAMED = 6
"""Classes that are named; of more, only the first ones."""


def section(facts: Facts) -> Section:
    """Model, images and fingerprints, and what asks for care."""
    findings = _findings(facts)
    groups = (
        ("Model", tuple(_model(facts))),
        ("Images", tuple(_images(facts))),
        ("Fingerprints", (
            ("Model", facts.model.fingerprint()), ("Images", facts.images.fingerprint()),
        )),
    )  # fmt: skip
    asks = (Findings(title="What the images ask you to mind", findings=findings),)
    return Section(
        id="origin",
        short="Network and images",
        title="What is this network, and what are these images?",
        lead="The fingerprints tell whether two reports speak of the same network and the same "
        "images.",
        blocks=(FactBlock(groups=groups), *(asks if findings else ())),
    )


def _model(facts: Facts) -> list[tuple[str, str]]:
    names = [shorten(name) for name in facts.truth.names[:NAMED]]
    more = len(facts.truth.names) - len(names)
    says = listed(names) if not more else f"{', '.join(names)} and {more:,} more"
    pairs = [("Model", facts.model.name)]
    pairs.append(("Chooses one of", says) if facts.truth.several else ("Says", "a number"))
    pairs += list(facts.options.origin.items())
    pairs.append(("Explained in", facts.found[0].scale))
    pairs.append(("Explained by", counted(len(facts.found), "method")))
    return pairs


def _images(facts: Facts) -> list[tuple[str, str]]:
    images = facts.images
    _, channels, rows, columns = images.values.shape
    pairs = [
        ("Images", f"{len(images):,}"),
        ("Size", f"{rows} × {columns} pixels, {counted(channels, 'channel')}"),
        ("Values", f"{images.values.min():.3g} to {images.values.max():.3g}"),
    ]
    for name, given in (("Mean taken off", images.mean), ("Divided by", images.std)):
        if given is not None:
            pairs.append((name, ", ".join(f"{value:.3g}" for value in given)))
    pairs += [(f"Split: {name}", f"{size:,} images") for name, size in facts.options.splits.items()]
    return pairs


def _findings(facts: Facts) -> tuple[Finding, ...]:
    found = [
        Finding(label="Scores" if note == SCORES else "Names", text=note)
        for note in facts.truth.notes
    ]
    seen = Counter(image.tobytes() for image in np.ascontiguousarray(facts.images.values))
    doubles = sum(count - 1 for count in seen.values())
    if doubles:
        found.append(
            Finding(
                label="The same twice", status="warn",
                text=f"{counted(doubles, 'image')} of {len(facts.images):,} equal another one.",
            )
        )  # fmt: skip
    plain = [
        str(name)
        for name, image in zip(facts.images.names, facts.images.values, strict=True)
        if image.min() == image.max()
    ]
    if plain:
        found.append(
            Finding(
                label="Empty", status="warn",
                text=f"{listed(plain[:NAMED])}: one value in every pixel.",
            )
        )  # fmt: skip
    for name, reason in facts.refused:
        found.append(Finding(label="Does not fit", text=f"{method_name(name)}: {reason}"))
    return tuple(found)
