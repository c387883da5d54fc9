"""What the numbers of a method are: shares of an output, or of a loss, or strengths of something.

A chart of each asks its own question, and its whiskers are intervals over something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pellucid.core.attribution import Attribution


@dataclass(frozen=True, kw_only=True)
class Measure:
    """The words of one measure; ``{noun}`` and ``{unit}`` stand for what it is of.

    Parameters
    ----------
    asks : str
        The question that a chart answers.
    axis : str
        What its axis shows; empty for the unit.
    reads : str
        How to read a value, where no note of the explanation says so.
    interval : str
        What its whiskers are an interval over.
    below : str
        What a value below zero says.
    chance : bool
        Whether other rows could have put it there, and the whiskers tell.
    signed : bool
        Whether the mean over rows is that of the values, not of their sizes.
    asks_rows, axis_rows : str
        As `asks` and `axis`, of a chart of single rows.
    """

    asks: str
    axis: str = ""
    reads: str = ""
    interval: str = ""
    below: str = ""
    chance: bool = False
    signed: bool = False
    asks_rows: str = "How does each {noun} move the output, row by row?"
    axis_rows: str = "▼ lowers  ·  {unit}  ·  raises ▲"


SHARES = Measure(asks="Which {noun}s move the {unit} most?")
"""Of methods that hand out an output."""

SHARE_OF_EFFECT = "share of the effect"

TRAINED_WITHOUT = Measure(
    asks="Which {noun}s would be missed in training?",
    axis="how much worse when trained without it",
    interval="for other rows to judge by",
    below="Left of 0: the model is better trained without it",
    chance=True,
    signed=True,
    asks_rows="How much worse is each row when trained without the {noun}?",
    axis_rows="better without it  ·  {unit}  ·  worse without it",
)

OF_LOSSES = {
    "permutation_importance": Measure(
        asks="Which {noun}s would the model miss most?",
        axis="how much worse when shuffled",
        interval="for other rows and other shuffles",
        below="Left of 0: the model is better without it",
        chance=True,
    ),
    "sage": Measure(
        asks="Which {noun}s make the model right?",
        axis="how much better when known",
        interval="for other orders of the columns, but the same rows",
        below="Left of 0: on these rows the model is better without it",
    ),
    "drop_column": TRAINED_WITHOUT,
    "loco": TRAINED_WITHOUT,
}
"""Of a loss or a score, by method."""

MEASURES = {
    "h_statistic": Measure(
        asks="What acts together?",
        axis="{unit} that is interaction",
        interval="for other rows",
    ),
    "variance_interaction": Measure(
        asks="What acts together?",
        reads="How much one column changes how far the other moves the mean prediction.",
        interval="for other rows",
    ),
    "partial_dependence_importance": Measure(
        asks="Along which {noun}s does the mean prediction move most?",
        reads="The standard deviation of the mean prediction along the column.",
        interval="for other rows",
    ),
}
"""Of the output, by method."""

LOSSES = replace(
    SHARES,
    asks="Which {noun}s raise or lower the loss most?",
    signed=True,
    asks_rows="How does each {noun} move the loss, row by row?",
)
"""Of any other method that hands out a loss."""


def measure_of(explanation: Attribution) -> Measure:
    """The words for an explanation."""
    if explanation.scale == "loss":
        return OF_LOSSES.get(explanation.method, LOSSES)
    found = MEASURES.get(explanation.method, SHARES)
    if explanation.scale == SHARE_OF_EFFECT:
        return replace(found, reads="0: nothing of the effect is interaction; 1: all of it.")
    return found
