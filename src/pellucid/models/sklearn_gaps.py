"""What a fitted transformer takes for a missing text: NaN, as pandas gives, or None, as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NAN, NONE = frozenset({"nan"}), frozenset({"none"})


def gaps_learnt(step: Any) -> frozenset[str]:
    """The kinds of gap among the categories that a transformer and its parts have learnt.

    Parameters
    ----------
    step : object
        A fitted transformer, a column transformer, a union or a pipeline.

    Returns
    -------
    frozenset of str
        Out of ``"nan"`` and ``"none"``; empty where no text was missing in training.
    """
    found: frozenset[str] = frozenset()
    for part in _parts(step):
        found |= gaps_learnt(part)
    for categories in getattr(step, "categories_", ()):
        for value in categories[-2:].tolist():  # scikit-learn puts None and NaN last
            found |= NONE if value is None else NAN if value != value else frozenset()
    if getattr(step, "statistics_", None) is not None and step.statistics_.dtype.kind == "O":
        found |= NONE if step.missing_values is None else NAN
    return found


def _parts(step: Any) -> Iterator[Any]:
    for name in ("transformers_", "steps", "transformer_list"):
        for entry in getattr(step, name, ()):
            if not isinstance(entry[1], str):
                yield entry[1]
