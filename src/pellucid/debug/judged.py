"""What is judged: true answers beside predictions, checked once for all of `pellucid.debug`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import (
    ColumnMismatch,
    EmptyData,
    InvalidData,
    InvalidSetting,
    MissingValues,
    UnknownName,
    WrongTarget,
    WrongType,
)

TOLERANCE = 1e-3
"""By how much the probabilities of a row may miss a sum of 1: single precision and no more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """True classes and predicted probabilities of the same rows.

    Parameters
    ----------
    actual : int array of shape (sample,)
        Place of the true class in `classes`.
    probability : array of shape (sample, class)
        Predicted probabilities.
    classes : tuple
        Class labels in output order.
    positive : int or None
        Place of the class that is spoken of; `None` where there are more than two and none was
        named.
    """

    actual: np.ndarray
    probability: np.ndarray
    classes: tuple[Any, ...]
    positive: int | None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.actual)

    @property
    def names(self) -> tuple[str, ...]:
        """Class labels as text."""
        return tuple(str(label) for label in self.classes)

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return len(self.classes) == 2

    @property
    def name(self) -> str | None:
        """The class that is spoken of, as text."""
        return None if self.positive is None else self.names[self.positive]

    def one(self, what: str) -> tuple[np.ndarray, np.ndarray, str]:
        """Truth (bool), probability and name of the class that is spoken of."""
        if self.positive is None:
            raise InvalidSetting(
                f"{what} speaks of one class, and there are {len(self.classes)}",
                allowed=self.names,
                fix="Name it with positive=…",
            )
        return (
            self.actual == self.positive,
            self.probability[:, self.positive],
            self.names[self.positive],
        )

    def predicted(self, threshold: float) -> np.ndarray:
        """Place of the predicted class, of shape (sample,).

        With two classes the positive one from `threshold` on, with more the most probable one.
        """
        if not self.binary:
            if threshold != 0.5:
                raise InvalidSetting(
                    f"A threshold needs two classes, and there are {len(self.classes)}",
                    got=threshold,
                    fix="Leave it out: the most probable class is predicted",
                )
            return self.probability.argmax(axis=1)
        if isinstance(threshold, str) or not 0 <= threshold <= np.nextafter(1, 2):
            raise InvalidSetting(
                "The threshold is not a probability", got=threshold, allowed="0 to 1"
            )
        positive = self.positive
        assert positive is not None
        return np.where(self.probability[:, positive] >= threshold, positive, 1 - positive)


def judge(y: Any, probability: Any, classes: Sequence[Any], positive: Any = None) -> Judged:
    """Check labels and probabilities and bring them together.

    Parameters
    ----------
    y : array of shape (sample,)
        True class labels.
    probability : array of shape (sample, class), or (sample,) or (sample, 1) with two classes
        Predicted probabilities in the order of `classes`; a single column is that of
        ``classes[1]``.
    classes : sequence
        Class labels.
    positive : label, optional
        The class that is spoken of; with two classes by default ``classes[1]``.

    Raises
    ------
    InvalidData
        If lengths disagree, or numbers are not probabilities.
    WrongTarget
        If `y` holds labels that are not in `classes`.
    MissingValues
        If labels or probabilities are missing.
    InvalidSetting, UnknownName
        If `classes` or `positive` cannot be used.
    """
    labels = tuple(np.asarray(classes).tolist() if isinstance(classes, np.ndarray) else classes)
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise InvalidSetting("The classes must be two or more different labels", got=labels)
    if positive is not None and positive not in labels:
        raise UnknownName.among("class", str(positive), [str(label) for label in labels])
    default = 1 if len(labels) == 2 else None
    actual = _codes(y, labels)
    return Judged(
        actual=actual,
        probability=_probabilities(probability, len(actual), labels),
        classes=labels,
        positive=default if positive is None else labels.index(positive),
    )


def numbers(name: str, values: Any, rows: int | None = None) -> np.ndarray:
    """A float64 array of shape (sample,), finite, with as many rows as asked for."""
    found = _floats(name, values)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise InvalidData(f"The {name} must be one number a row", got=f"shape {found.shape}")
    _check_length(name, len(found), rows)
    _check_finite(name, found)
    return found


def _codes(y: Any, labels: tuple[Any, ...]) -> np.ndarray:
    values = np.asarray(y)
    if values.ndim != 1:
        raise InvalidData("The true classes must be one label a row", got=f"shape {values.shape}")
    _check_length("true classes", len(values), None)
    places = {label: place for place, label in enumerate(labels)}
    listed = values.tolist()
    codes = np.array([places.get(label, -1) for label in listed], dtype=np.intp)
    unknown = {listed[row] for row in np.flatnonzero(codes < 0)}
    if any(label is None or str(label) in ("nan", "<NA>", "NaT") for label in unknown):
        raise MissingValues("The true classes have missing values", fix="Drop those rows")
    if unknown:
        raise WrongTarget(
            "The true classes hold labels that the model does not know",
            got=sorted(map(str, unknown)),
            allowed=[str(label) for label in labels],
        )
    return codes


def _probabilities(given: Any, rows: int, labels: tuple[Any, ...]) -> np.ndarray:
    found = _floats("probabilities", given)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim == 1 and len(labels) == 2:
        found = np.column_stack([1 - found, found])
    if found.ndim != 2 or found.shape[1] != len(labels):
        raise ColumnMismatch(
            "The probabilities do not fit the classes",
            got=f"shape {found.shape}",
            allowed=f"(sample, {len(labels)})",
        )
    _check_length("probabilities", len(found), rows)
    _check_finite("probabilities", found)
    if found.min() < 0 or found.max() > 1:
        raise InvalidData(
            "The probabilities leave the range 0 to 1",
            got=f"{found.min():.4g} to {found.max():.4g}",
            fix="Give the output of predict_proba",
        )
    if np.abs(found.sum(axis=1) - 1).max() > TOLERANCE:
        raise InvalidData("The probabilities of a row must sum to 1", got=found.sum(axis=1).max())
    return found


def _floats(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise WrongType(f"The {name} must be numbers", got=str(error)) from error


def _check_length(name: str, found: int, rows: int | None) -> None:
    if found == 0:
        raise EmptyData(f"There are no {name} to judge")
    if rows is not None and found != rows:
        raise InvalidData(
            f"The {name} do not fit the true answers", got=f"{found} rows", allowed=f"{rows}"
        )


def _check_finite(name: str, values: np.ndarray) -> None:
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise MissingValues(f"The {name} have {bad} missing or infinite values")
