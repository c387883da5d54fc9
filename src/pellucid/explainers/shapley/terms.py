"""Interactions as an explanation: one axis of terms, for players, pairs and triples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidData
from pellucid.core.terms import TIMES, members, term
from pellucid.explainers.question import Question

MOST_TERMS = 20_000
"""Terms beyond this cost more memory than they are worth, if most of them are nothing."""


def interactions(
    question: Question,
    terms: Sequence[tuple[int, ...]],
    values: np.ndarray,
    base: np.ndarray,
    error: np.ndarray | None = None,
) -> Attribution:
    """The explanation of a question by terms.

    Parameters
    ----------
    question : Question
    terms : sequence of tuple of int
        The players in each term.
    values : array of shape (sample, term, output)
    base : array of shape (output,) or (sample, output)
    error : array of shape (sample, term, output), optional

    Raises
    ------
    InvalidData
        If a term cannot be told from a column by its name.
    """
    names = question.player_names
    labels = [term(*(names[player] for player in held)) for held in terms]
    if members(labels) != [tuple(held) for held in terms]:
        raise InvalidData(
            f"Terms are named by their columns, joined by {TIMES!r}, and here that says two things",
            got=[name for name in names if TIMES in name],
            fix="Rename these columns",
        )
    size = (len(values), len(names), values.shape[2])
    found = question.attribution(np.zeros(size), base)
    coords = {("term" if d == "feature" else d): found.coords[d] for d in found.dims}
    dims = tuple("term" if dim == "feature" else dim for dim in found.dims)
    if not question.many:
        values, error = values[..., 0], None if error is None else error[..., 0]
    return replace(
        found,
        values=values,
        dims=dims,
        coords={**coords, "term": labels},
        error=np.zeros(1) if error is None else error,
    )
