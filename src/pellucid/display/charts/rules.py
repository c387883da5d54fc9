"""Rules: each in words, over a bar of how often it is right and one of how many rows it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.errors import EmptyData
from pellucid.core.rules import Rule, Rules
from pellucid.display import figure, reading
from pellucid.display.theme import WIDTH, palette
from pellucid.display.words import (
    SCALES,
    brief,
    capital,
    counted,
    datum,
    listed,
    method_name,
    metric_name,
    percent,
    shorten,
    wrapped,
)

if TYPE_CHECKING:
    import altair as alt

TAKES = ("rules",)

LINE, WIDE, THIN, GAP = 16, 13, 6, 22
"""Pixels of a line of text, of the two bars, and between two rules."""

END = 1.42
"""Where the frame ends, in shares: right of 1 stand the numbers."""

QUESTIONS = {
    "rows": "What fixes the model's answer for each row?",
    "list": "Which rules, read from the top, say what the model says?",
    "leaves": "Which rules say what the model says?",
}
"""What a picture answers, by how its rules are arranged."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one rule stands: pixels from the top to its words and to its bars, and its lines."""

    words: int
    bars: int
    lines: list[str]


def chart(
    explanation: Rules,
    *,
    top: int = 12,
    row: Label | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.LayerChart:
    """Each rule in words, its precision with its interval, and its coverage.

    Parameters
    ----------
    explanation : Rules
        Rules of rows, a list, or the leaves of a tree.
    top : int
        How many rules to draw, from the first.
    row : label, optional
        The row whose rule to draw.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    figure.check_width(width)
    if not len(explanation):
        raise EmptyData("There is nothing to draw", got="no rules")
    chosen = explanation if row is None else explanation.sel(**{explanation.dims[0]: row})
    shown = chosen.isel(**{chosen.dims[0]: slice(0, reading.check_top(top))})
    return figure.finish(
        _drawn(shown, theme, width),
        question=QUESTIONS[shown.arranged],
        reading=_reading(explanation, shown),
        alternative=_alternative(shown),
        theme=theme,
        width=width,
    )


def _drawn(shown: Rules, theme: str, width: int) -> Any:
    import altair as alt

    colours, places = palette(theme), _places(shown, width)
    height = places[-1].bars + WIDE + THIN + 8
    columns = _columns(shown, places)
    x = alt.X(
        "zero:Q",
        title=None,
        scale=alt.Scale(domain=[0, END], nice=False),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format="%", grid=False, domain=False),
    )
    down = alt.Scale(domain=[0, height], reverse=True, nice=False)

    def at(field: str) -> Any:
        return alt.Y(f"{field}:Q", axis=None, scale=down)

    told = figure.tooltip(
        ("rule", "if"), ("answer", "then"), ("precise", "precision"), ("covers", "coverage")
    )
    base = alt.Chart().encode(tooltip=told)
    bar = base.encode(x=alt.X("zero:Q"))
    beside = base.mark_text(align="left", baseline="middle", dx=8).encode(x="one:Q")
    layers = [
        bar.mark_rect(color=colours.plain).encode(x=x, x2="precision:Q", y=at("y"), y2="y2:Q"),
        bar.mark_rect(color=colours.missing).encode(x2="coverage:Q", y=at("y2"), y2="y3:Q"),
        base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", y=at("mid")),
        bar.mark_text(
            align="left", baseline="top", lineBreak="\n", lineHeight=LINE, fontSize=13
        ).encode(y=at("words"), text="text:N"),
        beside.encode(y=at("mid"), text="precise:N"),
        beside.encode(y=at("foot"), text="covers:N", color=alt.value(colours.muted)),
    ]
    whole = alt.layer(*layers, data=figure.table(columns))
    return whole.add_params(figure.narrow()).properties(height=height)


def _places(shown: Rules, width: int) -> list[Place]:
    """The rules under each other."""
    found, top = [], 0
    for place in range(len(shown)):
        lines = wrapped(_words(shown, place), width - 20, 13)
        bars = top + LINE * len(lines) + 4
        found.append(Place(words=top, bars=bars, lines=lines))
        top = bars + WIDE + THIN + GAP
    return found


def _columns(shown: Rules, places: list[Place]) -> dict[str, list[Any]]:
    rules = shown.rules
    return {
        "rule": [shorten(shown.text(i), 80) for i in range(len(rules))],
        "answer": [_answer(rule, shown) for rule in rules],
        "text": ["\n".join(place.lines) for place in places],
        "zero": [0.0] * len(rules),
        "one": [1.0] * len(rules),
        "precision": [rule.precision if rule.tried else 0.0 for rule in rules],
        "low": [rule.precision_low for rule in rules],
        "high": [rule.precision_high for rule in rules],
        "coverage": [rule.coverage for rule in rules],
        "precise": [_precise(rule) for rule in rules],
        "covers": [f"{percent(rule.coverage)} of rows" for rule in rules],
        "words": [place.words for place in places],
        "y": [place.bars for place in places],
        "mid": [place.bars + WIDE / 2 for place in places],
        "y2": [place.bars + WIDE for place in places],
        "y3": [place.bars + WIDE + THIN for place in places],
        "foot": [place.bars + WIDE + THIN / 2 + 4 for place in places],
    }


def _words(shown: Rules, place: int) -> str:
    """The rule as it is read: whose it is, if, then."""
    rule, label = shown.rules[place], shorten(shown.labels[place], 24)
    text, then = shown.text(place), _answer(rule, shown)
    if shown.arranged == "rows":
        return f"Row {label}: {text} → {then}"
    if shown.arranged == "leaves" or text in ("otherwise", "always"):
        return f"{label}.  {capital(text) if text in ('otherwise', 'always') else text} → {then}"
    return f"{label}.  {'If' if place == 0 else 'Else if'} {text} → {then}"


def _answer(rule: Rule, shown: Rules) -> str:
    if rule.within is not None:
        return f"{brief(float(rule.prediction))} ± {brief(rule.within)}"
    label = datum(rule.prediction)
    if rule.value != rule.value or shown.arranged == "rows":
        return label
    return f"{label} ({SCALES.get(shown.scale, shown.scale)} {brief(rule.value)})"


def _precise(rule: Rule) -> str:
    if not rule.tried:
        return "never put to the test"
    low, high = (f"{100 * end:.3g}" for end in (rule.precision_low, rule.precision_high))
    return f"right in {percent(rule.precision)} [{low}, {high}]"


def _reading(whole: Rules, shown: Rules) -> str:
    met = "draws" if shown.arranged == "rows" else "rows"
    said = (
        f"Wide bar: share of the {met} that meet the rule for which the model answers so, and its "
        "interval. Thin bar: share of all rows that meet it."
    )
    if shown.arranged == "list":
        said = said.replace("meet the rule", "come down to the rule").replace(
            "meet it", "come down to it"
        )
    facts = [
        f"{metric_name(s.metric)} {brief(s.value)}"
        + (f" [{brief(s.low)}, {brief(s.high)}]" if np.isfinite(s.low) else "")
        for s in whole.fidelity
        if not s.group and np.isfinite(s.value)
    ]
    if facts:
        said += f" All together against the model, on rows held out: {listed(facts)}."
    if len(shown) < len(whole):
        said += f" {len(shown)} of {counted(len(whole), 'rule')}."
    return said


def _alternative(shown: Rules) -> str:
    said = f"{counted(len(shown), 'rule')} ({method_name(shown.method)})."
    facts = [
        f"{_words(shown, i)}, {_precise(rule)}, {percent(rule.coverage)} of rows"
        for i, rule in enumerate(shown.rules[:3])
    ]
    return f"{said} {'. '.join(facts)}."
