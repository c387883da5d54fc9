"""How well words that are marked agree with those that people marked: tokens, and spans of them.

Masks have shape ``(sample, token)``; samples of unequal lengths are filled up with False. Counts of
each sample come first (`token_hits`, `span_hits`) and are averaged last (`f1`), so that samples can
be drawn again in between for intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pellucid.core.errors import InvalidSetting

AVERAGES = ("macro", "micro", "macro of means")


class Agreement(NamedTuple):
    """Precision, recall and their harmonic mean, each between 0 and 1, or NaN without samples."""

    precision: float
    recall: float
    f1: float


def token_hits(chosen: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Counts of tokens of each sample, for `f1`.

    Parameters
    ----------
    chosen, gold : array of bool of shape (sample, token)
        What the explanation marks, and what people marked.

    Returns
    -------
    array of int of shape (sample, 4)
        Chosen tokens that are gold, chosen tokens, gold tokens that were chosen, gold tokens.
    """
    both = (chosen & gold).sum(axis=1)
    return np.stack([both, chosen.sum(axis=1), both, gold.sum(axis=1)], axis=1)


def spans(mask: np.ndarray) -> list[np.ndarray]:
    """Unbroken runs of marked tokens of each sample.

    Parameters
    ----------
    mask : array of bool of shape (sample, token)

    Returns
    -------
    list of arrays of int of shape (span, 2)
        First token, and the one after the last; one array for each sample, empty without marks.
    """
    edge = np.zeros((len(mask), 1), dtype=np.int8)
    change = np.diff(np.concatenate([edge, mask.astype(np.int8), edge], axis=1), axis=1)
    starts, ends = np.nonzero(change == 1), np.nonzero(change == -1)
    found = np.stack([starts[1], ends[1]], axis=1)
    return np.split(found, np.searchsorted(starts[0], np.arange(1, len(mask))))


def span_hits(
    chosen: Sequence[np.ndarray], gold: Sequence[np.ndarray], threshold: float = 0.5
) -> np.ndarray:
    """Counts of spans of each sample that overlap enough with one of the other side, for `f1`.

    Parameters
    ----------
    chosen, gold : sequence of arrays of int of shape (span, 2)
        First token and the one after the last, as `spans` gives them; one array for each sample.
    threshold : float
        Least intersection over union, above 0 and at most 1.

    Returns
    -------
    array of int of shape (sample, 4)
        Chosen spans that hit, chosen spans, gold spans that were hit, gold spans.

    Raises
    ------
    InvalidSetting
        If `threshold` is not in its range.

    Notes
    -----
    Recall counts gold spans that were hit. ERASER's code counts chosen spans that hit, for recall
    too: two halves of one gold span then have recall 2, and one span over two gold halves has 1/2
    although both were hit. Numbers agree wherever no span overlaps enough with two others, as is
    so with any threshold above 1/2 and spans that do not overlap on their own side.

    References
    ----------
    DeYoung et al. (2020), ERASER, arXiv:1911.03429 (IOU-F1, threshold 1/2).
    """
    if not 0 < threshold <= 1:
        raise InvalidSetting("This is no overlap", got=threshold, allowed="0 < threshold ≤ 1")
    counts = np.zeros((len(gold), 4), dtype=np.int64)
    for i, (ours, theirs) in enumerate(zip(chosen, gold, strict=True)):
        enough = _overlap(ours, theirs) >= threshold
        counts[i] = enough.any(axis=1).sum(), len(ours), enough.any(axis=0).sum(), len(theirs)
    return counts


def f1(hits: np.ndarray, average: str = "macro") -> Agreement:
    """Precision, recall and F1 over samples.

    Parameters
    ----------
    hits : array of shape (sample, 4)
        From `token_hits` or `span_hits`.
    average : {"macro", "micro", "macro of means"}
        ``"macro"``: means of the numbers of samples (ERASER's token-F1). ``"micro"``: of the pooled
        counts. ``"macro of means"``: mean precision, mean recall, and the F1 of the two (ERASER's
        IOU-F1); a sample without chosen spans has no precision, one without gold no recall.

    Returns
    -------
    Agreement
        A sample with nothing chosen and nothing gold is left out of means; if only one of the two
        is empty, its numbers are 0 in ``"macro"``.

    Raises
    ------
    InvalidSetting
        If `average` is none of these.

    References
    ----------
    DeYoung et al. (2020), ERASER, arXiv:1911.03429, and its code.
    """
    if average not in AVERAGES:
        raise InvalidSetting("There is no such average", got=average, allowed=AVERAGES)
    if average == "micro":
        hits = hits.sum(axis=0, keepdims=True)
    precision, recall, both = agreement(hits)
    if average != "macro of means":
        return Agreement(_mean(precision, hits), _mean(recall, hits), _mean(both, hits))
    mean = Agreement(_mean(precision, hits[:, 1:2]), _mean(recall, hits[:, 3:]), 0.0)
    return mean._replace(f1=float(_harmonic(np.array(mean.precision), np.array(mean.recall))))


def agreement(hits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of each sample, each of shape (sample,); NaN where all is empty.

    Parameters
    ----------
    hits : array of shape (sample, 4)
        From `token_hits` or `span_hits`. If only one side is empty, all three are 0.
    """
    empty = (hits[:, 1] == 0) & (hits[:, 3] == 0)
    precision, recall = (
        np.where(empty, np.nan, hits[:, i] / np.maximum(hits[:, i + 1], 1)) for i in (0, 2)
    )
    return precision, recall, _harmonic(precision, recall)


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of all pairs of spans: (span of a, span of b)."""
    both = np.minimum(a[:, None, 1], b[:, 1]) - np.maximum(a[:, None, 0], b[:, 0])
    both = np.maximum(both, 0)
    union = (a[:, 1] - a[:, 0])[:, None] + (b[:, 1] - b[:, 0]) - both
    return both / np.maximum(union, 1)


def _harmonic(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    total = precision + recall
    return 2 * precision * recall / np.where(total == 0, 1.0, total)


def _mean(numbers: np.ndarray, counts: np.ndarray) -> float:
    """Mean over the samples that have something to count."""
    there = counts[:, 1::2].any(axis=1) if counts.shape[1] > 1 else counts[:, 0] > 0
    return float(numbers[there].mean()) if there.any() else float("nan")
