"""How far an explanation agrees with what the model answers when parts of its input are gone.

Scores are the model's output for the class explained, on whatever scale the caller has chosen;
every result is on that scale too unless said. `full (sample,)` is the score of the whole input. A
curve ``(sample, step)`` holds scores while more and more units are removed (or brought in): its
first step is the input before the first change. Answers of subsets ``(sample, subset)`` are scores
once the units of the subset are removed. What "removed" means is the caller's, and must be told
with the numbers.

One curve of removal and one of bringing in serve all numbers of the first half; `maths.correlation`
says when correlations are 0 or NaN.
"""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import InvalidData
from pellucid.maths.correlation import pearson, spearman

ERASER_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Shares of tokens that make up a rationale in ERASER, whose AOPC is the mean over these."""

FERRET_SHARES = tuple(tenths / 10 for tenths in range(1, 11))
"""Shares of tokens in ferret. Numbers from these and from ERASER's cannot be compared."""


def falls(full: np.ndarray, left: np.ndarray) -> np.ndarray:
    """How far the score falls in each bin: comprehensiveness or sufficiency, (sample, bin).

    Parameters
    ----------
    full : array of shape (sample,)
        ERASER takes the probability of the class that is predicted for the whole input.
    left : array of shape (sample, bin)
        Comprehensiveness: scores without the most important units, as many as each bin says; a
        large fall is good. Sufficiency: scores of these units alone; a small fall is good, and a
        score may rise instead.

    References
    ----------
    DeYoung et al. (2020), ERASER, arXiv:1911.03429. Dasgupta, Frost and Moshkovitz (2022),
    arXiv:2202.00734, call another number sufficiency.
    """
    return np.asarray(full[:, None] - left)


def aopc(fallen: np.ndarray, *, from_start: bool = False) -> np.ndarray:
    """Area over the perturbation curve: mean fall of the score over bins, (sample,).

    Parameters
    ----------
    fallen : array of shape (sample, bin)
        From `falls`, with the bins of `ERASER_SHARES` or
        `FERRET_SHARES`, or with one bin for each region removed (region perturbation).
    from_start : bool
        Whether the bin in which nothing is removed yet counts as a further one, with a fall of 0:
        so have it Samek et al. and the formula of ERASER's paper, which divide by bins + 1.
        ERASER's published numbers and ferret's do not.

    Notes
    -----
    ferret deletes tokens with positive values only, and gives 0 (comprehensiveness) or 1
    (sufficiency) where there are none.

    References
    ----------
    Samek et al. (2017), Evaluating the visualization of what a deep neural network has learned,
    arXiv:1509.06321. DeYoung et al. (2020), ERASER, arXiv:1911.03429. Attanasio et al. (2023),
    ferret, arXiv:2208.01575.
    """
    return np.asarray(fallen.sum(axis=1) / (fallen.shape[1] + from_start))


def normalised_comprehensiveness(
    full: np.ndarray, without: np.ndarray, empty: np.ndarray
) -> np.ndarray:
    """Share of what the whole input adds that is lost with the rationale: (sample, bin), 0 to 1.

    Parameters
    ----------
    full, empty : array of shape (sample,)
        Scores of the whole input, and of the input from which all is removed.
    without : array of shape (sample, bin)
        Scores without the most important units.

    Returns
    -------
    array of shape (sample, bin)
        More is better. NaN where the empty input scores as much as the whole one, or more: there is
        nothing to lose, and removal says nothing.

    References
    ----------
    Carton, Rathore and Tan (2020), Evaluating and characterizing human rationales,
    arXiv:2010.04736.
    """
    return _share_of_null(without, full, empty)


