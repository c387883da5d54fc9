"""Reasons: the few features that moved a decision most against a person, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from pellucid.core import axes
from pellucid.core.axes import Label
from pellucid.core.errors import AxisError
from pellucid.core.explanation import Explanation, freeze, left_out, number
from pellucid.core.provenance import Provenance

PREVIEWED = 5
"""Rows shown in a preview."""


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Reasons(Explanation):
    """The principal reasons for each row's decision, the greatest first.

    Parameters
    ----------
    samples : sequence of labels of shape (sample,)
        The rows decided on.
    names : array of str of shape (sample, place)
        The feature, or group of features, that is the first, second, … reason; empty where a row
        has fewer.
    shares : array of shape (sample, place)
        How much each moved the output towards the adverse side, in the unit of `scale`: greater
        than zero, or zero where there is no such reason.
    held : array of str of shape (sample, place)
        The row's own value of that feature.
    typical : array of str of shape (sample, place)
        The middle value of the reference population.
    output : array of shape (sample,)
        The model's answers.
    base : float
        The mean answer in the reference population.
    stability : array of shape (sample,), optional
        In what part of redrawn reference populations the same reasons come in the same order.
    population : int
        Rows of the reference population.
    fingerprint : str
        The hash of the reference population, all of it.

    Raises
    ------
    AxisError
        If the shapes do not agree.
    """

    kind: ClassVar[str] = "reasons"
    samples: Sequence[Label]
    names: np.ndarray
    shares: np.ndarray
    held: np.ndarray
    typical: np.ndarray
    output: np.ndarray
    base: float
    stability: np.ndarray | None = None
    population: int
    fingerprint: str

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "samples", tuple(axes.as_label(label) for label in self.samples))
        put(self, "shares", freeze(self.shares))
        for name in ("names", "held", "typical"):
            put(self, name, freeze(np.asarray(getattr(self, name), dtype=object), object))
        put(self, "output", freeze(self.output))
        rows = (len(self.samples),)
        wanted = {"shares": (*rows, self.shares.shape[-1]), "output": rows}
        wanted |= dict.fromkeys(("names", "held", "typical"), self.shares.shape)
        if self.stability is not None:
            put(self, "stability", freeze(self.stability))
            wanted["stability"] = rows
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise AxisError(
                    f"Reasons: {name} does not fit",
                    got=f"shape {getattr(self, name).shape}",
                    allowed=f"shape {shape}",
                )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def coords(self) -> dict[str, tuple[Label, ...]]:
        """Labels of the axis of rows."""
        return {"sample": tuple(self.samples)}

    def isel(self, sample: int | slice | Sequence[int] | np.ndarray) -> Reasons:
        """Some of the rows, by position."""
        given = [sample] if isinstance(sample, (int, np.integer)) else sample
        index = axes.check_index("Reasons", "sample", len(self), given)
        return replace(
            self,
            samples=axes.pick(tuple(self.samples), index),
            stability=None if self.stability is None else self.stability[index],
            **{
                name: getattr(self, name)[index]
                for name in ("names", "shares", "held", "typical", "output")
            },
        )

    def sel(self, sample: Label | Sequence[Label]) -> Reasons:
        """Some of the rows, by label."""
        wanted = [sample] if isinstance(sample, (str, int, float, bool)) else sample
        return self.isel(axes.places("sample", tuple(self.samples), wanted))

    def text(self, row: int = 0) -> str:
        """The reasons for one row as lines: place, feature, own value, usual value, share."""
        lines = [
            f"{place + 1}. {name}: {self.beside(row, place)} "
            f"({self.shares[row, place]:+.3g} {self.scale})"
            for place, name in enumerate(self.names[row])
            if name
        ]
        return "\n".join(lines) or "Nothing moved this decision to the adverse side."

    def beside(self, row: int, place: int, most: int | None = None) -> str:
        """One reason's own value beside the usual one, each cut to `most` characters."""
        held, typical = str(self.held[row, place]), str(self.typical[row, place])
        if held == typical or typical.startswith(f"{held} ("):
            return f"{_cut(held, most)}, as is usual"
        return f"{_cut(held, most)}, usually {_cut(typical, most)}"

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        fields = {
            "samples": list(self.samples),
            "base": self.base,
            "population": self.population,
            "fingerprint": self.fingerprint,
            **{name: getattr(self, name).tolist() for name in ("names", "held", "typical")},
        }
        arrays = {"shares": self.shares, "output": self.output}
        if self.stability is not None:
            arrays["stability"] = self.stability
        return fields, arrays

    @classmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Reasons:
        shape = arrays["shares"].shape
        given: dict[str, Any] = {
            name: np.array(fields[name], dtype=object).reshape(shape)
            for name in ("names", "held", "typical")
        }
        given |= {name: fields[name] for name in ("samples", "base", "population", "fingerprint")}
        return cls(**given, **arrays, provenance=provenance)  # type: ignore[arg-type]

    def columns(self) -> dict[str, np.ndarray]:
        """Tidy columns: one line for each row and reason."""
        places = self.shares.shape[1]
        there = self.names.ravel() != ""
        columns = {
            "sample": np.repeat(axes.column(self.samples), places),
            "place": np.tile(np.arange(1, places + 1), len(self)),
            "reason": self.names.ravel(),
            "value": self.held.ravel(),
            "usual": self.typical.ravel(),
            "share": self.shares.ravel(),
            "output": np.repeat(self.output, places),
        }
        if self.stability is not None:
            columns["stability"] = np.repeat(self.stability, places)
        return {name: column[there] for name, column in columns.items()}

    def _columns(self) -> dict[str, np.ndarray]:
        return self.columns()

    def _headline(self) -> str:
        what = f" of {self.target}" if self.target else ""
        rows = "1 row" if len(self) == 1 else f"{len(self)} rows"
        return (
            f"{rows}, up to {self.shares.shape[1]} each, {self.scale}{what}, against "
            f"{self.population:,} reference rows"
        )

    def _preview(self) -> tuple[list[str], list[list[str]]]:
        header = ["row", "output", *(f"reason {i + 1}" for i in range(self.shares.shape[1]))]
        rows = [
            [
                str(self.samples[i]),
                number(float(self.output[i])),
                *(
                    f"{name} ({number(float(share))})" if name else ""
                    for name, share in zip(self.names[i], self.shares[i], strict=True)
                ),
            ]
            for i in range(min(PREVIEWED, len(self)))
        ]
        return header, rows + left_out(len(self) - len(rows), len(header))


def _cut(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else f"{text[: most - 1].rstrip()}…"
