"""From what a user gives to a question: about the rows of a table, or about images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.core.errors import InvalidSetting
from pellucid.data.images import are_images
from pellucid.data.schema import Schema
from pellucid.engine.work import BATCH_ROWS
from pellucid.explainers.image_question import ImageQuestion, Opening, ask_images
from pellucid.explainers.question import Question, ask


def asking(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    y: Any = None,
    target: Any = None,
    scale: str = "auto",
    groups: Mapping[str, Sequence[str]] | None = None,
    segments: Any = None,
    schema: Schema | Mapping[str, Any] | None = None,
    seed: int | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    opening: Opening | None = None,
) -> Question | ImageQuestion:
    """The question in its settled form; see `pellucid.explain` for the parameters.

    `opening` is how the method that will answer wants to have images asked about.
    """
    common: dict[str, Any] = {
        "background": background, "target": target, "scale": scale, "seed": seed,
        "threads": threads, "max_evaluations": max_evaluations, "max_seconds": max_seconds,
    }  # fmt: skip
    if not are_images(X) and not _is_one_image(model, X):
        if segments is not None:
            raise InvalidSetting(
                "segments is for images",
                got="segments= and a table",
                fix="Give groups= for columns that are explained as one",
            )
        rows = BATCH_ROWS if batch_size is None else batch_size
        return ask(model, X, y=y, groups=groups, schema=schema, batch_size=rows, **common)
    for name, given in (("y", y), ("groups", groups), ("schema", schema)):
        if given is not None:
            fix = "Give segments= for pixels" if name == "groups" else "Leave it out"
            raise InvalidSetting(
                f"{name} is for tables", got=f"{name}= and a batch of images", fix=fix
            )
    return ask_images(model, X, segments=segments, batch_size=batch_size, opening=opening, **common)


def _is_one_image(model: Any, X: Any) -> bool:
    """Whether a network is given one image, which `Images` refuses with the right words."""
    return hasattr(model, "named_modules") and len(getattr(X, "shape", ())) == 3
