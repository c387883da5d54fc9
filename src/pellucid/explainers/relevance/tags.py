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


@dataclass(frozen=True, eq=False)
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
    import torch

    if isinstance(x, torch.Tensor):
        x.__dict__[NAME] = known
    elif isinstance(x, (tuple, list)):
        for each in x:
            mark(each, known)
    return x


class Met:
    """One call of an operation."""

    def __init__(
        self, func: Callable[..., Any], name: str, in_place: bool, args: Any, kwargs: dict[str, Any]
    ) -> None:
        self.func, self.name, self.in_place = func, name, in_place
        self.args, self.kwargs = args, kwargs
        self.changing = [each for each in self.tensors() if each.requires_grad]

    def tensors(self) -> list[torch.Tensor]:
        """All of its arguments that are tensors."""
        found: list[torch.Tensor] = []
        _gather(self.args, found)
        _gather(tuple(self.kwargs.values()), found)
        return found

    def run(self) -> Any:
        return self.func(*self.args, **self.kwargs)

    def at(self, *inputs: Any) -> Any:
        """Run with other tensors in place of those that change."""
        places = iter(inputs)

        def other(x: torch.Tensor) -> Any:
            return next(places) if x.requires_grad else x

        args, kwargs = _changed(self.args, other), _changed(self.kwargs, other)
        return self.func(*args, **kwargs)

    def replaced(self, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Give it other tensors."""
        self.args, self.kwargs = _changed(self.args, change), _changed(self.kwargs, change)
        self.changing = [each for each in self.tensors() if each.requires_grad]


def _gather(given: Any, found: list[torch.Tensor]) -> None:
    import torch

    for each in given:
        if isinstance(each, torch.Tensor):
            found.append(each)
        elif isinstance(each, (tuple, list)):
            _gather(each, found)


def _changed(given: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    import torch

    if isinstance(given, torch.Tensor):
        return change(given)
    if isinstance(given, dict):
        return {key: _changed(value, change) for key, value in given.items()}
    if type(given) in (tuple, list):
        return type(given)(_changed(each, change) for each in given)
    return given
