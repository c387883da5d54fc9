"""Networks: any `torch.nn.Module` as a model that can be asked, differentiated and looked into."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidData, InvalidSetting, UnknownName
from pellucid.models import frames, layouts, learnt
from pellucid.models.adapter import Model
from pellucid.models.held import held, is_compiled, takes_one, works_in_place

if TYPE_CHECKING:
    import torch

MANY = 8
"""Inputs for which it pays to find out how they are quickest laid out in memory."""

SUM_TO_ONE = 1e-3
"""How far probabilities may be from 1 in all: the rounding of 16 bits."""

Call = Callable[["torch.Tensor"], "torch.Tensor"]
"""From inputs (sample, …) to raw scores (sample, output)."""

CAN = frozenset({"predict", "gradient", "sites"})
"""What any module can do."""

Run = Callable[[Call, "torch.Tensor"], "torch.Tensor"]
"""A way to ask a network: from it and its inputs to raw scores."""


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
        self._tried: tuple[np.ndarray, np.ndarray] | None = None
        self._in_place: bool | None = None
        self._channels_last: bool | None = None
        self.last: bool | None = None
        self.notes = ()
        self._overwrites: bool | None = None

    @property
    def can(self) -> frozenset[str]:
        found = {"predict", "gradient"} if is_compiled(self.module) else CAN
        return frozenset(found | {"proba"} if self.task == "classification" else found)

    @property
    def encoded_from(self) -> np.ndarray | None:
        return None

    @property
    def width(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        """See `Model.fingerprint`; taken anew only where the memory of the weights has changed."""
        return learnt.fingerprint(self.module)

    def around(self, module: Any) -> TorchModel:
        """Another module as this kind of model: with the same classes, and the same outputs."""
        returns = self._returns_now if self._settled else self._returns
        found = TorchModel(module, classes=self.classes, returns=returns)
        found.name, found._settled = self.name, self._settled
        found._tried, found._in_place, found.last = self._tried, self._in_place, self.last
        found._overwrites = self._overwrites
        return found

    def laid_out(self, last: bool) -> TorchModel:
        """The same module, given images with the channels last or first."""
        found = copy(self)
        found.last, found._settled, found._tried = last, False, None
        found._in_place = found._channels_last = None
        return found

    def greet(self, X: Any) -> tuple[str, ...]:
        self.settle(self._values(X)[:2])
        return () if isinstance(X, np.ndarray) and X.ndim > 2 else super().greet(X)

    def settle(self, values: np.ndarray) -> None:
        """Find out, from a few inputs, what the module answers."""
        if self._settled:
            return
        self._learn(values, layouts.first_answer(self, values))

    def raw(self, values: np.ndarray) -> np.ndarray:
        """The module's raw scores, float64 (sample, output)."""
        import torch

        with self.still(as_it_is=True) as call, torch.no_grad():
            return self._ask(call, self.tensor(values)).double().cpu().numpy()

    def begin(self, values: np.ndarray, run: Run) -> tuple[torch.Tensor, torch.Tensor]:
        """The first forward pass, made in a way of one's own, which also settles the model.

        Returns
        -------
        inputs : tensor of shape (sample, …)
            A leaf of the graph.
        raw : tensor of shape (sample, output)
            What `run` gave for them, with the graph behind it.
        """
        import torch

        x = self.tensor(values).requires_grad_(True)
        with self.still(as_it_is=True) as call, torch.enable_grad():
            raw = self._ask(run, call, x)
        self._learn(values, raw.detach().double().cpu().numpy())
        return x, raw

    def _learn(self, values: np.ndarray, raw: np.ndarray) -> None:
        if self._settled:
            return
        self._settled, self._tried, outputs = True, (values[:2].copy(), raw[:2]), raw.shape[1]
        if self._returns is not None:
            return
        sums = (raw >= 0).all() and np.abs(raw.sum(axis=1) - 1).max() <= SUM_TO_ONE
        if outputs == 1:
            self.classes = None
        elif self.classes is None or len(self.classes) != outputs:
            self.classes = tuple(range(outputs))
        self._become("raw" if outputs == 1 else "probability" if sums else "logit")

    def _counts_on_in_place(self) -> bool:
        """Whether the module counts on activations that work in place, as in ``self.relu(x)``."""
        if self._in_place is None:
            if self._tried is None or not any(map(works_in_place, self.module.modules())):
                return False
            own, other = (self._tried_out(in_place) for in_place in (True, False))
            self._in_place = not np.array_equal(own, other, equal_nan=True)
        return self._in_place

    def _tried_out(self, in_place: bool) -> np.ndarray:
        import torch

        assert self._tried is not None
        with self._held(in_place) as call, torch.no_grad():
            return self._ask(call, self.tensor(self._tried[0])).double().cpu().numpy()

    def quickest(self, call: Call) -> Call:
        """`call` with images laid out channels last, if the module answers the same then.

        Convolutions on a processor are quicker so, by a tenth to a half. Modules that count on
        where numbers lie in memory get them as ever. Asks about two images, once.
        """
        import torch

        if self._channels_last is None and self._tried is not None:
            self._channels_last = self._answers_alike(*self._tried)
        if not self._channels_last:
            return call
        return lambda x: call(x.contiguous(memory_format=torch.channels_last))

    def _answers_alike(self, values: np.ndarray, known: np.ndarray) -> bool:
        import torch

        x = self.tensor(values)
        if x.ndim != 4 or not x.is_cpu:
            return False
        allowed = torch.finfo(x.dtype).eps ** 0.5 * max(1.0, float(np.abs(known).max()))
        try:
            with self._held(True) as call, torch.no_grad():
                found = self._ask(call, x.contiguous(memory_format=torch.channels_last))
        except (CannotExplain, InvalidData):  # such as for a `view` of what lies otherwise
            return False
        return bool((np.abs(found.double().numpy() - known) <= allowed).all())

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
        with self.still(as_it_is=True) as call, torch.no_grad():
            call = self.quickest(call) if len(values) >= MANY else call
            return self.scored(self._ask(call, self.tensor(values)), scale)

    def scored(self, raw: torch.Tensor, scale: str) -> np.ndarray:
        """Raw scores on a scale, as `scores` gives them.

        Raises
        ------
        CannotExplain
            If some are not finite.
        """
        return self._finish(self.on(raw, scale).double().cpu().numpy(), len(raw))

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        import torch

        with self.still(as_it_is=True) as call, torch.no_grad():
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
    def still(self, *, as_it_is: bool = False) -> Iterator[Call]:
        """The module as a function of one tensor, held still; as it was, afterwards.

        Parameters
        ----------
        as_it_is : bool
            Whether activations may go on working in place: then the answer is the module's own
            without a proof, but what was seen inside of it may have been overwritten since.

        Yields
        ------
        callable
            From a tensor (sample, …) to raw scores (sample, output).
        """
        with self._held(as_it_is or self._counts_on_in_place()) as call:
            yield call

    @contextmanager
    def _held(self, in_place: bool) -> Iterator[Call]:
        with held(self.module, in_place=in_place):
            yield self.scores_of

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

        turned = self.last and inputs.ndim == 4
        found = self._called(inputs.permute(0, 2, 3, 1).contiguous() if turned else inputs)
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
                fix="Give batch_size=1 if it takes one input at a time"
                if len(found) == 1
                else "Wrap it in a module that pools its answer to one score for each output",
            )
        return found

    def _called(self, inputs: torch.Tensor) -> Any:
        """What the module returns; one that writes into its inputs is given a copy of them."""
        given = inputs if self._overwrites is False else inputs.clone()
        try:
            found = self.module(given)
        except RuntimeError as error:
            if len(inputs) < 2 or not takes_one(self.module, inputs):
                raise
            raise CannotExplain(
                f"{self.name} fails on {len(inputs)} inputs at once, and not on one alone",
                got=f"{type(error).__name__}: {str(error).splitlines()[0]}",
                fix="Give batch_size=1",
            ) from error
        if self._overwrites is None and not given.is_inference():
            self._overwrites = given._version > 0
        return found


def _labels(module: Any) -> tuple[Any, ...] | None:
    named = getattr(getattr(module, "config", None), "id2label", None)
    return tuple(named[i] for i in sorted(named)) if isinstance(named, dict) and named else None
