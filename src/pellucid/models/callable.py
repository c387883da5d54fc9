"""Any function from a table to predictions, asked in the user's own kind of table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidData, InvalidSetting
from pellucid.models import fingerprints, frames
from pellucid.models.adapter import Model, Task
from pellucid.models.scales import CLIPPED, log_odds

TASKS = ("classification", "regression", "outlier")
SCALES = ("probability", "logit", "log", "raw", "path length")
PROBED = 3  # rows
SUM_TO_ONE = 1e-5  # the rounding of float32 probabilities
STEADY = 1e-6  # relative: how far two answers to one row may differ by rounding


class CallableModel(Model):
    """A function as a model.

    Parameters
    ----------
    function : callable
        From a table of the user's own kind to an array `(sample,)` or `(sample, output)`.
    task : {"classification", "regression", "outlier"}, optional
        Classification when `classes` are given, when the function is called ``predict_proba``, or
        when its rows of several outputs are probabilities that sum to one; otherwise regression.
    classes : sequence, optional
        One label for each output; two labels for a single output, the second explained.
    scale : str, optional
        What the function returns. Probability for classification, otherwise raw.
    columns : sequence of str, optional
        The columns that the function wants, in its order.
    name : str, optional
        How to call it in pictures and messages.

    Notes
    -----
    A function without `task`, `classes` and `scale` is asked about up to three rows first, by
    `greet`, `check` or `predict`; until then it counts as regression. Of two classes the second is
    explained. `greet` and `check` ask about one row twice, and note it if the answers differ.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        task: Task | None = None,
        classes: Sequence[Any] | None = None,
        scale: str | None = None,
        columns: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(function):
            raise CannotExplain("This is not a function", got=type(function).__name__)
        if scale is not None and scale not in SCALES:
            raise InvalidSetting("A function cannot return this scale", got=scale, allowed=SCALES)
        if task not in (None, *TASKS):
            raise InvalidSetting("There is no such task", got=task, allowed=TASKS)
        self.source = function
        self.name = name or _name(function)
        self.columns = None if columns is None else tuple(map(str, columns))
        self.classes = tuple(classes) if classes is not None else _labels(function)
        sure = self.classes is not None or _is_proba(function) or scale in ("probability", "logit")
        self._open = task is None and scale is None and not sure
        self._steady = False
        self._outputs_given: int | None = None
        self._become(task or ("classification" if sure else "regression"), scale)

    @property
    def can(self) -> frozenset[str]:
        return frozenset({"predict", "proba"} if "probability" in self.scales else {"predict"})

    @property
    def width(self) -> int | None:
        return None if self.columns is None else len(self.columns)

    @property
    def encoded_from(self) -> np.ndarray | None:
        return None if self.columns is None else np.arange(len(self.columns))

    def fingerprint(self) -> str:
        return fingerprints.of_object(self.source)

    def predict(self, X: Any, scale: str) -> np.ndarray:
        if self._open:
            self._learn(X)
        return super().predict(X, scale)

    def greet(self, X: Any) -> tuple[str, ...]:
        if self._open:
            self._learn(X)
        done = super().greet(X)
        if not self._steady:
            try:
                self._repeat(X)
            except InvalidData:
                super().check(X)  # it may name the column
                raise
        return done

    def check(self, X: Any) -> tuple[str, ...]:
        if self._open:
            self._learn(X)
        done = super().check(X)
        if not self._steady:
            self._repeat(X)
        return done

    def _become(self, task: Task, returns: str | None) -> None:
        self.task = task
        self._returns = returns or ("probability" if task == "classification" else "raw")
        proba = self._returns == "probability"
        self.scales = ("probability", "logit") if proba else (self._returns,)
        self.notes = (CLIPPED,) if proba else ()

    def _learn(self, X: Any) -> None:
        """Ask about a few rows: several outputs that sum to one are the chances of classes."""
        X, _ = self._arrange(X)
        few = frames.take(X, np.arange(min(PROBED, frames.height(X))))
        out = self._finish(self._ask(self.source, frames.as_given(few)), frames.height(few))
        self._open = False
        if _is_distribution(out):
            self._become("classification", None)

    def _repeat(self, X: Any) -> None:
        """Ask about the first row twice: an explanation takes answers for facts."""
        X, _ = self._arrange(X)
        row = frames.take(X, np.arange(1))
        first, second = (self._ask(self._outputs, row, self.scales[0]) for _ in range(2))
        self._steady = True
        apart = float(np.abs(first - second).max())
        if apart > STEADY * max(1.0, float(np.abs(first).max())):
            self.notes += (
                f"The model gave two answers to the same row, {apart:.3g} apart: it is not "
                "deterministic, so values hold only as far as its answers do.",
            )

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        out = self._finish(self.source(frames.as_given(X)), frames.height(X))
        self._expect(out)
        if self._outputs_given not in (None, out.shape[1]):
            raise CannotExplain(
                f"{self.name} changes the number of its outputs from call to call",
                got=f"{out.shape[1]} for {len(out)} rows, and {self._outputs_given} before",
            )
        self._outputs_given = out.shape[1]
        if self.task == "classification" and out.shape[1] > 1:
            self.classes = self.classes or tuple(range(out.shape[1]))
            if out.shape[1] == 2:  # of two logits only the difference says anything
                out = out[:, 1:] - out[:, :1] * (self._returns == "logit")
        return log_odds(out) if scale != self._returns else out

    def _expect(self, out: np.ndarray) -> None:
        """Refuse outputs that do not go with the classes, or are no probabilities."""
        labels = self.classes or ()
        if labels and out.shape[1] not in ({1, 2} if len(labels) == 2 else {len(labels)}):
            raise CannotExplain(
                f"{self.name} answers with another number of outputs than there are classes",
                got=f"{out.shape[1]} outputs for the classes {list(labels)}",
            )
        whole = out.shape[1] == 1 and bool(((out >= 0) & (out <= 1)).all())
        if self._returns == "probability" and not (whole or _is_distribution(out)):
            raise CannotExplain(
                f"{self.name} answers with values that are not probabilities",
                got=f"values from {out.min():.4g} to {out.max():.4g}",
                fix="Say what it returns: CallableModel(f, scale='logit'), or scale='raw'",
            )


def _is_proba(function: Callable[..., Any]) -> bool:
    return getattr(function, "__name__", "") == "predict_proba"


def _is_distribution(out: np.ndarray) -> bool:
    near = np.abs(out.sum(axis=1) - 1) < SUM_TO_ONE
    return out.shape[1] > 1 and bool(near.all() and (out >= 0).all())


def _labels(function: Callable[..., Any]) -> tuple[Any, ...] | None:
    """The classes of the estimator that a bound ``predict_proba`` belongs to."""
    found = getattr(getattr(function, "__self__", None), "classes_", None)
    return tuple(np.asarray(found).tolist()) if _is_proba(function) and found is not None else None


def _name(function: Callable[..., Any]) -> str:
    owner = getattr(function, "__self__", None)
    own = getattr(function, "__name__", type(function).__name__)
    return f"{type(owner).__name__}.{own}" if owner is not None else own
