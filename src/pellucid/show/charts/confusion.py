"""Confusion: which classes the model takes for which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import InvalidData
from pellucid.core.scores import Scores
from pellucid.show import figure
from pellucid.show.figure import WIDTH
from pellucid.show.theme import palette
from pellucid.show.words import counted, percent, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("scores",)

PREDICTED, ACTUAL = "predicted ", "actual "
"""How metrics and groups of a confusion matrix begin."""


def chart(explanation: Scores, *, theme: str = "light", width: int = WIDTH) -> alt.LayerChart:
    """A matrix: rows are the true classes, columns the predicted ones.

    Parameters
    ----------
    explanation : Scores
        Metrics ``"predicted <class>"`` in groups ``"actual <class>"``. Values are counts, or
        shares of the actual class where each group sums to 1 (``n`` is then its rows).
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.
    """
    actual, predicted, counts, shares = matrix(explanation)
    right = float(
        sum(counts[i, predicted.index(c)] for i, c in enumerate(actual) if c in predicted)
    )
    total = float(counts.sum())
    return figure.finish(
        _drawn(actual, predicted, counts, shares, theme, width),
        question="Which classes does the model confuse?",
        reading=f"{counted(round(total), 'row')}; percentages are of each actual class. "
        f"On the diagonal: right, {percent(right / total if total else np.nan)} of all.",
        alternative=_alternative(actual, predicted, counts, shares, right, total),
        theme=theme,
        width=width,
    )


def is_confusion(scores: Scores) -> bool:
    """Whether every row is a cell of a confusion matrix."""
    return bool(scores.rows) and all(
        row.metric.startswith(PREDICTED) and row.group.startswith(ACTUAL) for row in scores
    )


def matrix(scores: Scores) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """Actual classes, predicted classes, counts and shares of the actual class.

    Raises
    ------
    InvalidData
        If a row is not a cell of a confusion matrix, or a count is negative.
    """
    if not is_confusion(scores):
        raise InvalidData(
            "These scores are no confusion matrix",
            got=f"metrics {', '.join(scores.metrics)}",
            allowed=f"metrics '{PREDICTED}<class>' in groups '{ACTUAL}<class>'",
        )
    found = [group.removeprefix(ACTUAL) for group in scores.groups]
    guessed = [metric.removeprefix(PREDICTED) for metric in scores.metrics]
    actual = found
    predicted = [c for c in found if c in guessed] + [c for c in guessed if c not in found]
    values = np.zeros((len(actual), len(predicted)))
    rows = np.zeros(len(actual))
    for score in scores:
        i = actual.index(score.group.removeprefix(ACTUAL))
        values[i, predicted.index(score.metric.removeprefix(PREDICTED))] = score.value
        rows[i] = max(rows[i], score.n)
    if not np.isfinite(values).all() or values.min() < 0:
        raise InvalidData("A confusion matrix holds counts or shares", got=str(values.min()))
    sums = values.sum(axis=1, keepdims=True)
    shares = np.divide(values, sums, out=np.zeros_like(values), where=sums > 0)
    whole = np.allclose(sums[rows > 0], 1.0, atol=1e-6) and bool((rows > 0).any())
    counts = np.round(shares * rows[:, None]) if whole else values
    return actual, predicted, counts, shares


def _drawn(
    actual: list[str],
    predicted: list[str],
    counts: np.ndarray,
    shares: np.ndarray,
    theme: str,
    width: int,
) -> Any:
    import altair as alt

    colours = palette(theme)
    rows, columns = unique(actual, 20), unique(predicted, 14)
    cell = min(110, (width - 170) / len(columns), 420 / len(rows) if len(rows) > 4 else 110)
    where = np.indices(counts.shape).reshape(2, -1)
    flat = shares.ravel()
    light_text = flat > 0.5 if theme == "light" else flat <= 0.62
    data = {
        "actual": [rows[i] for i in where[0]],
        "predicted": [columns[j] for j in where[1]],
        "share": flat,
        "count": [f"{count:,.0f}" for count in counts.ravel()],
        "percent": [percent(share) if share else "0" for share in flat],
        "ink": np.where(light_text, "#ffffff", "#1b1f23"),
        "right": [actual[i] == predicted[j] for i, j in where.T],
    }
    x = alt.X(
        "predicted:N",
        title="predicted",
        scale=alt.Scale(domain=columns, padding=0),
        axis=alt.Axis(orient="top", labelAngle=0 if cell > 60 else -40, domain=False, ticks=False),
    )
    y = alt.Y("actual:N", title="actual", scale=alt.Scale(domain=rows, padding=0))
    scale = alt.Scale(domain=[0, 1], range=list(colours.shades), interpolate="rgb")
    table = figure.table(data)
    base = alt.Chart(table).encode(x=x, y=y)
    cells = base.mark_rect(stroke=colours.background, strokeWidth=2).encode(
        color=alt.Color("share:Q", scale=scale, legend=None),
        tooltip=["actual:N", "predicted:N", "count:N", "percent:N"],
    )
    layers = [cells]
    ink = alt.Color("ink:N", scale=None)
    if cell >= 34:
        both = cell >= 46
        layers.append(
            base.mark_text(dy=-8 if both else 0, fontSize=14 if both else 11).encode(
                text="count:N", color=ink
            )
        )
        if both:
            layers.append(base.mark_text(dy=10, fontSize=11).encode(text="percent:N", color=ink))
    outline = base.transform_filter("datum.right").mark_rect(
        fill=None, stroke=colours.text, strokeWidth=1.5
    )
    layers.append(outline)
    return alt.layer(*layers).properties(height=max(cell, 26) * len(rows))


def _alternative(
    actual: list[str],
    predicted: list[str],
    counts: np.ndarray,
    shares: np.ndarray,
    right: float,
    total: float,
) -> str:
    said = f"Confusion matrix of {counted(len(actual), 'class', 'classes')} over {counted(round(total), 'row')}."
    said += f" {percent(right / total if total else np.nan)} are predicted rightly."
    wrong = counts.copy()
    for i, name in enumerate(actual):
        if name in predicted:
            wrong[i, predicted.index(name)] = 0
    if not wrong.any():
        return f"{said} No class is confused."
    i, j = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return (
        f"{said} The most common error: {actual[i]} taken for {predicted[j]}, "
        f"{counted(round(counts[i, j]), 'row')} ({percent(shares[i, j])} of {actual[i]})."
    )
