"""``pellucid show``."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Any

from pellucid.cli.app import say
from pellucid.cli.inputs import destination
from pellucid.core.errors import AxisError, UnknownName, UnreadableFile
from pellucid.core.explanation import Explanation

SUFFIXES = (".svg", ".png", ".html", ".json")


def run_show(
    file: Path,
    output: Path | None,
    kind: str | None,
    row: str | None,
    class_: str | None,
    json: bool,
) -> None:
    """Print a saved explanation, or draw it."""
    if output is not None:
        destination(output, SUFFIXES, file)
    if file.is_dir():
        raise UnreadableFile(
            f"{file} is a folder of parts, not one saved explanation",
            fix="Check it with pellucid verify, read it as Parquet, or explain to a .pel file",
        )
    explanation = _part(_part(Explanation.load(file), "sample", row), "class", class_)
    if output is not None:
        from pellucid.display.export import save
        from pellucid.display.show import show

        save(show(explanation, kind=kind), output)
        say(f"Wrote {output}")
    elif json:
        print(jsonlib.dumps(explanation.to_dict(), allow_nan=False))
    else:
        print(repr(explanation))


def _part(explanation: Any, dim: str, label: str | None) -> Any:
    """The explanation of one row or class, by its label as text."""
    if label is None:
        return explanation
    labels = getattr(explanation, "coords", {}).get(dim)
    if labels is None:
        raise AxisError(
            f"This explanation has no axis {dim!r}", got=getattr(explanation, "dims", "scores")
        )
    texts = [str(known) for known in labels]
    if label not in texts:
        raise UnknownName.among("row" if dim == "sample" else dim, label, texts)
    return explanation.isel(**{dim: texts.index(label)})
