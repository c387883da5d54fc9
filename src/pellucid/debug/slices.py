"""Where is the model weak? Slices of one or two columns with a higher error than the rest."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from pellucid import __version__
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.debug.classification import SMALLEST
from pellucid.debug.estimates import Estimate, proportion
from pellucid.debug.judged import Judged, judge, numbers
from pellucid.debug.levels import Levels, levels
from pellucid.maths import intervals
from pellucid.maths.subsets import excess_p

CLASSIFICATION = {
    "error": lambda judged: (judged.predicted(0.5) != judged.actual).astype(float),
    "log_loss": lambda judged: -np.log(np.clip(_said(judged), SMALLEST, 1.0)),
    "brier": lambda judged: (
        (judged.probability - np.eye(len(judged.classes))[judged.actual]) ** 2
    ).sum(axis=1),
}
"""Losses of a classifier, row by row; the Brier score here sums over the classes."""

REGRESSION = {
    "absolute_error": lambda truth, said: np.abs(truth - said),
    "squared_error": lambda truth, said: (truth - said) ** 2,
}
"""Losses of a regression model, row by row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Slices:
    """All slices looked at, one entry each.

    Parameters
    ----------
    columns, places : int array of shape (slice, 2)
        The one or two columns and the levels in them; −1 for no second column.
    counts, sums : array of shape (slice,)
        Rows, and sum of their losses.
    """

    columns: np.ndarray
    places: np.ndarray
    counts: np.ndarray
    sums: np.ndarray


def weak_spots(
    columns: Mapping[str, Any],
    y: Any,
    prediction: Any,
    classes: Sequence[Any] | None = None,
    *,
    loss: str | None = None,
    pairs: bool = True,
    bins: int = 4,
    min_rows: int = 30,
    rate: float = 0.05,
    top: int = 5,
    noun: str = "rows",
) -> Scores:
    """The slices of the data on which the model does worse than on the rest.

    Parameters
    ----------
    columns : Mapping of str to array of shape (sample,)
        What slices may be made of: numbers, text, booleans or dates. They need not be columns
        that the model sees.
    y : array of shape (sample,)
        Truth.
    prediction : array of shape (sample,), or (sample, class) probabilities
        Predicted values, or with `classes` predicted probabilities as for
        `classification_scores`.
    classes : sequence, optional
        Class labels of a classifier.
    loss : str, optional
        ``"error"`` (the share of wrong answers; default), ``"log_loss"`` or ``"brier"`` with
        `classes`; else ``"absolute_error"`` (default) or ``"squared_error"``.
    pairs : bool
        Whether to look at slices of two columns too.
    bins : int
        Groups of about equal size that a numeric column is cut into. Columns with at most eight
        different values are taken value by value; missing values are a group.
    min_rows : int
        The least number of rows of a slice.
    rate : float
        False discovery rate: the share of false findings that is accepted (Benjamini–Hochberg).
    top : int
        The most slices to report.
    noun : str
        What the rows are, such as ``"loans"``.

    Returns
    -------
    Scores
        First the loss on all rows, then the weak slices (``group`` in words), strongest evidence
        first, each with a 95 % interval and a sentence.

    Raises
    ------
    InvalidData, InvalidSetting, UnknownName
        If data or settings cannot be used.

    Notes
    -----
    A slice is compared with random sets of as many rows (`pellucid.maths.subsets.excess_p`). Once
    one is found its rows are set aside and the search starts again on the others, with the same
    rate; this leaves out echoes, such as a part of a weak slice, or a slice that holds one. The
    rows that found a slice also measure it, which exaggerates: measure again on other rows.
    No model is evaluated; the work grows with rows times pairs of columns.

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x; Sagadeeva and Boehm,
    SliceLine (2021), doi:10.1145/3448016.3457323.
    """
    started = time.perf_counter()
    _check_settings(bins=bins, min_rows=min_rows, rate=rate, top=top)
    name, losses = _losses(y, prediction, classes, loss)
    cut = levels(columns, len(losses), bins, min_rows)
    looked, found = _search(cut, losses, pairs=pairs, min_rows=min_rows, rate=rate, top=top)
    rows = [_whole(name, losses, noun, found=len(found), looked=looked)]
    rows += [_weak(name, losses, inside, group, noun) for group, inside in found]
    return Scores(
        rows=tuple(rows),
        provenance=Provenance(
            method="weak_spots",
            params={"loss": name, "pairs": pairs, "bins": bins, "min_rows": min_rows,
                    "rate": rate, "top": top},
            scale="loss",
            seconds=time.perf_counter() - started,
            version=__version__,
            notes=(
                f"{looked:,} slices of at least {min_rows} {noun} were looked at; the false"
                f" discovery rate is held at {100 * rate:g} %.",
                "A weak slice was found and measured on the same rows, which makes it look weaker"
                " than it is: measure it again on other rows.",
            ),
        ),
    )  # fmt: skip


