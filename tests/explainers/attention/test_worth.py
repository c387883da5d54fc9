"""The score of faithfulness that stands beside every map of attention."""

import re

import numpy as np
import pytest

from pellucid.explainers.attention.worth import tell_worth
from pellucid.explainers.image_question import ask_images

X = np.random.default_rng(0).random((5, 1, 20, 20)).astype(np.float32)
HERE = np.zeros((20, 20), dtype=bool)
HERE[:8, :10] = True  # a fifth of the image


def corner(images: np.ndarray) -> np.ndarray:
    """The mean of squares in the corner: the mean colour in place of it takes its variance away."""
    return np.square(images[:, 0, HERE]).mean(axis=1)


def falls(maps: np.ndarray) -> tuple[float, float]:
    question = ask_images(corner, X, seed=0)
    tell_worth(question, maps)
    said = next(note for note in question.notes if note.startswith("Faithfulness"))
    own, random = re.findall(r"by (−?-?[\d.e-]+)", said)[:2]
    return float(own.rstrip(".")), float(random.rstrip("."))


def test_the_fall_is_that_of_covering_what_is_attended_to() -> None:
    own, random = falls(np.tile(HERE + 0.0, (5, 1, 1)))
    flat = X[:, 0].reshape(5, -1).mean(axis=1)
    truth = (np.square(X[:, 0, HERE]).mean(axis=1) - flat**2).mean()
    assert own == pytest.approx(truth, rel=0.05)
    assert own > 2 * random


def test_a_map_of_what_does_not_matter_falls_by_nothing() -> None:
    own, random = falls(np.tile(1.0 - HERE, (5, 1, 1)))
    assert own == pytest.approx(0, abs=1e-9)
    assert random > 0
