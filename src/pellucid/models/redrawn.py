"""Networks with other weights, or other inputs, than the user's: copies, so that his own stays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.models.torch import TorchModel

if TYPE_CHECKING:
    import torch


class Redrawn:
    """A copy of a network whose weights can be drawn anew, layer by layer.

    Parameters
    ----------
    model : TorchModel
        The network; neither it nor its weights are touched.
    values : array of shape (sample, …)
        Inputs of the network; the first is sent through it to see which layer comes when.

    Attributes
    ----------
    model : TorchModel
        The copy, as its weights stand.
    layers : tuple of str
        The addresses of all parts that hold weights, from the input to the output; ``""`` is the
        network itself.

    Raises
    ------
    CannotExplain
        If the network is compiled, cannot be copied, or has no weights.

    Notes
    -----
    Memory: the weights once more.
    """

    def __init__(self, model: TorchModel, values: np.ndarray) -> None:
        if "sites" not in model.can:
            raise CannotExplain(
                f"{model.name} is compiled, and its parts cannot be drawn anew",
                fix="Give the module that it was compiled from",
            )
        self._first = model.module
        self.model = model.around(copied(model))
        self.layers = _in_order(self.model, values)
        if not self.layers:
            raise CannotExplain(f"{model.name} has no weights that could be drawn anew")

    def blocks(self, most: int) -> list[tuple[str, ...]]:
        """The layers from the output to the input, in at most so many blocks of about one size."""
        upward = self.layers[::-1]
        parts = np.array_split(np.arange(len(upward)), min(most, len(upward)))
        return [tuple(upward[i] for i in part) for part in parts]

    def draw(self, layers: Sequence[str], seed: int) -> None:
        """Draw the weights of these layers anew, as they are at the start of training.

        A part that does not say how its weights start gets normal ones, with the mean and the
        spread of those that it has.
        """
        import torch

        parts, trained = (dict(each.named_modules()) for each in (self.model.module, self._first))
        used = {each.device for each in self.model.module.parameters()}
        devices = [each for each in used if each.type == "cuda"]
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            torch.manual_seed(seed)
            for name in layers:
                _restart(parts[name], trained[name])

    def restore(self) -> None:
        """Give the copy the network's own weights again."""
        self.model.module.load_state_dict(self._first.state_dict())


def shifted(model: TorchModel, shift: float) -> TorchModel:
    """The same function of inputs that are all greater by `shift`, which it takes away first.

    Exact for every network, also where padding would keep a bias from absorbing the shift.
    """
    import torch

    class Shifted(torch.nn.Module):
        def __init__(self, network: Any) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> Any:
            return self.network(x - shift)

    return model.around(Shifted(copied(model)))


def copied(model: TorchModel) -> Any:
    """A copy of the module, with its own weights.

    Raises
    ------
    CannotExplain
        If it cannot be copied.
    """
    try:
        return copy.deepcopy(model.module)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise CannotExplain(
            f"{model.name} cannot be copied",
            got=str(error).split("\n")[0],
            fix="Build its weights as parameters, without hooks that compute them",
        ) from error


def _in_order(model: TorchModel, values: np.ndarray) -> tuple[str, ...]:
    """Parts that hold weights, in the order in which they, or what holds them, are called."""
    import torch

    calls: dict[str, int] = {}
    parts = dict(model.module.named_modules())

    def met(name: str) -> Callable[..., None]:
        return lambda module, given: calls.update({name: calls.get(name, len(calls))})

    with model.still() as call, torch.no_grad():
        for name, part in parts.items():
            part.register_forward_pre_hook(met(name))
        call(model.tensor(values[:1]))
    holding = [name for name, part in parts.items() if any(True for _ in part.parameters(False))]
    return tuple(sorted(holding, key=lambda name: _called(name, calls)))


def _called(name: str, calls: dict[str, int]) -> int:
    """When a part was called, or else the nearest one around it."""
    while name not in calls and name:
        name = name.rpartition(".")[0]
    return calls.get(name, 0)


def _restart(part: Any, trained: Any) -> None:
    for start in ("reset_parameters", "_reset_parameters"):
        if callable(getattr(part, start, None)):
            getattr(part, start)()
            return
    for weight, own in zip(part.parameters(False), trained.parameters(False), strict=True):
        if weight.is_floating_point():
            spread = float(own.std()) if own.numel() > 1 else 1.0
            weight.normal_(float(own.mean()), spread)
