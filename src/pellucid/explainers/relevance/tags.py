"""Calls as they are met, and what is known of each tensor on the way from the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.explainers.relevance.layer import Front, Layer

if TYPE_CHECKING:
    import torch

NAME = "_pellucid_relevance"
"""The attribute of a tensor that holds its tag."""

NESTED = (tuple, list, dict)
"""Arguments that may hold tensors."""


@dataclass(eq=False, slots=True)
class Tag:
    """What is known of a tensor.

    Parameters
    ----------
    front : Front or None
        Where it is the input itself, in other places or units.
    layer : Layer or None
        The layer whose output it is.
    offset : tensor or None
        A constant that a normalisation added.
    root : tensor or None
        The tensor of which it is a function, number by number.
    """

    front: Front | None = None
    layer: Layer | None = None
    offset: torch.Tensor | None = None
    root: torch.Tensor | None = None


def tag(x: torch.Tensor) -> Tag | None:
    """What is known of `x`; `None` if it came from elsewhere."""
    return x.__dict__.get(NAME)


def mark(x: Any, known: Tag) -> Any:
    """The same tensor, or tensors, with a tag."""
    if isinstance(x, (tuple, list)):
        for each in x:
            mark(each, known)
        return x
    held = getattr(x, "__dict__", None)
    if held is not None:
        held[NAME] = known
    return x


class Met:
    """One call of an operation.

    Its arguments that are tensors are `tensors`; those that follow the input are `changing`.
    """

    def __init__(
        self, func: Callable[..., Any], name: str, in_place: bool, args: Any, kwargs: dict[str, Any]
    ) -> None:
        self.func, self.name, self.in_place = func, name, in_place
        self._given(args, kwargs)

    def run(self) -> Any:
        return self.func(*self.args, **self.kwargs)

    def at(self, *inputs: Any) -> Any:
        """Run with other tensors in place of those that change."""
        places = iter(inputs)

        def other(x: torch.Tensor) -> Any:
            return next(places) if x.requires_grad else x

        kwargs = _changed(self.kwargs, other) if self.kwargs else self.kwargs
        return self.func(*_changed(self.args, other), **kwargs)

    def replaced(self, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Give it other tensors."""
        self._given(_changed(self.args, change), _changed(self.kwargs, change))

    def _given(self, args: Any, kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.tensors: list[torch.Tensor] = []
        _gather(args, self.tensors)
        if kwargs:
            _gather(kwargs.values(), self.tensors)
        self.changing = [each for each in self.tensors if each.requires_grad]


def _gather(given: Any, found: list[torch.Tensor]) -> None:
    import torch

    for each in given:
        if isinstance(each, torch.Tensor):
            found.append(each)
        elif isinstance(each, (tuple, list)) and each and type(each[0]) is not int:
            _gather(each, found)


def _changed(given: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """Arguments with other tensors."""
    import torch

    def of(each: Any) -> Any:
        if isinstance(each, torch.Tensor):
            return change(each)
        return _changed(each, change) if type(each) in NESTED else each

    if isinstance(given, dict):
        return {key: of(value) for key, value in given.items()}
    return type(given)([of(each) for each in given])
