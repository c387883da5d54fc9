"""Comparison: where methods agree, which of them finds what moves the model, what each costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.core.scores import Score, Scores
from pellucid.display import figure
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import brief, method_name, percent, sentence, thing, unique, wrapped

if TYPE_CHECKING:
    import altair as alt

TAKES = ("scores",)

METHOD = "compare"
"""The provenance of scores that this picture draws."""

RANDOM, PAIR = "random order", " ~ "
"""How groups of scores are called."""

AREAS = {
    ("deletion", ""): "Deletion: how soon the prediction goes when its top features are replaced",
    ("insertion", ""): "Insertion: how soon it comes back when they are put in",
    ("normalised_comprehensiveness", "mean"): "Lost without the top cells, replaced by mean colour",
    ("normalised_comprehensiveness", "blur"): "Lost without the top cells, replaced by blur",
    ("normalised_sufficiency", "mean"): "Kept by the top cells alone, the rest mean colour",
    ("normalised_sufficiency", "blur"): "Kept by the top cells alone, the rest blurred",
    ("relevance_mass", ""): "Relevance on what people marked",
}
"""Numbers that are drawn as a panel each, by metric and way of removal, where they are there."""

CHECKS = {
    "comprehensiveness": "top units matter",
    "sufficiency": "top units suffice",
    "reseeding": "same with another seed",
    "stability": "same under noise",
    "parameter_randomisation": "needs the weights",
    "random_logit": "needs the class",
}
"""Checks that are drawn as holding or failing, and what each says in few words."""

TWO_LINES = "split(replace(datum.value, /^(\\S+ \\S+) /, '$1|'), '|')"
"""How the heads of checks are broken."""

LAST_WORD = "split(replace(datum.value, / (\\S+)$/, '|$1'), '|')"
"""How the names of methods are broken."""

SIDE, RIGHT, LINE = 150, 56, 30
"""Pixels beside the frames, left and right, and of one line."""

PHONE = 300
"""Pixels that the title of a panel has on a phone."""


def chart(explanation: Scores, *, theme: str = "light", width: int = WIDTH) -> alt.VConcatChart:
    """Agreement as a matrix, deletion and insertion with the band of random orders, and cost.

    Parameters
    ----------
    explanation : Scores
        What `pellucid.compare` returned.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    figure.check_width(width)
    if explanation.method != METHOD:
        raise InvalidSetting(
            "This picture draws a comparison of methods",
            got=f"scores of {explanation.method!r}",
            fix="Give what pellucid.compare returned, or choose kind='scores'",
        )
    colours = palette(theme)
    methods = methods_of(explanation)
    names = [method_name(each) for each in methods]
    labels = dict(zip(methods, unique(names, 22), strict=True))
    panels = [_matrix(explanation, labels, colours)]
    there = {(score.metric, score.removal) for score in explanation}
    panels += [_areas(explanation, *which, labels, colours) for which in AREAS if which in there]
    panels.append(_checks(explanation, labels, colours))
    panels.append(_costs(explanation, labels, colours))
    verdict = sentence(explanation["verdict"].text, *methods)
    return figure.finish(
        figure.stacked(panels, SIDE, max(width - SIDE - RIGHT, 120), RIGHT),
        question="Do the methods agree, and which can be relied on?",
        reading=verdict,
        alternative=f"Comparison of {', '.join(names)}. {verdict}",
        theme=theme,
        width=width,
        fit=False,
    )


def methods_of(found: Scores) -> tuple[str, ...]:
    """The methods compared, in their order."""
    return tuple(dict.fromkeys(row.group for row in found if row.metric == "seconds"))


def _y(labels: dict[str, str]) -> Any:
    import altair as alt

    axis = alt.Axis(labelExpr=figure.MIDDLE, minExtent=figure.extent(SIDE))
    return alt.Y("method:N", title=None, scale=alt.Scale(domain=list(labels.values())), axis=axis)


def _heads(lines: str) -> Any:
    """An axis above, whose labels are broken into lines; on a phone they stand upright."""
    import altair as alt

    return alt.Axis(
        orient="top",
        labelAngle=_if_narrow(-90, 0),
        labelAlign=_if_narrow("left", "center"),
        labelBaseline=_if_narrow("middle", "bottom"),
        labelPadding=_if_narrow(4, 16),
        labelLimit=_if_narrow(150, 0),
        labelExpr=f"{figure.NARROW} ? datum.label : {lines}",
    )


def _if_narrow(one: Any, other: Any) -> Any:
    """One value on a phone, and another elsewhere."""
    import altair as alt

    return alt.ExprRef(f"{figure.NARROW} ? {json.dumps(one)} : {json.dumps(other)}")


def _matrix(found: Scores, labels: dict[str, str], colours: Palette) -> Any:
    """Share of top features in common, for each two methods."""
    import altair as alt

    share = {(name, name): 1.0 for name in labels}
    for score in found:
        if score.metric == "same features":
            one, other = score.group.split(PAIR)
            share[one, other] = share[other, one] = score.value
    cells = figure.table(
        {
            "method": [labels[one] for one, _ in share],
            "other": [labels[other] for _, other in share],
            "share": list(share.values()),
            "text": [percent(value) for value in share.values()],
            "short": [f"{100 * value:.0f}" for value in share.values()],
        }
    )
    top = found.params["top"]
    units = "cells of an image" if thing(found) == "image" else "features of a row"
    x = alt.X(
        "other:N", title=None, scale=alt.Scale(domain=list(labels.values())),
        axis=_heads(LAST_WORD),
    )  # fmt: skip
    paint = alt.Scale(domain=[0, 1], range=[colours.background, colours.plain])
    told = figure.tooltip(("method", "method"), ("other", "and"), ("text", "in common"))
    base = alt.Chart(cells).encode(x=x, y=_y(labels), tooltip=told)
    tiles = base.mark_rect(stroke=colours.grid).encode(
        color=alt.Color("share:Q", scale=paint, legend=None)
    )
    text = _shorter(base).mark_text(color=colours.text, fontSize=_if_narrow(10, 12))
    return alt.layer(tiles, text.encode(text="said:N")).properties(
        height=LINE * len(labels), title=_small(f"Top {top} {units} in common")
    )