def _losses(
    y: Any, prediction: Any, classes: Sequence[Any] | None, loss: str | None
) -> tuple[str, np.ndarray]:
    """Name of the loss, and the loss of each row."""
    known = REGRESSION if classes is None else CLASSIFICATION
    name = loss or next(iter(known))
    if name not in known:
        raise UnknownName.among("loss", name, known)
    if classes is not None:
        return name, CLASSIFICATION[name](judge(y, prediction, classes))
    truth = numbers("true answers", y)
    return name, REGRESSION[name](truth, numbers("predictions", prediction, len(truth)))


def _said(judged: Judged) -> np.ndarray:
    return judged.probability[np.arange(judged.n), judged.actual]


def _search(
    cut: tuple[Levels, ...],
    losses: np.ndarray,
    *,
    pairs: bool,
    min_rows: int,
    rate: float,
    top: int,
) -> tuple[int, list[tuple[str, np.ndarray]]]:
    """How many slices were looked at, and the weak ones: their words and their rows."""
    left = np.arange(len(losses))
    looked = 0
    found: list[tuple[str, np.ndarray]] = []
    while len(found) < top:
        slices = _slices(tuple(part.take(left) for part in cut), losses[left], pairs, min_rows)
        looked = looked or len(slices.counts)
        best = _strongest(slices, losses[left], rate, losses.mean())
        if best is None:
            break
        inside = _rows(cut, slices, best)
        found.append((_words(cut, slices, best), inside))
        left = left[~inside[left]]
    return looked, found


def _slices(cut: tuple[Levels, ...], losses: np.ndarray, pairs: bool, min_rows: int) -> Slices:
    """Count and loss of every slice that is large enough and not simply one of its columns."""
    parts = [_cross(cut, losses, (a,), min_rows) for a in range(len(cut))]
    if pairs:
        parts += [_cross(cut, losses, (a, b), min_rows) for a in range(len(cut)) for b in range(a)]
    empty = Slices(columns=np.empty((0, 2), int), places=np.empty((0, 2), int),
                   counts=np.empty(0, int), sums=np.empty(0))  # fmt: skip
    parts.append(empty)
    return Slices(
        columns=np.concatenate([part.columns for part in parts]),
        places=np.concatenate([part.places for part in parts]),
        counts=np.concatenate([part.counts for part in parts]),
        sums=np.concatenate([part.sums for part in parts]),
    )