def normalised_sufficiency(full: np.ndarray, only: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Share of what the whole input adds that the rationale alone adds: (sample, bin), 0 to 1.

    Parameters
    ----------
    full, empty : array of shape (sample,)
        Scores of the whole input, and of the input from which all is removed.
    only : array of shape (sample, bin)
        Scores of the most important units alone.

    Returns
    -------
    array of shape (sample, bin)
        More is better, other than with falls. NaN where the empty input scores as much as
        the whole one, or more.

    References
    ----------
    Carton, Rathore and Tan (2020), Evaluating and characterizing human rationales,
    arXiv:2010.04736.
    """
    return 1 - _share_of_null(only, full, empty)


def area(curve: np.ndarray, removed: np.ndarray | None = None) -> np.ndarray:
    """Area under a curve of deletion or insertion, by trapezoids: (sample,).

    Parameters
    ----------
    curve : array of shape (sample, step)
        Scores along the removal, or the return, of units in the order of importance.
    removed : array of shape (step,) or (sample, step), optional
        Share of the units that is changed at each step; even steps, when left out.

    Returns
    -------
    array of shape (sample,)
        Divided by the width of the curve, so that it is the mean height, in units of the score,
        also where the curve ends early. Less is better for deletion with the most important first,
        more for insertion.

    Raises
    ------
    InvalidData
        If there are fewer than two steps, or `removed` does not rise.

    Notes
    -----
    One number under many names: deletion and insertion (Petsiuk et al.), pixel flipping (Bach et
    al.), selectivity (Montavon et al., who count regions: their area is this times the number of
    regions). Curves that leave out the input before the first change, as some peers have them, have
    other areas.

    References
    ----------
    Petsiuk, Das and Saenko (2018), RISE, arXiv:1806.07421. Bach et al. (2015),
    doi:10.1371/journal.pone.0130140. Montavon, Samek and Müller (2018),
    doi:10.1016/j.dsp.2017.10.011.
    """
    steps = curve.shape[1]
    if steps < 2:
        raise InvalidData("A curve needs two points to have an area", got=f"{steps} steps")
    if removed is None:
        removed = np.linspace(0.0, 1.0, steps)
    width = np.diff(np.broadcast_to(removed, curve.shape), axis=1)
    total = width.sum(axis=1)
    if not ((width >= 0).all() and (total > 0).all()):
        raise InvalidData("The shares of removed units do not rise along the curve", got=removed)
    return np.asarray((width * (curve[:, 1:] + curve[:, :-1]) / 2).sum(axis=1) / total)


def monotonicity(curve: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """Whether the score never falls while units come in, the least important first: 0 or 1.

    Parameters
    ----------
    curve : array of shape (sample, step)
        Scores from the empty input to the whole one.
    slack : float
        How far a score may fall and still count as level: rounding of the model's answers.

    Returns
    -------
    array of shape (sample,)
        1 where it never falls, 0 where it does. NaN where the curve has a NaN.

    Notes
    -----
    An order of importance is not needed to be right for a 1: where every unit adds something, each
    order gives one. Other than in Quantus, the step from the empty input counts.

    References
    ----------
    Arya et al. (2019), One explanation does not fit all, arXiv:1909.03012. Luss et al. (2021),
    arXiv:1905.12698.
    """
    found = (np.diff(curve, axis=1) >= -slack).all(axis=1).astype(np.float64)
    return np.where(np.isnan(curve).any(axis=1), np.nan, found)


def monotonicity_correlation(
    values: np.ndarray,
    full: np.ndarray,
    answers: np.ndarray,
    there: np.ndarray | None = None,
) -> np.ndarray:
    """Rank correlation of magnitudes with the mean squared change when a unit is drawn anew.

    Parameters
    ----------
    values : array of shape (sample, unit)
    full : array of shape (sample,)
    answers : array of shape (sample, unit, draw)
        Scores with one unit replaced by draws.
    there : array of bool of shape (sample, unit), optional
        Which units exist; all, when left out.

    Returns
    -------
    array of shape (sample,)
        Between −1 and 1.

    Notes
    -----
    The squares are not divided by the square of `full`, as in the paper: that changes no rank, and
    fails for a score of 0.

    References
    ----------
    Nguyen and Rodríguez Martínez (2020), On quantitative aspects of model interpretability,
    arXiv:2007.07584.
    """
    change = np.square(answers - full[:, None, None]).mean(axis=2)
    return spearman(np.abs(values), change, there)


def faithfulness_estimate(
    values: np.ndarray,
    full: np.ndarray,
    answers: np.ndarray,
    there: np.ndarray | None = None,
) -> np.ndarray:
    """Correlation of values with the falls of the score when each unit is removed alone.

    Parameters
    ----------
    values : array of shape (sample, unit)
    full : array of shape (sample,)
    answers : array of shape (sample, unit)
        Scores without one unit.
    there : array of bool of shape (sample, unit), optional
        Which units exist; all, when left out.

    Returns
    -------
    array of shape (sample,)
        Between −1 and 1. Occlusion of single units has 1 by construction, as it has with τ-LOO
        (`maths.correlation.kendall` of the same two lists): these reward likeness to it.

    References
    ----------
    Alvarez-Melis and Jaakkola (2018), Towards robust interpretability with self-explaining neural
    networks, arXiv:1806.07538.
    """
    return pearson(values, falls(full, answers), there)


def faithfulness_correlation(
    values: np.ndarray, subsets: np.ndarray, full: np.ndarray, answers: np.ndarray
) -> np.ndarray:
    """Correlation of the values of a subset, summed, with the fall of the score without it.

    Parameters
    ----------
    values : array of shape (sample, unit)
    subsets : array of bool of shape (subset, unit) or (sample, subset, unit)
        Random subsets of one size.
    full : array of shape (sample,)
    answers : array of shape (sample, subset)
        Scores without the subset.

    Returns
    -------
    array of shape (sample,)
        Between −1 and 1.

    References
    ----------
    Bhatt, Weller and Moura (2020), Evaluating and aggregating feature-based model explanations,
    arXiv:2005.00631.
    """
    return pearson(summed(values, subsets), falls(full, answers))


def sensitivity_n(
    values: np.ndarray, subsets: np.ndarray, full: np.ndarray, answers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`faithfulness_correlation` for the subsets of each size n apart.

    Parameters
    ----------
    values : array of shape (sample, unit)
    subsets : array of bool of shape (subset, unit) or (sample, subset, unit)
        Random subsets of several sizes; at one place of the list, of one size in all samples.
    full : array of shape (sample,)
    answers : array of shape (sample, subset)
        Scores without the subset.

    Returns
    -------
    sizes : array of int of shape (size,)
        Rising. A size needs two subsets at least, which the one of all units cannot have: that is
        completeness, and is tested by itself.
    correlations : array of shape (sample, size)
        Between −1 and 1.

    Raises
    ------
    InvalidData
        If samples have subsets of other sizes at the same place.

    References
    ----------
    Ancona et al. (2018), Towards better understanding of gradient-based attribution methods,
    arXiv:1711.06104.
    """
    size = subsets.sum(axis=-1)
    if size.ndim == 2:
        if (size != size[:1]).any():
            raise InvalidData("The samples have subsets of unequal sizes at the same place")
        size = size[0]
    sums, fallen = summed(values, subsets), falls(full, answers)
    sizes, many = np.unique(size, return_counts=True)
    sizes = sizes[many > 1]
    found = [pearson(sums[:, size == n], fallen[:, size == n]) for n in sizes]
    return sizes, np.stack(found, axis=1) if found else np.empty((len(values), 0))


def infidelity(
    values: np.ndarray,
    perturbations: np.ndarray,
    full: np.ndarray,
    answers: np.ndarray,
    *,
    scaled: bool = False,
) -> np.ndarray:
    """Mean squared gap between what the explanation says of perturbations and what happens.

    Parameters
    ----------
    values : array of shape (sample, unit)
        How fast the score changes with each unit, as gradients say. Shares of the score (input ×
        gradient, Shapley values) go with `perturbations` that are 1 where a unit is removed.
    perturbations : array of shape (draw, unit) or (sample, draw, unit)
        What is taken from the input.
    full : array of shape (sample,)
    answers : array of shape (sample, draw)
        Scores of the input less the perturbation.
    scaled : bool
        Whether values may first be multiplied by the one factor that suits each sample best.
        Without it, explanations on another scale than the score's cannot be compared.

    Returns
    -------
    array of shape (sample,)
        In squared units of the score; less is better. 0 for the gradient of a linear model.

    References
    ----------
    Yeh et al. (2019), On the (in)fidelity and sensitivity of explanations, arXiv:1901.09392.
    """
    said, happened = summed(values, perturbations), falls(full, answers)
    if scaled:
        square = np.einsum("ij,ij->i", said, said)
        factor = np.einsum("ij,ij->i", said, happened) / np.where(square == 0, 1.0, square)
        said = factor[:, None] * said
    return np.square(said - happened).mean(axis=1)


def summed(values: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """Sum of the values of each subset, or of values times perturbations: (sample, subset).

    Parameters
    ----------
    values : array of shape (sample, unit)
    subsets : array of shape (subset, unit) or (sample, subset, unit)
    """
    weights = subsets.astype(np.float64)
    return np.asarray(np.matmul(weights, values[..., None])[..., 0])


def _share_of_null(left: np.ndarray, full: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Falls relative to that of the empty input, between 0 and 1: (sample, bin)."""
    null = falls(full, empty[:, None])
    return np.clip(falls(full, left) / np.where(null > 0, null, np.nan), 0.0, 1.0)
