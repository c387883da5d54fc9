"""Guided backpropagation: gradients that pass a ReLU only where they ask for more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.gradient.linear_nodes import nodes
from pellucid.explainers.gradient.pair_rules import shared
from pellucid.explainers.network.differentiable import Network, differentiable
from pellucid.explainers.network.intercept import intercepted
from pellucid.explainers.network.opened import named
from pellucid.explainers.network.settings import checked_site

if TYPE_CHECKING:
    import torch

RULES = ("guided", "deconvnet")
"""What passes a ReLU on the way back."""


@dataclass(frozen=True, kw_only=True)
class GuidedBackprop(Explainer):
    """The gradient of the output, where every ReLU lets only positive parts of it pass.

    Parameters
    ----------
    rule : {"guided", "deconvnet"}
        Guided: what is positive passes where the ReLU's input is positive too. Deconvnet: wherever
        that input lies.
    site : str, optional
        The part of the network whose activation is explained in place of the input.

    Raises
    ------
    CannotExplain
        If no ReLU lies on the way from the input to the output.

    Notes
    -----
    Every ReLU and ReLU6 is met: of modules that are shared or work in place, functions, methods,
    and numbers cut off below 0, or below 0 and above 6. Other activations pass their gradient on.
    Values do not add up. The pictures are sharp, and hardly change with the class or with the
    parameters of the network: they show what an image is made of rather than why it is called so.
    Cost: one evaluation for each sample.

    References
    ----------
    Springenberg et al. (2014), arXiv:1412.6806. Deconvnet: Zeiler and Fergus (2013),
    arXiv:1311.2901. Against both: Adebayo et al. (2018), arXiv:1810.03292; Nie, Zhang and Patel
    (2018), arXiv:1805.07039.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "arXiv:1412.6806"
    cost: ClassVar[str] = "1 per sample"

    rule: str = "guided"
    site: str | None = None

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InvalidSetting("rule is unknown", got=repr(self.rule), allowed=RULES)
        checked_site(self.site)

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question, self.site)

        def guided(call, x, pick, some):  # type: ignore[no-untyped-def]
            steps = Rectified(rule=self.rule)
            found, _ = door.gradient(steps.around(call), x, pick)
            if not steps.met:
                raise CannotExplain(
                    f"{door.model.name} has no ReLU for gradients to be guided by",
                    fix="Choose 'saliency' or 'integrated_gradients'",
                )
            return found

        return door.attribution(door.each(guided))


@dataclass(eq=False)
class Rectified:
    """The ReLUs of a network, answered for.

    Parameters
    ----------
    rule : str
    met : int
        How many there were on the way from the input.
    """

    rule: str
    met: int = 0

    def around(self, call: Network) -> Network:
        """The network with its ReLUs guided."""

        def network(inputs: torch.Tensor, of: torch.Tensor | None = None) -> torch.Tensor:
            with intercepted(self.answer):
                scores = call(inputs, of)
            if scores.grad_fn is not None and any(map(_unguided, nodes(scores.grad_fn))):
                raise CannotExplain(
                    "A ReLU of the network is hidden from guided backpropagation",
                    fix="Write it as a module or function of its own, outside compiled code",
                )
            return scores

        return network

    def answer(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """What an operation returns; a ReLU guides gradients."""
        import torch

        name, in_place = named(func)
        top = _ceiling(name, args, kwargs)
        if top is None or not args[0].requires_grad or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        self.met += 1
        x = args[0].detach()
        passes: Any = 1 if self.rule == "deconvnet" else (x > 0) & (x < top)
        out = shared(lambda: x.clamp(0, top), lambda grad: [grad.clamp_min(0) * passes], [args[0]])
        if in_place or kwargs.get("inplace") or any(x is True for x in args[1:]):
            return args[0].copy_(out)
        return out


CEILINGS = {"relu": float("inf"), "relu6": 6.0}
"""ReLUs, and where they stop to grow."""

CUTS = ("clamp", "clamp_min", "hardtanh")
"""Operations that are ReLUs where they begin at 0, and end as one of them does."""


def _unguided(node: Any) -> bool:
    return str(node.name()).startswith("ReluBackward")


def _ceiling(name: str, args: Any, kwargs: dict[str, Any]) -> float | None:
    """Where a ReLU stops to grow; `None` for other operations."""
    import torch

    if not args or not isinstance(args[0], torch.Tensor):
        return None
    if name in CEILINGS:
        return CEILINGS[name]
    if name == "threshold":
        return float("inf") if args[1:3] == (0, 0) else None
    if name not in CUTS:
        return None
    low, high = [*args[1:3], None, None][:2]
    low = kwargs.get("min", kwargs.get("min_val", low))
    high = kwargs.get("max", kwargs.get("max_val", high))
    if not isinstance(low, (int, float)) or low != 0 or isinstance(high, torch.Tensor):
        return None
    return next((top for top in CEILINGS.values() if top == high or high is None), None)
