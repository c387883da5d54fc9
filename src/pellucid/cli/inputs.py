"""What several commands read: a model file, tables, and where to write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.cli.app import say
from pellucid.core.errors import ColumnMismatch, InvalidSetting, UnknownName, WrongTarget
from pellucid.core.files import writable
from pellucid.data.files import read_table, split_target
from pellucid.data.table import Table
from pellucid.models.load import ModelFile, load_model


def model_from(path: Path, trust: bool) -> tuple[Any, ModelFile]:
    """The model in the file, with what a reader must know of it said on standard error."""
    loaded, origin = load_model(path, trust=trust)
    for note in origin.notes:
        say(f"Note: {note}")
    return loaded, origin


def rows_and_answers(path: Path, target: str) -> tuple[Table, np.ndarray]:
    """The table in the file without its target column, and the target."""
    return split_target(read_table(path), target)


def rows_from(path: Path, target: str | None) -> Table:
    """The table in the file, without its target column if one is named.

    Raises
    ------
    WrongTarget
        If there is no such column, or no other.
    """
    table = read_table(path)
    if target is None:
        return table
    if target not in table.names:
        hint = UnknownName.among("column", target, table.names)
        raise WrongTarget(f"There is no column {target!r}", allowed=table.names, fix=hint.fix)
    return _without(table, target)


def background_from(path: Path | None, target: str | None) -> Table | None:
    """The reference rows, without the target column if they have it."""
    if path is None:
        return None
    table = read_table(path)
    return _without(table, target) if target in table.names else table


def _without(table: Table, target: str | None) -> Table:
    others = [name for name in table.names if name != target]
    if not others:
        raise WrongTarget(f"{target!r} is the only column", fix="Give the features too")
    return table.select(others)


@contextmanager
def target_hint(target: str | None) -> Iterator[None]:
    """Where the columns do not fit, point out that the target may be among them."""
    try:
        yield
    except ColumnMismatch as error:
        if target is not None:
            raise
        hint = "If the target is in DATA, leave it out: --target COLUMN"
        fix = f"{error.fix}. {hint}" if error.fix else hint
        raise ColumnMismatch(
            error.problem, got=error.got, allowed=error.allowed, fix=fix
        ) from error


def destination(path: Path, suffixes: tuple[str, ...], *inputs: Path | None) -> Path:
    """`path`, once it is known that it can be written and is none of the inputs.

    Raises
    ------
    InvalidSetting
        If not.
    """
    if path.suffix.lower() not in suffixes:
        raise InvalidSetting(
            "The output's kind is told by its suffix",
            got=path.name or str(path),
            allowed=[f"*{suffix}" for suffix in suffixes],
        )
    for source in inputs:
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise InvalidSetting(f"{path} is read here, and would be lost", fix="Write elsewhere")
    return writable(path)
