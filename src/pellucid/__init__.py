"""Pellucid explains machine-learning models, with proof that each explanation is true.

Nothing is imported until it is used: ``import pellucid`` costs a few milliseconds.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "explain": "pellucid.explainers.explain",
    "explain_table": "pellucid.explainers.streamed.job",
    "verify": "pellucid.explainers.streamed.inspect",
    "methods": "pellucid.explainers.choose",
    "correlated_groups": "pellucid.explainers.correlated_groups",
    "drop_column": "pellucid.explainers.effect.refits",
    "loco": "pellucid.explainers.effect.refits",
    "reason_codes": "pellucid.explainers.reason_codes",
    "evaluate": "pellucid.metrics.evaluate",
    "compare": "pellucid.metrics.compare",
    "show": "pellucid.display.show",
    "report": "pellucid.display.report.report",
    "Attribution": "pellucid.core.attribution",
    "Curve": "pellucid.core.curve",
    "Examples": "pellucid.core.examples",
    "Reasons": "pellucid.core.reasons",
    "Rules": "pellucid.core.rules",
    "Scores": "pellucid.core.scores",
    "Explanation": "pellucid.core.explanation",
    "PellucidError": "pellucid.core.errors",
    "Table": "pellucid.data.table",
    "load_dataset": "pellucid.data.datasets",
    "load_model": "pellucid.models.load",
    "read_table": "pellucid.data.files",
}

_ROOMS = ("core", "data", "models", "explainers", "metrics", "debug", "testing")

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"pellucid.{name}")
    raise AttributeError(f"module 'pellucid' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
