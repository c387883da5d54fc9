"""Whether an explanation is where people say it should be: regions of images, marked words.

`values` have shape ``(sample, ...)``: all axes but the first hold the units (pixels, tokens); large
values speak for a unit, and the caller decides whether that is the value or its magnitude. `gold`,
of the same shape, marks the units that people hold responsible. `there`, of the same shape, says
which units exist where samples were filled up to equal lengths; all, when it is left out.

Units of equal value are in no order, so none is preferred for its place in memory: an explanation
that is the same everywhere is scored as chance. A number that the gold of a sample cannot give
(nothing is marked, or all is) is NaN, as is one of a sample with a NaN among its values. Plausible
is not faithful: a model may be right for reasons that nobody would give.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata

from pellucid.core.errors import InvalidSetting


def pointing_game(values: np.ndarray, gold: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
    """Whether the largest value lies on the object, or not further from it than `tolerance`.

    Parameters
    ----------
    values : array of shape (sample, row, column)
    gold : array of bool of shape (sample, row, column)
        The object.
    tolerance : float
        Pixels between the centres of the two nearest pixels, as the crow flies. Zhang et al. allow
        15 on photos.

    Returns
    -------
    array of shape (sample,)
        1 for a hit and 0 for a miss; the share of hits among the pixels that hold the maximum, if
        they are several. NaN without an object.

    Raises
    ------
    InvalidSetting
        If `tolerance` is negative.

    References
    ----------
    Zhang et al. (2018), Top-down neural attention by excitation backprop, arXiv:1608.00507.
    """
    if not tolerance >= 0:
        raise InvalidSetting("A tolerance is a distance", got=tolerance, allowed="0 pixels or more")
    target = np.array(gold, dtype=bool)
    if tolerance > 0:
        for one in target:
            one[:] = distance_transform_edt(~one) <= tolerance
    values, target, _ = _rows(values, target, None)
    gold = gold.reshape(values.shape)
    top = values == values.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        hits = (top & target).sum(axis=1) / top.sum(axis=1)
    return np.where(gold.any(axis=1), hits, np.nan)


def relevance_mass(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None = None
) -> np.ndarray:
    """Share of the positive relevance that lies on the marked units: 0 to 1.

    Parameters
    ----------
    values : array of shape (sample, ...)
        Negative values count as 0: shares of a sum of both signs are not between 0 and 1.
    gold : array of bool of the shape of `values`
    there : array of bool of the shape of `values`, optional

    Returns
    -------
    array of shape (sample,)
        NaN where nothing is marked or no value is positive.

    References
    ----------
    Arras, Osman and Samek (2022), CLEVR-XAI, doi:10.1016/j.inffus.2021.11.008 (relevance mass
    accuracy). Kohlbrenner et al. (2020), arXiv:1910.09840 (the same, as inside-total ratio μ).
    """
    values, gold, there = _rows(values, gold, there)
    positive = np.where(there, np.maximum(values, 0.0), 0.0)
    with np.errstate(invalid="ignore"):
        positive /= positive.max(axis=1, initial=0.0, keepdims=True)  # a sum could overflow
        inside = np.where(gold, positive, 0.0).sum(axis=1) / positive.sum(axis=1)
    return np.where(gold.any(axis=1), inside, np.nan)


def attribution_localisation(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None = None
) -> np.ndarray:
    """Relevance mass for each unit of area: how many times more than a uniform map has.

    Parameters
    ----------
    values : array of shape (sample, ...)
        Negative values count as 0.
    gold : array of bool of the shape of `values`
    there : array of bool of the shape of `values`, optional

    Returns
    -------
    array of shape (sample,)
        1 for a map that is the same everywhere; at most units / marked units. NaN where nothing is
        marked or no value is positive.

    References
    ----------
    Kohlbrenner et al. (2020), Towards best practice in explaining neural network decisions with
    LRP, arXiv:1910.09840 (weighted inside-total relevance ratio).
    """
    mass = relevance_mass(values, gold, there)
    _, marked, existing = _rows(values, gold, there)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(mass * existing.sum(axis=1) / marked.sum(axis=1))


def relevance_rank(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None = None
) -> np.ndarray:
    """Share of the K largest values that are marked, with K the number of marked units: 0 to 1.

    Parameters
    ----------
    values : array of shape (sample, ...)
    gold : array of bool of the shape of `values`
    there : array of bool of the shape of `values`, optional

    Returns
    -------
    array of shape (sample,)
        NaN where nothing is marked. Chance gives the share of marked units.

    References
    ----------
    Arras, Osman and Samek (2022), CLEVR-XAI, doi:10.1016/j.inffus.2021.11.008 (relevance rank
    accuracy).
    """
    values, gold, there = _rows(values, gold, there)
    return _top(values, gold, there, gold.sum(axis=1))


def top_k_intersection(
    values: np.ndarray, gold: np.ndarray, k: int, there: np.ndarray | None = None
) -> np.ndarray:
    """Share of the `k` largest values that are marked: 0 to 1.

    Parameters
    ----------
    values : array of shape (sample, ...)
    gold : array of bool of the shape of `values`
    k : int
        At least 1. A sample of fewer units is judged on all of them.
    there : array of bool of the shape of `values`, optional

    Returns
    -------
    array of shape (sample,)
        NaN where nothing is marked; cannot be 1 where fewer than `k` units are.

    Raises
    ------
    InvalidSetting
        If `k` is less than 1.

    References
    ----------
    Theiner et al. (2022), Interpretable semantic photo geolocation, arXiv:2104.14995.
    """
    if k < 1:
        raise InvalidSetting("At least one unit must be looked at", got=k, allowed="1 or more")
    values, gold, there = _rows(values, gold, there)
    found = _top(values, gold, there, np.minimum(k, there.sum(axis=1)))
    return np.where(gold.any(axis=1), found, np.nan)


def localisation_auc(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None = None
) -> np.ndarray:
    """Area under the ROC curve: how often a marked unit has a larger value than another.

    Parameters
    ----------
    values : array of shape (sample, ...)
    gold : array of bool of the shape of `values`
    there : array of bool of the shape of `values`, optional

    Returns
    -------
    array of shape (sample,)
        0 to 1; equal values count as half, so that chance gives 1/2. NaN where nothing is marked,
        or all is.

    References
    ----------
    Fawcett (2006), An introduction to ROC analysis, doi:10.1016/j.patrec.2005.10.010.
    """
    values, gold, there = _rows(values, gold, there)
    ranks = rankdata(np.where(there, values, -np.inf), axis=1)
    marked, existing = gold.sum(axis=1), there.sum(axis=1)
    below = gold.shape[1] - existing  # ranks that units took which are not there
    wins = np.where(gold, ranks, 0.0).sum(axis=1) - marked * (below + (marked + 1) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(wins / (marked * (existing - marked)))


def average_precision(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None = None
) -> np.ndarray:
    """Area under the precision-recall curve as the mean precision at the marked units: 0 to 1.

    Parameters
    ----------
    values : array of shape (sample, ...)
    gold : array of bool of the shape of `values`
    there : array of bool of the shape of `values`, optional

    Returns
    -------
    array of shape (sample,)
        NaN where nothing is marked. Values that are the same everywhere give the share of marked
        units.

    References
    ----------
    Davis and Goadrich (2006), doi:10.1145/1143844.1143874: lines between the points of the curve
    cannot be reached.

    See Also
    --------
    precision_recall_trapezoid : As ERASER and ferret have it.
    """
    gold, precision, _, gained = _precision_recall(values, gold, there)
    with np.errstate(invalid="ignore"):
        return np.asarray((gained * precision).sum(axis=1) / gold.sum(axis=1))


def precision_recall_trapezoid(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None = None
) -> np.ndarray:
    """Area under the precision-recall curve with straight lines between its points: 0 to 1.

    For comparison with published numbers only. The lines are optimistic: values that are the same
    everywhere get (1 + share of marked units) / 2, where chance is that share.

    Parameters
    ----------
    values : array of shape (sample, ...)
    gold : array of bool of the shape of `values`
    there : array of bool of the shape of `values`, optional

    Returns
    -------
    array of shape (sample,)
        NaN where nothing is marked.

    Notes
    -----
    The curve starts at recall 0 and precision 1, whatever the first unit is. ferret sets negative
    values to 0 first: do so before the call.

    References
    ----------
    DeYoung et al. (2020), ERASER, arXiv:1911.03429 (its code: "auprc").
    """
    gold, precision, last, gained = _precision_recall(values, gold, there)
    first = np.roll(last, 1, axis=1)  # the last place is the last of its value, and wraps round
    start = np.maximum.accumulate(np.where(first, np.arange(first.shape[1]), 0), axis=1)
    curve = np.concatenate([np.ones((len(gold), 1)), precision], axis=1)
    earlier = np.take_along_axis(curve, start, axis=1)
    with np.errstate(invalid="ignore"):
        area = (gained * (precision + earlier) / 2).sum(axis=1)
        return np.asarray(area / gold.sum(axis=1))


def _precision_recall(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gold, and along falling values: the precision once all units of a value are in, whether a
    place is the last of its value, and whether its unit is marked; all (sample, unit).
    """
    values, gold, there = _rows(values, gold, there)
    falling = np.where(there, -values, np.inf)
    order = np.argsort(falling, axis=1, kind="stable")
    falling = np.take_along_axis(falling, order, axis=1)
    gained = np.take_along_axis(gold, order, axis=1)
    last = np.ones(gold.shape, dtype=bool)
    last[:, :-1] = falling[:, 1:] != falling[:, :-1]
    units = gold.shape[1]
    ends = np.where(last, np.arange(units), units - 1)
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(np.cumsum(gained, axis=1), ends, axis=1) / (ends + 1)
    precision[np.isnan(values).any(axis=1)] = np.nan
    return gold, precision, last, gained


def _top(values: np.ndarray, gold: np.ndarray, there: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Share of marked units among the `k (sample,)` largest values; equals have even chances."""
    held = np.where(there, values, -np.inf)
    place = np.clip(gold.shape[1] - k, 0, gold.shape[1] - 1)[:, None]
    threshold = np.take_along_axis(np.sort(held, axis=1), place, axis=1)
    above, equal = there & (held > threshold), there & (held == threshold)
    left = k - above.sum(axis=1)
    with np.errstate(invalid="ignore"):
        drawn = left * (gold & equal).sum(axis=1) / equal.sum(axis=1)
        found = ((gold & above).sum(axis=1) + drawn) / k
    return np.where(np.isnan(values).any(axis=1), np.nan, found)


def _rows(
    values: np.ndarray, gold: np.ndarray, there: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All three as (sample, unit); values that are not there are 0, and are not marked."""
    shape = len(values), int(np.prod(values.shape[1:]))
    values, gold = values.reshape(shape), gold.reshape(shape).astype(bool)
    if there is None:
        return values, gold, np.ones(shape, dtype=bool)
    there = there.reshape(shape).astype(bool)
    return np.where(there, values, 0.0), gold & there, there
