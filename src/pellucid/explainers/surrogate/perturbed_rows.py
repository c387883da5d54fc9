"""How LIME perturbs the columns of a table, and how near a perturbed row is to a row explained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.data.schema import Column

NAMED = ("categorical", "ordinal", "boolean")
"""Kinds of columns that are compared by sameness."""


@dataclass(frozen=True, kw_only=True)
class Ruler:
    """How values of each column are drawn and compared.

    Parameters
    ----------
    columns : list of Column
        What each column means.
    named : bool array of shape (feature,)
        Whether a column is compared by sameness.
    edges : list of arrays
        For each column the inner edges of its bins; empty where it is not cut.
    mean, spread : arrays of shape (feature,)
        Of the background; 0 and 1 for named columns.
    """

    columns: list[Column]
    named: np.ndarray
    edges: list[np.ndarray]
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, background: np.ndarray, columns: list[Column], discretise: bool) -> Ruler:
        """The ruler of a background: `discretise` cuts numbers and dates at their quartiles."""
        labelled = np.array([meaning.kind in NAMED for meaning in columns])
        named = labelled | discretise
        edges, mean, spread = [], np.zeros(len(columns)), np.ones(len(columns))
        for j, column in enumerate(background.T):
            values = column[np.isfinite(column)]
            cut = bool(discretise and not labelled[j] and len(values))
            edges.append(np.unique(np.percentile(values, [25, 50, 75])) if cut else np.empty(0))
            if not named[j] and len(values):
                mean[j], spread[j] = values.mean(), values.std() or 1.0
        return cls(columns=columns, named=named, edges=edges, mean=mean, spread=spread)

    @classmethod
    def of_switches(cls, number: int) -> Ruler:
        """The ruler of parts that are kept (1) or removed (0)."""
        zeros = np.zeros(number)
        return cls(
            columns=[],
            named=np.ones(number, dtype=bool),
            edges=[np.empty(0)] * number,
            mean=zeros,
            spread=zeros + 1,
        )

    def draw(self, background: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Coded rows of shape (count, feature), each column drawn on its own."""
        drawn = np.empty((count, background.shape[1]))
        for j, meaning in enumerate(self.columns):
            if self.named[j]:
                drawn[:, j] = background[rng.integers(len(background), size=count), j]
            else:
                numbers = rng.normal(self.mean[j], self.spread[j], size=count)
                drawn[:, j] = np.rint(numbers) if meaning.integer else numbers
        return drawn

    def around(self, drawn: np.ndarray, row: np.ndarray) -> np.ndarray:
        """The same draws with their numbers spread around those of a row, not around the mean."""
        numbers = np.where(self.named, 0.0, row - self.mean)
        whole = [meaning.integer and not self.named[j] for j, meaning in enumerate(self.columns)]
        moved = drawn + numbers
        return np.where(whole, np.rint(moved), moved)

    def place(self, codes: np.ndarray) -> np.ndarray:
        """Where coded rows lie: numbers of bins and categories (−1: missing), or scaled numbers."""
        placed = (codes - self.mean) / self.spread
        for j, edges in enumerate(self.edges):
            if len(edges):
                placed[..., j] = np.searchsorted(edges, codes[..., j], side="left")
        return np.where(np.isnan(codes), np.where(self.named, -1.0, 0.0), placed)

    def design(self, drawn: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each line sees of the draws, and last of its own row, and their squared distances.

        A named column says whether the value is the row's own; a number stands as it is.

        Parameters
        ----------
        drawn : array of shape (1 or row, draw, feature)
            Where the draws lie: one set for all rows, or one for each.
        rows : array of shape (row, feature)
            Where the rows lie.
        """
        named = self.named
        design = np.empty((len(rows), drawn.shape[1] + 1, rows.shape[1]))
        np.equal(drawn, rows[:, None], out=design[:, :-1])
        design[:, -1] = 1.0
        apart = named.sum() - np.matmul(design, named.astype(np.float64))
        numbers = np.flatnonzero(~named)
        if len(numbers):
            design[:, :-1, numbers] = drawn[..., numbers]
            design[:, -1, numbers] = rows[:, numbers]
            away = design[:, :, numbers] - rows[:, None, numbers]
            apart += np.einsum("rdn,rdn->rd", away, away)
        return design, apart
