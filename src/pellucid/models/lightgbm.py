"""LightGBM: boosters and their scikit-learn wrappers, with the categories they learnt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, NotFitted, WrongType
from pellucid.models import fingerprints, frames
from pellucid.models.adapter import Task
from pellucid.models.boosted import BoostedModel
from pellucid.models.trees import Trees

FEW_ROWS = 64
"""So few are answered sooner than other threads wake up."""

LOGIT: tuple[str, ...] = ("logit", "probability")
OBJECTIVES: dict[str, tuple[Task, tuple[str, ...]]] = {  # the margin's scale first
    "binary": ("classification", LOGIT),
    "multiclass": ("classification", LOGIT),
    "multiclassova": ("classification", LOGIT),
    "cross_entropy": ("classification", LOGIT),
    "poisson": ("regression", ("log", "raw")),
    "gamma": ("regression", ("log", "raw")),
    "tweedie": ("regression", ("log", "raw")),
}
OTHERWISE: tuple[Task, tuple[str, ...]] = ("regression", ("raw",))
UNNAMED = re.compile(r"Column_\d+")
NOTES = {
    "custom": ("It was trained on an objective of the user's own: raw is its margin.",),
    "multiclassova": ("Classes were trained apart; their probabilities need not sum to one.",),
}


def adapt(obj: Any) -> LightGBMModel:
    """The adapter for a Booster or one of the scikit-learn wrappers."""
    import lightgbm

    if isinstance(obj, lightgbm.Booster):
        return LightGBMModel(obj, obj, name="LightGBM Booster")
    if not isinstance(obj, lightgbm.LGBMModel):
        raise CannotExplain(
            f"LightGBM's {type(obj).__name__} is not a model that can be read",
            allowed="a Booster, LGBMClassifier, LGBMRegressor, LGBMRanker",
        )
    if not obj.__sklearn_is_fitted__():
        raise NotFitted(f"{type(obj).__name__} was never fitted", fix="Call fit(X, y) first")
    return LightGBMModel(obj, obj.booster_, name=type(obj).__name__)


class LightGBMModel(BoostedModel):
    """A LightGBM model.

    Notes
    -----
    Natural scales: ``"logit"`` for classes, ``"log"`` for a log link, otherwise ``"raw"``. A
    category that was not seen in training is read as missing, as LightGBM does.
    """

    def __init__(self, source: Any, booster: Any, *, name: str) -> None:
        self.source = self._estimator = source
        self._booster, self.name = booster, name
        self._header = _header(booster)
        objective, *settings = self._header.get("objective", "custom").split()
        self.task, self.scales = OBJECTIVES.get(objective, OTHERWISE)
        self._slope = _slope(settings)
        if self._slope != 1.0 and self.scales == LOGIT:
            self.scales = ("raw", "probability", "logit")
        if "sqrt" in settings:
            self.scales = ("margin", "raw")
        if hasattr(source, "classes_"):
            self.task = "classification"
        self.notes = NOTES.get(objective, ())
        self.classes = self._find_classes()
        found = tuple(booster.feature_name())
        self.columns = None if all(map(UNNAMED.fullmatch, found)) else found
        self._width = len(found)
        self._trees = None

    @cached_property
    def _text(self) -> str:
        """LightGBM's own description of the model, which takes longer to write than to read."""
        return str(self._booster.model_to_string())

    def _content(self) -> str:
        text, _, rest = self._text.partition("end of trees")
        categories = rest[rest.find("pandas_categorical") :]
        rounds = str(max(self._booster.best_iteration, 0))
        return fingerprints.of_bytes(text.encode(), categories.encode(), rounds.encode())

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        margin = scale in (self.scales[0], "logit")
        rows = self._encoded(X)
        alone = {"num_threads": 1} if len(rows) <= FEW_ROWS else {}
        out = np.asarray(self._booster.predict(rows, raw_score=margin, **alone))
        if margin and "average_output" in self._header:  # a forest: its margin comes as a sum
            best = self._booster.best_iteration
            out = out / (best if best > 0 else self._booster.current_iteration())
        return out * self._slope if scale == "logit" else out

    def _categories(self, X: Any) -> Mapping[int, Sequence[Any] | None]:
        """As LightGBM: the table's category columns in order are the model's in order."""
        known = self._booster.pandas_categorical or []
        if not known:
            return {}
        columns: Sequence[int] = frames.words(X)
        if len(columns) != len(known):
            infos = self._header["feature_infos"].split(" ")
            columns = [j for j, info in enumerate(infos) if info != "none" and info[0] != "["]
        if len(columns) != len(known):
            raise WrongType(
                f"{self.name} was fitted on {len(known)} category columns",
                got=f"{len(frames.words(X))} columns of texts or categories",
                fix="Give the same columns as categories as in training",
            )
        return dict(zip(columns, known, strict=True))

    def _read(self) -> Trees:
        from pellucid.models.lightgbm_trees import read

        return read(self._estimator, self._text)

    def known_as(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """LightGBM writes a blank as _."""
        return tuple(re.sub(r"\s", "_", name) for name in names) if self.columns else names

    def _arrange(self, X: Any) -> tuple[Any, tuple[str, ...]]:
        X = frames.framed(X)
        given = frames.names(X)
        return super()._arrange(X if given is None else frames.renamed(X, self.known_as(given)))

    def _find_classes(self) -> tuple[Any, ...] | None:
        if self.task != "classification":
            return None
        count = max(int(self._header["num_class"]), 2)
        return tuple(np.asarray(getattr(self._estimator, "classes_", np.arange(count))).tolist())


def _header(booster: Any) -> dict[str, str]:
    """The fields before the first tree in LightGBM's own text."""
    text = booster.model_to_string(num_iteration=1).partition("\nTree=")[0]
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {key: value for key, _, value in pairs}


def _slope(settings: list[str]) -> float:
    """The factor inside LightGBM's sigmoid."""
    for setting in settings:
        if setting.startswith("sigmoid:"):
            return float(setting.partition(":")[2])
    return 1.0
