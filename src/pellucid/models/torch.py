"""Networks: any `torch.nn.Module` as a model that can be asked, differentiated and looked into."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.models import fingerprints, frames
from pellucid.models.adapter import Model

if TYPE_CHECKING:
    import torch

SUM_TO_ONE = 1e-3
"""How far probabilities may be from 1 in all: the rounding of 16 bits."""

Call = Callable[["torch.Tensor"], "torch.Tensor"]
"""From inputs (sample, …) to raw scores (sample, output)."""


def adapt(obj: Any) -> Model:
    """The adapter for a module; for anything else of the library, that for a function."""
    import torch

    if isinstance(obj, torch.nn.Module):
        return TorchModel(obj)
    from pellucid.models.callable import CallableModel

    return CallableModel(obj)


def tensor(values: np.ndarray) -> torch.Tensor:
    """An array as a tensor of 32 bits on the processor."""
    import torch

    return torch.from_numpy(np.array(values, dtype=np.float32))


class TorchModel(Model):
    """One module, from a batch of inputs to one score for each output.

    Parameters
    ----------
    module : torch.nn.Module
        Called with one tensor (sample, …). Returns a tensor (sample, output) or (sample,), or an
        object with such ``logits``.
    classes : sequence, optional
        Labels of the outputs; by default those of the module's ``config.id2label``, else numbers.
    returns : {"logit", "probability", "raw"}, optional
        What the outputs are. By default several outputs are logits, whose softmax is the
        probability, or probabilities where every row of the first answer adds up to 1; one output
        is ``"raw"``.

    Notes
    -----
    The module is never changed: it is put into evaluation mode, its parameters need no gradients
    and its activations do not work in place only while it is asked, and all of that is put back,
    also after an error. A module that counts on activations working in place keeps them so.
    """

    by_name = False

    def __init__(self, module: Any, *, classes: Any = None, returns: str | None = None) -> None:
        if returns not in (None, "logit", "probability", "raw"):
            raise InvalidSetting(
                "A network returns logits, probabilities or raw scores", got=repr(returns),
                allowed=("logit", "probability", "raw"),
            )  # fmt: skip
        self.source = self.module = module
        self.name = type(module).__name__
        self.columns = None
        self.classes = _labels(module) if classes is None else tuple(classes)
        self._returns = returns
        self._become(returns or ("logit" if self.classes else "raw"))
        self._settled = False
        self._in_place = False

    @property
    def can(self) -> frozenset[str]:
        found = {"predict", "gradient", "sites"}
        return frozenset(found | {"proba"} if self.task == "classification" else found)

    @property
    def encoded_from(self) -> np.ndarray | None:
        return None

    @property
    def width(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        said = [(name, str(tuple(each.shape))) for name, each in self.module.state_dict().items()]
        held = [
            each.detach().cpu().contiguous().reshape(-1).view(_bytes()).numpy().tobytes()
            for each in self.module.state_dict().values()
            if each.numel()
        ]
        return fingerprints.of_bytes(repr((self.module, said)).encode(), *held)

    def greet(self, X: Any) -> tuple[str, ...]:
        self.settle(self._values(X)[:2])
        return () if isinstance(X, np.ndarray) and X.ndim > 2 else super().greet(X)

    def settle(self, values: np.ndarray) -> None:
        """Find out, from a few inputs, what the module answers."""
        if self._settled:
            return
        import torch

        with self.still() as call, torch.no_grad():
            raw = self._ask(call, self.tensor(values)).double().cpu().numpy()
        self._settle_in_place(values, raw)
        self._settled, outputs = True, raw.shape[1]
        if self._returns is not None:
            return
        sums = (raw >= 0).all() and np.abs(raw.sum(axis=1) - 1).max() <= SUM_TO_ONE
        if outputs == 1:
            self.classes = None
        elif self.classes is None or len(self.classes) != outputs:
            self.classes = tuple(range(outputs))
        self._become("raw" if outputs == 1 else "probability" if sums else "logit")

    def _settle_in_place(self, values: np.ndarray, raw: np.ndarray) -> None:
        """Whether the module counts on activations that work in place, as in ``self.relu(x)``."""
        import torch

        if not any(map(_works_in_place, self.module.modules())):
            return
        self._in_place = True
        with self.still() as call, torch.no_grad():
            own = self._ask(call, self.tensor(values)).double().cpu().numpy()
        self._in_place = not np.array_equal(own, raw, equal_nan=True)

    def predict(self, X: Any, scale: str) -> np.ndarray:
        values = self._values(X)
        self.settle(values[:2])
        if scale not in self.scales:
            raise InvalidSetting(
                f"{self.name} does not predict on this scale", got=scale, allowed=self.scales
            )
        return self._finish(self._ask(self._outputs, values, scale), len(values))

    def scores(self, values: np.ndarray, scale: str) -> np.ndarray:
        """One score for each output on a scale, also of two classes: float64 (sample, output)."""
        import torch

        self.settle(values[:2])
        with self.still() as call, torch.no_grad():
            raw = self._ask(call, self.tensor(values))
            return self._finish(self.on(raw, scale).double().cpu().numpy(), len(values))

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        import torch

        with self.still() as call, torch.no_grad():
            found = self.told(call(self.tensor(X)), scale)
        return found.double().cpu().numpy()

    def told(self, raw: torch.Tensor, scale: str) -> torch.Tensor:
        """Raw scores as `predict` tells them: of two classes the second, against the first."""
        found = self.on(raw, scale)
        if self.classes is None or found.shape[1] != 2:
            return found
        return found[:, 1:] - found[:, :1] if scale == "logit" else found[:, 1:]

    def tensor(self, values: np.ndarray) -> torch.Tensor:
        """Inputs as the module wants them: on its device, in its precision."""
        import torch

        first = next((p for p in self.module.parameters() if p.is_floating_point()), None)
        made = torch.from_numpy(np.array(values))
        return made.float() if first is None else made.to(first.device, first.dtype)

    @contextmanager
    def still(self) -> Iterator[Call]:
        """The module as a function of one tensor, held still; as it was, afterwards.

        Yields
        ------
        callable
            From a tensor (sample, …) to raw scores (sample, output).
        """
        modules = list(self.module.modules())
        training = [each.training for each in modules]
        wanted = [(p, p.requires_grad) for p in self.module.parameters()]
        placed = [] if self._in_place else [m for m in modules if _works_in_place(m)]
        hooks = [(each, _hooks(each)) for each in modules]
        try:
            for each in modules:
                each.training = False
            for parameter, _ in wanted:
                parameter.requires_grad_(False)
            for each in placed:
                each.inplace = False
            yield self.scores_of
        finally:
            for each, mode in zip(modules, training, strict=True):
                each.training = mode
            for parameter, grad in wanted:
                parameter.requires_grad_(grad)
            for each in placed:
                each.inplace = True
            for each, known in hooks:
                _unhook(each, known)

    def on(self, raw: torch.Tensor, scale: str) -> torch.Tensor:
        """Raw scores on a scale, (sample, output)."""
        import torch

        if scale == self._returns_now or scale == "raw":
            return raw
        if scale == "probability":
            return torch.softmax(raw.float(), dim=1)
        return torch.log(raw.float().clamp_min(torch.finfo(torch.float32).tiny))

    def sites(self) -> tuple[str, ...]:
        """The addresses of all parts of the module."""
        return tuple(name for name, _ in self.module.named_modules() if name)

    def site(self, address: str) -> Any:
        """The part of the module at an address, such as ``"layer3.1.conv2"``.

        Raises
        ------
        UnknownName
            If there is none; offers the nearest.
        """
        found = dict(self.module.named_modules())
        if address not in found or not address:
            near = difflib.get_close_matches(str(address), found, n=12, cutoff=0.3)
            raise UnknownName.among("site", str(address), [n for n in near if n] or self.sites())
        return found[address]

    def _become(self, returns: str) -> None:
        self._returns_now = returns
        self.task = "regression" if returns == "raw" else "classification"
        others = {"logit": ("logit", "probability"), "probability": ("probability", "logit")}
        self.scales = others.get(returns, ("raw",))

    def _values(self, X: Any) -> np.ndarray:
        if isinstance(X, np.ndarray) and X.ndim != 2:
            return X
        return frames.matrix(self._arrange(X)[0])

    def scores_of(self, inputs: torch.Tensor) -> torch.Tensor:
        """The module's raw scores (sample, output), as it stands: to be asked within `still`."""
        import torch

        found = self.module(inputs)
        found = getattr(found, "logits", found)
        if isinstance(found, (tuple, list)) and found:
            found = found[0]
        if not isinstance(found, torch.Tensor):
            raise CannotExplain(
                f"{self.name} answers with something else than scores",
                got=type(found).__name__,
                allowed="a tensor (sample, output), or an object with such `logits`",
            )
        if found.ndim == 1 and len(found) == len(inputs):
            found = found[:, None]
        if found.ndim != 2 or len(found) != len(inputs):
            raise CannotExplain(
                f"{self.name} answers with the wrong shape",
                got=f"{tuple(found.shape)} for {len(inputs)} inputs",
                allowed="(sample,) or (sample, output)",
                fix="Wrap it in a module that pools its answer to one score for each output",
            )
        return found


def _labels(module: Any) -> tuple[Any, ...] | None:
    named = getattr(getattr(module, "config", None), "id2label", None)
    return tuple(named[i] for i in sorted(named)) if isinstance(named, dict) and named else None


def _bytes() -> Any:
    import torch

    return torch.uint8


def _works_in_place(part: Any) -> bool:
    return getattr(part, "inplace", False) is True


HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
)  # fmt: skip


def _hooks(module: Any) -> dict[str, set[int]]:
    return {name: set(getattr(module, name)) for name in HOOKS}


def _unhook(module: Any, known: dict[str, set[int]]) -> None:
    """Take away the hooks that came since."""
    for name, keys in known.items():
        held = getattr(module, name)
        for key in [key for key in held if key not in keys]:
            del held[key]
