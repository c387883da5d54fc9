"""Scores: measured facts as tidy rows, with intervals and, for checks, a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.explanation import Explanation, number
from pellucid.core.provenance import Provenance

SELECTED = {
    "metric": "metric",
    "group": "group",
    "removal": "way of removal",
    "label": "class",
}
"""What rows are selected by, in words."""

ALSO = "removal", "label"
"""What only some rows say."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measured fact.

    Parameters
    ----------
    metric : str
        What was measured, such as ``"roc_auc"`` or ``"deletion"``.
    value : float
        The measurement; NaN where it is not defined (the text says why).
    group : str
        Whom it speaks of: a class, a slice, a method; empty for everything.
    low, high : float
        Limits of the 95 % interval; NaN where there is none.
    n : int
        How many rows, or draws, it rests on.
    passed : bool or None
        The verdict, where the fact is a check.
    text : str
        The fact as a plain sentence with its number.
    removal : str
        How parts of the input were removed for it, where they were.
    label : str
        The class, the layer or the share it speaks of, where it is told for each.
    """

    metric: str
    value: float
    group: str = ""
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0
    passed: bool | None = None
    text: str = ""
    removal: str = ""
    label: str = ""


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Scores(Explanation):
    """A table of measured facts.

    Parameters
    ----------
    rows : tuple of Score
        The facts.
    """

    kind: ClassVar[str] = "scores"
    rows: tuple[Score, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))
        for row in self.rows:
            if row.low > row.high:
                raise InvalidSetting(
                    f"The interval of {row.metric!r} is upside down", got=f"{row.low} > {row.high}"
                )

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Score]:
        return iter(self.rows)

    def __getitem__(self, metric: str) -> Score:
        """The first row of this metric."""
        return self.sel(metric=metric).rows[0]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics present, in order."""
        return tuple(dict.fromkeys(row.metric for row in self.rows))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups present, in order."""
        return tuple(dict.fromkeys(row.group for row in self.rows))

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Score, ...]:
        """The checks that failed."""
        return tuple(row for row in self.rows if row.passed is False)

    def sel(
        self,
        *,
        metric: str | None = None,
        group: str | None = None,
        removal: str | None = None,
        label: str | None = None,
    ) -> Scores:
        """The rows of one metric, group, way of removal or class, or of several of these at once.

        Raises
        ------
        UnknownName
            If no row has such a name.
        """
        wanted = {"metric": metric, "group": group, "removal": removal, "label": label}
        kept = self.rows
        for name, one in wanted.items():
            if one is None:
                continue
            if one not in (known := list(dict.fromkeys(getattr(row, name) for row in self.rows))):
                raise UnknownName.among(SELECTED[name], one, known)
            kept = tuple(row for row in kept if getattr(row, name) == one)
        return replace(self, rows=kept)

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"rows": [asdict(row) for row in self.rows]}, {}

    @classmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Scores:
        numbers = ("value", "low", "high")
        rows = (
            Score(**{**row, **{k: np.nan for k in numbers if row[k] is None}})
            for row in fields["rows"]
        )
        return cls(rows=tuple(rows), provenance=provenance)

    def _columns(self) -> dict[str, np.ndarray]:
        kinds: dict[str, Any] = {"value": float, "low": float, "high": float, "n": int}
        return {
            name: np.array([getattr(row, name) for row in self.rows], dtype=kinds.get(name, object))
            for name in (
                "metric",
                "group",
                "value",
                "low",
                "high",
                "n",
                "passed",
                "text",
                *self._also,
            )
        }

    @property
    def _also(self) -> tuple[str, ...]:
        """Columns that only some tables have."""
        return tuple(name for name in ALSO if any(getattr(row, name) for row in self.rows))

    def _headline(self) -> str:
        checks = [row for row in self.rows if row.passed is not None]
        verdict = (
            f", {len(checks) - len(self.failures)} of {len(checks)} checks hold" if checks else ""
        )
        return f"{self.method}, {len(self.rows)} rows{verdict}"

    def _preview(self) -> tuple[list[str], list[list[str]]]:
        verdicts = {True: "holds", False: "FAILS", None: ""}
        rows = [
            [
                " ".join(filter(None, (row.metric, row.group, row.removal, row.label))),
                number(row.value),
                "" if row.low != row.low else f"{number(row.low)} to {number(row.high)}",
                str(row.n or ""),
                verdicts[row.passed],
            ]
            for row in self.rows
        ]
        return ["metric", "value", "95 % interval", "n", "check"], rows
