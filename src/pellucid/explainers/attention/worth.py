"""Whether what is attended to matters to the output: the score that stands beside every map."""

from __future__ import annotations

import numpy as np

from pellucid.core.explanation import number
from pellucid.explainers.image_question import ImageQuestion
from pellucid.maths.superpixels import cells
from pellucid.perturb.input_baseline import baseline_of

SAID, PROVES = "Faithfulness: ", " Attention is no proof of use"
"""What the score begins with, so that pictures find it, and what is said after it."""

CELLS = 196
"""Cells of the image that are covered, at most."""

PART = 0.2
"""The part of the cells that is covered at once."""

DRAWS = 3
"""Parts drawn at random that the most attended one is held against."""


def tell_worth(question: ImageQuestion, maps: np.ndarray) -> None:
    """Note how far the output falls without what is most attended to, and without random parts.

    Parameters
    ----------
    question : ImageQuestion
    maps : array of shape (sample, row, column)
        What is attended to.

    Notes
    -----
    The fall of comprehensiveness (DeYoung et al. 2020, arXiv:1911.03429) at one bin, the mean
    colour in place of the cells. Cost: 4 evaluations for each image.
    """
    values = question.images.values
    rows, columns = values.shape[2:]
    cell = cells(rows, columns, CELLS)
    count = int(cell.max()) + 1
    area = np.bincount(cell.ravel())
    mean = np.stack([np.bincount(cell.ravel(), weights=one.ravel()) for one in maps]) / area
    chance = question.rng("random cells").random((DRAWS, 1, count))
    orders = [mean, *np.broadcast_to(chance, (DRAWS, *mean.shape))]
    few = max(1, round(PART * count))
    behind = baseline_of(values, "mean")
    falls = []
    for order in orders:
        top = np.argsort(np.argsort(-order, axis=1, kind="stable"), axis=1) < few
        gone = top[:, cell][:, None]
        left = question.predict(np.where(gone, behind, values), question.chosen)
        falls.append(float((question.output - left).mean()))
    own, random = falls[0], float(np.mean(falls[1:]))
    question.note(
        f"{SAID}without the {PART:.0%} of the image most attended to, the output falls by "
        f"{number(own)} on average; without random parts of that size, by {number(random)}."
        f"{PROVES}; pellucid.evaluate says more."
    )
