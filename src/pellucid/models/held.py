"""Modules held still while they are asked, and put back as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
)  # fmt: skip


@contextmanager
def held(module: Any, *, in_place: bool) -> Iterator[None]:
    """In evaluation mode, without gradients of parameters; hooks that came since are taken away.

    Parameters
    ----------
    module : torch.nn.Module
    in_place : bool
        Whether activations may work in place.
    """
    modules = list(module.modules())
    training = [each for each in modules if each.training]
    parameters = (p for each in modules for p in each._parameters.values() if p is not None)
    wanted = [p for p in parameters if p.requires_grad]
    placed = [] if in_place else [each for each in modules if works_in_place(each)]
    hooks = {key: set(known) for key, known in _hooks(modules) if known}
    try:
        for each in training:
            each.training = False
        for parameter in wanted:
            parameter.requires_grad_(False)
        for each in placed:
            each.inplace = False
        yield
    finally:
        for each in training:
            each.training = True
        for parameter in wanted:
            parameter.requires_grad_(True)
        for each in placed:
            each.inplace = True
        for key, known in _hooks(modules):
            for new in set(known) - hooks.get(key, set()):
                del known[new]


def works_in_place(part: Any) -> bool:
    """Whether this is an activation that writes into its input, and could do otherwise."""
    return getattr(part, "inplace", False) is True and not is_compiled(part)


def is_compiled(part: Any) -> bool:
    """Whether this is TorchScript, into which nothing looks and whose settings are fixed."""
    import torch

    return isinstance(part, torch.jit.ScriptModule)


def _hooks(modules: list[Any]) -> Iterator[tuple[tuple[int, str], dict[int, Any]]]:
    """The hooks of each module, by its place and their kind."""
    for place, module in enumerate(modules):
        for name in HOOKS:
            yield (place, name), getattr(module, name)
