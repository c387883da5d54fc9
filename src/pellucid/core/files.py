"""Writing files: whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pellucid.core.errors import InvalidSetting


def writable(path: str | os.PathLike[str]) -> Path:
    """`path`, once it is known that a file can be put there.

    Raises
    ------
    InvalidSetting
        If its folder is absent or closed to writing, or if it is a folder itself.
    """
    target = Path(path)
    folder = target.absolute().parent
    if not folder.is_dir():
        raise InvalidSetting(f"There is no folder {folder}", fix="Make it, or write elsewhere")
    if target.is_dir():
        raise InvalidSetting(f"{target} is a folder", allowed="the name of a file to write")
    if not os.access(folder, os.W_OK):
        raise InvalidSetting(f"Nothing may be written in {folder}", fix="Write elsewhere")
    return target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new empty file beside `path`, which takes its place when the block has succeeded.

    If the block fails or is interrupted, an older file stays as it was and nothing is left.

    Parameters
    ----------
    path : path
        Where the file shall be.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    InvalidSetting
        If no file can be put there; see `writable`.
    """
    target = writable(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
