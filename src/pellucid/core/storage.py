"""Reading saved explanations of any kind."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.curve import Curve
from pellucid.core.errors import PellucidError, UnreadableFile
from pellucid.core.examples import Examples
from pellucid.core.explanation import LARGEST_MEMBER, SCHEMA, Explanation
from pellucid.core.provenance import Provenance
from pellucid.core.reasons import Reasons
from pellucid.core.rules import Rules
from pellucid.core.scores import Scores

KINDS: dict[str, type[Explanation]] = {
    kind.kind: kind for kind in (Attribution, Curve, Examples, Reasons, Rules, Scores)
}
"""Every kind that a file may hold, by the word it is stored under."""


DAMAGE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(TypeError, ValueError, zipfile.BadZipFile, zlib.error, PellucidError),
)
"""What reading a file may raise that is damaged, or was made to do harm."""


def read_explanation(path: str | os.PathLike[str]) -> Any:
    """The explanation in the file at `path`, as `Explanation.save` wrote it."""
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(_member(archive, archive.getinfo("explanation.json")))
            arrays = {
                member.filename.removesuffix(".npy"): _array(archive, member)
                for member in archive.infolist()
                if member.filename.endswith(".npy")
            }
            schema, kind = int(head["schema"]), str(head["kind"])
    except FileNotFoundError:
        raise UnreadableFile(f"There is no file {path}") from None
    except DAMAGE as reason:
        raise UnreadableFile(
            f"{path} is not a saved explanation",
            got=str(reason),
            fix="Give a file that explanation.save(path) wrote",
        ) from reason
    if schema > SCHEMA or kind not in KINDS:
        raise UnreadableFile(
            f"{path} was written by a newer version",
            got=f"schema {schema}, kind {kind}",
            allowed=f"schema up to {SCHEMA}, kinds {', '.join(KINDS)}",
            fix="Update Pellucid",
        )
    try:
        return KINDS[kind]._build(head["fields"], arrays, Provenance.from_dict(head["provenance"]))
    except DAMAGE as reason:
        raise UnreadableFile(f"{path} is damaged", got=str(reason)) from reason


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    return np.load(io.BytesIO(_member(archive, member)), allow_pickle=False)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > LARGEST_MEMBER:
        raise ValueError(f"{member.filename} claims {member.file_size} bytes")
    return archive.read(member)