def _areas(
    found: Scores, metric: str, removal: str, labels: dict[str, str], colours: Palette
) -> Any:
    """The number of each method with its interval, before the band of random orders."""
    import altair as alt

    scores = {score.group: score for score in found.sel(metric=metric, removal=removal)}
    band = scores[RANDOM]
    drawn = [(labels[name], score) for name, score in scores.items() if name in labels]
    span = figure.span([x for _, s in drawn for x in _ends(s)], [*_ends(band), 0.0])
    scale = alt.Scale(domain=span, nice=False, zero=False)
    points = figure.table(
        {
            "method": [name for name, _ in drawn],
            "value": [s.value for _, s in drawn],
            "low": [s.low for _, s in drawn],
            "high": [s.high for _, s in drawn],
            "text": [percent(s.value) for _, s in drawn],
        }
    )
    x = alt.X("value:Q", title=None, scale=scale, axis=alt.Axis(format="%"))
    base = alt.Chart(points).encode(
        y=_y(labels), tooltip=figure.tooltip(("method", "method"), ("text", "area"))
    )
    rect = figure.table({"from": [band.low], "to": [band.high]})
    layers = [
        alt.Chart(rect)
        .mark_rect(color=colours.missing, opacity=0.35)
        .encode(x=alt.X("from:Q", scale=scale), x2="to:Q"),
        base.mark_rule(strokeWidth=2, color=colours.plain).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q"
        ),
        base.mark_point(filled=True, size=80, opacity=1, color=colours.plain).encode(x=x),
        base.mark_text(align="left", dx=8, color=colours.text).encode(
            x=alt.XDatum(span[1]), text="text:N"
        ),
    ]
    return alt.layer(*layers).properties(
        height=LINE * len(labels), title=_small(f"{AREAS[metric, removal]} (grey: random order)")
    )


def _checks(found: Scores, labels: dict[str, str], colours: Palette) -> Any:
    """Which checks hold for which method; where one is made in several ways, whether all do."""
    import altair as alt

    verdicts: dict[tuple[str, str], list[bool]] = {}
    for score in found:
        if score.metric in CHECKS and score.group in labels and score.passed is not None:
            verdicts.setdefault((score.group, score.metric), []).append(score.passed)
    columns = [name for name in CHECKS if any(metric == name for _, metric in verdicts)]
    marks = figure.table(
        {
            "method": [labels[name] for name, _ in verdicts],
            "check": [CHECKS[metric] for _, metric in verdicts],
            "text": ["holds" if all(each) else "fails" for each in verdicts.values()],
            "short": ["✓" if all(each) else "✗" for each in verdicts.values()],
        }
    )
    x = alt.X(
        "check:N", title=None, scale=alt.Scale(domain=[CHECKS[name] for name in columns]),
        axis=_heads(TWO_LINES),
    )  # fmt: skip
    paint = alt.Scale(domain=["holds", "fails"], range=[colours.muted, colours.raises])
    return (
        _shorter(alt.Chart(marks))
        .mark_text(fontSize=12)
        .encode(
            x=x,
            y=_y(labels),
            text="said:N",
            color=alt.Color("text:N", scale=paint, legend=None),
            tooltip=figure.tooltip(("method", "method"), ("check", "check"), ("text", "verdict")),
        )
        .properties(height=LINE * len(labels), title=_small("Checks"))
    )


def _ends(score: Score) -> list[float]:
    return [v for v in (score.value, score.low, score.high) if np.isfinite(v)]


def _costs(found: Scores, labels: dict[str, str], colours: Palette) -> Any:
    """Time, evaluations and stability in words, one line for each method."""
    import altair as alt

    told = [_cost(found, name) for name in labels]
    rows = figure.table(
        {
            "method": list(labels.values()),
            "text": [" · ".join(parts) for parts in told],
            "short": [" · ".join(parts[:2]) for parts in told],
        }
    )
    text = _shorter(alt.Chart(rows)).mark_text(align="left", color=colours.text)
    return text.encode(x=alt.value(4), y=_y(labels), text="said:N").properties(
        height=LINE * len(labels),
        title=_small("Cost of one explanation, and what stays the same", "Cost of one explanation"),
    )


def _shorter(chart: Any) -> Any:
    """The chart with what it says, which on a phone is short."""
    return chart.transform_calculate(said=f"{figure.NARROW} ? datum.short : datum.text")


def _cost(found: Scores, name: str) -> list[str]:
    """Time and evaluations, then what is known of its stability."""
    own = {score.metric: score.value for score in found.sel(group=name)}
    asked = brief(own["evaluations"])
    parts = [
        f"{brief(1000 * own['seconds'])} ms",
        f"{asked} evaluation{'' if asked == '1' else 's'}",
    ]
    if np.isfinite(own.get("reseeding", np.nan)):
        parts.append(f"{percent(own['reseeding'])} of top 3 with another seed")
    if np.isfinite(own.get("stability", np.nan)):
        parts.append(f"noise moves {percent(own['stability'])}")
    return parts


def _small(text: str, short: str | None = None) -> Any:
    """The title of a panel; on a phone in lines, or `short`."""
    import altair as alt

    lines = _if_narrow(wrapped(short or text, PHONE, 12), text)
    return alt.TitleParams(text=lines, fontSize=12, anchor="start", fontWeight="normal")
