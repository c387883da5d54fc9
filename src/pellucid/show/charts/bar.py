"""Importance: how much each feature moves the output, with how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import UnknownName
from pellucid.show import figure, reading
from pellucid.show.figure import WIDTH
from pellucid.show.theme import palette
from pellucid.show.words import brief, counted, listed, measured, signed, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("attribution",)

KEYS = ("value", "low", "high")
"""What is known of each bar."""

MOST_PANELS = 4
"""Classes that get a panel each; of more, the mean over classes is drawn."""


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

    An attribution with rows is drawn by its mean magnitude over them, one without rows by its own
    signed values. Several classes get a panel each, or are averaged where they are more than four.

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
    reading.check_top(top)
    labels = reading.classes(explanation) if class_ is None else ()
    sheets = {label: reading.sheet(explanation, label) for label in labels} or {
        None: reading.sheet(explanation, class_)
    }
    parts = {label: _measured(found, intervals) for label, found in sheets.items()}
    if len(parts) > MOST_PANELS:
        parts = {
            None: {k: np.mean([p[k] for p in parts.values()], axis=0) for k in parts[labels[0]]}
        }
    first = next(iter(sheets.values()))
    overall = np.mean([np.abs(part["value"]) for part in parts.values()], axis=0)
    order = np.argsort(-overall, kind="stable")[:top]
    names = unique([first.features[i] for i in order])
    columns = _columns(parts, order, names)
    rows = bool(first.samples)
    unit = measured(explanation) if len(sheets) > 1 else first.unit
    return figure.finish(
        _drawn(columns, names, len(parts), theme, width, not rows),
        question="Which features move the output most?"
        if len(sheets) > 1 or not first.unit.count(" of ")
        else f"Which features move the {first.unit} most?",
        reading=_reading(sheets, parts, overall, order, unit, intervals),
        alternative=_alternative(explanation, parts, order, names, unit, rows),
        theme=theme,
        width=width,
        fit=len(parts) == 1,
    )


def _measured(found: reading.Sheet, intervals: Any) -> dict[str, np.ndarray]:
    known = np.isfinite(found.values)
    n = known.sum(axis=0)
    if found.samples:
        value = found.size()
        spread = np.where(known, (np.abs(found.values) - value) ** 2, 0.0).sum(axis=0)
        over_rows = np.sqrt(spread / np.maximum(n - 1, 1) / np.maximum(n, 1)) * (n > 1)
        own = np.where(known, found.error, 0.0).sum(axis=0) / np.maximum(n, 1)
        half = 1.96 * np.hypot(over_rows, own)
        low = np.maximum(value - half, 0.0)
    else:
        value = np.where(known, found.values, 0.0)[0]
        half = 1.96 * found.error[0]
        low = value - half
    limits = {"value": value, "low": low, "high": value + half}
    return limits if intervals is None else _given(found, limits, intervals)


def _given(
    found: reading.Sheet,
    limits: dict[str, np.ndarray],
    intervals: Mapping[str, tuple[float, float]],
) -> dict[str, np.ndarray]:
    names = [str(feature) for feature in found.features]
    for name in intervals:
        if str(name) not in names:
            raise UnknownName.among("feature", str(name), names)
    limits["low"], limits["high"] = limits["value"].copy(), limits["value"].copy()
    for name, (low, high) in intervals.items():
        place = names.index(str(name))
        limits["low"][place], limits["high"][place] = low, high
    return limits


def _columns(
    parts: Mapping[Any, dict[str, np.ndarray]], order: np.ndarray, names: list[str]
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {k: [] for k in ("class", "feature", *KEYS)}
    for label, part in parts.items():
        columns["class"] += ["" if label is None else str(label)] * len(order)
        columns["feature"] += names
        for key in KEYS:
            columns[key] += part[key][order].tolist()
    columns["text"] = [brief(value) for value in columns["value"]]
    columns["end"] = np.maximum(columns["value"], columns["high"]).clip(min=0).tolist()
    return columns


def _drawn(
    columns: dict[str, list[Any]], names: list[str], panels: int, theme: str, width: int, sign: bool
) -> Any:
    import altair as alt

    colours = palette(theme)
    signs = sign and min(columns["value"]) < 0
    columns["colour"] = [
        colours.plain if not signs else colours.raises if value > 0 else colours.lowers
        for value in columns["value"]
    ]
    columns["text"] = [
        signed(v) if signs else t for v, t in zip(columns["value"], columns["text"], strict=True)
    ]
    low, high = figure.span(columns["low"], columns["end"], [0.0], room=(0.0, 0.16 * panels))
    y = alt.Y("feature:N", title=None, scale=alt.Scale(domain=names, padding=0.25))
    axis = alt.Axis(
        format=figure.number_format(columns["value"]), tickCount=5 if panels == 1 else 3
    )
    x = alt.X("value:Q", title=None, scale=alt.Scale(domain=[low, high], nice=False), axis=axis)
    base = alt.Chart().encode(y=y)
    bars = base.mark_bar().encode(
        x=x, color=alt.Color("colour:N", scale=None), tooltip=["feature:N", "text:N"]
    )
    layers = [bars]
    if np.any(np.subtract(columns["high"], columns["low"]) > 0):
        layers.append(base.mark_rule(strokeWidth=1.5).encode(x="low:Q", x2="high:Q"))
    layers.append(base.mark_text(align="left", dx=6).encode(x="end:Q", text="text:N"))
    whole = alt.layer(*layers, data=figure.table(columns)).properties(height=alt.Step(26))
    if panels == 1:
        return whole
    room = width - 7 * max(map(len, names)) - 16 * panels
    whole = whole.properties(width=max(room // panels, 70))
    order = list(dict.fromkeys(columns["class"]))
    return whole.facet(column=alt.Column("class:N", title=None, sort=order))


def _reading(
    sheets: Mapping[Any, reading.Sheet],
    parts: Mapping[Any, Any],
    overall: np.ndarray,
    order: np.ndarray,
    unit: str,
    intervals: Any,
) -> str:
    first = next(iter(sheets.values()))
    if first.samples:
        said = f"Mean size of the share over {counted(len(first.samples), 'row')}, in {unit}"
    else:
        said = f"In {unit}"
    said += f"; mean of {len(sheets)} classes." if len(parts) < len(sheets) else "."
    hidden = len(overall) - len(order)
    if hidden:
        rest = brief(float(overall.sum() - overall[order].sum()))
        said += f" The {len(order)} greatest of {len(overall)}; the other {hidden} sum to {rest}."
    wide = any(np.any(part["high"] > part["low"]) for part in parts.values())
    if intervals is not None:
        said += " Whiskers: the given intervals."
    elif wide:
        over = "over rows and sampling" if first.samples else "of the method's own sampling"
        said += f" Whiskers: 95 % interval {over}."
    unknown = sum(found.unknown for found in sheets.values())
    return said + (f" {counted(unknown, 'missing value')} left out." if unknown else "")


def _alternative(
    explanation: Attribution,
    parts: Mapping[Any, dict[str, np.ndarray]],
    order: np.ndarray,
    names: list[str],
    unit: str,
    rows: bool,
) -> str:
    what = "mean absolute share" if rows else "value"
    said = [
        f"Bar chart of {counted(len(order), 'feature')} by {what} in {unit} ({explanation.method})."
    ]
    for label, part in parts.items():
        inside = np.argsort(-np.abs(part["value"][order]), kind="stable")[:3]
        finding = [f"{names[i]} {brief(part['value'][order][i])}" for i in inside]
        head = "Greatest" if label is None else f"For {label} greatest"
        said.append(f"{head}: {listed(finding)}.")
        if not np.any(part["value"]):
            said[-1] = "Every value is 0." if label is None else f"For {label} every value is 0."
    return " ".join(said)
