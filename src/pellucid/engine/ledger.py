"""Work that survives its own end: a plan, parts written whole, and a receipt after each part.

A folder holds ``_plan.json``, ``data/part-000000.parquet`` …, ``_receipts/000000.json`` … and,
when all is done, ``_SUCCESS.json``. A part counts only by its receipt, which is written after the
part has reached the disk and holds its hash. Whoever was killed at any moment is therefore
continued by running the same work again: what has a receipt is kept, everything else is made anew
under the same name, and since parts are deterministic, nothing is lost, doubled or mixed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pellucid.core.errors import InvalidSetting, UnreadableFile
from pellucid.core.files import replacing

PLAN, SUCCESS, LOCK = "_plan.json", "_SUCCESS.json", "_lock"
DATA, RECEIPTS = "data", "_receipts"
OURS = (PLAN, SUCCESS, LOCK, DATA, RECEIPTS, "_input", "_summaries")
"""Everything that a run puts into its folder."""

FRESH = "Write elsewhere, or start over with fresh=True (--fresh), which deletes the older parts"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The proof that a part is on the disk.

    Parameters
    ----------
    part : int
        Its number.
    fingerprint : str
        Of the work it belongs to.
    rows : int
        Rows of the input it covers; 0 for a part that failed.
    size : int
        Bytes of the file.
    sha256 : str
        Of the file.
    state_sha256 : str
        Of the summaries' state beside the receipt; empty where there is none.
    attempts : int
        How often it was tried.
    seconds : float
        What putting it on the disk took.
    facts : Mapping
        What the work says of itself: timings, evaluations, notes.
    error : str
        Why it failed; empty for a part that is there.
    """

    part: int
    fingerprint: str
    rows: int
    size: int = 0
    sha256: str = ""
    state_sha256: str = ""
    attempts: int = 1
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The folder of one piece of work.

    Parameters
    ----------
    folder : Path
        Where plan, parts and receipts are.
    fingerprint : str
        Of everything that decides the content of the parts.
    suffix : str
        Of the parts' files.
    """

    folder: Path
    fingerprint: str
    suffix: str = ".parquet"

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Write the plan, or go on with the same plan that is there.

        Parameters
        ----------
        plan : Mapping
            JSON-able. Its ``"made_of"`` says what the fingerprint was taken of, by name.

        Raises
        ------
        InvalidSetting
            If the folder holds other work; names what has changed.
        """
        known = read_plan(self.folder)
        if known is not None and known["fingerprint"] != self.fingerprint:
            raise InvalidSetting(
                f"{self.folder} holds the parts of other work, and the two are not mixed",
                got=f"another {', '.join(_changed(known['made_of'], plan['made_of']))}",
                fix=FRESH,
            )
        for inside, begun in ((DATA, ".*"), (RECEIPTS, ".*"), (".", "._*")):
            (self.folder / inside).mkdir(exist_ok=True)
            for stray in (self.folder / inside).glob(begun):
                stray.unlink(missing_ok=True)
        if known is None:
            whole = {"format": 1, "fingerprint": self.fingerprint, **plan}
            _write(self.folder / PLAN, json.dumps(whole, indent=1).encode())

    def path(self, part: int) -> Path:
        """The file of a part."""
        return self.folder / DATA / f"part-{part:06d}{self.suffix}"

    def publish(
        self, part: int, content: bytes, state: bytes, rows: int, attempt: int, facts: Any
    ) -> Receipt:
        """Put a part on the disk, then its state, then its receipt."""
        started = time.perf_counter()
        with replacing(self.path(part)) as temporary:
            temporary.write_bytes(content)
        if state:
            _write(self._receipt(part, ".state"), state)
        _settle(self.folder / DATA)
        receipt = Receipt(
            part=part,
            fingerprint=self.fingerprint,
            rows=rows,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            state_sha256=hashlib.sha256(state).hexdigest() if state else "",
            attempts=attempt,
            seconds=time.perf_counter() - started,
            facts=facts,
        )
        self._file(receipt)
        return receipt

    def fail(self, part: int, attempts: int, error: str) -> Receipt:
        """Leave word that a part could not be made."""
        receipt = Receipt(
            part=part, fingerprint=self.fingerprint, rows=0, attempts=attempts, error=error
        )
        self._file(receipt)
        return receipt

    def receipt(self, part: int) -> Receipt | None:
        """The receipt of a part, if there is one that can be read and belongs to this work."""
        try:
            said = json.loads(self._receipt(part, ".json").read_bytes())
            found = Receipt(**said)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.fingerprint == self.fingerprint and found.part == part else None

    def holds(self, receipt: Receipt) -> bool:
        """Whether the part and its state are on the disk as the receipt says."""
        if receipt.error:
            return False
        try:
            with self.path(receipt.part).open("rb") as file:
                if os.fstat(file.fileno()).st_size != receipt.size:
                    return False
                if hashlib.file_digest(file, "sha256").hexdigest() != receipt.sha256:
                    return False
            return not receipt.state_sha256 or bool(self.state(receipt))
        except OSError:
            return False

    def state(self, receipt: Receipt) -> bytes:
        """What the summaries learnt from a part; empty if it is gone or damaged."""
        try:
            state = self._receipt(receipt.part, ".state").read_bytes()
        except OSError:
            return b""
        return state if hashlib.sha256(state).hexdigest() == receipt.state_sha256 else b""

    def receipts(self, parts: int) -> Iterator[Receipt]:
        """Those of all parts that have one, in order."""
        for part in range(parts):
            found = self.receipt(part)
            if found is not None:
                yield found

    def succeed(self, facts: Mapping[str, Any]) -> None:
        """Say that every part is there."""
        whole = {"fingerprint": self.fingerprint, **facts}
        _write(self.folder / SUCCESS, json.dumps(whole, indent=1).encode())

    def _receipt(self, part: int, suffix: str) -> Path:
        return self.folder / RECEIPTS / f"{part:06d}{suffix}"

    def _file(self, receipt: Receipt) -> None:
        _write(self._receipt(receipt.part, ".json"), json.dumps(asdict(receipt)).encode())


