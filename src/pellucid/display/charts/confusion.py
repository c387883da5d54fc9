"""Confusion: which classes the model takes for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import InvalidData
from pellucid.core.scores import Scores
from pellucid.display import figure
from pellucid.display.theme import WIDTH, Palette, palette
from pellucid.display.words import cells, counted, percent, shorten, thing, unique

if TYPE_CHECKING:
    import altair as alt

TAKES = ("scores",)

PREDICTED, ACTUAL = "predicted ", "actual "
"""How metrics and groups of a confusion matrix begin."""

CELL = 130
"""Pixels of a cell at most."""

FULL = 0.74
"""Opacity of a cell that holds a whole class: the theme's text still reads on it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix:
    """A confusion matrix: counts and shares of shape (actual, predicted)."""

    actual: list[str]
    predicted: list[str]
    counts: np.ndarray
    shares: np.ndarray

    @property
    def total(self) -> float:
        """All rows."""
        return float(self.counts.sum())

    @property
    def right(self) -> np.ndarray:
        """Which cells are right predictions."""
        return np.array([[a == p for p in self.predicted] for a in self.actual])

    @property
    def accuracy(self) -> float:
        """Share of all rows predicted rightly; NaN without rows."""
        return float(self.counts[self.right].sum() / self.total) if self.total else float("nan")


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
    figure.check_width(width)
    found, of = matrix(explanation), thing(explanation)
    return figure.finish(
        _drawn(found, palette(theme), width, of),
        question="Which classes does the model confuse?",
        reading=f"{counted(round(found.total), of)}; percentages are of each actual class. "
        f"Outlined: right, {percent(found.accuracy)} of all.",
        alternative=_alternative(found, of),
        theme=theme,
        width=width,
        fit=False,
    )


def is_confusion(scores: Scores) -> bool:
    """Whether every row is a cell of a confusion matrix."""
    return bool(scores.rows) and all(
        row.metric.startswith(PREDICTED) and row.group.startswith(ACTUAL) for row in scores
    )


def matrix(scores: Scores) -> Matrix:
    """The scores as a matrix, the predicted classes in the order of the actual ones.

    Raises
    ------
    InvalidData
        If a row is not a cell of a confusion matrix, or a value is negative or missing.
    """
    if not is_confusion(scores):
        raise InvalidData(
            "These scores are no confusion matrix",
            got=f"metrics {', '.join(scores.metrics) or 'none'}",
            allowed=f"metrics '{PREDICTED}<class>' in groups '{ACTUAL}<class>'",
        )
    actual = [group.removeprefix(ACTUAL) for group in scores.groups]
    guessed = [metric.removeprefix(PREDICTED) for metric in scores.metrics]
    predicted = [c for c in actual if c in guessed] + [c for c in guessed if c not in actual]
    values, rows = np.zeros((len(actual), len(predicted))), np.zeros(len(actual))
    for score in scores:
        i = actual.index(score.group.removeprefix(ACTUAL))
        values[i, predicted.index(score.metric.removeprefix(PREDICTED))] = score.value
        rows[i] = max(rows[i], score.n)
    if not np.all(values >= 0) or not np.isfinite(values).all():
        raise InvalidData("A confusion matrix holds counts or shares", got=f"{values.min()}")
    sums = values.sum(axis=1, keepdims=True)
    shares = np.divide(values, sums, out=np.zeros_like(values), where=sums > 0)
    whole = rows.any() and np.allclose(sums[rows > 0], 1.0, atol=1e-6)
    counts = np.round(shares * rows[:, None]) if whole else values
    return Matrix(actual=actual, predicted=predicted, counts=counts, shares=shares)


def _drawn(found: Matrix, colours: Palette, width: int, of: str) -> Any:
    import altair as alt

    rows, columns = unique(found.actual, 20), unique(found.predicted, 16)
    side = 7 * max(map(cells, rows)) + 50
    cell = max(12.0, min(CELL, (width - side) / len(columns), max(460 / len(rows), 30)))
    level = 7 * max(map(cells, columns)) < cell
    axis = alt.Axis(orient="top", labelAngle=0 if level else -45, domain=False, ticks=False)
    flat = alt.Scale(padding=0)
    base = alt.Chart(_cells(found, rows, columns)).encode(
        x=alt.X("predicted:N", title="predicted", axis=axis, scale=flat, sort=None),
        y=alt.Y("actual:N", title="actual", scale=flat, sort=None),
        tooltip=figure.tooltip(
            ("actual", "actual"),
            ("predicted", "predicted"),
            ("count", f"{of}s"),
            ("percent", "share of the actual class"),
        ),
    )
    squares = base.mark_rect(color=colours.plain).encode(
        opacity=alt.Opacity("opacity:Q", scale=None),
    )
    outline = base.transform_filter("datum.right").mark_rect(
        fill="transparent", stroke=colours.text, strokeWidth=2
    )
    edges = base.mark_rect(fill="transparent", stroke=colours.grid, strokeWidth=1)
    layers = [squares, edges, outline]
    if cell >= 60:
        layers.append(base.mark_text(dy=-8, fontSize=14).encode(text="count:N"))
        layers.append(base.mark_text(dy=10, fontSize=11).encode(text="percent:N"))
    elif cell >= 24:
        layers.append(base.mark_text(fontSize=11).encode(text="count:N"))
    return alt.layer(*layers).properties(width=cell * len(columns), height=cell * len(rows))


def _cells(found: Matrix, rows: list[str], columns: list[str]) -> Any:
    flat = found.shares.ravel()
    return figure.table(
        {
            "actual": np.repeat(rows, len(columns)),
            "predicted": np.tile(columns, len(rows)),
            "opacity": FULL * flat,
            "count": [f"{count:,.0f}" for count in found.counts.ravel()],
            "percent": [percent(share) for share in flat],
            "right": found.right.ravel(),
        }
    )


def _alternative(found: Matrix, of: str) -> str:
    said = f"Confusion matrix of {counted(len(found.actual), 'class', 'classes')} over "
    said += f"{counted(round(found.total), of)}. {percent(found.accuracy)} predicted rightly."
    wrong = np.where(found.right, 0.0, found.counts)
    if not wrong.any():
        return f"{said} No class is confused."
    i, j = np.unravel_index(int(wrong.argmax()), wrong.shape)
    actual, predicted = shorten(found.actual[i]), shorten(found.predicted[j])
    return (
        f"{said} The most common error: {actual} taken for {predicted}, "
        f"{counted(round(found.counts[i, j]), of)} ({percent(found.shares[i, j])} of {actual})."
    )
