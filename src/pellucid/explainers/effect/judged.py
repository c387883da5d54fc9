"""Predictions as a metric judges them, and the answers they are compared with."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName, WrongTarget
from pellucid.explainers.question import Question
from pellucid.maths.losses import METRICS, SCORERS, Metric

PROBABILITY = "probability"


def checked_metric(metric: Any) -> str:
    """A metric as a recipe stores it: its name, or where it is imported from.

    Raises
    ------
    UnknownName, InvalidSetting
        If there is none of that name, or a function cannot be imported again.
    """
    if callable(metric):
        return _address(metric)
    if isinstance(metric, str) and ":" in metric:
        return metric
    if metric not in ("auto", *METRICS, *SCORERS):
        raise UnknownName.among("metric", str(metric), ("auto", *METRICS, *SCORERS))
    return str(metric)


def metric_for(name: str, question: Question) -> Metric:
    """The metric of that name, for the question's model.

    Raises
    ------
    CannotExplain
        If it does not fit the model; says which do.
    """
    model = question.model
    chances = PROBABILITY in model.scales
    if name == "auto":
        loss = "log_loss" if chances else "accuracy"
        return METRICS[loss if model.task == "classification" else "mse"]
    if ":" in name:
        return _own_metric(name, question)
    metric = METRICS[SCORERS.get(name, name)]
    if metric.task != model.task or (metric.chances and not chances):
        fits = [
            each_name
            for each_name, each in METRICS.items()
            if each.task == model.task and (chances or not each.chances)
        ]
        raise CannotExplain(
            f"{model.name} cannot be judged by {name!r}", got=model.task, allowed=fits
        )
    return metric


@dataclass(kw_only=True, eq=False)
class Asked:
    """What the model is asked for, so that a metric can judge it.

    Parameters
    ----------
    question : Question
    scale : str
    classes : bool
        Whether answers are classes, and predictions one number for each.
    """

    question: Question
    scale: str
    classes: bool

    @classmethod
    def of(cls, question: Question, metric: Metric) -> Asked:
        """Probabilities of all classes where there are any, or the target's own unit."""
        model, classes = question.model, metric.task == "classification"
        natural = PROBABILITY if classes else "raw"
        if question.many and not classes:
            raise CannotExplain(
                "One loss cannot judge several outputs",
                got=f"{len(question.columns)} outputs",
                fix="Choose one with target=",
            )
        scale = natural if natural in model.scales else model.scales[0]
        return cls(question=question, scale=scale, classes=classes)

    @property
    def width(self) -> int:
        """Numbers for each row."""
        return len(self.question.model.classes or (0, 1)) if self.classes else 1

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Predictions for coded rows: (row, class), or (row, 1)."""
        table, model = self.question.table, self.question.model

        def ask(part: np.ndarray) -> np.ndarray:
            return self.shown(model.predict(table.native(part), self.scale))

        return self.question.work.predict(ask, codes)

    def shown(self, raw: np.ndarray) -> np.ndarray:
        """What the model predicts as one number for each class; outputs are the second axis."""
        if not self.classes:
            return raw[:, self.question.columns]
        if raw.shape[1] > 1:
            return raw
        return np.concatenate([1.0 - raw if self.scale == PROBABILITY else -raw, raw], axis=1)

    def judged(self, predicted: np.ndarray) -> np.ndarray:
        """Predictions (…, output) as metrics take them: of a number, without the last axis."""
        return predicted if self.classes else predicted[..., 0]

    def answers(self, own: np.ndarray) -> np.ndarray:
        """The true answers: places among the classes, or numbers.

        Raises
        ------
        WrongTarget
        """
        return _places(self.question, own) if self.classes else _numbers(self.question)


def _address(function: Any) -> str:
    """Where a function is imported from.

    Raises
    ------
    InvalidSetting
        If it is not found there.
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    address = f"{module}:{name}"
    if "<" in address or _imported(address) is not function:
        raise InvalidSetting(
            "A metric of your own must be a function that can be imported by its name",
            got=address,
            fix="Define it at the top of a module, and give it or 'module:function'",
        )
    return address


def _imported(address: str) -> Any:
    module, _, name = address.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return None


def _own_metric(address: str, question: Question) -> Metric:
    """The user's function, which is given the answers as the user gave them."""
    function = _imported(address)
    if not callable(function):
        raise InvalidSetting("There is no such function", got=address, allowed="module:function")
    model = question.model
    labels = None if model.classes is None else np.asarray(model.classes)

    def whole(answer: np.ndarray, prediction: np.ndarray) -> float:
        given = answer if labels is None else labels[answer]
        value = function(given, prediction)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise InvalidSetting(
                f"{address} returns no number", got=repr(value), allowed="a float"
            ) from None

    name = address.partition(":")[2]
    task = "classification" if model.task == "classification" else "regression"
    return Metric(words=name, task=task, whole=whole, rising=True)  # type: ignore[arg-type]


def _numbers(question: Question) -> np.ndarray:
    """The answers of a regression."""
    assert question.y is not None
    try:
        answer = question.y.astype(np.float64)
    except (TypeError, ValueError) as reason:
        raise WrongTarget("The answers are not numbers", got=str(reason)) from reason
    if not np.all(np.isfinite(answer)):
        lost = int((~np.isfinite(answer)).sum())
        raise WrongTarget("Some answers are missing or infinite", got=f"{lost} of {len(answer)}")
    return answer


def _places(question: Question, own: np.ndarray) -> np.ndarray:
    """The answers of a classification as places among the model's classes."""
    assert question.y is not None
    classes = list(question.model.classes or range(own.shape[1]))
    place = {_plain(label): i for i, label in enumerate(classes)}
    strange = {str(y) for y in map(_plain, question.y) if y not in place}
    if strange:
        raise WrongTarget(
            "Some answers are no class of the model",
            got=sorted(strange),
            allowed=[str(each) for each in classes],
        )
    return np.array([place[_plain(y)] for y in question.y])


def _plain(label: object) -> object:
    return label.item() if isinstance(label, np.generic) else label
