"""CatBoost: models, classifiers and regressors, with their categories as texts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, NotFitted
from pellucid.models import fingerprints, frames
from pellucid.models.adapter import Task
from pellucid.models.boosted import BoostedModel
from pellucid.models.kept_trees import read_once
from pellucid.models.trees import Trees

OBJECTIVES: dict[str, tuple[Task, tuple[str, ...]]] = {  # the scale of the sum first
    "Logloss": ("classification", ("logit", "probability")),
    "CrossEntropy": ("classification", ("logit", "probability")),
    "MultiClass": ("classification", ("logit", "probability")),
    "MultiClassOneVsAll": ("classification", ("logit", "probability")),
    "Poisson": ("regression", ("log", "raw")),
    "Tweedie": ("regression", ("log", "raw")),
    "LogLinQuantile": ("regression", ("log", "raw")),
    "RMSEWithUncertainty": ("regression", ("margin", "raw")),
}
OTHERWISE: tuple[Task, tuple[str, ...]] = ("regression", ("raw",))
SEVERAL = ("MultiLogloss", "MultiCrossEntropy")
ASKED = {"probability": "Probability", "log": "RawFormulaVal", "logit": "RawFormulaVal"}
VALUES = {"log": "Exponent", "margin": "RMSEWithUncertainty"}  # raw, by the natural scale
NOTES = {
    "MultiClassOneVsAll": ("Classes were trained apart; their probabilities need not sum to one.",),
    "RMSEWithUncertainty": (
        "Output 0 is the mean, output 1 the variance, its logarithm in margin.",
    ),
}


def adapt(obj: Any) -> CatBoostModel:
    """The adapter for a CatBoost, CatBoostClassifier, CatBoostRegressor or CatBoostRanker."""
    import catboost

    if not isinstance(obj, catboost.CatBoost):
        raise CannotExplain(
            f"CatBoost's {type(obj).__name__} is not a model that can be read",
            allowed="a CatBoost, CatBoostClassifier, CatBoostRegressor or CatBoostRanker",
        )
    if not obj.is_fitted():
        raise NotFitted(f"{type(obj).__name__} was never fitted", fix="Call fit(X, y) first")
    if obj._get_embedding_feature_indices():
        raise CannotExplain(
            "This CatBoost model reads embeddings, which are no columns of a table",
            fix="Pass a function of a table that makes the embeddings and asks the model",
        )
    return CatBoostModel(obj)


def _loss(source: Any) -> str:
    """The loss of a model that CatBoost cannot describe in JSON."""
    return str(source.get_all_params().get("loss_function", "RMSE")).partition(":")[0]


@dataclass(frozen=True)
class Described:
    """What CatBoost's JSON says of a model besides its trees."""

    loss: str
    fingerprint: str
    known: dict[int, np.ndarray]
    """The categories that the trees tell apart, by column."""


class CatBoostModel(BoostedModel):
    """A CatBoost model.

    Notes
    -----
    Natural scales: ``"logit"`` for classes, ``"log"`` for a log link, otherwise ``"raw"``.
    CatBoost refuses missing categories; one that was not seen in training is told apart from all
    others. A model whose splits combine several columns claims no trees, and says so.
    """

    def __init__(self, source: Any) -> None:
        self.source, self.name = source, type(source).__name__
        self._words = tuple(source._get_cat_feature_indices())
        self._texts = tuple(source._get_text_feature_indices())
        self._described = self._describe()
        loss = self._described.loss
        self.task, self.scales = OBJECTIVES.get(loss, OTHERWISE)
        if loss in SEVERAL:
            raise CannotExplain(
                f"{self.name} answers several questions at once",
                got=loss,
                fix="Explain one of them: pass a function that returns its probabilities",
            )
        found = tuple(map(str, source.feature_names_))
        self._width = len(found)
        self.columns = None if found == tuple(map(str, range(self._width))) else found
        self.classes = self._find_classes()
        self._trees = None
        self.notes = NOTES.get(loss, ())
        if isinstance(found_trees := self._cached_trees(), CannotExplain):
            self.notes = (*self.notes, f"Exact tree methods are out. {found_trees}")

    def _describe(self) -> Described:
        """CatBoost's JSON takes longer to write than all the rest: it is read once for a model."""
        whole = fingerprints.of_bytes(self.source._serialize_model())
        if self._texts:
            return Described(_loss(self.source), whole, {})

        def read() -> Described:
            from pellucid.models.catboost_trees import export, known_categories, loss

            said = export(self.source)
            learnt = {name: part for name, part in said.items() if name != "model_info"}
            text = json.dumps(learnt, sort_keys=True).encode()
            found = fingerprints.of_bytes(loss(said).encode(), text)
            return Described(loss(said), found, known_categories(said))

        return read_once(f"CatBoost's description {whole}", read)

    def _content(self) -> str:
        return self._described.fingerprint

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        from catboost import CatBoost, CatBoostError

        natural = self.scales[0]
        kind = VALUES.get(natural, "RawFormulaVal") if scale == "raw" else ASKED.get(scale)
        try:
            # a ranker's own predict knows no kinds
            out = CatBoost.predict(self.source, self._rows(X), kind or "RawFormulaVal")
        except CatBoostError as error:
            raise ValueError(str(error)) from error
        out = np.asarray(out, dtype=np.float64)
        return out[:, 1:] if scale == "probability" and out.shape[1] == 2 else out

    def _rows(self, X: Any) -> Any:
        """The table as CatBoost takes every kind of it: numbers, or numbers and texts."""
        if frames.kind(X) in ("numpy", "scipy"):
            return X
        words = {*self._words, *self._texts}
        if not words:
            return frames.matrix(X)
        numbers = [j for j in range(self._width) if j not in words]
        out = np.empty((frames.height(X), self._width), dtype=object)
        out[:, numbers] = frames.matrix(frames.pick(X, numbers)) if numbers else 0
        for j in words:
            values, place = frames.different(X, j)
            out[:, j] = np.array([*values, np.nan], dtype=object)[place]
        return out

    def _encoded(self, X: Any) -> np.ndarray:
        numbers = [j for j in range(self._width) if j not in self._words]
        out = np.full((frames.height(X), self._width), np.nan)
        if numbers:
            out[:, numbers] = frames.matrix(frames.pick(X, numbers))
        for j in self._words:
            values, place = frames.different(X, j)
            out[:, j] = np.append(self._codes(values, j), np.nan)[place]
        return out

    def _codes(self, values: list[Any], column: int) -> np.ndarray:
        """The number of each category among those that the trees know, -1 for all others."""
        from pellucid.models.catboost_trees import category_hash

        known = self._described.known.get(column, np.zeros(0, dtype=np.int64))
        own = np.array([category_hash(value) for value in values], dtype=np.int64)
        place = np.searchsorted(known, own)
        found = place < len(known)
        found[found] = known[place[found]] == own[found]
        return np.where(found, place, -1).astype(np.float64)

    def _read(self) -> Trees:
        from pellucid.models.catboost_trees import export, read

        if self._texts:
            raise CannotExplain(
                "This CatBoost model reads texts by their words, of which its trees tell nothing",
                fix="Use a method that only needs predictions, such as kernel_shap",
            )
        return read(export(self.source), self._width)

    def _find_classes(self) -> tuple[Any, ...] | None:
        if self.task != "classification":
            return None
        found = np.asarray(self.source.classes_).tolist()
        return tuple(found) if len(found) > 1 else (0, 1)
