"""What boosting libraries' models share: a margin that trees add up to, and native categories."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.models import frames
from pellucid.models.adapter import Model
from pellucid.models.kept_trees import read_once
from pellucid.models.trees import Trees


class BoostedModel(Model):
    """A boosted model: the first of its scales is the margin, where its trees add up."""

    unseen: ClassVar[str] = "missing"
    _width: int

    def _categories(self, X: Any) -> Mapping[int, Sequence[Any] | None]:
        """The category columns of a table, and for each its categories in order, if known."""
        return {}

    @abstractmethod
    def _read(self) -> Trees:
        """The trees, by the library's reader."""

    @abstractmethod
    def _content(self) -> str:
        """The fingerprint of what the library writes of the model."""

    def fingerprint(self) -> str:
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        """Taken once, since the trees are read once too."""
        return self._content()

    @property
    def can(self) -> frozenset[str]:
        found = {"predict"}
        if "probability" in self.scales:
            found.add("proba")
        trees = self._cached_trees()
        if isinstance(trees, Trees):
            found.add("trees" if trees.linear is None else "linear leaves")
        return frozenset(found)

    @property
    def width(self) -> int:
        return self._width

    @property
    def encoded_from(self) -> np.ndarray:
        return np.arange(self._width)

    def trees(self, scale: str) -> Trees:
        found = self._cached_trees()
        if isinstance(found, CannotExplain):
            raise found
        if scale != self.scales[0]:
            raise CannotExplain(
                f"The trees of {self.name} add up on one scale", got=scale, allowed=self.scales[0]
            )
        return found

    def _cached_trees(self) -> Trees | CannotExplain:
        if self._trees is None:
            try:
                content = f"{type(self.source).__qualname__} {self.scales} {self.fingerprint()}"
                self._trees: Trees | CannotExplain | None = read_once(content, self._read)
            except CannotExplain as error:
                self._trees = error
        return self._trees

    def _encoded(self, X: Any) -> np.ndarray:
        if frames.names(X) is None:
            return frames.matrix(X)
        return frames.matrix(X, self._categories(X), unseen=self.unseen)


def softmax(margins: np.ndarray) -> np.ndarray:
    """Probabilities of classes from their margins, `(sample, class)`."""
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(margins: np.ndarray) -> np.ndarray:
    """Probabilities from log-odds."""
    return 1 / (1 + np.exp(-margins))
