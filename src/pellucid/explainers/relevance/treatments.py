"""How each kind of operation hands relevance on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from pellucid.explainers.network import simpler
from pellucid.explainers.relevance import layer as layers
from pellucid.explainers.relevance import nodes, norms
from pellucid.explainers.relevance.engine import Propagation
from pellucid.explainers.relevance.layer import Front, Layer
from pellucid.explainers.relevance.operations import (
    CONVOLUTIONS,
    DROPOUTS,
    HELD,
    JOINS,
    KEEPING,
    NORMS,
    POINTWISE,
    POSITIONAL,
    PRODUCTS,
    ROUTED,
    SUMS,
)
from pellucid.explainers.relevance.tags import Met, Tag, mark, tag

if TYPE_CHECKING:
    import torch

Treatment = Callable[[Propagation, Met], Any]
"""From a call to what it returns, with its relevance's way back."""


@cache
def treatment(name: str) -> Treatment | None:
    """The treatment of an operation, if it has one."""
    for names, found in _BY_KIND:
        if name in names:
            return found
    return _BY_NAME.get(name)


def positional(way: Propagation, met: Met) -> Any:
    import torch

    if met.name in DROPOUTS and met.args[1] and met.args[2]:
        raise way.no_rule("dropout that is active, as in training")
    fronts = _fronts(met)
    if fronts is None:
        kept = tag(met.changing[0]) if met.name in KEEPING else None
        _cross(way, met)
        if met.name in JOINS and len(met.changing) < len(met.tensors):
            book = way.book("constants joined")
            return mark(nodes.metered(met.at, 1, book, *met.changing), Tag())
        return mark(met.run(), kept or Tag())
    out = met.run()
    if not isinstance(out, (torch.Tensor, tuple, list)):
        return out
    with torch.no_grad():
        parts = {
            part: met.at(*(getattr(front, part) for front in fronts))
            for part in ("zero", "seen", "low", "high")
            if getattr(fronts[0], part) is not None
        }
        blank = met.at(*(torch.zeros_like(front.seen) for front in fronts))
    if isinstance(out, torch.Tensor):
        return mark(out, Tag(front=_front(parts, blank)))
    for i, each in enumerate(out):
        mark(each, Tag(front=_front({key: value[i] for key, value in parts.items()}, blank[i])))
    return out


def natural(way: Propagation, met: Met) -> Any:
    """The gradient is the message."""
    _cross(way, met)
    return mark(met.run(), Tag())


def routed(way: Propagation, met: Met) -> Any:
    if met.name.endswith(("relu", "prelu_kernel")) and len(met.changing) > 1:
        raise way.no_rule(f"{met.name!r} whose slope follows the input")
    _cross(way, met)
    out = met.run()
    return mark(out, Tag(root=_root(met, out)))


def pointwise(way: Propagation, met: Met) -> Any:
    _cross(way, met)
    x = _only(way, met)
    power = met.args[1] if met.name == "pow" and len(met.args) > 1 else 0
    if isinstance(power, (int, float)) and power < 0:
        return held(way, met)
    out = met.at(x.detach())
    return mark(nodes.pointwise(out, x), Tag(root=_root(met, out)))


def held(way: Propagation, met: Met) -> Any:
    """Held for constant."""
    return met.at(*(x.detach() for x in met.changing))


def add(way: Propagation, met: Met) -> Any:
    if len(met.changing) > 1:
        return _of_two(way, met, None)
    if _fronts(met):
        return _affine(met)
    (x,) = met.changing
    known, constant = tag(x), _constant(met, x)
    if known is not None and known.layer is not None and constant is not None:
        out = met.at(x.detach())
        if out.shape == x.shape:
            return way.layer(known.layer.plus(constant), lambda: out)
    out = nodes.metered(met.at, 1, way.book("constants added"), x)
    return mark(out, Tag(root=_root(met, out)))


def neg(way: Propagation, met: Met) -> Any:
    return _affine(met) if _fronts(met) else routed(way, met)


def mul(way: Propagation, met: Met) -> Any:
    if len(met.changing) > 1:
        return _of_two(way, met, 0.5)
    return neg(way, met)


def div(way: Propagation, met: Met) -> Any:
    """What is divided by is held for constant."""
    import torch

    if met.kwargs.get("rounding_mode") is not None:
        raise way.no_rule("a division that rounds")
    x, by = met.args[0], met.args[1] if len(met.args) > 1 else met.kwargs["other"]
    if not (isinstance(x, torch.Tensor) and x.requires_grad):
        return held(way, met)
    by = by.detach() if isinstance(by, torch.Tensor) else by
    return neg(way, Met(met.func, met.name, met.in_place, (x, by), {}))


