"""What kind of model a file holds, told by its content and never by its name."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import IO, Any

from pellucid.core.errors import UnreadableFile
from pellucid.models.pickle_scan import is_pickle

LIMIT = 2**31  # bytes, also when unpacked
RATIO = 200  # times a member of an archive may grow
SMALL = 2**26  # bytes; below this the ratio does not matter

PACKED: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"\x5d\x00\x00", lzma.LZMAFile),
)
ZLIB = (b"x\x01", b"x^", b"x\x9c", b"x\xda")

ONNX_NEXT = tuple(b"\x12\x1a\x22\x28\x32\x3a\x42")
"""The field after the version, which comes first: the producer, domain, notes or graph."""

UNSUPPORTED: tuple[tuple[bytes, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "a Keras (HDF5) model"),
    (b"binf", "an XGBoost model in the binary format of before version 2"),
    (b"\x04\x22\x4d\x18", "a file packed with LZ4"),
    (b"GGUF", "a GGUF language model"),
    (b"PAR1", "a Parquet table, not a model"),
    (b"ARROW1", "an Arrow table, not a model"),
    (b"\x93NUMPY", "a NumPy array, not a model"),
    (b"%PDF", "a PDF, not a model"),
)
NETWORKS: tuple[tuple[str, str], ...] = (
    ("archive_format", "torch-export"),
    ("serialized_exported_program.json", "torch-export"),
    ("constants.pkl", "torchscript"),
    ("data.pkl", "torch"),
)
"""What torch has written, by the ending of a member: the first that is there."""

ARCHIVES: tuple[tuple[str, str], ...] = (
    ("model.weights.h5", "a Keras model"),
    (".npy", "NumPy arrays, not a model"),
    ("[Content_Types].xml", "an office document, not a model"),
)
ACCEPTED = (
    "XGBoost JSON or UBJ, LightGBM text, CatBoost CBM or JSON, skops, ONNX; pickle, joblib and "
    "what torch saves with trust"
)


def kind_of(data: bytes, name: str) -> str:
    """Which loader a file is for.

    One of "xgboost-json", "xgboost-ubj", "lightgbm", "catboost-cbm", "catboost-json", "skops",
    "onnx", "torch", "torchscript", "torch-export", "pickle".

    Raises
    ------
    UnreadableFile
        The content is something else, or damaged; says what it is where that can be told.
    """
    if not data.strip():
        raise _unreadable(name, "an empty file")
    for magic, what in UNSUPPORTED:
        if data.startswith(magic):
            raise _unreadable(name, what)
    if data.startswith(b"PK\x03\x04"):
        return _archive(data, name)
    if data[:1] == b"{" and data[1:2] in b"LlIiU$#" and b"learner" in data[:64]:
        return "xgboost-ubj"
    if data.lstrip()[:1] in b"{[" and not is_pickle(data):
        return _json(data, name)
    if data.startswith(b"tree\n"):
        return _lightgbm(data, name)
    if data.startswith(b"CBM1"):
        return "catboost-cbm"
    if len(data) > 2 and data[0] == 8 and data[2] in ONNX_NEXT:
        return "onnx"
    if is_pickle(unpacked(data, name)):
        return "pickle"
    raise _unreadable(name, _guess(data))


def unpacked(data: bytes, name: str) -> bytes:
    """The bytes inside a packed file, bounded; the bytes themselves where nothing is packed."""
    if data[:2] in ZLIB:
        opened: Any = zlib.decompressobj()
        return _bounded(lambda: opened.decompress(data, LIMIT + 1), name)
    for magic, opener in PACKED:
        if data.startswith(magic):
            return _bounded(partial(_opened, opener, data), name)
    return data


def _opened(opener: Callable[[IO[bytes]], Any], data: bytes) -> bytes:
    inside: bytes = opener(io.BytesIO(data)).read(LIMIT + 1)
    return inside


def _bounded(read: Callable[[], bytes], name: str) -> bytes:
    try:
        inside = read()
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise _unreadable(name, f"a damaged packed file ({error})") from error
    if len(inside) > LIMIT:
        raise _unreadable(name, f"a packed file of more than {LIMIT >> 20} MiB")
    return inside


def _archive(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise _unreadable(name, f"a damaged archive ({error})") from error
    total = sum(member.file_size for member in members)
    grows = total > SMALL and total > RATIO * len(data)
    if total > LIMIT or grows:
        raise _unreadable(name, f"an archive that unpacks to {total >> 20} MiB")
    names = [member.filename for member in members]
    if "schema.json" in names:
        return "skops"
    for ending, kind in NETWORKS:
        if any(member.endswith(ending) for member in names):
            return kind
    for ending, what in ARCHIVES:
        if any(member.endswith(ending) for member in names):
            raise _unreadable(name, what)
    raise _unreadable(name, "an archive without a model")


def _json(data: bytes, name: str) -> str:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unreadable(name, f"text that starts like JSON and is damaged ({error})") from error
    keys = set(found) if isinstance(found, dict) else set()
    if {"learner", "version"} <= keys:
        return "xgboost-json"
    if "tree_info" in keys:
        raise _unreadable(name, "LightGBM's JSON, which LightGBM itself cannot load")
    if {"model_info", "features_info", "scale_and_bias"} <= keys:
        return "catboost-json"
    raise _unreadable(name, "JSON, not a model")


def _lightgbm(data: bytes, name: str) -> str:
    if b"\nend of trees" not in data or b"max_feature_idx=" not in data[:100_000]:
        raise _unreadable(name, "a LightGBM model that breaks off before its end")
    return "lightgbm"


def _guess(data: bytes) -> str:
    if 0 < int.from_bytes(data[:8], "little") < len(data) and data[8:10] == b'{"':
        return "safetensors weights"
    head = data[:2000]
    if b"\0" not in head and all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "text, not a model"
    return "not a model, or a damaged one"


def _unreadable(name: str, what: str) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is not a model file that can be read", got=what, allowed=ACCEPTED
    )
