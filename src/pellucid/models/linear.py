"""Linear: the coefficients of a model that is a weighted sum of its encoded columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import InvalidData


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A weighted sum: ``encode(X) @ coef.T + intercept`` is the prediction.

    Parameters
    ----------
    coef : ndarray of float64 (output, encoded column)
    intercept : ndarray of float64 (output,)
    """

    coef: np.ndarray
    intercept: np.ndarray

    def __post_init__(self) -> None:
        if self.coef.ndim != 2 or self.intercept.shape != self.coef.shape[:1]:
            raise InvalidData(
                "Coefficients and intercepts do not fit together",
                got=f"{self.coef.shape} and {self.intercept.shape}",
                allowed="(output, column) and (output,)",
            )
