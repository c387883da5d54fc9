"""The front of a network: the affine operations that are all its input reaches.

Along a straight line at the input, what the front gives lies on a straight line too. So the front
runs at the two ends alone, and the network goes on from any place between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pellucid.core.errors import CannotExplain
from pellucid.explainers.network.intercept import intercepted
from pellucid.explainers.network.opened import named

if TYPE_CHECKING:
    import torch

HEAVY = frozenset({"conv1d", "conv2d", "conv3d", "linear"})
"""Operations that a front is worth its while for."""

AFFINE = HEAVY | {
    "__add__", "__mul__", "__radd__", "__rmul__", "__rsub__", "__sub__", "__truediv__", "add",
    "batch_norm", "contiguous", "div", "flatten", "float", "movedim", "mul", "pad", "permute",
    "reshape", "rsub", "sub", "to", "transpose", "unflatten", "unsqueeze", "view",
}  # fmt: skip
"""Operations that are affine in one tensor."""

IN_THE_FIRST = HEAVY | {"__rsub__", "__truediv__", "batch_norm", "div"}
"""Those of them that are so in the first argument alone."""

ASKED = frozenset({
    "__get__", "__len__", "dim", "get_device", "is_contiguous", "is_floating_point", "ndimension",
    "nelement", "numel", "size", "stride", "storage_offset",
})  # fmt: skip
"""What is asked of a tensor without its numbers, where the answer is no tensor."""

WIDER = 8
"""A front may widen its input so many times; means are kept of what it gives."""

ROUNDING = 1e-4
"""How far a score may be off, as a part of the largest, where rows go through another way."""

FAILED = AssertionError, IndexError, RuntimeError, TypeError, ValueError
"""Errors of networks that cannot be asked in some way."""

Inner = Callable[["torch.Tensor"], "torch.Tensor"]
"""From inputs to raw scores."""

Answered = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""From an operation behind the front and its arguments to what it returns."""


class Diverged(Exception):
    """The network called other operations than when it was written down."""


class Reached(Exception):
    """What the front gives, thrown to leave the network there."""

    def __init__(self, activation: torch.Tensor) -> None:
        super().__init__()
        self.activation = activation