def _cross(
    cut: tuple[Levels, ...], losses: np.ndarray, chosen: tuple[int, ...], min_rows: int
) -> Slices:
    """The slices of one column, or of each pair of levels of two."""
    shape = tuple(len(cut[column].words) + 1 for column in chosen)
    code = np.ravel_multi_index([cut[column].codes + 1 for column in chosen], shape)
    size = int(np.prod(shape))
    counts = np.bincount(code, minlength=size).reshape(shape)
    sums = np.bincount(code, weights=losses, minlength=size).reshape(shape)
    large = (counts >= min_rows) & (counts < len(losses))
    for axis in range(len(shape)):
        np.moveaxis(large, axis, 0)[0] = False
        if len(shape) == 2:
            large &= counts < counts.sum(axis=axis, keepdims=True)
    places = np.argwhere(large) - 1
    second = np.full((len(places), 2 - len(chosen)), -1)
    return Slices(
        columns=np.hstack([np.tile(chosen, (len(places), 1)), second]),
        places=np.hstack([places, second]),
        counts=counts[large],
        sums=sums[large],
    )


def _rows(cut: tuple[Levels, ...], slices: Slices, i: int) -> np.ndarray:
    """Which rows are in a slice: bool of shape (sample,)."""
    (a, b), (place, other) = slices.columns[i], slices.places[i]
    inside = cut[a].codes == place
    return inside & (cut[b].codes == other) if b >= 0 else inside


def _words(cut: tuple[Levels, ...], slices: Slices, i: int) -> str:
    named = sorted(zip(slices.columns[i], slices.places[i], strict=True))
    return " and ".join(cut[a].words[place] for a, place in named if a >= 0)


def _strongest(slices: Slices, losses: np.ndarray, rate: float, overall: float) -> int | None:
    """The slice with the strongest evidence, if any stands at the false discovery rate.

    Of what is left, rows may be worse than the rest and still better than all rows together: these
    are not weak.
    """
    p = excess_p(slices.sums, slices.counts, losses)
    if not len(p):
        return None
    weak = stats.false_discovery_control(p) <= rate
    weak &= slices.sums > slices.counts * overall
    if not weak.any():
        return None
    excess = (slices.sums - slices.counts * losses.mean()) / np.sqrt(slices.counts)
    return int(np.lexsort((-excess, p, ~weak))[0])


def _estimate(name: str, losses: np.ndarray) -> Estimate:
    if name == "error":
        return proportion(losses.sum(), len(losses))
    low, high = intervals.mean(losses)
    return Estimate(value=float(losses.mean()), low=low, high=high, n=len(losses))


def _whole(name: str, losses: np.ndarray, noun: str, *, found: int, looked: int) -> Score:
    estimate = _estimate(name, losses)
    words = estimate.words(percent=name == "error")
    if not looked:
        verdict = "no part of them is large enough to be looked at by itself"
    elif not found:
        verdict = f"none of the {looked:,} slices looked at is reliably worse"
    else:
        verb = "is" if found == 1 else "are"
        verdict = f"{found} of the {looked:,} slices looked at {verb} worse than that"
    who = f"Among all {words['n']} {noun}" if len(losses) > 1 else "In the only row"
    text = f"{who} the {name.replace('_', ' ')} is {words['value']}{words['interval']}; {verdict}."
    return estimate.score(name, text)


def _weak(name: str, losses: np.ndarray, inside: np.ndarray, group: str, noun: str) -> Score:
    percent = name == "error"
    estimate = _estimate(name, losses[inside])
    words, overall = estimate.words(percent), _estimate(name, losses).words(percent)
    text = (
        f"Among the {words['n']} {noun} with {group} the {name.replace('_', ' ')} is"
        f" {words['value']}{words['interval']} against {overall['value']} overall."
    )
    return estimate.score(name, text, group=group)


def _check_settings(*, bins: int, min_rows: int, rate: float, top: int) -> None:
    for name, given, least in (("bins", bins, 2), ("min_rows", min_rows, 2), ("top", top, 1)):
        if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < least:
            raise InvalidSetting(
                f"{name} cannot be used", got=repr(given), allowed=f"an integer ≥ {least}"
            )
    if not 0 < rate < 1:
        raise InvalidSetting("rate is not a rate", got=rate, allowed="between 0 and 1")
