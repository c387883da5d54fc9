"""Tables whose right explanation is known beforehand.

The model is y = 2·a − 3·b + 1.5·c·d: two effects that add, one pure interaction, one column
that does nothing, and one exact copy of `a` that the model never reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator, resolve_seed
from pellucid.data.encode import FloatArray
from pellucid.data.table import Table

NAMES = ("a", "b", "c", "d", "useless", "copy_of_a")
SLOPES = (2.0, -3.0)
INTERACTION = 1.5
NOISE = 0.1


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of a planted table.

    Attributes
    ----------
    names : tuple of str
        The columns, in order.
    useful, useless : tuple of str
        Which of them the model reads, and which not.
    copies : tuple of pairs of str
        Which columns are equal in every row.
    interactions : tuple of pairs of str
        Which columns act only together.
    scale : {"raw", "logit"}
        Where the formula holds: in units of y, or on the log-odds of class 1.
    """

    names: tuple[str, ...] = NAMES
    useful: tuple[str, ...] = NAMES[:4]
    useless: tuple[str, ...] = NAMES[4:]
    copies: tuple[tuple[str, str], ...] = (("a", "copy_of_a"),)
    interactions: tuple[tuple[str, str], ...] = (("c", "d"),)
    scale: Literal["raw", "logit"] = "raw"

    def model(self, X: Any) -> FloatArray:
        """2·a − 3·b + 1.5·c·d for each row of `X` (sample, feature): shape (sample,)."""
        a, b, c, d = _codes(X).T[:4]
        return SLOPES[0] * a + SLOPES[1] * b + INTERACTION * c * d

    def probability(self, X: Any) -> FloatArray:
        """The probability of class 1 when the formula is a logit: shape (sample,)."""
        return 1.0 / (1.0 + np.exp(-self.model(X)))

    def base(self, background: Any | None = None) -> float:
        """The mean of `model` over `background`, or over the distribution planted (0)."""
        return 0.0 if background is None else float(self.model(background).mean())

    def shapley(self, X: Any, background: Any | None = None) -> FloatArray:
        """The exact Shapley values of `model`, in closed form.

        Parameters
        ----------
        X : table or array (sample, feature)
            The rows to explain.
        background : table or array (row, feature), optional
            The rows that stand for removed features, whole rows at a time (interventional);
            by default the distribution planted: independent, mean 0.

        Returns
        -------
        ndarray (sample, feature)
            They add up to ``model(X) - base(background)``.

        Notes
        -----
        A linear term gives slope · (x − mean). A product gives each factor half of what the
        factor changes with the other one absent and present. No model evaluations.
        """
        x = _codes(X)
        z = np.zeros((1, len(NAMES))) if background is None else _codes(background)
        mean, product = z.mean(axis=0), float((z[:, 2] * z[:, 3]).mean())
        values = np.zeros_like(x)
        values[:, :2] = SLOPES * (x[:, :2] - mean[:2])
        for one, other in ((2, 3), (3, 2)):
            absent = x[:, one] * mean[other] - product
            present = x[:, one] * x[:, other] - mean[one] * x[:, other]
            values[:, one] = INTERACTION * (absent + present) / 2
        return values

    def interaction(self, X: Any, background: Any | None = None) -> FloatArray:
        """The exact Shapley interaction index of c and d, the only pair that interacts.

        Returns
        -------
        ndarray (sample,)
            1.5 · mean of (c − c′)·(d − d′) over the background rows.
        """
        x = _codes(X)
        z = np.zeros((1, len(NAMES))) if background is None else _codes(background)
        apart = (x[:, 2, None] - z[None, :, 2]) * (x[:, 3, None] - z[None, :, 3])
        return np.asarray(INTERACTION * apart.mean(axis=1))


class Planted(NamedTuple):
    """A planted table: `X` (sample, feature), `y` (sample,), and the truth about them."""

    X: Table
    y: npt.NDArray[Any]
    truth: Truth


def planted_additive(
    seed: int | None = 0,
    n: int = 500,
    *,
    task: Literal["regression", "classification"] = "regression",
) -> Planted:
    """A table whose right explanation is known.

    Parameters
    ----------
    seed : int, optional
        Same seed, same table.
    n : int
        How many rows.
    task : {"regression", "classification"}
        Whether y is the formula with a little noise (standard deviation 0.1), or a class drawn
        with the formula as its log-odds.

    Returns
    -------
    Planted
        ``X, y, truth``; ``X.native()`` is an array (n, 6). All columns but the copy are
        independent and standard normal.

    Raises
    ------
    InvalidSetting
        If `n` is below 2 or `task` is unknown.

    Examples
    --------
    >>> X, y, truth = planted_additive(seed=0, n=100)
    >>> bool(abs(truth.shapley(X).sum(axis=1) - truth.model(X)).max() < 1e-12)
    True
    """
    if n < 2:
        raise InvalidSetting("A planted table needs rows", got=n, allowed="n ≥ 2")
    if task not in ("regression", "classification"):
        allowed = ("regression", "classification")
        raise InvalidSetting("There is no such task", got=repr(task), allowed=allowed)
    rng = generator(resolve_seed(seed), "planted_additive", task)
    values = rng.standard_normal((n, len(NAMES)))
    values[:, 5] = values[:, 0]
    truth = Truth(scale="raw" if task == "regression" else "logit")
    if task == "regression":
        y = truth.model(values) + NOISE * rng.standard_normal(n)
    else:
        y = (rng.random(n) < truth.probability(values)).astype(np.int64)
    return Planted(Table.of(values, names=NAMES), y, truth)


def _codes(X: Any) -> FloatArray:
    """The numbers of any table with the planted columns, in their order."""
    return Table.of(X, like=BLANK).codes


BLANK = Table.of(np.zeros((1, len(NAMES))), names=NAMES)
