"""Does the explanation differ from that of a model that learnt random labels?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.core.scores import Score
from pellucid.explainers.settings import positive
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.randomisation.likeness import Likeness, rows_of


@dataclass(frozen=True, kw_only=True)
class LabelRandomisation(Metric):
    """The explanation against that of a model which was trained on shuffled labels.

    Such a model has learnt the samples by heart, and nothing of what makes a class. Its
    explanations are compared as in `ParameterRandomisation`: rank correlation, signs included, over
    the foreground, against the noise floor of explanations of different samples.

    Parameters
    ----------
    fit : callable, optional
        From inputs (sample, …) and labels (sample,) to a trained model of the same kind and the
        same classes.
    X : array or table of shape (sample, …), optional
        What `fit` is given.
    y : array of shape (sample,), optional
        The true labels, which are shuffled before.
    shuffled : object, optional
        In place of these three: a model that was trained on shuffled labels.
    margin, most : float
        As for `ParameterRandomisation`.

    Notes
    -----
    Cost: one training, and one more explanation. A model that has not learnt the shuffled labels
    is much like an untrained one: train it longer than usual.

    References
    ----------
    Adebayo et al. (2018), arXiv:1810.03292.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat", "features"})
    cost: ClassVar[str] = "one training and one more explanation"
    paper: ClassVar[str] = "arXiv:1810.03292"

    fit: Callable[..., Any] | None = field(default=None, repr=False)
    X: Any = field(default=None, repr=False, compare=False)
    y: Any = field(default=None, repr=False, compare=False)
    shuffled: Any = field(default=None, repr=False, compare=False)
    margin: float = 0.3
    most: float = 0.7

    def __post_init__(self) -> None:
        given = [self.fit, self.X, self.y]
        known = sum(each is not None for each in given)
        if known not in (0, 3) or (known and self.shuffled is not None):
            raise InvalidSetting(
                "A model of shuffled labels is trained by fit= from X= and y=, or given as "
                "shuffled=",
                got=f"{known} of the three{' and shuffled=' * (self.shuffled is not None)}",
            )
        if self.fit is not None and not callable(self.fit):
            raise InvalidSetting("fit is a function of inputs and labels", got=repr(self.fit))
        if known and len(self.X) != len(self.y):
            raise InvalidSetting(
                "X and y go together", got=f"{len(self.X)} inputs and {len(self.y)} labels"
            )
        positive("margin", self.margin)
        positive("most", self.most)

    def obstacle(self, evidence: Evidence) -> str | None:
        """Why nothing can be said: no model of shuffled labels, or no way to get one."""
        if self.fit is None and self.shuffled is None:
            return "a model of shuffled labels is needed: give shuffled=, or fit=, X= and y="
        return super().obstacle(evidence)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """The verdict, the noise floor, and both of magnitudes."""
        model = self.shuffled
        if model is None:
            assert self.fit is not None
            labels = evidence.rng(self.name()).permutation(np.asarray(self.y))
            model = self.fit(self.X, labels)
        rows = np.arange(len(evidence))
        now = evidence.in_finest(evidence.otherwise(rows, model=evidence.adapted(model)))
        found = Likeness.of(evidence.finest, now, evidence.foreground)
        whose = "that of a model which learnt shuffled labels"
        return tuple(rows_of(evidence, self.name(), found, whose, self.most, self.margin))
