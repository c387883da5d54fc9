"""The base of all explanations: provenance, saving, loading and showing in a notebook.

The kinds are final: `Attribution`, `Curve`, `Examples`, `Reasons`, `Rules` and `Scores`. An
explanation never changes; each verb returns a new one.
"""

from __future__ import annotations

import html
import io
import json
import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from pellucid.core.errors import InvalidSetting, MissingExtra, UnreadableFile
from pellucid.core.files import replacing
from pellucid.core.provenance import Provenance

SCHEMA = 1
"""The number of the file format; a reader refuses a higher one."""

BACKENDS = ("pandas", "polars", "pyarrow")
"""The libraries of frames that `to_frame` makes."""

ROUNDING = 1e-12
"""Below this part of the greatest number beside it, a number that is shown is rounding."""

LARGEST_MEMBER = 4 << 30
"""Bytes that one array of a saved explanation may take: a guard against forged files."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Explanation(ABC):
    """What a method returns: named numbers with their provenance.

    Parameters
    ----------
    provenance : Provenance
        Method, settings, model, data, cost, seed, notes.
    """

    kind: ClassVar[str]
    provenance: Provenance

    @property
    def method(self) -> str:
        """The recipe's name."""
        return self.provenance.method

    @property
    def params(self) -> Mapping[str, Any]:
        """The recipe's settings."""
        return self.provenance.params

    @property
    def target(self) -> str | None:
        """The output that was explained."""
        return self.provenance.target

    @property
    def scale(self) -> str:
        """What the values are measured in."""
        return self.provenance.scale

    @property
    def seed(self) -> int | None:
        """The seed used."""
        return self.provenance.seed

    @property
    def evaluations(self) -> int:
        """Rows that the model was asked to predict."""
        return self.provenance.evaluations

    @property
    def seconds(self) -> float:
        """Wall-clock time."""
        return self.provenance.seconds

    @property
    def version(self) -> str:
        """The version of Pellucid that made it."""
        return self.provenance.version

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return self.provenance.notes

    @abstractmethod
    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able fields, and arrays, that `_build` takes back."""

    @classmethod
    @abstractmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Self:
        """The explanation from what `_parts` gave."""

    @abstractmethod
    def _columns(self) -> dict[str, np.ndarray]:
        """Tidy columns: one row for each number."""

    @abstractmethod
    def _headline(self) -> str:
        """One line that says what this is."""

    @abstractmethod
    def _preview(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of a small table for reading, which says what it leaves out."""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dictionary of everything; missing numbers become `None`."""
        fields, arrays = self._parts()
        plain = {name: _listed(array) for name, array in arrays.items()}
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            **_jsonable(fields),
            **plain,
            "provenance": _jsonable(self.provenance.to_dict()),
        }

    def to_frame(self, *, backend: str | None = None) -> Any:
        """A tidy data frame: one row for each number, one column for each axis.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            The library of the frame. By default pandas where it is installed, else PyArrow.

        Raises
        ------
        InvalidSetting
            If there is no such library.
        MissingExtra
            If the library asked for is not installed.
        """
        return frame(self._columns(), backend)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to one file, whole or not at all: JSON and NumPy arrays in a zip, no pickle."""
        fields, arrays = self._parts()
        head = {
            "schema": SCHEMA,
            "kind": self.kind,
            "fields": _jsonable(fields),
            "provenance": _jsonable(self.provenance.to_dict()),
        }
        with (
            replacing(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.writestr("explanation.json", json.dumps(head, allow_nan=False))
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                archive.writestr(f"{name}.npy", buffer.getvalue())
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; on the base class any kind, on a kind only that kind.

        Raises
        ------
        UnreadableFile
            If the file is absent, damaged, newer than this version, or of another kind.
        """
        from pellucid.core.storage import read_explanation

        found = read_explanation(path)
        if not isinstance(found, cls):
            raise UnreadableFile(
                f"{path} holds another kind of explanation",
                got=type(found).__name__,
                allowed=cls.__name__,
            )
        return found

    def __repr__(self) -> str:
        header, rows = self._preview()
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [header, *rows]
        ]
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([f"{type(self).__name__}: {self._headline()}", *lines, *notes])

    def _repr_html_(self) -> str:
        header, rows = self._preview()
        head = "".join(f"<th scope='col'>{html.escape(cell)}</th>" for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        notes = "".join(f"<p><small>{html.escape(note)}</small></p>" for note in self.notes)
        title = f"<b>{type(self).__name__}</b> {html.escape(self._headline())}"
        return (
            f"<div><p>{title}</p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{notes}</div>"
        )


def frame(columns: Mapping[str, Any], backend: str | None = None) -> Any:
    """A data frame of the asked-for library from named columns of equal length."""
    import importlib.util

    if backend is None:
        backend = "pandas" if importlib.util.find_spec("pandas") else "pyarrow"
    if backend not in BACKENDS:
        raise InvalidSetting("There is no such library of frames", got=backend, allowed=BACKENDS)
    if importlib.util.find_spec(backend) is None:
        raise MissingExtra.of(backend, None, f"to_frame(backend={backend!r})")
    import narwhals as nw

    return nw.from_dict(dict(columns), backend=backend).to_native()  # type: ignore[arg-type]


def freeze(array: Any, dtype: Any = np.float64) -> np.ndarray:
    """A read-only array; a copy only where the caller could still write to it."""
    fixed = np.asarray(array, dtype=dtype)
    if fixed.flags.writeable:
        fixed = fixed.copy() if fixed is array or fixed.base is not None else fixed
        fixed.flags.writeable = False
    return fixed


def number(value: float) -> str:
    """A number for reading: four significant digits, never in scientific notation needlessly."""
    if value != value:
        return "missing"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:.3g}"


def left_out(number: int, columns: int, what: str = "more") -> list[list[str]]:
    """The row of a preview that says how many rows it leaves out, if it does."""
    return [[f"… and {number:,} {what}", *[""] * (columns - 1)]] if number else []


def without_rounding(numbers: np.ndarray, *beside: np.ndarray | None) -> np.ndarray:
    """The numbers, with 0 for those that are only rounding beside the greatest of all given."""
    known = [np.abs(a[np.isfinite(a)]) for a in (numbers, *beside) if a is not None]
    least = ROUNDING * max((float(part.max()) for part in known if part.size), default=0.0)
    return np.where(np.abs(numbers) < least, 0.0, numbers)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.ndarray):
        return _listed(value)
    if isinstance(value, np.generic):
        return _jsonable(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _listed(array: np.ndarray) -> Any:
    if array.dtype.kind == "M":
        array = np.where(np.isnat(array), None, np.datetime_as_string(array))  # type: ignore[call-overload]
    return _jsonable(array.tolist())
