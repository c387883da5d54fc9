"""as_model: from any object to a `Model`, by the module its type comes from, importing nothing."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from pellucid.core.errors import CannotExplain, NotFitted
from pellucid.models.adapter import Model

LIBRARIES = {
    **{library: library for library in ("xgboost", "lightgbm", "catboost", "sklearn", "torch")},
    "onnx": "onnx",
    "onnxruntime": "onnx",
}
"""For the library that a type comes from, the room that adapts it."""

ACCEPTED = (
    "a fitted scikit-learn estimator or pipeline",
    "an XGBoost, LightGBM or CatBoost model",
    "a torch.nn.Module, or a Hugging Face model of images",
    "an ONNX graph: its path, its bytes, or an onnxruntime session",
    "a function from a table to an array of predictions",
    "a pellucid Model",
)


def as_model(obj: Any) -> Model:
    """The adapter for a model.

    Parameters
    ----------
    obj : object
        A fitted scikit-learn estimator or pipeline, an XGBoost, LightGBM or CatBoost model, a
        `torch.nn.Module`, an ONNX graph (the path of an ``.onnx`` file, its bytes, a `ModelProto`
        or an `InferenceSession`), a function from a table to an array of predictions, what
        `load_model` returned, or a `Model`, which is returned as it is.

    Returns
    -------
    Model

    Raises
    ------
    NotFitted
        The estimator was not fitted, or is a class.
    CannotExplain
        Nothing here can ask this object for predictions.

    Notes
    -----
    A user's subclass of a library's class is read as that class. No model evaluations.
    """
    if isinstance(obj, tuple):
        obj = _loaded(obj)
    if isinstance(obj, Model):
        return obj
    if isinstance(obj, type):
        raise NotFitted(
            f"{obj.__name__} is a class, not a fitted model", fix=f"Pass {obj.__name__}().fit(X, y)"
        )
    if isinstance(obj, bytes) or _is_onnx_path(obj):
        return _adapted("onnx", obj)
    roots = [base.__module__.partition(".")[0] for base in type(obj).__mro__]
    for root in roots:
        if root in LIBRARIES:
            return _adapted(LIBRARIES[root], obj)
    if callable(obj):
        from pellucid.models.callable import CallableModel

        return CallableModel(obj)
    raise CannotExplain(
        f"A {type(obj).__name__} from {type(obj).__module__} is not a model that can be read",
        allowed="; ".join(ACCEPTED),
        fix=_advice(obj),
    )


def _adapted(room: str, obj: Any) -> Model:
    model: Model = importlib.import_module(f"pellucid.models.{room}").adapt(obj)
    return model


def _is_onnx_path(obj: Any) -> bool:
    return isinstance(obj, (str, os.PathLike)) and Path(obj).suffix.lower() == ".onnx"


def _loaded(obj: tuple[Any, ...]) -> Any:
    """The model of the pair that `load_model` returns."""
    from pellucid.models.load import ModelFile

    return obj[0] if len(obj) == 2 and isinstance(obj[1], ModelFile) else obj


def _advice(obj: Any) -> str:
    for verb in ("predict_proba", "predict"):
        if callable(getattr(obj, verb, None)):
            return f"Pass its method: model.{verb}"
    return "Pass a function that returns one number, or one probability for each class, per row"
