"""How the judge speaks: amounts in the unit of the output, shares, intervals, warnings."""

from __future__ import annotations

from pellucid.core.explanation import number

UNITS = {
    "probability": " in probability",
    "logit": " in log-odds",
    "log": " in logarithms",
    "path length": " in path length",
    "raw": "",
}
"""What follows a number on each scale."""


def amount(value: float, scale: str) -> str:
    """A number of output units, such as ``"0.21 in probability"``."""
    return number(value) + UNITS.get(scale, f" on the scale {scale}")


def percent(share: float) -> str:
    """A share, such as ``"97 %"``, that never rounds something to nothing."""
    if 0 < share < 0.001:
        return f"{100 * share:.1g} %"
    return f"{100 * share:.3g} %"


def between(low: float, high: float, *, shares: bool = False) -> str:
    """``" (95 % interval 0.1 to 0.2)"``, or nothing where there is no interval."""
    if low != low:
        return ""
    ends = (percent(low), percent(high)) if shares else (number(low), number(high))
    return f" (95 % interval {ends[0]} to {ends[1]})"


def sentence(facts: str) -> str:
    """Facts with a capital and a full stop."""
    return f"{facts[0].upper()}{facts[1:]}."


def counted(n: int, noun: str) -> str:
    """``1 row``, ``1,200 rows``."""
    return f"{n:,} {noun if n == 1 else noun + 's'}"


def warned(facts: str) -> str:
    """A sentence that says a check has failed."""
    return f"Warning: {facts}."
