"""Removed columns follow from their causes when the known ones are set from outside."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pellucid.perturb.gaussian import Gaussian
from pellucid.perturb.removal import Reference


class Causal(Gaussian):
    """As `Gaussian`, along a chain of causes: setting a column does not change what causes it.

    A hidden column follows from all columns before it in the chain, known or completed, and from
    the known columns at its own place, which are taken to act on each other. That is the
    distribution after an intervention, ``do(known = values)``, in a chain graph with normal
    distributions. Columns at the first place that are known leave each other as in the background's
    normal distribution.

    References
    ----------
    Heskes, Sijben, Bucur and Claassen (2020), Causal Shapley values, arXiv:2011.01625. Lauritzen
    and Richardson (2002), doi:10.1111/1467-9868.00340 (chain graphs).
    """

    name: ClassVar[str] = "causal"
    words: ClassVar[str] = (
        "Removed columns follow from their causes in the given order by normal distributions "
        "fitted to the background; known columns do not change their causes."
    )

    def _chain(self, known: Reference) -> np.ndarray:
        return super()._chain(known) if known.chain is None else known.chain