class Front:
    """The first operations of a network, and the network behind them.

    Parameters
    ----------
    call : callable
        The network, from inputs (row, …) to raw scores (row, output).
    operations : list of callable
        The operations, each of which is given what the one before returned, the first the input.
    shapes : list of tuple of int
        Of the input and of what each operation returns, of one row.

    Attributes
    ----------
    written_into : bool
        Whether what the front gives is overwritten behind it, so that it has to be copied.
    """

    def __init__(
        self,
        call: Inner,
        operations: list[Callable[..., Any]],
        shapes: list[tuple[int, ...]],
    ) -> None:
        self.call, self.operations, self.shapes = call, operations, shapes
        self.written_into = False

    def activation(self, x: torch.Tensor) -> torch.Tensor:
        """What the front gives for inputs (row, …); nothing behind it is computed."""
        current, place = x, 0

        def answer(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            nonlocal current, place
            found = func(*args, **kwargs)
            if not _holds(args, kwargs, current) or _is_asked(func, found):
                return found
            if func != self.operations[place]:
                raise Diverged
            current, place = found, place + 1
            if place == len(self.operations):
                raise Reached(found)
            return found

        try:
            with intercepted(answer):
                self.call(x)
        except Reached as here:
            return here.activation
        raise Diverged

    def behind(self, activation: torch.Tensor, then: Answered | None = None) -> torch.Tensor:
        """Raw scores for what the front might give, (row, …).

        Parameters
        ----------
        activation : tensor of shape (row, …)
        then : callable, optional
            What is asked in place of each operation behind the front.

        Raises
        ------
        Diverged
            If the network calls other operations on its input than before.
        """
        stand_ins = [self._stand_in(shape, activation) for shape in self.shapes[:-1]]
        stand_ins.append(activation.clone() if self.written_into else activation)
        place = 0

        def answer(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            nonlocal place
            if place == len(self.operations):
                return func(*args, **kwargs) if then is None else then(func, args, kwargs)
            if not _holds(args, kwargs, stand_ins[place]):
                return func(*args, **kwargs)
            if func == self.operations[place]:
                place += 1
                return stand_ins[place]
            found = func(*args, **kwargs)
            if _is_asked(func, found):
                return found
            raise Diverged

        with intercepted(answer):
            raw = self.call(stand_ins[0])
        if place < len(self.operations):
            raise Diverged
        return raw

    def _stand_in(self, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """Missing numbers that take no memory: whoever counts with them unseen gives none."""
        return like.new_full((), float("nan")).expand(len(like), *shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """What a network did with a few inputs.

    Parameters
    ----------
    raw : tensor of shape (row, output), optional
        Its raw scores, where it could be tried.
    names : set of str
        The names of the operations that it called, as far as they can be seen.
    front : Front or None
        Its front, if it has one that can be gone on from.
    """

    raw: torch.Tensor | None = None
    names: frozenset[str] = frozenset()
    front: Front | None = None

    def agrees(self, raw: torch.Tensor) -> bool:
        """Whether these are the raw scores of the last of the inputs."""
        assert self.raw is not None
        off = (raw - self.raw[-len(raw) :]).abs().max()
        return bool(off <= ROUNDING * (1 + self.raw.abs().max()))


def tried(call: Inner, x: torch.Tensor) -> Tried:
    """Look for the front of a network.

    Parameters
    ----------
    call : callable
        The network, from inputs (row, …) to raw scores (row, output).
    x : tensor of shape (row, …)
        A few inputs, two at least.
    """
    import torch

    written = _Written(x)
    try:
        with torch.no_grad(), intercepted(written):
            raw = call(x)
    except (CannotExplain, *FAILED):  # such as of a network that is made for one row alone
        return Tried()
    found = Tried(raw=raw, names=frozenset(written.names))
    known = written.front(call)
    if known is None:
        return found
    for known.written_into in (False, True):
        try:
            with torch.enable_grad():
                at = known.activation(x)[1:].detach().requires_grad_(True)
                again = known.behind(at).detach()
        except (CannotExplain, Diverged, *FAILED):  # such as for a leaf that is written into
            continue
        return replace(found, front=known) if found.agrees(again) else found
    return found


class _Written:
    """The operations of a network, and those that its input goes through one after another."""

    def __init__(self, x: torch.Tensor) -> None:
        self.names: set[str] = set()
        self._tensors = [x]
        self._operations: list[Callable[..., Any]] = []
        self._uses = [0]

    def __call__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        found = func(*args, **kwargs)
        self.names.add(named(func)[0])
        places = {self._place(each) for each in _leaves(args, kwargs)} - {None}
        if not places or _is_asked(func, found):
            return found
        last = len(self._tensors) - 1
        for place in places:
            assert place is not None
            self._uses[place] += 1
        once = sum(each is self._tensors[last] for each in _leaves(args, kwargs)) == 1
        first = named(func)[0] not in IN_THE_FIRST or (args and args[0] is self._tensors[last])
        alone = places == {last} and self._uses[last] == 1
        if alone and once and first and _is_affine(func, args, kwargs):
            self._go_on(func, found)
        return found

    def front(self, call: Inner) -> Front | None:
        """The operations up to the first tensor that more than one of them takes."""
        end = next((i for i, uses in enumerate(self._uses) if uses > 1), len(self._uses) - 1)
        operations = self._operations[:end]
        inputs, given = self._tensors[0], self._tensors[end]
        worth = any(named(each)[0] in HEAVY for each in operations)
        if not worth or given.numel() > WIDER * inputs.numel():
            return None
        shapes = [tuple(each.shape[1:]) for each in self._tensors[: end + 1]]
        return Front(call, operations, shapes)

    def _go_on(self, func: Callable[..., Any], found: Any) -> None:
        import torch

        rows, dtype = len(self._tensors[0]), self._tensors[0].dtype
        if not isinstance(found, torch.Tensor) or found.dtype != dtype:
            return
        if found.ndim and len(found) == rows:
            self._tensors.append(found)
            self._operations.append(func)
            self._uses.append(0)

    def _place(self, each: Any) -> int | None:
        """The last place at which a tensor was met; some operations return what they are given."""
        among = range(len(self._tensors) - 1, -1, -1)
        return next((i for i in among if self._tensors[i] is each), None)


def _is_affine(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operation is affine in the one tensor that depends on the input."""
    name, in_place = named(func)
    if in_place or name not in AFFINE or kwargs.get("out") is not None or not args:
        return False
    if name == "batch_norm":
        training = args[5] if len(args) > 5 else kwargs.get("training", False)
        return not training and len(args) > 1 and args[1] is not None
    return kwargs.get("rounding_mode") is None


def _is_asked(func: Callable[..., Any], found: Any) -> bool:
    """Whether only a tensor's form was asked for."""
    import torch

    told = any(isinstance(each, torch.Tensor) for each in _leaves((found,), {}))
    return func.__name__ in ASKED and not told


def _holds(args: tuple[Any, ...], kwargs: dict[str, Any], wanted: torch.Tensor) -> bool:
    return any(each is wanted for each in _leaves(args, kwargs))


def _leaves(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
    """What an operation is given, lists opened."""
    for each in (*args, *kwargs.values()):
        if isinstance(each, (tuple, list)):
            yield from _leaves(tuple(each), {})
        else:
            yield each
