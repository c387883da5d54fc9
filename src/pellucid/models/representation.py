"""What a network makes of its inputs inside, as numbers for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.models.torch import TorchModel

if TYPE_CHECKING:
    import torch


def representation(model: TorchModel, values: np.ndarray, site: str | None = None) -> np.ndarray:
    """The activation at a site; by default what the last part that has weights is given.

    Parameters
    ----------
    model : TorchModel
    values : array of shape (sample, …)
        Inputs of the network.
    site : str, optional
        The address of a part, whose output is taken.

    Returns
    -------
    array of shape (sample, number)

    Raises
    ------
    UnknownName
        If the network has no such site.
    CannotExplain
        If there is no one tensor for the inputs there.
    """
    import torch

    seen: list[torch.Tensor] = []
    with model.still() as call, torch.no_grad():
        if site is not None:
            part = model.site(site)
            part.register_forward_hook(lambda part, given, out: seen.append(_kept(out)))
        else:
            for part in model.module.modules():
                if any(True for _ in part.parameters(recurse=False)):
                    part.register_forward_pre_hook(lambda part, given: _last(seen, given))
        call(model.tensor(values))
        if len(seen) != 1 or not isinstance(seen[0], torch.Tensor) or len(seen[0]) != len(values):
            raise CannotExplain(
                f"{model.name} has no single activation there",
                got=f"{len(seen)} outputs" if len(seen) != 1 else type(seen[0]).__name__,
                fix="Name a part of the network that is called once and returns one tensor: site=",
            )
        return seen[0].reshape(len(values), -1).double().cpu().numpy()


def _kept(found: Any) -> Any:
    """A copy, since later parts may work in place."""
    return found.clone() if hasattr(found, "clone") else found


def _last(seen: list[torch.Tensor], given: tuple[Any, ...]) -> None:
    """Keep what a part is given in place of what an earlier one was."""
    seen[:] = given[:1]
