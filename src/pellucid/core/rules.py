"""Rules: "if this holds of a row, the model says that", with how often it is so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, final

import numpy as np

from pellucid.core import axes
from pellucid.core.axes import Indexer, Label
from pellucid.core.errors import ColumnMismatch, InvalidSetting
from pellucid.core.explanation import Explanation, left_out, number
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score

ARRANGED = {
    "rows": "each rule speaks of one row and of all rows like it",
    "list": "the first rule that holds decides; the last one holds for what is left",
    "leaves": "for every row exactly one rule holds",
}
"""How the rules of one explanation stand to one another."""

DAY = np.timedelta64(1, "D")

PREVIEWED = (8, 4)
"""Rules at the start and at the end that a preview shows of many."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What must hold of one column.

    Parameters
    ----------
    feature : str
        The column.
    text : str
        The condition in words, such as ``"age ≤ 30"``.
    low, high : float
        Limits of a number or date (in days since 1970-01-01): above `low`, and at most `high`.
    values : tuple of labels or None
        The allowed categories, where the column holds categories; `low` and `high` then say
        nothing. Empty where only a missing value is allowed, in a column of any kind.
    missing : bool
        Whether a missing value meets the condition.
    """

    feature: str
    text: str
    low: float = -np.inf
    high: float = np.inf
    values: tuple[Label, ...] | None = None
    missing: bool = False

    def __post_init__(self) -> None:
        if self.values is None and not self.low < self.high:
            raise InvalidSetting(
                f"No number meets the condition {self.text!r}",
                got=f"above {self.low}, at most {self.high}",
                allowed="low < high, or values=() for missing values only",
            )

    def holds(self, column: Any) -> np.ndarray:
        """Whether each value of a column, as `Table.columns` gives it, meets the condition."""
        column = np.asarray(column)
        if column.dtype.kind == "M":
            column = np.where(np.isnat(column), np.nan, (column - np.datetime64(0, "D")) / DAY)
        if self.values is None:
            numbers = column.astype(np.float64)
            gone = np.isnan(numbers)
            above = (numbers > self.low) | np.isneginf(self.low)
            inside = above & (numbers <= self.high)
        else:
            gone = np.array([one is None or one != one for one in column.tolist()], dtype=bool)
            inside = np.array([one in self.values for one in column.tolist()], dtype=bool)
        return np.asarray(np.where(gone, self.missing, inside))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Conditions that must all hold, what the model then says, and how often it says so.

    Parameters
    ----------
    conditions : tuple of Condition
        Empty for a rule that always holds.
    prediction : label
        The class, or the number, that the rule predicts.
    value : float
        The output behind the prediction: the row's own, or the mean over the rows the rule learnt
        from. It is that of the class predicted, whichever is the target; NaN where a scale does
        not tell it.
    within : float or None
        For numbers: answers at most this far from `prediction` count as the same.
    agreed, tried : int
        Of `tried` rows that meet the conditions the model says `prediction` for `agreed`.
    covered, rows : int
        Of `rows` rows `covered` meet the conditions.
    precision_low, precision_high, coverage_low, coverage_high : float
        Limits of the two shares' intervals.
    """

    conditions: tuple[Condition, ...]
    prediction: Label
    value: float
    within: float | None = None
    agreed: int
    tried: int
    covered: int
    rows: int
    precision_low: float
    precision_high: float
    coverage_low: float
    coverage_high: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", tuple(self.conditions))
        counts = 0 <= self.agreed <= self.tried and 0 <= self.covered <= self.rows
        if not counts or self.rows < 1:
            raise InvalidSetting(
                f"The counts of the rule {self.text!r} do not fit",
                got=f"{self.agreed} of {self.tried}, {self.covered} of {self.rows}",
            )

    @property
    def precision(self) -> float:
        """Share of the rows met for which the model says `prediction`; NaN if none was tried."""
        return self.agreed / self.tried if self.tried else float("nan")

    @property
    def coverage(self) -> float:
        """Share of all rows that meet the conditions."""
        return self.covered / self.rows

    @property
    def features(self) -> tuple[str, ...]:
        """The columns spoken of."""
        return tuple(condition.feature for condition in self.conditions)

    @property
    def text(self) -> str:
        """The conditions in words; ``"always"`` if there are none."""
        return " and ".join(condition.text for condition in self.conditions) or "always"

    @property
    def answer(self) -> str:
        """The prediction in words; a number with how far off still counts."""
        if self.within is None:
            return str(self.prediction)
        return f"{number(float(self.prediction))} ± {number(self.within)}"

    @property
    def sentence(self) -> str:
        """The rule as a reader wants it, with both shares."""
        shown = f"{_percent(self.precision)} [{_limits(self.precision_low, self.precision_high)}]"
        precise = f"precise in {shown}" if self.tried else "never put to the test"
        covers = f"covers {_percent(self.coverage)} of rows"
        return f"{self.text} → {self.answer}, {precise}, {covers}"

    def covers(self, columns: Mapping[str, Any]) -> np.ndarray:
        """Which rows meet all conditions.

        Parameters
        ----------
        columns : Mapping of str to arrays of shape (sample,)
            Readable values by column, such as `Table.columns` gives.

        Raises
        ------
        ColumnMismatch
            If a column that the rule speaks of is not there.
        """
        lacking = [name for name in self.features if name not in columns]
        if lacking:
            raise ColumnMismatch("The rule speaks of other columns", got=f"missing: {lacking}")
        met = np.ones(len(next(iter(columns.values()))), dtype=bool)
        for condition in self.conditions:
            met &= condition.holds(columns[condition.feature])
        return met


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Rules(Explanation):
    """If-then rules: one for each explained row, or a list or the leaves of a tree for a model.

    Parameters
    ----------
    rules : tuple of Rule
        The rules, in order.
    dims : tuple of one str
        ``("sample",)`` where each rule speaks of one explained row, else ``("rule",)``.
    coords : Mapping of str to labels
        The rows' labels, or the numbers of the rules.
    arranged : {"rows", "list", "leaves"}
        How the rules stand to one another; see `ARRANGED`.
    fidelity : tuple of Score
        How well all rules together say what the model says, measured on rows that served for
        nothing else.

    Raises
    ------
    AxisError
        If names, lengths and labels do not agree.
    """

    kind: ClassVar[str] = "rules"
    rules: tuple[Rule, ...]
    dims: tuple[str, ...] = ("sample",)
    coords: Mapping[str, Sequence[Label]]
    arranged: str = "rows"
    fidelity: tuple[Score, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "rules", tuple(self.rules))
        put(self, "dims", tuple(self.dims))
        put(self, "fidelity", tuple(self.fidelity))
        put(self, "coords", axes.check_axes("Rules", (len(self.rules),), self.dims, self.coords))
        if self.arranged not in ARRANGED:
            raise InvalidSetting(
                "Rules cannot be arranged so", got=repr(self.arranged), allowed=list(ARRANGED)
            )

    def __len__(self) -> int:
        return len(self.rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __getitem__(self, place: int) -> Rule:
        """The rule at a position."""
        return self.rules[axes.check_index("Rules", self.dims[0], len(self), place)]  # type: ignore[index]

    @property
    def labels(self) -> tuple[Label, ...]:
        """Labels of the rows explained, or numbers of the rules."""
        return tuple(self.coords[self.dims[0]])

    def sel(self, **labels: Any) -> Rules:
        """The rules of one label, a list or a slice of labels; the axis stays."""
        found = {}
        for dim, wanted in labels.items():
            axes.axis_number("Rules", self.dims, dim)
            found[dim] = axes.places(dim, self.labels, wanted)
        return self.isel(**found)

    def isel(self, **places: Indexer) -> Rules:
        """The rules at one position, a list or a slice of positions; the axis stays."""
        result = self
        for dim, given in places.items():
            axes.axis_number("Rules", result.dims, dim)
            index = axes.check_index("Rules", dim, len(result), given)
            kept = np.atleast_1d(np.arange(len(result))[index])
            result = replace(
                result,
                rules=tuple(result.rules[i] for i in kept),
                coords={dim: [result.labels[i] for i in kept]},
            )
        return result

    def top(self, k: int) -> Rules:
        """The `k` rules that cover most rows, greatest first; of a list, the first `k`."""
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise InvalidSetting("top() keeps a number of rules", got=repr(k), allowed="k ≥ 1")
        order = np.argsort([-rule.coverage for rule in self.rules], kind="stable")
        kept = np.arange(len(self)) if self.arranged == "list" else order
        return self.isel(**{self.dims[0]: kept[:k]})

    def text(self, place: int) -> str:
        """The conditions of one rule in words; ``"otherwise"`` at the end of a list."""
        rule = self[place]
        last = self.arranged == "list" and not rule.conditions and len(self) > 1
        return "otherwise" if last else rule.text

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        fields = {
            "rules": [asdict(rule) for rule in self.rules],
            "dims": list(self.dims),
            "coords": {dim: list(labels) for dim, labels in self.coords.items()},
            "arranged": self.arranged,
            "fidelity": [asdict(score) for score in self.fidelity],
        }
        return fields, {}

    @classmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Rules:
        return cls(
            rules=tuple(_rule(given) for given in fields["rules"]),
            dims=tuple(fields["dims"]),
            coords=fields["coords"],
            arranged=fields["arranged"],
            fidelity=tuple(_score(given) for given in fields["fidelity"]),
            provenance=provenance,
        )

    def _columns(self) -> dict[str, np.ndarray]:
        measures = [f.name for f in fields(Rule) if f.name not in ("conditions", "prediction")]
        columns: dict[str, Any] = {
            self.dims[0]: _labelled(self.labels),
            "conditions": np.array([self.text(i) for i in range(len(self))], dtype=object),
            "length": np.array([len(rule.conditions) for rule in self.rules], dtype=np.int64),
            "prediction": _labelled([rule.prediction for rule in self.rules]),
        }
        for name in ("precision", "coverage", *measures):
            given = [getattr(rule, name) for rule in self.rules]
            columns[name] = np.array([np.nan if one is None else one for one in given])
        return columns

    def _headline(self) -> str:
        what = f" of {self.target}" if self.target else ""
        noun = "row" if self.dims[0] == "sample" else "rule"
        fits = "".join(f", {s.metric} {number(s.value)}" for s in self.fidelity if not s.group)
        plural = "" if len(self) == 1 else "s"
        return f"{self.method}, {len(self)} {noun}{plural}, {self.scale}{what}{fits}"

    def _preview(self) -> tuple[list[str], list[list[str]]]:
        few = len(self) <= sum(PREVIEWED)
        first, last = (len(self), 0) if few else PREVIEWED
        shown = [*range(first), *range(len(self) - last, len(self))]
        rows = [
            [
                str(self.labels[i]),
                _brief(self.text(i)),
                self.rules[i].answer,
                _percent(self.rules[i].precision),
                _limits(self.rules[i].precision_low, self.rules[i].precision_high),
                _percent(self.rules[i].coverage),
            ]
            for i in shown
        ]
        header = [self.dims[0], "if", "then", "precise", "between", "covers"]
        return header, rows[:first] + left_out(len(self) - len(rows), len(header)) + rows[first:]


def _brief(text: str, most: int = 100) -> str:
    """One line of a table; what is too long loses its end."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _percent(share: float) -> str:
    return "–" if share != share else f"{100 * share:.3g} %"


def _limits(low: float, high: float) -> str:
    return f"{100 * low:.3g}, {100 * high:.3g}"


def _labelled(labels: Sequence[Label]) -> np.ndarray:
    """Labels as a column: numbers as numbers where all are."""
    if any(isinstance(label, (str, bool)) for label in labels):
        return np.array(labels, dtype=object)
    return np.array(labels)


def _rule(given: Mapping[str, Any]) -> Rule:
    conditions = tuple(
        Condition(
            **{
                **one,
                "low": -np.inf if one["low"] is None else one["low"],
                "high": np.inf if one["high"] is None else one["high"],
                "values": None if one["values"] is None else tuple(one["values"]),
            }
        )
        for one in given["conditions"]
    )
    value = np.nan if given["value"] is None else given["value"]
    return Rule(**{**given, "conditions": conditions, "value": value})


def _score(given: Mapping[str, Any]) -> Score:
    numbers = ("value", "low", "high")
    return Score(**{**given, **{k: np.nan for k in numbers if given[k] is None}})
