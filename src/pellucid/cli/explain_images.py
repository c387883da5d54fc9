"""``pellucid explain`` on images."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.app import Exit, say
from pellucid.cli.inputs import destination, model_from
from pellucid.cli.pictures import Reading, refuse_for_images
from pellucid.cli.typed_method import method_from
from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.core.explanation import Explanation
from pellucid.core.scores import Scores
from pellucid.data.images import Images
from pellucid.explainers.explain import explain

if TYPE_CHECKING:
    from pellucid.cli.explain import Asked

SUFFIXES = (".pel", ".svg", ".png", ".html", ".json")
"""A saved explanation, or a picture of overlays."""


def run_on_images(model: Path, data: Path, output: Path, asked: Asked, reading: Reading) -> None:
    """Explain every image; write the explanation, or the overlays of one method or several."""
    destination(output, SUFFIXES, model, data, asked.background, reading.names)
    refuse_for_images({"target": asked.target})
    names = [name.strip() for name in (asked.method or "").split(",")]
    saved = output.suffix.lower() == ".pel"
    if len(names) > 1 and (saved or asked.settings):
        raise InvalidSetting(
            "Several methods make one picture, each with its own settings",
            got=names,
            fix="Write a picture, such as .html, without --set; or name one method",
        )
    loaded, _ = model_from(model, asked.trust)
    images = reading.images(data, seed=asked.seed).images
    fitted = reading.named(loaded, images)
    behind = reading.background(asked.background, asked.seed)
    found = [
        explain(
            fitted,
            images,
            method=method_from(name or None, asked.settings),
            background=behind,
            target=asked.class_,
            scale=asked.scale,
            budget=asked.budget,
            tolerance=asked.tolerance,
            segments=reading.cut,
            seed=asked.seed,
            max_seconds=asked.max_seconds,
            max_evaluations=asked.max_evaluations,
        )
        for name in names
    ]
    if saved:
        found[0].save(output)
    else:
        _draw(found, output)
    checks = [_checked(each, fitted, images, behind, asked, reading) for each in found]
    _tell(found, len(images), output, checks, asked)


def _draw(found: list[Explanation], output: Path) -> None:
    from pellucid.display.export import save
    from pellucid.display.show import show

    save(show(found), output)


def _checked(
    one: Explanation, fitted: Any, images: Images, behind: Any, asked: Asked, reading: Reading
) -> Scores | None:
    """What the judge says of one explanation, where checks were asked for."""
    if not asked.check or not isinstance(one, Attribution):
        return None
    from pellucid.metrics.evaluate import evaluate

    return evaluate(one, fitted, images, background=behind, segments=reading.cut, seed=asked.seed)


def _tell(
    found: list[Explanation],
    count: int,
    output: Path,
    checks: list[Scores | None],
    asked: Asked,
) -> None:
    failures = sum(len(each.failures) for each in checks if each is not None)
    if asked.json:
        facts = {
            "schema": 1,
            "output": str(output),
            "images": count,
            "methods": [each.method for each in found],
            "scale": found[0].scale,
            "target": found[0].target,
            "evaluations": sum(each.evaluations for each in found),
            "notes": list(dict.fromkeys(note for each in found for note in each.notes)),
        }
        if asked.check:
            facts["failed_checks"] = failures
            facts["checks"] = [row.text for each in checks if each is not None for row in each]
        print(jsonlib.dumps(facts))
    noun = "image" if count == 1 else "images"
    names = ", ".join(each.method for each in found)
    say(f"Wrote {count} {noun} to {output} ({names}, {found[0].scale}).")
    for each, scores in zip(found, checks, strict=True):
        for note in each.notes:
            say(f"Note: {each.method}: {note}" if len(found) > 1 else f"Note: {note}")
        for row in scores or ():
            if row.text:
                say(row.text)
    if failures:
        sys.exit(Exit.check_failed)
