"""The lines around several rows at once: values, errors, fit, and how stable their order is."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pellucid.explainers.surrogate.perturbed_rows import Ruler
from pellucid.maths.weighted_ridge import RidgeFits, weighted_ridge

WIDTHS = (0.25, 0.375, 0.5, 0.75, 1.0, 1.5)
"""Kernel widths that are tried, times √features."""

NOISE = 0.05
"""Most of the squared size of the values that errors may make up for a width to do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fits:
    """Lines of several rows, the row axis first.

    Parameters
    ----------
    value, error : arrays of shape (row, feature, output)
        Parts of each line's prediction, and their standard errors.
    base : array of shape (row, output)
        Intercepts.
    r2, r2_out : arrays of shape (row, output)
        Local R², also where each draw is predicted by the line through the others.
    stays, keeps : arrays of shape (row,)
        Over redraws: how many of the strongest features two redraws share, and how many
        neighbours in their order keep it.
    width : array of shape (row,)
        The kernel width.
    """

    value: np.ndarray
    error: np.ndarray
    base: np.ndarray
    r2: np.ndarray
    r2_out: np.ndarray
    stays: np.ndarray
    keeps: np.ndarray
    width: np.ndarray

    @classmethod
    def blank(cls, rows: int, features: int, outputs: int) -> Fits:
        """Room for the lines of so many rows."""
        value = np.zeros((rows, features, outputs))
        base, one = value[:, 0], np.zeros(rows)
        alike = {"value": value, "error": value, "base": base, "r2": base, "r2_out": base}
        return cls(
            **{name: array.copy() for name, array in alike.items()},
            **{name: one.copy() for name in ("stays", "keeps", "width")},
        )

    def put(self, rows: np.ndarray, found: Fits, chosen: np.ndarray | None = None) -> None:
        """Write the lines of some rows, or of the `chosen` among them, where they belong."""
        taken = np.arange(len(rows)) if chosen is None else np.flatnonzero(chosen)
        for each in fields(self):
            getattr(self, each.name)[rows[taken]] = getattr(found, each.name)[taken]

    def put_first(self, rows: np.ndarray, found: Fits) -> None:
        """Write the lines of some rows that have fewer features than there is room for."""
        for each in fields(self):
            into, made = getattr(self, each.name), getattr(found, each.name)
            if made.ndim == 3:
                into[rows, : made.shape[1]] = made
            else:
                into[rows] = made


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitter:
    """How lines are fitted.

    Parameters
    ----------
    ruler : Ruler
        How near a draw is.
    width : float or None
        The kernel width; `None` to choose it for each row.
    ridge : float
        Penalty on squared slopes.
    kept : int or None
        How many features are kept in a second fit.
    top : int
        The strongest features, whose stability is measured.
    redraws : array of shape (redraw, group)
        See `pellucid.maths.weighted_ridge`.
    bootstrap : bool
        Whether errors are those of the redraws.
    """

    ruler: Ruler
    width: float | None
    ridge: float
    kept: int | None
    top: int
    redraws: np.ndarray
    bootstrap: bool

    def fit(
        self, drawn: np.ndarray, outputs: np.ndarray, rows: np.ndarray, own: np.ndarray
    ) -> Fits:
        """The lines of several rows.

        Parameters
        ----------
        drawn : array of shape (1 or row, draw, feature)
            Where the draws lie.
        outputs : array of shape (1 or row, draw, output)
            The model's outputs for them.
        rows, own : arrays of shape (row, feature) and (row, output)
            Where the rows lie, and their outputs.
        """
        design, apart = self.ruler.design(drawn, rows)
        shared = np.broadcast_to(outputs, (len(rows), *outputs.shape[1:]))
        target = np.concatenate([shared, own[:, None]], axis=1)
        scale = np.where(self.ruler.named, 1.0, rows)[:, :, None]
        if self.width is not None:
            return self._at(design, target, apart, scale, self.width)
        found = Fits.blank(len(rows), rows.shape[1], own.shape[1])
        every, best = np.arange(len(rows)), np.full(len(rows), -np.inf)
        for share in WIDTHS:
            tried = self._at(design, target, apart, scale, share * np.sqrt(rows.shape[1]))
            score = _score(tried)
            found.put(every, tried, score > best)
            best = np.maximum(best, score)
        return found

    def _at(
        self,
        design: np.ndarray,
        target: np.ndarray,
        apart: np.ndarray,
        scale: np.ndarray,
        width: float,
    ) -> Fits:
        nearest = apart.min(axis=1, keepdims=True)
        weight = np.exp(-(apart - nearest) / (2 * width**2))
        fits = weighted_ridge(design, target, weight, self.ridge, self.redraws)
        stays, keeps = stability(np.abs(fits.slope * scale), np.abs(fits.redrawn * scale), self.top)
        error = self._error(fits)
        slope, base, r2, r2_out = fits.slope, fits.intercept, fits.r2, fits.r2_out
        if self.kept is not None and self.kept < design.shape[2]:
            slope, error, base, r2, r2_out = self._kept(design, target, weight, slope * scale)
        return Fits(
            value=slope * scale,
            error=error * np.abs(scale),
            base=base,
            r2=r2,
            r2_out=r2_out,
            stays=stays,
            keeps=keeps,
            width=np.full(len(design), width),
        )

    def _kept(
        self, design: np.ndarray, target: np.ndarray, weight: np.ndarray, value: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """The fit again with only the features of greatest value; the others stay at zero."""
        slope, error = np.zeros(value.shape), np.zeros(value.shape)
        rest = np.empty((3, *value[:, 0].shape))
        for output in range(value.shape[2]):
            order = np.argsort(-np.abs(value[:, :, output]), axis=1, kind="stable")
            best = order[:, : self.kept]
            few = np.take_along_axis(design, best[:, None], axis=2)
            fits = weighted_ridge(few, target[:, :, [output]], weight, self.ridge, self.redraws)
            np.put_along_axis(slope[:, :, output], best, fits.slope[:, :, 0], axis=1)
            np.put_along_axis(error[:, :, output], best, self._error(fits)[:, :, 0], axis=1)
            for place, each in enumerate((fits.intercept, fits.r2, fits.r2_out)):
                rest[place, :, output] = each[:, 0]
        return slope, error, *rest

    def _error(self, fits: RidgeFits) -> np.ndarray:
        return fits.redrawn.std(axis=0, ddof=1) if self.bootstrap else fits.error


def stability(size: np.ndarray, redrawn: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """How much of the `top` greatest sizes stays, and keeps its order, when draws are redrawn.

    Parameters
    ----------
    size : array of shape (row, feature, output)
        Sizes, of which order is taken.
    redrawn : array of shape (redraw, row, feature, output)
        Sizes of each redraw.

    Returns
    -------
    stays : array of shape (row,)
        Mean share of the strongest features that two redraws have in common: the variables
        stability index of Visani et al. (2022).
    keeps : array of shape (row,)
        Mean share of neighbours among the strongest, and between them and the next, that stand in
        the same order in a redraw. Both are 1 for one feature, and means over outputs.
    """
    features = size.shape[1]
    if features == 1:
        return np.ones(len(size)), np.ones(len(size))
    count, some = len(redrawn), min(top, features - 1)
    order = np.argsort(-size, axis=1, kind="stable")[:, : some + 1]
    sizes = np.take_along_axis(redrawn, order[None], axis=2)
    keeps = (sizes[:, :, :-1] >= sizes[:, :, 1:]).mean(axis=(0, 2, 3))
    places = np.argsort(np.argsort(-redrawn, axis=2, kind="stable"), axis=2, kind="stable")
    often = (places < some).sum(axis=0)
    stays = (often * (often - 1)).sum(axis=1) / (count * (count - 1) * some)
    return stays.mean(axis=1), keeps


def _score(fits: Fits) -> np.ndarray:
    """Greatest for the width to take: the fit where values are sure, else how sure they are."""
    size = np.square(fits.value).sum(axis=(1, 2))
    noise = np.square(fits.error).sum(axis=(1, 2)) / np.where(size > 0, size, np.inf)
    fit = np.nan_to_num(fits.r2_out, nan=0.0, neginf=-1e6).mean(axis=1)
    return np.where(noise <= NOISE, 1e9 + fit, -noise)
