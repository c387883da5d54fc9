"""Importance: how much each feature moves the output, with how sure that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.display import figure, reading
from pellucid.display.measures import SHARES, Measure, measure_of
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import (
    brief,
    cells,
    counted,
    listed,
    measured,
    method_name,
    shorten,
    signed,
    unique,
)

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

CLAUSE = re.compile(r", of chances held at [^,]+,")
"""What a note says of the log loss, and a picture need not."""

MOST_PANELS = 4
"""Classes that get a panel each; of more, the mean over classes is drawn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """Values of shape (feature,) with their limits, for one class or for the whole output."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def sure(self) -> bool:
        """Whether there is nothing to draw as whiskers."""
        return not np.any(self.high > self.low)


def chart(
    explanation: Attribution,
    *,
    top: int = 12,
    class_: Label | None = None,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart | alt.FacetChart:
    """Bars of importance, greatest first.

    An attribution with rows is drawn by its mean magnitude over them (what each row loses without
    a column by its mean), one without rows by its own signed values. Up to four classes get a panel
    each; more are averaged. Of losses, the greatest in size are drawn, those below zero last: there
    the model does better without the column.

    Parameters
    ----------
    explanation : Attribution
        Axes ``feature`` (or ``term``), and perhaps ``sample`` and ``class``.
    top : int
        How many features to draw.
    class_ : label, optional
        The class to draw alone.
    intervals : Mapping of feature to (low, high), optional
        Limits to draw as whiskers. By default 95 % limits from the spread over rows and from the
        method's own standard errors.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    figure.check_width(width)
    labels = reading.classes(explanation) if class_ is None else ()
    sheets = {label: reading.sheet(explanation, label) for label in labels or (class_,)}
    first = next(iter(sheets.values()))
    measure = measure_of(explanation)
    parts = {label: _bars(found, intervals, measure) for label, found in sheets.items()}
    if len(parts) > MOST_PANELS:
        parts = {None: _mean(list(parts.values()))}
    order = _order(parts, reading.check_top(top), measure)
    unit = measured(explanation) if len(sheets) > 1 else first.unit
    names = unique([first.features[i] for i in order])
    said = f"mean size of the share, {unit}" if first.samples else unit
    said = measure.axis.format(unit=unit) or said
    columns = _columns(parts, order, names, palette(theme), measure is SHARES)
    return figure.finish(
        _drawn(columns, len(parts), width, said),
        question=measure.asks.format(noun=first.noun, unit=unit.removeprefix("the ")),
        reading=_reading(sheets, parts, order, measure, _opening(explanation, sheets, parts, unit))
        + _whiskers(first, parts, measure, intervals is not None)
        + _unknown(sheets),
        alternative=_alternative(method_name(explanation.method), first, parts, order, names, unit),
        theme=theme,
        width=width,
        fit=len(parts) == 1,
    )


def _order(parts: Mapping[Any, Bars], top: int, measure: Measure) -> np.ndarray:
    """The players drawn, the greatest in size; of a measure, those below zero stand last."""
    size = np.mean([np.abs(part.value) for part in parts.values()], axis=0)
    order = np.argsort(-size, kind="stable")[:top]
    if measure is SHARES:
        return order
    value = np.mean([part.value for part in parts.values()], axis=0)
    return order[np.argsort(-value[order], kind="stable")]


def _bars(
    found: reading.Sheet,
    intervals: Mapping[str, tuple[float, float]] | None,
    measure: Measure,
) -> Bars:
    known = np.isfinite(found.values)
    n = np.maximum(known.sum(axis=0), 1)
    if found.samples:
        values = found.values if measure.signed else np.abs(found.values)
        value = np.where(known, values, 0.0).sum(axis=0) / n
        floor = -np.inf if measure.signed else 0.0
        spread = np.where(known, (values - value) ** 2, 0.0).sum(axis=0)
        over_rows = np.sqrt(spread / np.maximum(n - 1, 1) / n)
        own = np.where(known, found.error, 0.0).sum(axis=0) / n
        half = 1.96 * np.hypot(over_rows, own)
    else:
        value, floor = np.where(known, found.values, 0.0)[0], -np.inf
        half = 1.96 * found.error[0]
    if intervals is not None:
        return _given(value, [str(feature) for feature in found.features], intervals)
    return Bars(value=value, low=np.maximum(value - half, floor), high=value + half)


