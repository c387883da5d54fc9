"""A model of images as it is asked: the adapter, and the layout and channels that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.data.images import Images
from pellucid.models.adapter import Model
from pellucid.models.as_model import as_model
from pellucid.models.image_callable import ImageCallable
from pellucid.models.layouts import as_given, runs
from pellucid.models.onnx import OnnxModel
from pellucid.models.torch import TorchModel, tensor


def fitted(model: Any, images: Images) -> tuple[TorchModel | OnnxModel | ImageCallable, Images]:
    """The model as `adapter_of`, and the images: of grey files one channel if it takes only one."""
    found, one = adapter_of(model, images), images.single()
    if one is not images and runs(found, images.values[:2]) is None:
        other = adapter_of(model, one)
        if runs(other, one.values[:2]) is not None:
            return other, one
    return found, images


def reference(background: Any, images: Images) -> Images | None:
    """Images to compare with; of grey files, with as many channels as the images explained.

    Raises
    ------
    InvalidSetting
        If they differ in size from the images explained.
    """
    if background is None:
        return None
    found = Images.of(background)
    found = found.single() if images.values.shape[1] == 1 else found
    if found.values.shape[1:] != images.values.shape[1:]:
        raise InvalidSetting(
            "The background has images of the same size",
            got=found.values.shape[1:],
            allowed=images.values.shape[1:],
        )
    return found


def adapter_of(model: Any, images: Images) -> TorchModel | OnnxModel | ImageCallable:
    """The model as one that is asked about images: a network, or any function of them.

    Images that came with the channels last are given to it so, if it runs so.
    """
    if hasattr(getattr(model, "model", None), "named_modules") and hasattr(model, "preprocess"):
        raise CannotExplain(
            f"{type(model).__name__} changes images before its network sees them",
            fix="Give its .model, and as images what its .image_processor(…, return_tensors='pt') "
            "makes of them",
        )
    if callable(model) and not isinstance(model, Model) and not hasattr(model, "named_modules"):
        return ImageCallable(model, _laid(images))
    found = as_model(model)
    if not isinstance(found, (TorchModel, OnnxModel, ImageCallable)):
        raise CannotExplain(
            f"{found.name} is a model of tables, not of images",
            allowed="a torch.nn.Module, an ONNX graph, or a function from images to scores",
            fix="Pass a function that flattens the images",
        )
    if images.last and not isinstance(found, ImageCallable):
        return as_given(found, images.values[:2])
    return found


def _laid(images: Images) -> Callable[[np.ndarray], Any]:
    """From channels first to the user's own kind and layout."""
    if images.kind != "torch":
        return images.laid
    return lambda values: tensor(images.laid(values))
