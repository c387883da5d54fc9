"""Gradients where the caller's own code has switched them off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pellucid.core.errors import CannotExplain
from pellucid.models.adapter import Model
from pellucid.models.held import named_parts
from pellucid.models.torch import TorchModel

FIX = "Leave the block, or give torch.inference_mode(False) around the call"


@contextmanager
def graphs(model: Model) -> Iterator[None]:
    """Within which a network has gradients, also where the caller is under ``torch.no_grad()``."""
    if not isinstance(model, TorchModel):
        yield
        return
    import torch

    with torch.enable_grad():
        yield


def refuse_inference_mode(model: Model) -> None:
    """To be called by whatever needs a gradient.

    Raises
    ------
    CannotExplain
        Under ``torch.inference_mode()``, or if the network's parameters were made under it.
    """
    if not isinstance(model, TorchModel):
        return
    import torch

    if torch.is_inference_mode_enabled():
        raise CannotExplain(
            f"{model.name} has no gradient under torch.inference_mode()",
            got="inference mode",
            allowed="torch.no_grad(), or neither",
            fix=FIX,
        )
    parameters = (p for _, part in named_parts(model.module) for p in part._parameters.values())
    if any(each.is_inference() for each in parameters if each is not None):
        raise CannotExplain(
            f"{model.name} was made under torch.inference_mode(), and keeps no gradients",
            got="parameters of inference mode",
            fix="Make or load the network outside of it",
        )
