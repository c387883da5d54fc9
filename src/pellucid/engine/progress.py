"""Progress on standard error: shown on a terminal only, never mixed with the data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""Told how many units of work are done; does nothing where no progress is shown."""


@contextmanager
def progress(what: str, total: int, shown: bool | None = None) -> Iterator[Advance]:
    """A progress bar for `total` units of work.

    Parameters
    ----------
    what : str
        What is being done, in a few words.
    total : int
        Units of work.
    shown : bool, optional
        By default only where standard error is a terminal.

    Yields
    ------
    callable
        To be called with the units done since the last call.
    """
    if shown is None:
        shown = sys.stderr.isatty()
    if not shown:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, advance=done)