def convolution(way: Propagation, met: Met) -> Any:
    return _weighted(way, met, "conv", layers.convolution(met.name, *_parts(met)))


def linear(way: Propagation, met: Met) -> Any:
    return _weighted(way, met, "dense", layers.linear(met.func))


def product(way: Propagation, met: Met) -> Any:
    if len(met.changing) > 2:
        raise way.no_rule(f"{met.name!r} of more than two inputs")
    if len(met.changing) == 2:
        return _of_two(way, met, 0.5)
    return _product(way, met)


def product_added(way: Propagation, met: Met) -> Any:
    """A constant, or another activation, plus a product."""
    import torch

    bias, a, b = met.args
    beta, alpha = met.kwargs.get("beta", 1), met.kwargs.get("alpha", 1)

    def written() -> Any:
        found = torch.matmul(a, b)
        found = found.sum(0) if met.name == "addbmm" else found
        found = found if alpha == 1 else found * alpha
        return found + (bias if beta == 1 else bias * beta)

    return way.again(written)


def normalised(way: Propagation, met: Met) -> Any:
    _cross(way, met)
    x = _only(way, met)
    call = Met(norms.RUNS[met.name], met.name, False, met.args, met.kwargs)
    return mark(nodes.metered(call.at, 1, way.book(met.name), x), Tag())


def batch_norm(way: Propagation, met: Met) -> Any:
    """Merged with the layer before it, or, as an offset, with the layer after it."""
    x = _only(way, met)
    factor, shift = norms.batch_norm(*met.args)
    shape = (1, -1, *[1] * (x.ndim - 2))

    def run(x: torch.Tensor) -> torch.Tensor:
        return (x * factor.view(shape) + shift.view(shape)).to(x.dtype)

    if _is_front(x):
        return _affine(Met(run, met.name, False, (x,), {}))
    known = tag(x)
    last = known.layer if known is not None else None
    if last is not None and last.scale is not None and (last.kind == "conv" or x.ndim == 2):
        merged = last.times(factor, shape).plus(shift.view(shape))
        return way.layer(merged, lambda: met.at(x.detach()))
    made = nodes.metered(run, 1, way.book(met.name), x)
    return mark(made, Tag(offset=shift.view(shape)))


def softmax(way: Propagation, met: Met) -> Any:
    if not way.composite.through_attention:
        return held(way, met)
    return log_softmax(way, met)


def log_softmax(way: Propagation, met: Met) -> Any:
    _cross(way, met)
    x = _only(way, met)
    return mark(nodes.metered(met.at, 1, way.book(met.name), x), Tag())


def rewritten(way: Propagation, met: Met) -> Any:
    return way.again(lambda: simpler.SIMPLER[met.name](*met.args, **met.kwargs))


def copied(way: Propagation, met: Met) -> Any:
    x, y = met.args[:2]
    return way.again(lambda: y.to(x.dtype).expand(x.shape))


def put(way: Propagation, met: Met) -> Any:
    """Written into a copy of a tensor, which then holds relevance at those places."""
    _cross(way, met)
    into, place, value = met.args
    out = into.clone()
    out[place] = value
    return mark(out, Tag())


def _is_front(x: torch.Tensor) -> bool:
    known = tag(x)
    return known is not None and known.front is not None


def _fronts(met: Met) -> list[Front] | None:
    """Of all that changes, if it is all the input itself."""
    known = [tag(x) for x in met.changing]
    found = [each.front for each in known if each is not None and each.front is not None]
    return found if len(found) == len(known) else None


def _only(way: Propagation, met: Met) -> torch.Tensor:
    """The one tensor that changes."""
    if len(met.changing) > 1:
        raise way.no_rule(f"{met.name!r} of several tensors that follow the input")
    return met.changing[0]


def _constant(met: Met, x: torch.Tensor) -> torch.Tensor | None:
    """What a sum adds to `x`, if it leaves `x` as it is."""
    import torch

    alpha, two = met.kwargs.get("alpha", 1), len(met.args) == 2
    if not two or met.name not in ("add", "sub") or (x is not met.args[0] and met.name == "sub"):
        return None
    if x is not met.args[0] and alpha != 1:
        return None
    other = met.args[1] if x is met.args[0] else met.args[0]
    sign = -alpha if met.name == "sub" else alpha
    return sign * torch.as_tensor(other, dtype=x.dtype, device=x.device)


def _front(parts: dict[str, Any], blank: torch.Tensor) -> Front:
    return Front(**{**parts, "seen": parts["seen"] - blank})


def _cross(way: Propagation, met: Met) -> None:
    if any(_is_front(x) for x in met.changing):
        met.replaced(lambda x: way.crossed(x) if x.requires_grad else x)


