"""How many threads torch works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pellucid.core.errors import MissingExtra


@contextmanager
def one_thread(what: str) -> Iterator[None]:
    """Torch with one thread: a small network waits longer for a second one than it computes.

    Parameters
    ----------
    what : str
        What needs torch, for the error that is raised where it is missing.

    Raises
    ------
    MissingExtra
        If torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra.of("torch", "torch", what) from error
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