def read_plan(folder: Path) -> dict[str, Any] | None:
    """The plan in a folder, if there is one.

    Raises
    ------
    UnreadableFile
        If it is damaged.
    """
    try:
        found: dict[str, Any] = json.loads((folder / PLAN).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{folder / PLAN} is damaged", got=str(error), fix=FRESH) from error
    return found


def fingerprint(made_of: Mapping[str, Any]) -> str:
    """``"sha256:"`` and 32 hexadecimal digits of what decides the content of the parts."""
    plain = json.dumps(made_of, sort_keys=True, default=str).encode()
    return f"sha256:{hashlib.sha256(plain).hexdigest()[:32]}"


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    plain = json.loads(json.dumps(dict(now), default=str))
    return [name for name in plain if before.get(name) != plain[name]] or ["format"]


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _settle(folder: Path) -> None:
    """Have the names in a folder reach the disk, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def emptied(folder: Path) -> None:
    """Delete what runs have put into a folder, but for the lock of the run that is at it."""
    for name in OURS:
        if name == LOCK:
            continue
        found = folder / name
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)


class only_one:
    """Keeps two runs from writing to one folder at once; the system lifts it when a run ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        self.file = (self.folder / LOCK).open("w")
        try:
            import fcntl
        except ImportError:  # a system without advisory locks: two runs then do the same twice
            return
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.file.close()
            raise InvalidSetting(
                f"Another run is writing to {self.folder}", fix="Wait for it, or stop it"
            ) from error

    def __exit__(self, *_: object) -> None:
        self.file.close()
        (self.folder / LOCK).unlink(missing_ok=True)
