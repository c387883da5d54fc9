"""Any function from a batch of images to scores, asked in the user's own layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.models import fingerprints
from pellucid.models.adapter import Model
from pellucid.models.scales import log_odds

SUM_TO_ONE = 1e-3
"""How far probabilities may be from 1 in all: the rounding of 16 bits."""


class ImageCallable(Model):
    """A function of images as a model.

    Parameters
    ----------
    function : callable
        From images, as the user gave them, to scores (sample, output) or (sample,).
    lay : callable
        From images (sample, channel, row, column) to what the function takes.

    Notes
    -----
    Rows of several outputs that add up to 1 are probabilities of classes; anything else is raw.
    """

    by_name = False

    def __init__(self, function: Callable[[Any], Any], lay: Callable[[np.ndarray], Any]) -> None:
        self.source, self._lay = function, lay
        self.name = getattr(function, "__name__", type(function).__name__)
        self.columns = self.classes = None
        self.task = "regression"
        self.scales = ("raw",)
        self._settled = False

    @property
    def can(self) -> frozenset[str]:
        return frozenset({"predict", "proba"} if "probability" in self.scales else {"predict"})

    @property
    def encoded_from(self) -> np.ndarray | None:
        return None

    @property
    def width(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        return fingerprints.of_object(self.source)

    def settle(self, values: np.ndarray) -> None:
        """Find out, from a few images, what the function answers."""
        if self._settled:
            return
        found = self.raw(values)
        if found.shape[1] > 1:
            self.task, self.classes = "classification", tuple(range(found.shape[1]))
            if (found >= 0).all() and np.abs(found.sum(axis=1) - 1).max() <= SUM_TO_ONE:
                self.scales = ("probability", "logit")
        self._settled = True

    def scores(self, values: np.ndarray, scale: str) -> np.ndarray:
        """One score for each output on a scale: float64 (sample, output)."""
        found = self.raw(values)
        return log_odds(found) if scale == "logit" else found

    def predict(self, X: Any, scale: str) -> np.ndarray:
        if scale not in self.scales:
            raise InvalidSetting(
                f"{self.name} does not predict on this scale", got=scale, allowed=self.scales
            )
        return self.scores(X, scale)

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        return self.scores(X, scale)

    def raw(self, values: np.ndarray) -> np.ndarray:
        """What the function answers, float64 (sample, output)."""
        found = self._ask(self.source, self._lay(values))
        found = getattr(found, "logits", found)
        if hasattr(found, "detach"):
            found = found.detach().cpu().numpy()
        told = self._finish(np.asarray(found), len(values))
        if told.ndim != 2:
            raise CannotExplain(f"{self.name} answers with the wrong shape", got=told.shape)
        return told
