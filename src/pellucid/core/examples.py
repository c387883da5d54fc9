"""Examples: inputs that stand for something, made by a method or found among those given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from pellucid.core import axes
from pellucid.core.axes import Label
from pellucid.core.errors import AxisError, UnknownName
from pellucid.core.explanation import Explanation, freeze, left_out, number
from pellucid.core.provenance import Provenance

PREVIEWED = 12
"""Examples shown in a preview."""


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Examples(Explanation):
    """Inputs that stand for a class, a unit or a group, each with its score.

    Parameters
    ----------
    inputs : Mapping of str to arrays of shape (example, …)
        The examples, column by column; of images ``"values"``, what the model is given, and
        ``"pixels"``, how they look.
    names : sequence of labels of shape (example,)
        What each is called.
    role : sequence of str of shape (example,)
        What each is, such as ``"optimised"``, made by the method, or ``"data"``, found.
    group : sequence of str of shape (example,)
        What each stands for.
    score : array of shape (example,)
        How well it does, in the unit of `scale`.

    Raises
    ------
    AxisError
        If the lengths do not agree.
    """

    kind: ClassVar[str] = "examples"
    inputs: Mapping[str, np.ndarray]
    names: Sequence[Label]
    role: Sequence[str]
    group: Sequence[str]
    score: np.ndarray

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "names", tuple(axes.as_label(name) for name in self.names))
        for name in ("role", "group"):
            put(self, name, tuple(str(each) for each in getattr(self, name)))
        put(self, "score", freeze(self.score))
        put(self, "inputs", {k: freeze(v, np.asarray(v).dtype) for k, v in self.inputs.items()})
        lengths = {name: len(column) for name, column in self.inputs.items()}
        lengths |= {"role": len(self.role), "group": len(self.group), "score": len(self.score)}
        for name, length in lengths.items():
            if length != len(self.names):
                raise AxisError(
                    f"Examples: {name} does not fit",
                    got=f"{length} entries",
                    allowed=f"{len(self.names)}, one for each example",
                )

    def __len__(self) -> int:
        return len(self.names)

    def isel(self, example: int | slice | Sequence[int] | np.ndarray) -> Examples:
        """Some of the examples, by position."""
        given = [example] if isinstance(example, (int, np.integer)) else example
        index = axes.check_index("Examples", "example", len(self), given)
        places = np.arange(len(self))[index]
        return replace(
            self,
            inputs={name: column[places] for name, column in self.inputs.items()},
            names=tuple(self.names[i] for i in places),
            role=tuple(self.role[i] for i in places),
            group=tuple(self.group[i] for i in places),
            score=self.score[places],
        )

    def sel(self, *, role: str | None = None, group: str | None = None) -> Examples:
        """The examples of one role, of one group, or of both."""
        kept = np.ones(len(self), dtype=bool)
        for what, wanted in (("role", role), ("group", group)):
            if wanted is None:
                continue
            there = np.array(getattr(self, what), dtype=object)
            if wanted not in there:
                raise UnknownName.among(what, str(wanted), sorted(set(there)))
            kept &= there == wanted
        return self.isel(np.flatnonzero(kept))

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        fields = {key: list(getattr(self, key)) for key in ("names", "role", "group")}
        arrays = {f"input{i}": column for i, column in enumerate(self.inputs.values())}
        return {**fields, "inputs": list(self.inputs)}, {**arrays, "score": self.score}

    @classmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Examples:
        return cls(
            inputs={name: arrays[f"input{i}"] for i, name in enumerate(fields["inputs"])},
            names=fields["names"],
            role=fields["role"],
            group=fields["group"],
            score=arrays["score"],
            provenance=provenance,
        )

    def _columns(self) -> dict[str, np.ndarray]:
        return {
            "example": axes.column(self.names),
            "group": np.array(self.group, dtype=object),
            "role": np.array(self.role, dtype=object),
            "score": self.score,
        }

    def _headline(self) -> str:
        roles = dict.fromkeys(self.role)
        counts = ", ".join(f"{self.role.count(role)} {role}" for role in roles)
        what = f" of {self.target}" if self.target else ""
        return f"{self.method}, {counts or 'none'}, {self.scale}{what}"

    def _preview(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [str(self.names[i]), self.group[i], self.role[i], number(float(self.score[i]))]
            for i in range(min(PREVIEWED, len(self)))
        ]
        return ["example", "group", "role", "score"], rows + left_out(len(self) - len(rows), 4)
