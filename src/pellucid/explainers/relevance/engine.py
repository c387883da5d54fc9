"""One forward pass with another way back: relevance in place of gradients.

Every operation is answered here while the network runs, whoever calls it: a module, a function or a
method of a tensor. The graph that arises carries relevance, so that an ordinary backward pass hands
it to the input.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pellucid.core.errors import CannotExplain, PellucidError
from pellucid.explainers.network.intercept import intercepted
from pellucid.explainers.network.opened import direct, named, opened, out_of_place
from pellucid.explainers.relevance import nodes
from pellucid.explainers.relevance.composites import Composite
from pellucid.explainers.relevance.layer import Front, Layer
from pellucid.explainers.relevance.operations import ASKING, LAYOUT, VIEWS, WRITES
from pellucid.explainers.relevance.rules import OF_INPUTS, RULES
from pellucid.explainers.relevance.tags import Met, Tag, mark, tag

if TYPE_CHECKING:
    import torch


@dataclass(eq=False)
class Propagation:
    """Relevance through a network.

    Parameters
    ----------
    composite : Composite
    module : torch.nn.Module, optional
        The network, to say where in it an operation is.
    low, high : tensor, optional
        The least and the greatest input, to be broadcast to inputs; for the rule ``box``.
    reads_input : bool
        Whether the network's inputs are those of a user, not activations inside of it.
    absorbed : dict
        Relevance that stayed with constants, such as biases, and stabilisers, by operation.
    """

    composite: Composite
    module: Any = None
    low: torch.Tensor | None = None
    high: torch.Tensor | None = None
    reads_input: bool = True
    absorbed: dict[str, float] = field(default_factory=dict)
    _stands: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    _stale: set[int] = field(default_factory=set)
    _opening: list[Callable[..., Any]] = field(default_factory=list)
    _laid: bool = False
    _copied: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)

    def run(self, network: Callable[..., torch.Tensor], x: torch.Tensor, *rest: Any) -> Any:
        """The network's raw scores.

        Their gradient with respect to `x` is its relevance; that of activations, where the network
        does not read the input, are messages: relevance by activation.

        Images are laid out channels last, which halves the time of most convolutions on the way
        back, unless the network looks at how they lie.
        """
        import torch

        if self.reads_input and x.ndim == 4 and x.is_cpu and x.shape[1] > 1:
            self._laid = True
            try:
                return self._run(network, x.contiguous(memory_format=torch.channels_last), *rest)
            except (PellucidError, RuntimeError, _AskedForLayout):
                self._laid = False  # it may be for where numbers lie; else it is said once more
        return self._run(network, x, *rest)

    def _run(self, network: Callable[..., torch.Tensor], x: torch.Tensor, *rest: Any) -> Any:
        mark(x, Tag(front=self._front(x) if self.reads_input else None))
        try:
            with intercepted(self.answer):
                found = network(x, *rest)
                if found.requires_grad and tag(found) is None:
                    raise self.unseen(found)
            return self.crossed(found)
        finally:
            self._stands.clear()
            self._stale.clear()
            self._opening.clear()
            self._copied.clear()

    def answer(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """What an operation returns, with its relevance's way back."""
        import torch

        from pellucid.explainers.relevance.treatments import treatment

        if func.__name__ in ASKING:
            return func(*args, **kwargs)
        if self._laid and func.__name__ in LAYOUT:
            raise _AskedForLayout
        func, args, kwargs = direct(func, args, kwargs)
        met = self._met(func, args, kwargs)
        if not met.changing or not torch.is_grad_enabled():
            return met.run()
        for each in met.changing:
            if tag(each) is None:
                raise self.unseen(each)
        body = opened(func)
        if body is not None and func not in self._opening:
            with self._inside(func):
                return body(*met.args, **met.kwargs)
        if self._laid and met.name in VIEWS:
            return self._viewed(met, treatment(met.name))
        found = treatment(met.name)
        if found is None:
            return self._unknown(met)
        if met.kwargs.get("out") is not None:
            raise self.no_rule(f"{met.name!r} with out=")
        if not met.in_place:
            return found(self, met)
        if met.name not in WRITES:
            met.func = out_of_place(met.name)
        old = met.args[0]
        result = found(self, met)
        self._stand(old, result)
        return result

    def _viewed(self, met: Met, treated: Any) -> Any:
        """A view, or a copy where channels must come first for that; neither is then changed."""
        import torch

        if len(met.args) < 2 or isinstance(met.args[1], torch.dtype):
            return treated(self, met)
        met.func = torch.Tensor.reshape if met.name == "view" else torch.Tensor.reshape_as
        found = treated(self, met)
        if _storage(found) != _storage(met.args[0]):
            self._copied.append((met.args[0], found))
        return found

    def again(self, written: Callable[[], Any]) -> Any:
        """An operation written with others, each of which is answered."""
        with intercepted(self.answer):
            return written()

    def layer(self, layer: Layer, out: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The output of a layer, whose rule is on the way back."""

        def back(x: torch.Tensor, z: torch.Tensor, message: torch.Tensor) -> list[torch.Tensor]:
            found = self._handed_back(layer, x, z, message)
            return [found if found.dtype == x.dtype else found.to(x.dtype)]

        return mark(nodes.node(out, back, layer.x), Tag(layer=layer))

    def book(self, name: str) -> Callable[[float], None]:
        """Who notes what stays with an operation."""

        def noted(lost: float) -> None:
            self.absorbed[name] = self.absorbed.get(name, 0.0) + lost

        return noted

    def crossed(self, x: torch.Tensor) -> torch.Tensor:
        """A tensor as an activation, also if it is the input."""
        known = tag(x)
        if known is None or known.front is None:
            return x
        return mark(nodes.crossing(x, known.front.zero), Tag())

    def no_rule(self, what: str) -> CannotExplain:
        """What is said of an operation that relevance cannot go through."""
        return CannotExplain(
            f"Relevance cannot go through {what}",
            got=self.place(),
            fix="Choose 'integrated_gradients', which only needs gradients",
        )

    def unseen(self, x: torch.Tensor) -> CannotExplain:
        """What is said of a tensor that came from elsewhere."""
        return self.no_rule(f"an operation that torch does not show ({x.grad_fn})")

    def place(self) -> str | None:
        """Which part of the network is being called."""
        import torch

        known = dict(self.module.named_modules()) if self.module is not None else {}
        names = {id(part): name for name, part in known.items()}
        frame: Any = sys._getframe(1)
        while frame is not None:
            part = frame.f_locals.get("self")
            if isinstance(part, torch.nn.Module):
                kind, name = type(part).__name__, names.get(id(part))
                return f"in {kind} {name!r}" if name else f"in {kind}"
            frame = frame.f_back
        return None

    def _front(self, x: torch.Tensor) -> Front:
        ends = [None if end is None else end.to(x).expand(x.shape) for end in (self.low, self.high)]
        blank = x.detach().new_zeros(()).expand(x.shape)
        return Front(blank, blank.new_ones(()).expand(x.shape), *ends)

    def _met(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Met:
        """A call, with tensors that were changed in place as they are now."""
        name, in_place = named(func)
        if name == "__get__":
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        met = Met(func, name, in_place, args, kwargs)
        if self._stands:
            met.replaced(self._current)
        return met

    def _current(self, x: torch.Tensor) -> torch.Tensor:
        while id(x) in self._stands:
            x = self._stands[id(x)][1]
        if _storage(x) in self._stale:
            raise self.no_rule("a tensor that was changed in place through another view of it")
        return x

    def _stand(self, old: torch.Tensor, new: torch.Tensor) -> None:
        """From now on one tensor stands for another, which the network changed in place."""
        if new is old:  # nothing was changed: dropout in evaluation mode
            return
        self._stands[id(old)] = old, new
        self._stale.add(_storage(old))
        for pair in self._copied:
            places = set(map(_storage, pair))
            if places & self._stale:
                self._stale |= places

    @contextmanager
    def _inside(self, func: Callable[..., Any]) -> Iterator[None]:
        """While the body of a function runs; where it calls its own name, torch itself is meant."""
        self._opening.append(func)
        try:
            with intercepted(self.answer):
                yield
        finally:
            self._opening.pop()

    def _unknown(self, met: Met) -> Any:
        """An operation without a rule: harmless as long as no relevance arrives there."""
        import torch

        if met.in_place:
            raise self.no_rule(f"the operation {met.name!r}")
        found = met.run()
        several = isinstance(found, (tuple, list))
        parts = list(found) if several else [found]
        if not any(isinstance(each, torch.Tensor) and each.requires_grad for each in parts):
            return found
        error = self.no_rule(f"the operation {met.name!r}")
        made = [
            mark(nodes.refused(each, error), Tag())
            if isinstance(each, torch.Tensor) and each.requires_grad
            else each
            for each in parts
        ]
        return type(found)(made) if several else made[0]

    def _handed_back(
        self, layer: Layer, x: torch.Tensor, z: torch.Tensor, message: torch.Tensor
    ) -> torch.Tensor:
        """The messages at a layer's input, or its relevance where that is the input itself."""
        import torch

        front = layer.front
        wide = torch.promote_types(x.dtype, torch.float32)
        if any(each.dtype != wide for each in (x, z, message)):
            x, z, message = (each.to(wide) for each in (x, z, message))
        offset = layer.offset if front is None else front.zero
        own = x if offset is None else x - offset.to(wide)
        name = self.composite.rule(layer.kind, front is not None)
        found = RULES[name](layer.wide(wide), own, z, message, self.composite)
        if front is not None and name not in OF_INPUTS:
            found = own * found
        sent = nodes.dot(x, found) if front is None else found.sum().item()
        self.book(layer.name)(nodes.dot(z, message) - sent)
        return found


class _AskedForLayout(Exception):
    """The network looks at how numbers lie in memory."""


def _storage(x: torch.Tensor) -> int:
    return x.untyped_storage().data_ptr()


def relevance(
    network: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    pick: torch.Tensor,
    way: Propagation,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The relevance of inputs for one output of each sample.

    Parameters
    ----------
    network : callable
        From inputs to raw scores (sample, output); its parameters need no gradients.
    x : tensor of shape (sample, …)
    pick : int tensor of shape (sample,)
    way : Propagation

    Returns
    -------
    relevance : tensor, like `x`
    score : tensor of shape (sample,)
        The outputs explained; relevance adds up to them where no constant absorbs a part.
    """
    import torch

    x = x.detach().requires_grad_(True)
    with torch.enable_grad():
        score = way.run(network, x).gather(1, pick[:, None])[:, 0]
        (found,) = torch.autograd.grad(score.sum(), x)
    return (found if way.reads_input else x.detach() * found), score.detach()
