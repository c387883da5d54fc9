"""Reading saved explanations of any kind."""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.curve import Curve
from pellucid.core.errors import AxisError, UnreadableFile
from pellucid.core.explanation import LARGEST_MEMBER, SCHEMA, Explanation
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Scores

KINDS: dict[str, type[Explanation]] = {kind.kind: kind for kind in (Attribution, Curve, Scores)}
"""Every kind that a file may hold, by the word it is stored under."""


def read_explanation(path: str | os.PathLike[str]) -> Any:
    """The explanation in the file at `path`, as `Explanation.save` wrote it."""
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read("explanation.json"))
            arrays = {
                member.filename.removesuffix(".npy"): _array(archive, member)
                for member in archive.infolist()
                if member.filename.endswith(".npy")
            }
    except FileNotFoundError:
        raise UnreadableFile(f"There is no file {path}") from None
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as reason:
        raise UnreadableFile(
            f"{path} is not a saved explanation",
            got=str(reason),
            fix="Give a file that explanation.save(path) wrote",
        ) from reason
    if head.get("schema", 0) > SCHEMA or head.get("kind") not in KINDS:
        raise UnreadableFile(
            f"{path} was written by a newer version",
            got=f"schema {head.get('schema')}, kind {head.get('kind')}",
            allowed=f"schema up to {SCHEMA}, kinds {', '.join(KINDS)}",
            fix="Update Pellucid",
        )
    try:
        provenance = Provenance.from_dict(head["provenance"])
        return KINDS[head["kind"]]._build(head["fields"], arrays, provenance)
    except (KeyError, TypeError, AxisError) as reason:
        raise UnreadableFile(f"{path} is damaged", got=str(reason)) from reason


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    if member.file_size > LARGEST_MEMBER:
        raise ValueError(f"{member.filename} claims {member.file_size} bytes")
    return np.load(io.BytesIO(archive.read(member)), allow_pickle=False)
