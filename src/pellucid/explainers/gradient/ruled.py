"""Which rule shares the change of which operation."""

from __future__ import annotations

from functools import partial
from typing import Any

from pellucid.explainers.gradient.pair_rules import (
    Rule,
    largest,
    log_sum,
    midpoint,
    quotient,
    slope,
)
from pellucid.explainers.network.simpler import no_rule

OF_ONE = frozenset({
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "celu", "clamp", "clamp_max",
    "clamp_min", "cos", "cosh", "elu", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "gelu",
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "lgamma", "log", "log10",
    "log1p", "log2", "log_sigmoid", "logit", "maximum", "minimum", "mish", "pow", "prelu",
    "reciprocal", "relu", "relu6", "rrelu", "rsqrt", "selu", "sigmoid", "silu", "sin", "sinc",
    "sinh", "softplus", "softshrink", "split", "sqrt", "tan", "tanh", "threshold",
})  # fmt: skip
"""Functions of one number; of two, where only one of them changes."""

QUADRATIC = frozenset({"square", "var"})
"""Polynomials of degree two of one input."""

PRODUCTS = frozenset({
    "addbmm", "addmm", "addmv", "baddbmm", "bmm", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "convolution", "dot", "inner", "kron", "linear",
    "matmul", "mm", "mul", "mv", "outer", "split", "tensordot", "vdot",
})  # fmt: skip
"""Products of two inputs, to which a third may be added."""

OF_MANY = frozenset({"bilinear", "einsum"})
"""Products of all inputs: of degree two where only two change."""

CLOSED = frozenset({
    "gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh",
    "rnn_tanh_cell",
})  # fmt: skip
"""Operations that hide what they are made of."""

WINDOWS = {
    "adaptive_max_pool1d": 1, "adaptive_max_pool2d": 2, "adaptive_max_pool3d": 3,
    "max_pool1d": 1, "max_pool2d": 2, "max_pool3d": 3,
}  # fmt: skip
"""Maxima within windows, and along how many of the last axes."""


def rule_of(name: str, changing: list[bool], args: Any, kwargs: dict[str, Any]) -> Rule | None:
    """The rule of an operation, or `None` where it may be linear in what changes.

    Parameters
    ----------
    name : str
    changing : list of bool
        Of all tensors and numbers given, whether they change.
    args, kwargs : tuple and dict
        What the operation is given.

    Raises
    ------
    CannotExplain
        If more changes than a rule can share; names the operation.
    """
    many = sum(changing)
    if name in CLOSED:
        raise no_rule(repr(name))
    if name in WINDOWS:
        return _pool(name, args, kwargs)
    if name == "amax":
        return partial(largest, find=lambda x: x.max(-1, keepdim=True), axis=args[1])
    if name == "logsumexp":
        return partial(log_sum, dim=args[1])
    if name == "div":
        return _quotient(changing, kwargs)
    if name in PRODUCTS or (name in OF_MANY and many <= 2):
        return midpoint if many > 1 else None
    if name in QUADRATIC or (name == "pow" and isinstance(args[-1], int) and args[-1] == 2):
        return midpoint
    if name not in OF_ONE and name not in OF_MANY:
        return None
    if many > 1:
        raise no_rule(f"{name!r} of {many} changing inputs")
    return slope


def _quotient(changing: list[bool], kwargs: dict[str, Any]) -> Rule | None:
    if kwargs.get("rounding_mode") is not None:
        raise no_rule("'div' with rounding")
    if sum(changing) > 1:
        return quotient
    return None if changing[0] else slope


def _pool(name: str, args: Any, kwargs: dict[str, Any]) -> Rule:
    from torch.nn import functional

    most = 2 if name.startswith("adaptive") else 6
    if len(args) > most or kwargs.get("return_indices"):
        raise no_rule(f"{name!r} that tells its indices")
    given = {**kwargs, "return_indices": True}
    pool = getattr(functional, name)
    return partial(largest, find=lambda x: pool(x, *args[1:], **given), windows=WINDOWS[name])
