"""Why one row got its prediction, in plain sentences that the numbers bear out.

No sentence says that a feature caused anything: the model counted it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.display.report.blocks import Reasons
from pellucid.display.words import SENTENCE_WIDTH, brief, datum, percent

MOST = 4
"""Reasons given on each side; more are unlikely to help."""

WORTH_SAYING = 0.02
"""A share smaller than this part of the largest one is no reason."""


@dataclass(frozen=True, kw_only=True)
class Typical:
    """What the reference rows look like, column by column.

    Parameters
    ----------
    columns : Mapping of str to arrays of shape (row,)
        The reference rows in readable values.
    units : Mapping of str to str
        Units of columns that have one.
    """

    columns: Mapping[str, np.ndarray]
    units: Mapping[str, str]

    def beside(self, feature: str, value: object) -> str:
        """A remark that puts a value beside the reference: its middle half, or its share."""
        column = self.columns[feature]
        if column.dtype.kind in "iuf":
            known = column[np.isfinite(column.astype(float))].astype(float)
            if not len(known):
                return ""
            low, high = np.percentile(known, [25, 75])
            if low == high:
                return f"most often {datum(low)}"
            return f"typically {datum(low)} to {datum(high)}"
        share = np.mean([str(other) == str(value) for other in column])
        return (
            f"{percent(float(share))} of the reference rows"
            if share
            else "not in the reference rows"
        )

    def stated(self, feature: str, value: object) -> str:
        """``age = 23 years``."""
        unit = self.units.get(feature)
        return f"{feature} = {datum(value, SENTENCE_WIDTH)}{f' {unit}' if unit else ''}"


def reasons(one: Attribution, typical: Typical, output: str) -> tuple[Reasons, ...]:
    """What raised and what lowered the output of one row.

    Parameters
    ----------
    one : Attribution
        With the single axis ``"feature"``.
    typical : Typical
        The reference.
    output : str
        What the output is called, such as ``"bad"``.
    """
    values = one.values
    size = np.abs(values)
    order = np.argsort(-size, kind="stable")
    told = [i for i in order if size[i] > WORTH_SAYING * size.max(initial=0.0) and size[i] > 0]
    raised = [i for i in told if values[i] > 0][:MOST]
    lowered = [i for i in told if values[i] < 0][:MOST]
    groups = (("What raised it", raised), ("What lowered it", lowered))
    return tuple(
        Reasons(
            title=title,
            sentences=tuple(_sentence(one, int(i), typical, output) for i in places)
            or ("Nothing the model counted.",),
        )
        for title, places in groups
    )


def _sentence(one: Attribution, i: int, typical: Typical, output: str) -> str:
    feature = str(one.features[i])
    assert one.inputs is not None
    value = np.asarray(one.inputs[feature]).item()
    beside = typical.beside(feature, value)
    remark = f" ({beside})" if beside else ""
    error = float(np.asarray(one.error)[i])
    doubt = f", give or take {brief(1.96 * error)}" if error else ""
    effect = moved(float(one.values[i]), one.scale, output)
    return f"{typical.stated(feature, value)}{remark} {effect}{doubt}."


def moved(share: float, scale: str, output: str) -> str:
    """What a share did, in the words of its scale."""
    verb = "raised" if share > 0 else "lowered"
    if scale == "probability":
        return f"{verb} the probability of {output} by {brief(100 * abs(share))} points"
    if scale == "logit":
        factor = float(np.exp(min(abs(share), 700.0)))
        if brief(factor) == "1":
            return f"hardly moved the odds of {output}"
        how = "multiplied" if share > 0 else "divided"
        return f"{how} the odds of {output} by {brief(factor)}"
    return f"{verb} the prediction by {brief(abs(share))}"


def short_reason(one: Attribution, i: int) -> str:
    """``duration = 48 ▲`` for a table of many rows."""
    assert one.inputs is not None
    feature = str(one.features[i])
    sign = "▲" if one.values[i] > 0 else "▼"
    return f"{feature} = {datum(np.asarray(one.inputs[feature]).item())} {sign}"
