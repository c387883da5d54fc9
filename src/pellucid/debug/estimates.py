"""An estimate with its interval, and the words that say it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pellucid.core.explanation import number
from pellucid.core.scores import Score
from pellucid.maths import intervals

Key = TypeVar("Key", bound=Hashable)

TOO_FEW = f"no interval from fewer than {intervals.FEWEST_ROWS} rows"
STILL = "no interval: it is the same on every resample"

VERDICTS = {
    True: "better than no model",
    False: "not shown to be better than no model",
    None: "too little to say whether it is better than no model",
}
"""What `Estimate.positive` says of a skill."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measurement with its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        The measurement and its limits, NaN where not defined.
    n : int
        Rows it rests on.
    why : str
        Why the value, or else the interval, is missing.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int
    why: str = ""

    @property
    def positive(self) -> bool | None:
        """Whether the whole interval lies above 0; `None` without an interval."""
        return None if np.isnan(self.low) else bool(self.low > 0)

    def words(self, percent: bool) -> dict[str, str]:
        """``value`` and ``interval`` for use in a sentence."""
        if np.isnan(self.low):
            limits = f" ({self.why})" if self.why else ""
        elif percent:
            limits = f" (95 % interval {100 * self.low:.1f} to {100 * self.high:.1f})"
        else:
            limits = f" (95 % interval {number(self.low)} to {number(self.high)})"
        value = percentage(self.value) if percent else number(self.value)
        return {"value": value, "interval": limits, "n": f"{self.n:,}"}

    def score(
        self, metric: str, text: str, *, group: str = "", passed: bool | None = None
    ) -> Score:
        """The row for a table of scores."""
        return Score(
            metric=metric,
            group=group,
            value=self.value,
            low=self.low,
            high=self.high,
            n=self.n,
            passed=passed,
            text=text,
        )


def percentage(share: float) -> str:
    """A share for reading, such as ``"97.1 %"``."""
    return f"{100 * share:.1f} %"


def from_draws(
    values: Mapping[Key, float], draws: Mapping[Key, np.ndarray], n: int
) -> dict[Key, Estimate]:
    """Estimates with percentile intervals."""
    found = {}
    for key, value in values.items():
        low, high = (
            intervals.percentile(draws[key]) if n >= intervals.FEWEST_ROWS else intervals.NOWHERE
        )
        why = TOO_FEW if n < intervals.FEWEST_ROWS else STILL if np.isnan(low) else ""
        found[key] = Estimate(value=value, low=low, high=high, n=n, why=why)
    return found


def proportion(hits: float, n: float) -> Estimate:
    """A share of rows with Wilson's interval."""
    low, high = intervals.wilson(hits, n)
    value = float(hits / n) if n else float("nan")
    return Estimate(value=value, low=float(low), high=float(high), n=int(n))
