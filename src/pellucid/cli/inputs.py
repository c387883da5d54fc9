"""What several commands read: a model file, a table, and the target column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pellucid.cli.app import say
from pellucid.core.errors import InvalidSetting
from pellucid.data.files import read_table, split_target
from pellucid.data.table import Table
from pellucid.models.load import load_model


def model_from(path: Path, trust: bool) -> Any:
    """The model in the file, with what a reader must know of it said on standard error."""
    loaded, origin = load_model(path, trust=trust)
    for note in origin.notes:
        say(f"Note: {note}")
    return loaded


def rows_from(path: Path, target: str | None) -> tuple[Table, np.ndarray | None]:
    """The table in the file, without its target column, and the target."""
    table = read_table(path)
    if target is None:
        return table, None
    return split_target(table, target)


def background_from(path: Path | None, target: str | None) -> Table | None:
    """The reference rows, without the target column if they have it."""
    if path is None:
        return None
    table = read_table(path)
    return split_target(table, target)[0] if target in table.names else table


def writable(path: Path, suffixes: tuple[str, ...]) -> Path:
    """`path`, once its suffix is known and its folder is there.

    Raises
    ------
    InvalidSetting
        If not.
    """
    if path.suffix.lower() not in suffixes:
        raise InvalidSetting(
            "The output's kind is told by its suffix",
            got=path.name,
            allowed=[f"*{suffix}" for suffix in suffixes],
        )
    if not path.resolve().parent.is_dir():
        raise InvalidSetting(f"There is no folder {path.parent}", fix="Make it, or write elsewhere")
    return path
