"""A network at a baseline and at an input, in lockstep: exact multipliers in place of gradients.

The network runs at the baseline first, and each operation that is not linear keeps what it was
given. Then it runs at the input: the same operations come in the same order, and each finds its two
inputs and shares the change of its output by a rule. Nothing depends on where in a tensor the
samples lie, on modules, or on who calls an operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.explainers.gradient.linear_nodes import refuse_others
from pellucid.explainers.gradient.pair_rules import Rule, shared, slope
from pellucid.explainers.gradient.ruled import rule_of
from pellucid.explainers.network.differentiable import Differentiable, Network
from pellucid.explainers.network.intercept import intercepted
from pellucid.explainers.network.opened import named, opened, out_of_place
from pellucid.explainers.network.simpler import no_rule, simpler

if TYPE_CHECKING:
    import torch

STORED = frozenset({
    "__setitem__", "add", "copy", "div", "fill", "index_add", "index_copy", "index_fill",
    "index_put", "masked_fill", "masked_scatter", "mul", "neg", "requires_grad", "resize",
    "scatter", "scatter_add", "squeeze", "sub", "t", "transpose", "unsqueeze", "zero",
})  # fmt: skip
"""What may be done in place besides what has a rule."""


@dataclass(eq=False)
class Call:
    """One call of an operation at the baseline."""

    name: str
    inputs: list[Any]
    constants: list[Any]


@dataclass(eq=False)
class Lockstep:
    """The two passes of one network over one batch.

    Parameters
    ----------
    calls : list of Call
        What the first pass met.
    again : bool
        Whether this is the second pass.
    place : int
        How many of the calls the second pass has met again.
    held : dict
        Where each tensor, by its memory, is noted.
    opening : list of callable
        The functions whose bodies run at the moment.
    """

    calls: list[Call] = field(default_factory=list)
    again: bool = False
    place: int = 0
    held: dict[int, list[tuple[list[Any], int]]] = field(default_factory=dict)
    opening: list[Callable[..., Any]] = field(default_factory=list)

    def run(self, network: Callable[[Any], torch.Tensor], at: torch.Tensor) -> Any:
        """The output at some input, and the input as the graph knows it."""
        import torch

        leaf = at.detach().requires_grad_(True)
        with torch.enable_grad(), intercepted(self.answer):
            return network(leaf.clone()), leaf

    def answer(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """What an operation returns; where its inputs change, as its rule has it."""
        import torch
        from torch.utils._pytree import tree_flatten

        leaves, form = tree_flatten((args, kwargs))
        changing = [isinstance(x, torch.Tensor) and x.requires_grad for x in leaves]
        name, in_place = named(func)
        if in_place and not self.again and isinstance(args[0], torch.Tensor):
            self._keep(args[0])
        if not any(changing) or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        body = opened(func)
        if body is not None and func not in self.opening:
            with self._opening(func), intercepted(self.answer):
                return body(*args, **kwargs)
        if kwargs.get("out") is not None:
            raise no_rule(f"{name!r} with out=")
        written = simpler(name, sum(changing), args, kwargs)
        rule = None if written else rule_of(name, changing, args, kwargs)
        if in_place and (written or rule):
            with intercepted(self.answer):
                return args[0].copy_(out_of_place(name)(*args, **kwargs))
        if written:
            with intercepted(self.answer):
                return written(*args, **kwargs)
        if in_place and name not in STORED:
            raise no_rule(f"{name!r} in place")
        before = self._met(name, leaves, changing, in_place)
        if rule is None:
            return func(*args, **kwargs)
        return self._ruled(rule, func, leaves, form, changing, before)

    def _met(
        self, name: str, leaves: list[Any], changing: list[bool], in_place: bool
    ) -> list[torch.Tensor]:
        """Take note of a call, or find the one that it repeats: its inputs at the baseline."""
        import torch

        inputs = [x.detach() for x, moves in zip(leaves, changing, strict=True) if moves]
        constants = [
            x
            for x, moves in zip(leaves, changing, strict=True)
            if not moves and isinstance(x, (torch.Tensor, int, float, slice))
        ]
        if self.again:
            return self._repeated(name, inputs, constants)
        call = Call(name, inputs, constants)
        self.calls.append(call)
        for kept in (call.inputs, call.constants):
            for i, each in enumerate(kept):
                if isinstance(each, torch.Tensor):
                    self.held.setdefault(_storage(each), []).append((kept, i))
        if in_place:
            self._keep(leaves[0])
        return inputs

    def _repeated(
        self, name: str, inputs: list[torch.Tensor], constants: list[Any]
    ) -> list[torch.Tensor]:
        """The inputs of the same call at the baseline."""
        call = self.calls[self.place] if self.place < len(self.calls) else Call("", [], [])
        self.place += 1
        if call.name != name or [x.shape for x in call.inputs] != [x.shape for x in inputs]:
            raise no_rule(f"{name!r}, which the network calls for some inputs only,")
        if len(call.constants) != len(constants) or not all(map(_same, call.constants, constants)):
            raise no_rule(
                f"{name!r} with a factor or mask that depends on the input unseen, or on chance,"
            )
        self.calls[self.place - 1] = Call(name, [], [])
        return call.inputs

    @contextmanager
    def _opening(self, func: Callable[..., Any]) -> Iterator[None]:
        """While the body of a function runs; where it calls its own name, torch itself is meant."""
        self.opening.append(func)
        try:
            yield
        finally:
            self.opening.pop()

    def _keep(self, target: torch.Tensor) -> None:
        """Before a tensor is overwritten: copies of what was noted of it."""
        for kept, i in self.held.pop(_storage(target), []):
            kept[i] = kept[i].clone()

    def _ruled(
        self,
        rule: Rule,
        func: Callable[..., Any],
        leaves: list[Any],
        form: Any,
        changing: list[bool],
        before: list[torch.Tensor],
    ) -> Any:
        from torch.utils._pytree import tree_unflatten

        places = [i for i, moves in enumerate(changing) if moves]
        inputs = [leaves[i] for i in places]
        leaves = list(leaves)
        for i in places:
            leaves[i] = None  # not to be held by the graph

        def run(*given: Any) -> Any:
            filled = list(leaves)
            for i, each in zip(places, given, strict=True):
                filled[i] = each
            args, kwargs = tree_unflatten(filled, form)
            return func(*args, **kwargs)

        plain = [each.detach() for each in inputs]
        out = run(*plain)
        if rule is slope and out.shape != plain[0].shape:
            inputs, plain, before = ([x[0].expand(out.shape)] for x in (inputs, plain, before))
        back = rule(run, plain, before) if self.again else None
        return shared(lambda: out, back, inputs)


def multiplied(
    door: Differentiable, call: Network, x: torch.Tensor, baseline: torch.Tensor, pick: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """What each input adds to the output, like `x`, and the output at the baseline, (sample,).

    Raises
    ------
    CannotExplain
        If the network holds an operation whose output cannot be shared exactly; names it.
    """
    import torch

    steps = Lockstep()
    base = steps.run(lambda inputs: door.score(call, inputs, pick), baseline)[0].detach()
    steps.again = True
    steps.held.clear()
    score, leaf = steps.run(lambda inputs: door.score(call, inputs, pick), x)
    if steps.place < len(steps.calls):
        missed = steps.calls[steps.place].name
        raise no_rule(f"{missed!r}, which the network calls for some inputs only,")
    if not score.requires_grad:
        raise CannotExplain(
            f"{door.model.name} has no gradient",
            got="an output that does not depend on the input by differentiable operations",
            fix="Choose a method that only asks for predictions, such as 'occlusion'",
        )
    refuse_others(score.grad_fn)
    (found,) = torch.autograd.grad(score.sum(), leaf)
    wide = torch.promote_types(x.dtype, torch.float32)
    return found.to(wide) * (x.to(wide) - baseline.to(wide)), base


def _same(one: Any, other: Any) -> bool:
    import torch

    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        alike = one.shape == other.shape and one.dtype == other.dtype
        return one is other or (alike and bool(torch.equal(one, other)))
    return type(one) is type(other) and bool(one == other or one != one)


def _storage(x: torch.Tensor) -> int:
    return x.untyped_storage().data_ptr()
