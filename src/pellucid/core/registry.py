"""The folder is the registry: a recipe is found by the name of the file it lives in.

Looking a name up reads file names only; nothing is imported but the one file that is wanted.
Packages outside join through the entry point group ``pellucid.recipes``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from functools import cache
from pathlib import Path
from types import ModuleType

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.recipe import Recipe, snake_case

ENTRY_POINTS = "pellucid.recipes"


@cache
def modules(package: str) -> dict[str, str]:
    """Every file below `package`: name in snake case to module name, without importing it."""
    root = importlib.import_module(package)
    found = {}
    for folder in [Path(p) for p in root.__path__]:
        for path in sorted(folder.rglob("*.py")):
            if path.stem != "__init__":
                inside = path.relative_to(folder).with_suffix("").parts
                found[path.stem] = ".".join((package, *inside))
    return found


def names(package: str) -> tuple[str, ...]:
    """The names of all recipes below `package`, and of those other packages bring."""
    inside = (name for name, module in modules(package).items() if recipe_in(module))
    return tuple(sorted({*inside, *_outside()}))


def find(package: str, name: str) -> type[Recipe]:
    """The recipe class called `name`.

    Raises
    ------
    UnknownName
        If there is none; says which name is close.
    """
    module = modules(package).get(name)
    recipe = recipe_in(module) if module else None
    if recipe is not None:
        return recipe
    if name in _outside():
        return _checked(name, _outside()[name].load())
    raise UnknownName.among("method", name, names(package))


def recipe_in(module: str) -> type[Recipe] | None:
    """The recipe that `module` is named after, or `None` if it holds none."""
    loaded: ModuleType = importlib.import_module(module)
    stem = module.rpartition(".")[2]
    for item in vars(loaded).values():
        if (
            isinstance(item, type)
            and issubclass(item, Recipe)
            and item.__module__ == module
            and not getattr(item, "__abstractmethods__", None)
            and snake_case(item.__name__) == stem
        ):
            return item
    return None


@cache
def _outside() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def _checked(name: str, recipe: object) -> type[Recipe]:
    if not (isinstance(recipe, type) and issubclass(recipe, Recipe)):
        raise InvalidSetting(
            f"The entry point {name!r} in {ENTRY_POINTS!r} is no recipe",
            got=repr(recipe),
            allowed="a subclass of pellucid.core.recipe.Recipe",
        )
    return recipe