def _affine(met: Met) -> Any:
    """The input in other units."""
    import torch

    (x,), fronts = met.changing, _fronts(met)
    assert fronts is not None
    front = fronts[0]
    with torch.no_grad():
        out, zero = met.at(x.detach()), met.at(front.zero)
        seen = (met.at(front.seen) != met.at(torch.zeros_like(front.seen))).to(out.dtype)
        low = high = None
        if front.low is not None and front.high is not None:
            ends = met.at(front.low), met.at(front.high)
            low, high = torch.minimum(*ends), torch.maximum(*ends)
    return mark(nodes.affine(out, x), Tag(front=Front(zero, seen, low, high)))


def _root(met: Met, out: Any) -> torch.Tensor | None:
    """What all that changes is a function of, number by number, if it is the same."""
    root = _common(met)
    return None if root is None or getattr(out, "shape", None) != root.shape else root


def _common(met: Met) -> torch.Tensor | None:
    """The same, whatever the shape of the output."""
    root: torch.Tensor | None = None
    for x in met.changing:
        known = tag(x)
        own = x if known is None or known.root is None else known.root
        if root is not None and own is not root:
            return None
        root = own
    return root


def _of_two(way: Propagation, met: Met, share: float | None) -> Any:
    """Two inputs that change: a function of one number, or a sum (no `share`), or a product."""
    _cross(way, met)
    if met.name not in PRODUCTS and _common(met) is not None:
        out = met.at(*(x.detach() for x in met.changing))
        root = _root(met, out)
        if root is not None:
            return mark(nodes.pointwise(out, root), Tag(root=root))
    if share is None:
        return mark(met.run(), Tag())
    return mark(nodes.metered(met.at, share, way.book(met.name), *met.changing), Tag())


def _parts(met: Met) -> tuple[Any, Any, Any]:
    return met.func, met.args, met.kwargs


def _weighted(way: Propagation, met: Met, kind: str, parts: Any) -> Any:
    """A layer called with input, weight and bias."""
    given = {**dict(zip(("input", "weight", "bias"), met.args, strict=False)), **met.kwargs}
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    if bias is not None and bias.requires_grad:
        raise way.no_rule(f"{met.name!r} whose bias follows the input")
    if weight.requires_grad:
        return _product(way, met) if not x.requires_grad else _of_two(way, met, 0.5)
    run, pull, scale = parts
    if bias is not None and kind == "conv":
        bias = bias.view(-1, *[1] * (weight.ndim - 2))
    made = _layer(met.name, kind, run, pull, x, weight, bias, scale)
    return way.layer(made, lambda: met.at(x.detach()))


def _product(way: Propagation, met: Met) -> Any:
    """A product of which one side changes."""
    (x,), fixed = met.changing, [each for each in met.tensors if not each.requires_grad]
    if len(fixed) != 1:
        raise way.no_rule(f"{met.name!r} of more than two tensors")
    (weight,) = fixed
    left = met.tensors[0] is weight

    def run(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        both = iter((weight, x) if left else (x, weight))
        call = Met(met.func, met.name, False, met.args, met.kwargs)
        call.replaced(lambda each: next(both))
        return call.run()

    plain = met.name in ("matmul", "mm") and not left and weight.ndim == 2 and x.ndim > 1
    parts = layers.product(False, run, weight) if plain else (run, layers.backwards(run), None)
    made = _layer(met.name, "dense", parts[0], parts[1], x, weight, None, parts[2])
    return way.layer(made, lambda: run(x.detach(), weight))


def _layer(name: str, kind: str, run: Any, pull: Any, x: Any, *rest: Any) -> Layer:
    """A layer, with what is known of its input."""
    known = tag(x)
    assert known is not None
    weight, bias, scale = rest
    return Layer(name, kind, run, pull, x, weight, bias, known.offset, scale, known.front)


_BY_KIND: tuple[tuple[frozenset[str], Treatment], ...] = (
    (POSITIONAL, positional), (SUMS, natural), (ROUTED, routed), (POINTWISE, pointwise),
    (HELD, held), (NORMS, normalised), (CONVOLUTIONS, convolution), (PRODUCTS, product),
)  # fmt: skip

_BY_NAME: dict[str, Treatment] = {
    "__setitem__": put, "add": add, "addbmm": product_added, "addcdiv": rewritten,
    "addcmul": rewritten, "addmm": product_added, "baddbmm": product_added,
    "batch_norm": batch_norm, "copy": copied, "div": div, "glu": rewritten, "linear": linear,
    "log_softmax": log_softmax, "mul": mul, "neg": neg, "rsub": add,
    "scaled_dot_product_attention": rewritten, "softmax": softmax, "sub": add,
}  # fmt: skip