def _given(
    value: np.ndarray, names: list[str], intervals: Mapping[str, tuple[float, float]]
) -> Bars:
    low, high = value.copy(), value.copy()
    for name, (lower, upper) in intervals.items():
        if str(name) not in names:
            raise UnknownName.among("feature", str(name), names)
        if not lower <= upper:
            raise InvalidSetting(
                f"The interval of {name!r} is upside down", got=f"{lower} and {upper}"
            )
        low[names.index(str(name))], high[names.index(str(name))] = lower, upper
    return Bars(value=value, low=low, high=high)


def _mean(parts: list[Bars]) -> Bars:
    """The mean over classes; its limits are the mean limits, an upper bound of the error."""
    value, low, high = (
        np.mean([getattr(part, name) for part in parts], axis=0)
        for name in ("value", "low", "high")
    )
    return Bars(value=value, low=low, high=high)


def _columns(
    parts: Mapping[Any, Bars],
    order: np.ndarray,
    names: list[str],
    colours: Palette,
    directed: bool,  # a loss that rises is no output that rises
) -> dict[str, Any]:
    low, value, high = (
        np.concatenate([getattr(part, name)[order] for part in parts.values()])
        for name in ("low", "value", "high")
    )
    signs = bool((value < 0).any())
    paint = np.where(value > 0, colours.raises, colours.lowers)
    panels = (
        unique(["" if label is None else label for label in parts], 24) if len(parts) > 1 else [""]
    )
    return {
        "class": np.repeat(panels, len(order)),
        "feature": names * len(parts),
        "low": low,
        "value": value,
        "high": high,
        "end": np.maximum(np.maximum(value, high), 0.0),
        "text": [signed(v) if signs else brief(v) for v in value],
        "interval": [f"{brief(a)} to {brief(b)}" for a, b in zip(low, high, strict=True)],
        "colour": paint if signs and directed else [colours.plain] * len(value),
    }


