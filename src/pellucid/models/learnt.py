"""What a network has learnt, told by one line: taken anew only where something has changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from pellucid.models import fingerprints

if TYPE_CHECKING:
    import torch

MACHINERY = ("__repr__", "_get_name", "_save_to_state_dict", "get_extra_state", "state_dict")
"""What a module inherits from torch where its words and its state are the usual ones."""

END = object()

Glimpse = tuple[list[Any], list["torch.Tensor"]]
"""What changes whenever the words or the names and shapes of weights do, and the weights."""

_KNOWN: WeakKeyDictionary[Any, tuple[list[Any], bytes, str]] = WeakKeyDictionary()
"""Of modules: what was seen when the fingerprint was taken, a hash of its memory, and itself."""


def fingerprint(module: Any) -> str:
    """The fingerprint of a module's weights, buffers and structure.

    Notes
    -----
    All weights are read each time, since they can be written without torch noticing: a quick hash
    of their memory and a look at the structure say whether the fingerprint still holds.
    """
    import torch

    with torch.no_grad():
        seen = _glimpse(module) or _whole(module)
        memory = _hashed(seen[1])
        known = _KNOWN.get(module)
        if known is None or known[:2] != (seen[0], memory):
            known = _KNOWN[module] = seen[0], memory, _taken(module)
    return known[2]


def _taken(module: Any) -> str:
    state = module.state_dict()
    held = (_in_memory(each) for each in state.values() if each.numel())
    parts = (each.reshape(-1).view(np.uint8).data for each in held)
    return fingerprints.of_bytes(_said(module, state).encode(), *parts)


def _said(module: Any, state: dict[str, torch.Tensor]) -> str:
    return repr((module, [(name, str(tuple(x.shape))) for name, x in state.items()]))


def _whole(module: Any) -> Glimpse:
    """The words themselves, and all weights as they are saved."""
    state = module.state_dict()
    return [_said(module, state)], list(state.values())


def _glimpse(module: Any) -> Glimpse | None:
    """Structure and weights, word by word; None where a part is put into words in its own way."""
    key: list[Any] = []
    weights: list[torch.Tensor] = []
    return (key, weights) if _seen(module, key, weights) else None


def _seen(part: Any, key: list[Any], weights: list[torch.Tensor]) -> bool:
    kind: Any = type(part)
    words = _words(kind)
    if words is None or part._state_dict_hooks or part._state_dict_pre_hooks:
        return False
    key.append(kind)
    key.append(words(part))
    held = {**part._parameters, **part._buffers} if part._buffers else part._parameters
    for name, x in held.items():
        if x is not None and name not in part._non_persistent_buffers_set:
            key += name, x.shape
            weights.append(x)
    for name, child in part._modules.items():
        key.append(name)
        if child is not None and not _seen(child, key, weights):
            return False
    key.append(END)
    return True


@lru_cache(maxsize=512)
def _words(kind: Any) -> Callable[[Any], str | None] | None:
    """What a kind of module says of itself; None where it is not known how the rest is said."""
    import torch

    usual: Any = torch.nn.Module
    if issubclass(kind, torch.jit.ScriptModule):
        return None
    listed = kind.__repr__ is torch.nn.ModuleList.__repr__
    if any(getattr(kind, name) is not getattr(usual, name) for name in MACHINERY[listed:]):
        return None
    says: Callable[[Any], str] = kind.extra_repr
    return _nothing if says is usual.extra_repr else says


def _nothing(part: Any) -> None:
    return None


def _hashed(weights: list[torch.Tensor]) -> bytes:
    """A hash of the memory of weights; small ones are put together first."""
    from torch._utils import _flatten_dense_tensors

    small: dict[Any, list[torch.Tensor]] = {}
    large = []
    for x in weights:
        if x.nbytes >= fingerprints.LINE_BYTES or not x.is_cpu:
            large.append(x)
        else:
            small.setdefault(x.dtype, []).append(x)
    together = [_flatten_dense_tensors(each) for each in small.values()]
    held = [_in_memory(each) for each in (*together, *large)]
    return fingerprints.of_memory([each for each in held if each.size])


def _in_memory(x: torch.Tensor) -> np.ndarray:
    """The numbers of a tensor; those that numpy does not know, as bytes."""
    import torch

    x = x.detach()
    if x.dtype == torch.bfloat16:
        x = x.contiguous().view(-1).view(torch.uint8)
    return np.ascontiguousarray((x if x.is_cpu else x.cpu()).numpy())
