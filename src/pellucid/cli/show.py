"""``pellucid show``."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

from pellucid.cli.app import say
from pellucid.cli.inputs import writable
from pellucid.core.explanation import Explanation

SUFFIXES = (".svg", ".png", ".html", ".json")


def run_show(file: Path, output: Path | None, kind: str | None, json: bool) -> None:
    """Print a saved explanation, or draw it."""
    explanation = Explanation.load(file)
    if output is not None:
        from pellucid.display.export import save
        from pellucid.display.show import show

        save(show(explanation, kind=kind), writable(output, SUFFIXES))
        say(f"Wrote {output}")
    elif json:
        print(jsonlib.dumps(explanation.to_dict(), allow_nan=False))
    else:
        print(repr(explanation))