def _drawn(columns: dict[str, Any], panels: int, width: int, title: str) -> Any:
    import altair as alt

    names = list(dict.fromkeys(columns["feature"]))
    plot = max((width - 6.5 * max(map(cells, names)) - 20) / panels - 16, 70)
    doubtful = bool(np.any(columns["high"] > columns["low"]))
    axis = alt.Axis(
        format=figure.number_format(columns["value"]), tickCount=max(2, min(5, int(plot) // 70))
    )
    scale = alt.Scale(domain=_domain(columns, panels, plot), nice=False)
    x = alt.X("value:Q", title=None if panels > 1 else title, scale=scale, axis=axis)
    side = alt.Axis(labelExpr=figure.MIDDLE)
    y = alt.Y("feature:N", title=None, axis=side, scale=alt.Scale(domain=names, padding=0.25))
    told: list[tuple[str, ...]] = [("feature", "column"), ("text", "value")]
    told += [("interval", "95 % interval")] if doubtful else []
    base = alt.Chart().encode(y=y, tooltip=figure.tooltip(*told))
    first = base.add_params(figure.narrow())
    layers = [first.mark_bar().encode(x=x, color=alt.Color("colour:N", scale=None))]
    if doubtful:
        layers.append(base.mark_rule(strokeWidth=1.5).encode(x="low:Q", x2="high:Q"))
    layers.append(base.mark_text(align="left", dx=6).encode(x="end:Q", text="text:N"))
    whole = alt.layer(*layers, data=figure.table(columns)).properties(height=26 * len(names))
    if panels == 1:
        return whole
    sequence = list(dict.fromkeys(columns["class"].tolist()))
    column = alt.Column("class:N", title=None, sort=sequence)
    return whole.properties(width=int(plot)).facet(column=column, spacing=16)


def _domain(columns: dict[str, Any], panels: int, plot: float) -> list[float]:
    """The ends of the axis; a panel keeps room for its numbers, a single frame lets them hang."""
    text = 7.5 * max(map(cells, columns["text"])) + 12 if panels > 1 else 0.0
    room = (
        0.0 if columns["low"].min() >= 0 else 0.03,
        0.02 + min(text / max(plot - text, 40), 1.2),
    )
    return figure.span(columns["low"], columns["end"], [0.0], room=room)


def _opening(
    explanation: Attribution,
    sheets: Mapping[Any, reading.Sheet],
    parts: Mapping[Any, Bars],
    unit: str,
) -> str:
    """What the bars are, in a sentence."""
    measure, rows = measure_of(explanation), len(next(iter(sheets.values())).samples)
    told = next((note for note in explanation.notes if note.startswith("Each value is")), "")
    if measure is not SHARES and (told or measure.reads):
        over = f" Mean over {counted(rows, 'row')}." if rows else ""
        return f"{CLAUSE.sub('', told) or measure.reads}{over}"
    said = (
        f"Mean size of the share over {counted(rows, 'row')}, in {unit}" if rows else f"In {unit}"
    )
    return said + (f", mean of {len(sheets)} classes." if len(parts) < len(sheets) else ".")


def _reading(
    sheets: Mapping[Any, reading.Sheet],
    parts: Mapping[Any, Bars],
    order: np.ndarray,
    measure: Measure,
    said: str,
) -> str:
    """What the bars are, what is left out of them, and what one below zero says."""
    value = np.mean([part.value for part in parts.values()], axis=0)
    rest = np.delete(np.arange(len(value)), order)
    if len(rest):
        said += f" The {len(order)} greatest of {len(value)}; the other {len(rest)} "
        if measure is SHARES:
            size = np.mean([np.abs(part.value) for part in parts.values()], axis=0)
            said += f"sum to {brief(float(size[rest].sum()))}."
        else:
            said += f"lie between {brief(value[rest].min())} and {brief(value[rest].max())}."
    if not measure.below or not (value[order] < 0).any():
        return said
    doubtful = measure.chance and not all(part.sure for part in parts.values())
    return f"{said} {measure.below}{', or by chance where a whisker holds 0' * doubtful}."


def _whiskers(
    first: reading.Sheet, parts: Mapping[Any, Bars], measure: Measure, given: bool
) -> str:
    if given:
        return " Whiskers: the given intervals."
    if all(part.sure for part in parts.values()):
        return ""
    source = measure.interval or (
        "over rows and sampling" if first.samples else "of the method's own sampling"
    )
    return f" Whiskers: 95 % interval {source}."


def _unknown(sheets: Mapping[Any, reading.Sheet]) -> str:
    unknown = sum(found.unknown for found in sheets.values())
    return f" {counted(unknown, 'missing value')} left out." if unknown else ""


def _alternative(
    method: str,
    found: reading.Sheet,
    parts: Mapping[Any, Bars],
    order: np.ndarray,
    names: list[str],
    unit: str,
) -> str:
    what = "mean absolute share" if found.samples else "value"
    said = [f"Bar chart of {counted(len(order), found.noun)} by {what} in {unit} ({method})."]
    for label, part in parts.items():
        value = part.value[order]
        greatest = np.argsort(-np.abs(value), kind="stable")[:3]
        whose = f"For {shorten(label)} " if len(parts) > 1 else ""
        finding = listed([f"{names[i]} {brief(value[i])}" for i in greatest])
        text = f"{whose}greatest: {finding}." if value.any() else f"{whose}every value is 0."
        said.append(text[0].upper() + text[1:])
    return " ".join(said)
