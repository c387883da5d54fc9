"""What a pickle would import, read from its opcodes: nothing is imported, called or built."""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

STRINGS = frozenset(
    [
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
    ]
)
NUMBERS = frozenset(["INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"])
PUTS = frozenset(["PUT", "BINPUT", "LONG_BINPUT"])
GETS = frozenset(["GET", "BINGET", "LONG_BINGET"])
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
CALLS = frozenset(["REDUCE", "NEWOBJ", "NEWOBJ_EX"])
LETTER_BYTES = {"U": 4}
SAFE_REGEX = re.compile(rb"c([A-Za-z_][\w.]{0,80})\n([A-Za-z_][\w.]{0,80})\n")


@dataclass(frozen=True)
class Scan:
    """The result of a scan.

    Parameters
    ----------
    imports : tuple of str
        Dotted names that loading would import, sorted.
    complete : bool
        Whether the whole pickle was read; where not, there may be more imports.
    """

    imports: tuple[str, ...]
    complete: bool


@dataclass(frozen=True)
class _Global:
    """A name that loading would import."""

    name: str


@dataclass
class _Made:
    """What a call would make: by which global, from which arguments, with which state."""

    maker: Any
    arguments: Any = None
    state: Any = None


ARRAY = _Global("joblib.numpy_pickle.NumpyArrayWrapper")


@dataclass
class _Machine:
    """The stack and the memo of a pickle, followed without doing what it says."""

    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)


def scan(data: bytes) -> Scan:
    """The imports of a pickle or of joblib's mix of pickle and arrays.

    Parameters
    ----------
    data : bytes
        Already unpacked.

    Notes
    -----
    The opcodes are followed on a stack of placeholders, so names that are assembled through the
    memo are found, and the raw arrays that joblib writes between opcodes are stepped over.
    A name that is computed by a call cannot be known and is shown as ``"?"``.
    """
    stream, imports = io.BytesIO(data), set[str]()
    try:
        _follow(stream, imports)
        complete = stream.tell() == len(data)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError):
        complete = False
    if not complete:
        rest = data[stream.tell() :]
        found = SAFE_REGEX.findall(rest)
        imports |= {f"{module.decode()}.{name.decode()}" for module, name in found}
    return Scan(tuple(sorted(imports)), complete)


def is_pickle(data: bytes) -> bool:
    """Whether the bytes are a pickle of any protocol, judged by their opcodes."""
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if data[:1] not in b"(c])}IFGJKLMNSTUVX\x80" or not data:
        return False
    try:
        *_, last = _opcodes(io.BytesIO(data))
    except (ValueError, IndexError, OverflowError):
        return False
    return bool(last[0].name == "STOP" and last[2] == len(data.rstrip()) - 1)


def _opcodes(stream: io.BytesIO) -> Iterator[tuple[Any, Any, Any]]:
    return pickletools.genops(stream)


def _follow(stream: io.BytesIO, imports: set[str]) -> None:
    machine = _Machine(imports=imports)
    for opcode, argument, _ in _opcodes(stream):
        _step(machine, opcode, argument)
        if opcode.name == "BUILD":
            _step_over_array(machine.stack[-1], stream, imports)


def _step(m: _Machine, opcode: Any, argument: Any) -> None:
    """Move the stack as the opcode would."""
    name = opcode.name
    if name == "MARK":
        m.marks.append(len(m.stack))
    elif name in STRINGS or name in NUMBERS:
        m.stack.append(argument)
    elif name in TUPLES:
        m.stack.append(tuple(_pop(m, TUPLES[name])))
    elif name in ("TUPLE", "LIST"):
        m.stack.append(tuple(_pop_to_mark(m)))
    elif name in ("EMPTY_DICT", "DICT"):
        pairs = _pop_to_mark(m) if name == "DICT" else []
        m.stack.append(_paired(pairs))
    elif name in PUTS or name == "MEMOIZE":
        m.memo[len(m.memo) if name == "MEMOIZE" else int(argument)] = m.stack[-1]
    elif name in GETS:
        m.stack.append(m.memo[int(argument)])
    elif name in ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"):
        _name(m, name, argument)
    elif name in CALLS:
        function, *arguments = _pop(m, 3 if name == "NEWOBJ_EX" else 2)
        m.stack.append(_Made(function, arguments[0]))
    elif name in ("BUILD", "SETITEM", "SETITEMS"):
        _fill(m, name)
    else:
        _move(m, opcode)


def _name(m: _Machine, name: str, argument: Any) -> None:
    """A global: pushed as its dotted name, and noted."""
    if name == "STACK_GLOBAL":
        module, attribute = _pop(m, 2)
        parts = [part if isinstance(part, str) else "?" for part in (module, attribute)]
        dotted = ".".join(parts)
    elif name.startswith("EXT"):
        dotted = f"copyreg extension {argument}"
    else:
        dotted = ".".join(str(argument).split(" ", 1))
    m.imports.add(dotted)
    found = _Global(dotted)
    m.stack.append(_Made(found, tuple(_pop_to_mark(m))) if name == "INST" else found)


def _fill(m: _Machine, name: str) -> None:
    """A state or items that go into the object below them."""
    values = _pop_to_mark(m) if name == "SETITEMS" else _pop(m, 2 if name == "SETITEM" else 1)
    target = m.stack[-1]
    if name == "BUILD" and isinstance(target, _Made):
        target.state = values[0]
    elif name != "BUILD" and isinstance(target, dict):
        target.update(_paired(values))


def _paired(values: list[Any]) -> dict[Any, Any]:
    keys = values[::2]
    return {k: v for k, v in zip(keys, values[1::2], strict=False) if isinstance(k, (str, int))}


def _move(m: _Machine, opcode: Any) -> None:
    """Any other opcode: its own description says how many values it takes and leaves."""
    takes, leaves = opcode.stack_before, opcode.stack_after
    if pickletools.markobject in takes:
        _pop_to_mark(m)
        takes = takes[: takes.index(pickletools.markobject)]
    kept = _pop(m, len(takes))
    for place, _ in enumerate(leaves):
        m.stack.append(kept[place] if place < len(kept) else None)


def _pop(m: _Machine, count: int) -> list[Any]:
    if count > len(m.stack):
        raise IndexError("the pickle takes more values than it has")
    taken = m.stack[len(m.stack) - count :]
    del m.stack[len(m.stack) - count :]
    return taken


def _pop_to_mark(m: _Machine) -> list[Any]:
    return _pop(m, len(m.stack) - m.marks.pop())


def _step_over_array(made: Any, stream: io.BytesIO, imports: set[str]) -> None:
    """After joblib's array wrapper come the array's own bytes, or a pickle of its objects."""
    if not (isinstance(made, _Made) and made.maker == ARRAY and isinstance(made.state, dict)):
        return
    code = made.state["dtype"].arguments[0]
    if code.startswith("O"):
        _follow(stream, imports)
        return
    if made.state.get("numpy_array_alignment_bytes") is not None:
        stream.seek(stream.read(1)[0], io.SEEK_CUR)
    size = int(code[1:]) * LETTER_BYTES.get(code[0], 1)
    stream.seek(size * prod(made.state["shape"]), io.SEEK_CUR)
