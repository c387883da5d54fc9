"""scikit-learn: which estimators answer on which scale, and how they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, MissingExtra, NotFitted
from pellucid.models import fingerprints, frames, sklearn_linear, sklearn_trees
from pellucid.models.adapter import Model, Task
from pellucid.models.kept_trees import read_once
from pellucid.models.linear import Linear
from pellucid.models.scales import CLIPPED, log_odds
from pellucid.models.sklearn_asked import asked
from pellucid.models.sklearn_columns import library_class
from pellucid.models.sklearn_ensembles import NO_SUMS
from pellucid.models.sklearn_gaps import NAN, NONE
from pellucid.models.sklearn_trees import hist_columns, hist_matrix, path_length
from pellucid.models.trees import Trees

INNER = {  # wrappers whose predictions are those of one estimator inside
    "GridSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "FixedThresholdClassifier": "estimator_",
    "TunedThresholdClassifierCV": "estimator_",
    "RANSACRegressor": "estimator_",
    "FrozenEstimator": "estimator",
}
SCORED = (
    "GradientBoostingClassifier",
    "AdaBoostClassifier",
)  # sums of scores, not of probabilities
VOTES = "It answers with a class only: probability is 1 for the class it names and 0 for others."


def adapt(obj: Any) -> Model:
    """The adapter for a scikit-learn estimator, pipeline or wrapper."""
    from pellucid.models.as_model import as_model
    from pellucid.models.pipeline import pipeline_model

    base = library_class(obj)
    _expect_fitted(obj, base)
    if base == "Pipeline":
        return pipeline_model(obj)
    if base in INNER:
        model = as_model(getattr(obj, INNER[base]))
        model.source, model.name = obj, f"{type(obj).__name__}({model.name})"
        return model
    return SklearnModel(obj)


@dataclass(frozen=True)
class Learnt:
    """What was read of an ensemble of trees."""

    trees: Trees
    fingerprint: str


class SklearnModel(Model):
    """One fitted scikit-learn estimator.

    Notes
    -----
    Natural scales: ``"logit"`` where the decision function is the logit (logistic regression,
    gradient boosting, discriminant analysis), ``"log"`` for a log link, ``"path length"`` for an
    isolation forest, ``"raw"`` for other margins and for regression, otherwise ``"probability"``.
    """

    def __init__(self, source: Any) -> None:
        self.source = self._estimator = source
        self.name = type(source).__name__
        self._base = library_class(source)
        self.task = _task(source, self.name)
        self.columns = remembered(source)
        self.classes = _classes(source, self.name) if self.task == "classification" else None
        self._linear = sklearn_linear.read(source)
        self.scales = self._find_scales()
        own = self.task == "classification" and self.scales[0] != "logit"
        self.notes = (CLIPPED,) if own and "logit" in self.scales else ()
        if self.scales == ("probability",):
            self.notes = (VOTES,)
        if self._base in NO_SUMS:
            self.notes = (*self.notes, f"{NO_SUMS[self._base]}: exact tree methods are out.")
        self._learnt: Learnt | Trees | CannotExplain | None = None

    @property
    def can(self) -> frozenset[str]:
        found = {"predict"}
        if hasattr(self._estimator, "predict_proba") and self.task == "classification":
            found.add("proba")
        if self._linear is not None:
            found.add("linear")
        if not isinstance(self._read_trees(), CannotExplain):
            found.add("trees")
        return frozenset(found)

    @property
    def width(self) -> int | None:
        found = getattr(self._estimator, "n_features_in_", None)
        return None if found is None else int(found)

    @property
    def encoded_from(self) -> np.ndarray | None:
        if self._base.startswith("HistGradientBoosting"):
            return hist_columns(self._estimator)
        return None if self.width is None else np.arange(self.width)

    def fingerprint(self) -> str:
        read = self._read_trees()
        if isinstance(read, Learnt):
            return read.fingerprint
        return fingerprints.of_object(self._estimator)

    def trees(self, scale: str) -> Trees:
        found = self._read_trees()
        if isinstance(found, CannotExplain):
            raise found
        if scale != self.scales[0]:
            raise CannotExplain(
                f"The trees of {self.name} add up on one scale", got=scale, allowed=self.scales[0]
            )
        return found.trees if isinstance(found, Learnt) else found

    def linear(self, scale: str) -> Linear:
        if self._linear is None or scale != self.scales[0]:
            raise CannotExplain(
                f"{self.name} has no coefficients on this scale",
                got=scale,
                allowed=self.scales[0] if self._linear else "a linear model",
            )
        return self._linear

    def _find_scales(self) -> tuple[str, ...]:
        if self.task == "outlier":
            forest = self._base == "IsolationForest" and self._estimator.max_samples_ > 1
            return ("path length", "raw") if forest else ("raw",)
        if self.task == "regression":
            return ("log", "raw") if sklearn_linear.has_log_link(self._estimator) else ("raw",)
        if hasattr(self._estimator, "predict_proba"):
            if sklearn_linear.margin_is_logit(self._estimator):
                return ("logit", "probability")
            score = self._linear is not None or self._base in SCORED
            return ("raw", "probability", "logit") if score else ("probability", "logit")
        return ("raw",) if hasattr(self._estimator, "decision_function") else ("probability",)

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        if self.task == "regression":
            out = asked(self._estimator, "predict", X).astype(np.float64)
            return np.log(out) if scale == "log" else out
        if self.task == "outlier":
            deep = scale == "path length"
            return path_length(self._estimator, X) if deep else self._estimator.decision_function(X)
        if scale == "raw" or (scale == "logit" and self.scales[0] == "logit"):
            return self._margins(X)
        p = self._probabilities(X)
        return log_odds(p) if scale == "logit" else p

    def _margins(self, X: Any) -> np.ndarray:
        out = asked(self._estimator, "decision_function", X)
        expected = len(self.classes or ())
        in_pairs = getattr(self._estimator, "decision_function_shape", None) == "ovo"
        if out.ndim == 2 and (in_pairs or out.shape[1] != expected):
            raise CannotExplain(
                f"{self.name} scores pairs of classes, not classes",
                got=f"{out.shape[1]} scores for {expected} classes",
                fix="Fit it with decision_function_shape='ovr'",
            )
        return out

    def _probabilities(self, X: Any) -> np.ndarray:
        classes = np.asarray(self.classes)
        if hasattr(self._estimator, "predict_proba"):
            p = asked(self._estimator, "predict_proba", X)
        else:
            p = (np.asarray(self._estimator.predict(X))[:, None] == classes).astype(np.float64)
        return p[:, 1:] if len(classes) == 2 else p

    def _read_trees(self) -> Learnt | Trees | CannotExplain:
        if self._learnt is None:
            try:
                self._learnt = self._read()
            except CannotExplain as error:
                self._learnt = error
        return self._learnt

    def _read(self) -> Learnt | Trees:
        """The trees; those of large ensembles are read once for a model."""
        estimator, base = self._estimator, self._base
        content = sklearn_trees.content(estimator, base, quick=True)

        def read() -> Learnt:
            fingerprint = sklearn_trees.content(estimator, base)
            return Learnt(sklearn_trees.read(estimator), str(fingerprint))

        return sklearn_trees.read(estimator) if content is None else read_once(content, read)

    def _encoded(self, X: Any) -> Any:
        hist = self._base.startswith("HistGradientBoosting")
        return hist_matrix(self._estimator, X) if hist else frames.matrix(X)

    def _arrange(self, X: Any) -> tuple[Any, tuple[str, ...]]:
        X, notes = super()._arrange(X)
        return suited(X, self.columns, self.width), notes


def remembered(source: Any) -> tuple[str, ...] | None:
    """The names of the columns a scikit-learn object was fitted on."""
    found = getattr(source, "feature_names_in_", None)
    return None if found is None else tuple(map(str, found))


def suited(
    X: Any, columns: tuple[str, ...] | None, width: int | None, gaps: frozenset[str] = NAN
) -> Any:
    """The table as the estimator can take it: names where it remembers names, gaps as it knows.

    Encoders tell NaN, which pandas gives for a missing text, from None, which Arrow and Polars
    give; `gaps` says which of them the estimator learnt.
    """
    if columns and frames.kind(X) == "numpy":
        X = frames.named(X, columns)
    elif not columns and width is not None and frames.names(X) is not None:
        return frames.unnamed(X)
    if frames.kind(X) == "pandas":
        return frames.arrow(X) if gaps == NONE and frames.has_gaps_in_words(X) else X
    if frames.kind(X) not in ("pyarrow", "polars") or gaps >= NONE:
        return X
    if frames.kind(X) == "pyarrow" or frames.has_gaps_in_words(X):
        X = frames.as_pandas(X)
    if frames.kind(X) != "pandas" and frames.has_gaps_in_words(X):
        raise MissingExtra.of("pandas", None, "A table with missing texts for this pipeline")
    return X


def _expect_fitted(obj: Any, base: str) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if base in INNER and base != "FrozenEstimator" and not hasattr(obj, INNER[base]):
        searched = hasattr(obj, "cv_results_")
        raise NotFitted(
            f"{type(obj).__name__} holds no fitted estimator",
            fix="Search with refit=True" if searched else "Call fit(X, y) first",
        )
    try:
        check_is_fitted(obj)
    except NotFittedError as error:
        raise NotFitted(
            f"{type(obj).__name__} was never fitted", fix="Call fit(X, y) first"
        ) from error
    except TypeError as error:
        raise CannotExplain(
            f"{type(obj).__name__} is not an estimator", fix="Pass a fitted estimator"
        ) from error


def _task(source: Any, name: str) -> Task:
    from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor

    if is_outlier_detector(source) and hasattr(source, "decision_function"):
        return "outlier"
    if is_clusterer(source) or is_outlier_detector(source) or not hasattr(source, "predict"):
        raise CannotExplain(
            f"{name} gives rows no prediction that could be explained",
            allowed="classifiers, regressors and outlier detectors that score new rows",
            fix="Pass a function, such as the distance to one cluster's centre",
        )
    if is_regressor(source):
        return "regression"
    sorts = is_classifier(source) or hasattr(source, "classes_")
    return "classification" if sorts else "regression"


def _classes(source: Any, name: str) -> tuple[Any, ...]:
    found = source.classes_
    if isinstance(found, list) or np.ndim(found) != 1 or _is_multilabel(source):
        raise CannotExplain(
            f"{name} answers several questions at once",
            fix="Explain one of them: pass a function that returns its probabilities",
        )
    if len(found) < 2:
        raise CannotExplain(f"{name} was fitted on a single class", got=list(found))
    return tuple(np.asarray(found).tolist())


def _is_multilabel(source: Any) -> bool:
    return bool(getattr(source, "multilabel_", False)) or getattr(source, "n_outputs_", 1) not in (
        1,
        len(source.classes_),  # a neural network counts one output for each class
    )
