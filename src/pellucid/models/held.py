"""Modules held still while they are asked, and put back as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pellucid.core.errors import PellucidError

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
    modules = [part for _, part in named_parts(module)]
    training = [each for each in modules if each.training]
    parameters = [p for each in modules for p in each._parameters.values() if p is not None]
    wanted = [p for p in parameters if p.requires_grad and not p.is_inference()]
    placed = [] if in_place else [each for each in modules if works_in_place(each)]
    tables = [getattr(each, name) for each in modules for name in HOOKS]
    hooks = {place: set(table) for place, table in enumerate(tables) if table}
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
        for place, table in enumerate(tables):
            if table:
                for new in set(table) - hooks.get(place, set()):
                    del table[new]


def named_parts(module: Any) -> list[tuple[str, Any]]:
    """All parts of a module by their addresses, each once and itself first.

    They are those of `named_modules`, which hands each through a generator for each level.
    """
    found, known = [("", module)], {module}

    def look_into(whole: Any, address: str) -> None:
        for name, part in whole._modules.items():
            if part is not None and part not in known:
                known.add(part)
                found.append((address + name, part))
                if part._modules:
                    look_into(part, f"{address}{name}.")

    look_into(module, "")
    return found


def works_in_place(part: Any) -> bool:
    """Whether this is an activation that writes into its input, and could do otherwise."""
    return getattr(part, "inplace", False) is True and not is_compiled(part)


def is_compiled(part: Any) -> bool:
    """Whether this is TorchScript, into which nothing looks and whose settings are fixed."""
    import torch

    return isinstance(part, torch.jit.ScriptModule)


def takes_one(module: Any, inputs: Any) -> bool:
    """Whether one input alone goes through a module on which several failed."""
    import torch

    try:
        with torch.no_grad():
            module(inputs[:1].clone())
    except (RuntimeError, PellucidError):
        return False
    except Exception:  # noqa: BLE001 - by which a hook stops the module on its way
        return True
    return True
