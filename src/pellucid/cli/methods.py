"""``pellucid methods``."""

from __future__ import annotations

import inspect
import json as jsonlib
import re
import sys
from pathlib import Path
from typing import Any

from pellucid.cli.inputs import model_from
from pellucid.core import registry
from pellucid.explainers import choose

SETTINGS = re.compile(r"^Parameters\n-+\n(.*?)(?=\n\n\w+\n---|\Z)", re.DOTALL | re.MULTILINE)
"""The part of a recipe's documentation on its settings."""

WIDTH = 200
"""Characters of a line that is not written to a terminal: each method has one."""


def run_methods(model: Path | None, scale: str, trust: bool, json: bool) -> None:
    """List methods, as a table or as JSON."""
    rows = all_methods() if model is None else _fitting(model, scale, trust)
    if json:
        print(jsonlib.dumps({"schema": 1, "methods": rows}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    table.add_column("explains", no_wrap=True)
    table.add_column("values", no_wrap=True)
    for header in ("needs", "model evaluations", "source"):
        table.add_column(header, overflow="fold")
    for row in rows:
        needs = row.get("why_not") or ", ".join(row["needs"])
        style = "dim" if row.get("why_not") else ""
        table.add_row(
            row["name"],
            " and ".join(f"{kind}s" for kind in reversed(row["takes"])),
            "exact" if row["exact"] else "sampled",
            needs,
            row["cost"],
            row["paper"],
            style=style,
        )
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def tell_method(name: str, json: bool) -> None:
    """What one method does, and its settings with what they mean."""
    recipe = choose.recipe_named(name)
    told = inspect.getdoc(type(recipe)) or ""
    meant = SETTINGS.search(told)
    if json:
        facts = {"method": name, "settings": recipe.params(), "about": told}
        print(jsonlib.dumps({"schema": 1, **facts}, indent=2))
        return
    print(f"{name}: {told.splitlines()[0]}")
    print(f"By default: {recipe!r}\n")
    print(meant.group(1) if meant else "It has no settings.")


def _fitting(model: Path, scale: str, trust: bool) -> list[dict[str, Any]]:
    fitted, _ = model_from(model, trust)
    return choose.methods(fitted, scale=scale)


def all_methods() -> list[dict[str, Any]]:
    """Every method, whatever the model."""
    recipes = [choose.recipe_named(name) for name in registry.names(choose.PACKAGE)]
    return [
        {
            "name": recipe.name(),
            "takes": sorted(recipe.takes),
            "exact": recipe.exact,
            "needs": sorted(recipe.needs),
            "laws": sorted(recipe.laws),
            "cost": recipe.cost,
            "paper": recipe.paper,
        }
        for recipe in recipes
    ]
