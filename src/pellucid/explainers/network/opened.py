"""Operations of torch as they are called: by one name, and opened where they are made of others."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

GUARDS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
"""What the functions of torch written in Python ask before they let someone answer for them."""

ALIASES = {
    "_threshold": "threshold", "absolute": "abs", "clip": "clamp", "divide": "div",
    "max_pool1d_with_indices": "max_pool1d", "max_pool2d_with_indices": "max_pool2d",
    "max_pool3d_with_indices": "max_pool3d", "multiply": "mul", "special_expit": "sigmoid",
    "special_log_softmax": "log_softmax", "special_logsumexp": "logsumexp",
    "special_softmax": "softmax", "true_divide": "div",
}  # fmt: skip
"""Operations that go by several names."""


def named(func: Callable[..., Any]) -> tuple[str, bool]:
    """The name of an operation, and whether it changes its first argument."""
    name = func.__name__
    if name == "__setitem__":
        return name, True
    in_place = name.endswith("_") and not name.endswith("__")
    name = name[:-1] if in_place else name
    return ALIASES.get(name, name), in_place


@cache
def opened(func: Callable[..., Any]) -> Callable[..., Any] | None:
    """The body of a function of torch written in Python, which calls what it is made of.

    Called itself, the function would ask again to be answered for, without end.
    """
    if not isinstance(func, FunctionType):
        return None
    guards = [name for name in GUARDS if name in func.__globals__]
    if not guards:
        return None
    around = {**func.__globals__, **dict.fromkeys(guards, _nobody)}
    body = FunctionType(func.__code__, around, func.__name__, func.__defaults__, func.__closure__)
    body.__kwdefaults__ = func.__kwdefaults__
    return body


def direct(
    func: Callable[..., Any], args: Any, kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], Any, dict[str, Any]]:
    """The one call that the body of a frequent function comes down to; others as they are."""
    known = _shortened().get(func)
    found = None if known is None else known(*args, **kwargs)
    return (func, args, kwargs) if found is None else (*found, {})


@cache
def _shortened() -> dict[Any, Callable[..., Any]]:
    import torch

    def relu(input: Any, inplace: bool = False) -> Any:
        return torch.relu_ if inplace else torch.relu, (input,)

    def batch_norm(
        input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
        training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
    ) -> Any:  # fmt: skip
        if training:  # then the body checks more
            return None
        given = input, weight, bias, running_mean, running_var, training, momentum, eps
        return torch.batch_norm, (*given, torch.backends.cudnn.enabled)

    functional = torch.nn.functional
    return {functional.relu: relu, functional.batch_norm: batch_norm}


def out_of_place(name: str) -> Callable[..., Any]:
    """The operation of this name that leaves its arguments alone."""
    import torch

    owners = (torch.Tensor, torch, torch._C._nn)
    found: Callable[..., Any] = next(getattr(x, name) for x in owners if hasattr(x, name))
    return found


def _nobody(*args: Any) -> bool:
    return False
