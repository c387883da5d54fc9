"""XGBoost: boosters and their scikit-learn wrappers, asked in codes and 32-bit numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import CannotExplain, NotFitted
from pellucid.models import fingerprints
from pellucid.models.adapter import Task
from pellucid.models.boosted import BoostedModel, sigmoid, softmax
from pellucid.models.trees import Trees

OBJECTIVES: dict[str, tuple[Task, tuple[str, ...]]] = {  # the margin's scale first
    "binary:logistic": ("classification", ("logit", "probability")),
    "binary:logitraw": ("classification", ("logit", "probability")),
    "binary:hinge": ("classification", ("raw",)),
    "multi:softprob": ("classification", ("logit", "probability")),
    "multi:softmax": ("classification", ("logit", "probability")),
    "reg:logistic": ("regression", ("logit", "raw")),
    "reg:gamma": ("regression", ("log", "raw")),
    "reg:tweedie": ("regression", ("log", "raw")),
    "count:poisson": ("regression", ("log", "raw")),
    "survival:cox": ("regression", ("log", "raw")),
    "survival:aft": ("regression", ("log", "raw")),
}
ANSWER_OTHERWISE = ("multi:softmax", "binary:logitraw")  # with a class, with the margin
OTHERWISE: tuple[Task, tuple[str, ...]] = ("regression", ("raw",))


def adapt(obj: Any) -> XGBoostModel:
    """The adapter for a Booster or one of the scikit-learn wrappers."""
    import xgboost

    if isinstance(obj, xgboost.Booster):
        return XGBoostModel(obj, obj, name="XGBoost Booster")
    if not isinstance(obj, xgboost.XGBModel):
        raise CannotExplain(
            f"XGBoost's {type(obj).__name__} is not a model that can be read",
            allowed="a Booster, XGBClassifier, XGBRegressor, XGBRanker and their forests",
        )
    if not obj.__sklearn_is_fitted__():
        raise NotFitted(f"{type(obj).__name__} was never fitted", fix="Call fit(X, y) first")
    return XGBoostModel(obj, obj.get_booster(), name=type(obj).__name__)


class XGBoostModel(BoostedModel):
    """An XGBoost model.

    Notes
    -----
    Natural scales: ``"logit"`` for classes, ``"log"`` for a log link, otherwise ``"raw"``. The
    wrapper stops at its best iteration and a bare Booster does not, as in XGBoost itself. Tables
    are given to the library as codes, so that a category means the same from every kind of frame.
    A model trained on the user's own objective is read as XGBoost itself reads it: by the
    objective that the wrapper or the booster names.
    """

    unseen: ClassVar[str] = "refused"  # XGBoost reads a category it never saw as its first one

    def __init__(self, source: Any, booster: Any, *, name: str) -> None:
        self.source = self._estimator = source
        self._booster, self.name = booster, name
        learner = json.loads(booster.save_config())["learner"]
        self._objective = learner["objective"]["name"]
        self._is_linear = learner["gradient_booster"]["name"] == "gblinear"
        self.task, self.scales = OBJECTIVES.get(self._objective, OTHERWISE)
        self.task = "classification" if hasattr(source, "classes_") else self.task
        self.classes = self._find_classes(int(learner["learner_model_param"]["num_class"]))
        found = booster.feature_names
        self.columns = None if found is None else tuple(found)
        self._width = int(booster.num_features())
        self._types = booster.feature_types or []
        self._stored = _stored_categories(booster)
        missing = getattr(source, "missing", None)
        self._missing = np.nan if missing is None else float(missing)
        self._rounds = self._find_rounds()
        self._trees = None

    def _content(self) -> str:
        rounds = f"{self._rounds} {self._missing}".encode()
        return fingerprints.of_bytes(bytes(self._booster.save_raw("ubj")), rounds)

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        margin = scale == self.scales[0] or self._objective in ANSWER_OTHERWISE
        out = self._ask_booster(self._encoded(X), margin)
        if scale != "probability" or not margin:
            return out
        return softmax(out.astype(float)) if out.ndim == 2 else sigmoid(out.astype(float))

    def _ask_booster(self, X: np.ndarray, margin: bool) -> np.ndarray:
        import xgboost

        if self._is_linear:  # the quick way does not know it
            data = xgboost.DMatrix(X, missing=self._missing, feature_names=self.columns)
            return np.asarray(self._booster.predict(data, output_margin=margin))
        return np.asarray(
            self._booster.inplace_predict(
                X,
                iteration_range=self._rounds,
                predict_type="margin" if margin else "value",
                missing=self._missing,
                validate_features=False,
            )
        )

    def _categories(self, X: Any) -> Mapping[int, Sequence[Any] | None]:
        return {j: self._stored.get(j) for j, kind in enumerate(self._types) if kind == "c"}

    def _read(self) -> Trees:
        from pellucid.models.xgboost_trees import read

        return read(self._estimator)

    def _find_classes(self, count: int) -> tuple[Any, ...] | None:
        if self.task != "classification":
            return None
        found = getattr(self._estimator, "classes_", np.arange(max(count, 2)))
        return tuple(np.asarray(found).tolist())

    def _find_rounds(self) -> tuple[int, int]:
        if self._estimator is self._booster:
            return (0, 0)
        try:
            return (0, int(self._estimator.best_iteration) + 1)
        except AttributeError:
            return (0, 0)


def _stored_categories(booster: Any) -> dict[int, list[Any]]:
    """The categories that the model remembers, by column (XGBoost 3.1 and later)."""
    if "c" not in (booster.feature_types or []) or not hasattr(booster, "get_categories"):
        return {}
    stored = booster.get_categories(export_to_arrow=True).to_arrow() or []
    return {j: array.to_pylist() for j, (_, array) in enumerate(stored) if array is not None}
