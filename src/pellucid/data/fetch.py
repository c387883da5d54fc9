"""Where the bytes of a data set come from: a data folder, the cache, or the network.

Nothing is used before its checksum is right, and nothing is written but whole files.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from pellucid.core.errors import Unreachable, UnreadableFile
from pellucid.data.originals import ORIGINALS, unzipped
from pellucid.data.registry import Origin, Source

Progress: TypeAlias = Callable[[int, int | None], None]

FOLDER = "PELLUCID_DATA"
BLOCK = 1 << 16
LARGEST = 200 * 1024 * 1024
PAUSE_S = 0.5
DAMAGED = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError)
CHANGED = (KeyError, ValueError, IndexError)  # what a converter meets in a file it does not know


def fetch(
    source: Source,
    *,
    timeout: float = 30.0,
    retries: int = 2,
    progress: Progress | None = None,
) -> bytes:
    """The content of one data file, unzipped and checked.

    Looked for in ``$PELLUCID_DATA``, then in the cache (``$XDG_CACHE_HOME/pellucid``, by default
    ``~/.cache/pellucid``), then at its public addresses, from where it goes into the cache.

    Parameters
    ----------
    source : Source
        The file.
    timeout : float
        Seconds to wait for the network, per attempt.
    retries : int
        How often an address is tried again after a broken connection.
    progress : callable, optional
        Called with the bytes received so far, and the bytes expected where they are known.

    Raises
    ------
    UnreadableFile
        If the file in ``$PELLUCID_DATA`` has another checksum.
    Unreachable
        If it is in no folder and cannot be downloaded; says what was tried.
    """
    content = _from_folder(source)
    if content is None:
        content = _from_cache(source)
    if content is not None:
        return content
    tried: list[str] = []
    for origin in source.origins:
        content = _from_origin(origin, source, timeout, retries, progress, tried)
        if content is not None:
            _keep(cached(source), content)
            return content
    raise Unreachable(
        f"The data file {source.path} is neither in a data folder nor in the cache, "
        "and could not be downloaded",
        got="; ".join(tried),
        fix=f"Connect to the internet, or set {FOLDER} to a folder that holds {source.path}",
    )


def cached(source: Source) -> Path:
    """Where the cache keeps the file."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "pellucid" / source.path.removesuffix(".gz")


def _from_folder(source: Source) -> bytes | None:
    folder = os.environ.get(FOLDER)
    path = Path(folder).expanduser() / source.path if folder else None
    if path is None or not path.is_file():
        return None
    content = path.read_bytes()
    if _sha256(content) != source.sha256:
        raise UnreadableFile(
            f"The file {path} is not the one that was checked",
            got=f"sha256 {_sha256(content)}",
            allowed=f"sha256 {source.sha256}",
            fix=f"Remove it from {FOLDER}, or put the right file there",
        )
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _from_cache(source: Source) -> bytes | None:
    path = cached(source)
    if not path.is_file():
        return None
    content = path.read_bytes()
    return content if _sha256(content) == source.content else None


def _from_origin(
    origin: Origin,
    source: Source,
    timeout: float,
    retries: int,
    progress: Progress | None,
    tried: list[str],
) -> bytes | None:
    contents = []
    for url in origin.urls:
        content = _download(url, timeout, retries, progress, tried)
        if content is None:
            return None
        contents.append(content)
    try:
        if origin.member is not None:
            contents = [unzipped(content, origin.member) for content in contents]
        converted = ORIGINALS[origin.convert](contents)
    except (*DAMAGED, *CHANGED) as error:
        tried.append(f"{origin.urls[0]}: not the file expected ({error!r})")
        return None
    if _sha256(converted) != source.content:
        tried.append(f"{origin.urls[0]}: other content than expected (sha256)")
        return None
    return converted


def _download(
    url: str, timeout: float, retries: int, progress: Progress | None, tried: list[str]
) -> bytes | None:
    for attempt in range(retries + 1):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            return _receive(url, timeout, progress)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code < 500:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
    tried.append(f"{url}: {reason}")
    return None


def _receive(url: str, timeout: float, progress: Progress | None) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as response:
        length = response.headers.get("Content-Length")
        expected = int(length) if length else None
        blocks: list[bytes] = []
        received = 0
        while block := response.read(BLOCK):
            blocks.append(block)
            received += len(block)
            if received > LARGEST:
                raise OSError(f"more than {LARGEST} bytes")
            if progress is not None:
                progress(received, expected)
    if expected is not None and received < expected:
        raise OSError(f"the connection ended after {received} of {expected} bytes")
    return b"".join(blocks)


def _keep(path: Path, content: bytes) -> None:
    """Write a whole file, or none; a cache that cannot be written is no reason to stop."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
