"""The judge's board: methods beside one another, each with its numbers, its checks and its cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pellucid.core.scores import Scores
from pellucid.display.charts.comparison import RANDOM, methods_of
from pellucid.display.report.blocks import Cell, DataTable, table
from pellucid.display.words import brief, method_name, percent
from pellucid.metrics.believed import DOUBTS, FAITHFUL

NUMBERS = {
    ("deletion", ""): "deletion",
    ("insertion", ""): "insertion",
    ("normalised_comprehensiveness", "mean"): "lost (mean colour)",
    ("normalised_comprehensiveness", "blur"): "lost (blur)",
    ("normalised_sufficiency", "mean"): "kept (mean colour)",
    ("normalised_sufficiency", "blur"): "kept (blur)",
    ("relevance_mass", ""): "on what is marked",
}
"""Numbers that are shares, by metric and way of removal, and their heads."""

REFERENCES = (RANDOM, "gold order", "reverse order")
"""Groups of scores that are no methods, but what orders reach."""


def failing(found: Scores, method: str) -> tuple[str, ...]:
    """What speaks against a method, in few words."""
    own = [row for row in found.sel(group=method) if row.passed is False]
    chance = ("is no better than chance",) if any(row.metric in FAITHFUL for row in own) else ()
    doubts = [DOUBTS[row.metric] for row in own if row.metric in DOUBTS]
    return tuple(dict.fromkeys((*chance, *doubts)))


def sound(found: Scores) -> tuple[str, ...]:
    """The methods that nothing speaks against, the best first."""
    against = {*DOUBTS, *FAITHFUL}
    kept = [
        name
        for name in methods_of(found)
        if not any(row.passed is False and row.metric in against for row in found.sel(group=name))
    ]
    return tuple(sorted(kept, key=lambda name: -_reached(found, name)))


def board(found: Scores) -> DataTable:
    """One line for each method, and for what random and other orders reach."""
    names = methods_of(found)
    there = {(row.metric, row.removal) for row in found if row.group in names}
    columns = [key for key in NUMBERS if key in there]
    lines = [*names, *(name for name in REFERENCES if name in found.groups)]
    rows = [
        (
            method_name(name),
            *(_share(found, name, *key) for key in columns),
            _held(found, name) if name in names else "",
            *_cost(found, name),
            "; ".join(failing(found, name)) if name in names else "",
        )
        for name in lines
    ]
    header = (
        "method", *(NUMBERS[key] for key in columns), "checks held", "ms", "evaluations",
        "what speaks against it",
    )  # fmt: skip
    made = table("Methods beside one another", header, rows)
    return replace(made, id="board")


def _reached(found: Scores, name: str) -> float:
    values = [
        row.value
        for row in found.sel(group=name)
        if (row.metric, row.removal) in NUMBERS and row.metric != "relevance_mass"
    ]
    told = [value for value in values if np.isfinite(value)]
    return float(np.mean(told)) if told else -np.inf


def _share(found: Scores, name: str, metric: str, removal: str) -> Cell | str:
    own = [row for row in found if (row.group, row.metric, row.removal) == (name, metric, removal)]
    if not own or not np.isfinite(own[0].value):
        return ""
    return Cell(text=percent(own[0].value), sort=own[0].value)


def _held(found: Scores, name: str) -> Cell:
    checks = [row for row in found.sel(group=name) if row.passed is not None]
    held = sum(row.passed is True for row in checks)
    share = held / len(checks) if checks else 0.0
    return Cell(text=f"{held} of {len(checks)}", sort=share)


def _cost(found: Scores, name: str) -> tuple[Cell | str, Cell | str]:
    own = {row.metric: row.value for row in found if row.group == name}
    if "seconds" not in own:
        return "", ""
    ms, asked = 1000 * own["seconds"], own["evaluations"]
    return Cell(text=brief(ms), sort=ms), Cell(text=brief(asked), sort=asked)
