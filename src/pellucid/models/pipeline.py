"""A scikit-learn pipeline: transforms in front of a model that has its own adapter."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.models import fingerprints
from pellucid.models.adapter import Model
from pellucid.models.as_model import as_model
from pellucid.models.linear import Linear
from pellucid.models.sklearn import remembered, suited
from pellucid.models.sklearn_columns import is_sampler, trace
from pellucid.models.sklearn_gaps import NAN, gaps_learnt
from pellucid.models.trees import Trees

MIXED = (
    "Its encoded columns mix several of the table's, or nobody here knows where they come from, so "
    "exact tree and linear methods are out."
)


def pipeline_model(source: Any) -> Model:
    """The adapter for a fitted pipeline, nested ones laid out flat."""
    *steps, (_, last) = source.steps
    if last is None or isinstance(last, str):
        raise CannotExplain("The pipeline ends without a model", got=last)
    return PipelineModel(source, [s for _, s in steps if not is_sampler(s)], as_model(last))


class PipelineModel(Model):
    """Transforms, then a model.

    Notes
    -----
    Everything is said about the user's columns: `encoded_from` leads back through the transforms.
    Trees and coefficients are claimed only where every encoded column comes from one column.
    """

    def __init__(self, source: Any, steps: list[Any], inner: Model) -> None:
        self.source, self._inner = source, inner
        self._steps = [step for step in steps if step is not None and step != "passthrough"]
        first = self._steps[0] if self._steps else inner.source
        shown = [type(step).__name__ for step in self._steps]
        self.name = f"{type(source).__name__}({' → '.join([*shown, inner.name])})"
        self.task, self.scales = inner.task, inner.scales
        self.columns = remembered(first) if self._steps else inner.columns
        self._width = getattr(first, "n_features_in_", None)
        self._gaps = frozenset[str]().union(*map(gaps_learnt, self._steps)) or NAN
        self._origin = self._find_origin()
        self.notes = inner.notes if self._origin is not None else (*inner.notes, MIXED)

    @property
    def classes(self) -> tuple[Any, ...] | None:  # type: ignore[override]
        return self._inner.classes

    @property
    def can(self) -> frozenset[str]:
        exact = frozenset({"trees", "linear"})
        return self._inner.can if self._origin is not None else self._inner.can - exact

    @property
    def width(self) -> int | None:
        return None if self._width is None else int(self._width)

    @property
    def encoded_from(self) -> np.ndarray | None:
        return self._origin

    def fingerprint(self) -> str:
        before = fingerprints.of_object(self._steps)
        return fingerprints.of_bytes(before.encode(), self._inner.fingerprint().encode())

    def trees(self, scale: str) -> Trees:
        self._expect_origin()
        return self._inner.trees(scale)

    def linear(self, scale: str) -> Linear:
        self._expect_origin()
        return self._inner.linear(scale)

    def _find_origin(self) -> np.ndarray | None:
        inside = self._inner.encoded_from
        if self._width is None or inside is None:
            return None
        found: np.ndarray | None = np.arange(self._width)
        for step in self._steps:
            found = None if found is None else trace(step, found)
        fits = found is not None and self._inner.width in (None, len(found))
        return found[inside] if found is not None and fits else None

    def _expect_origin(self) -> None:
        if self._origin is None:
            raise CannotExplain(
                f"{self.name} mixes columns before its last step",
                fix="Use a method that needs only predictions",
            )

    def _transformed(self, X: Any) -> Any:
        for step in self._steps:
            X = step.transform(X)
        return X

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        return self._inner.predict(self._transformed(X), scale)

    def _encoded(self, X: Any) -> np.ndarray:
        return self._inner.encode(self._transformed(X))

    def _arrange(self, X: Any) -> tuple[Any, tuple[str, ...]]:
        X, notes = super()._arrange(X)
        return (suited(X, self.columns, self.width, self._gaps) if self._steps else X), notes
