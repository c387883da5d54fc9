"""Do samples with the same explanation have the same prediction?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.robustness.neighbourhood import decided
from pellucid.metrics.rows import row

SHUFFLED = "shuffled explanations"
"""The reference row: the same explanations, given to the samples at random."""


@dataclass(frozen=True, kw_only=True)
class Consistency(Metric):
    """The share of samples with the same explanation that have the same class.

    Two explanations are the same if their `top` values of largest magnitude stand for the same
    units, with the same signs. A sample whose explanation no other has says nothing, and is counted
    as such.

    Parameters
    ----------
    top : int
        How many values an explanation is boiled down to.
    shuffles : int
        How often explanations are shuffled for the reference row.

    Notes
    -----
    There is no verdict: how often explanations are the same is up to `top`, and a faithful one may
    be the same for all samples, as the weights of a linear model are. Where the reference row is as
    high, the explanation says nothing of the class. It is the reference row that makes the number
    readable: where one class holds nearly all samples, any explanation is consistent.

    Dasgupta et al. take explanations that are words or rules, which are the same or not; the signs
    of the largest values stand for them here.

    References
    ----------
    Dasgupta, Frost and Moshkovitz (2022), Framework for evaluating faithfulness of local
    explanations, arXiv:2202.00734.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    cost: ClassVar[str] = "1 evaluation per sample"
    paper: ClassVar[str] = "arXiv:2202.00734"

    top: int = 3
    shuffles: int = 20

    def __post_init__(self) -> None:
        whole_number("top", self.top, 1)
        whole_number("shuffles", self.shuffles, 1)

    def obstacle(self, evidence: Evidence) -> str | None:
        """Why nothing can be said: only classes are the same or not."""
        if evidence.question.model.task != "classification":
            return f"{evidence.question.model.name} predicts no classes"
        return super().obstacle(evidence)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """The explanation's own share, and that of shuffled ones."""
        classes = evidence.once("classes", lambda: decided(evidence, _answers(evidence)))
        top = min(self.top, len(evidence.features))
        kinds = _kinds(evidence.shares, top)
        rng = evidence.rng("shuffled explanations")
        drawn = [_agreeing(rng.permutation(kinds), classes) for _ in range(self.shuffles)]
        told = np.isfinite(drawn)
        chance = np.divide(
            np.where(told, drawn, 0).sum(axis=0), told.sum(axis=0),
            out=np.full(len(kinds), np.nan), where=told.any(axis=0),
        )  # fmt: skip
        words = (
            f"the share of {evidence.thing}s with the same {top} "
            f"most important {evidence.part}s, in sign too, that have the same class"
        )
        return (
            row(evidence, self.name(), _agreeing(kinds, classes), words),
            row(evidence, self.name(), chance, words, group=SHUFFLED),
        )


def _answers(evidence: Evidence) -> np.ndarray:
    return evidence.answers(evidence.inputs)


def _kinds(values: np.ndarray, top: int) -> np.ndarray:
    """A number for each sample, (sample,), that those with the same largest values share."""
    first = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :top]
    signs = np.zeros(values.shape, dtype=np.int8)
    np.put_along_axis(signs, first, np.sign(np.take_along_axis(values, first, axis=1)), axis=1)
    return np.unique(signs, axis=0, return_inverse=True)[1].reshape(-1)


def _agreeing(kinds: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Of the other samples of its kind, which share has the class of each; NaN for none."""
    same = kinds[:, None] == kinds
    np.fill_diagonal(same, val=False)
    others = same.sum(axis=1)
    agree = (same & (classes[:, None] == classes)).sum(axis=1)
    return np.divide(agree, others, out=np.full(len(kinds), np.nan), where=others > 0)
