"""LRP: the output handed back through the network, layer by layer, by local rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.core.explanation import number
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import Opening
from pellucid.explainers.network.differentiable import Differentiable, differentiable
from pellucid.explainers.network.settings import checked_site, yes_or_no
from pellucid.explainers.relevance.composites import COMPOSITES, Composite
from pellucid.explainers.relevance.engine import Propagation
from pellucid.explainers.relevance.rules import RULES
from pellucid.explainers.settings import positive

if TYPE_CHECKING:
    import torch

    from pellucid.models.torch import Call, TorchModel

NAMED = 5
"""How many kinds of layers a note names."""


@dataclass(frozen=True, kw_only=True)
class LRP(Explainer):
    """Layer-wise relevance propagation: what each input contributed to the output, by layers.

    Parameters
    ----------
    composite : str, optional
        Which rule is for which layers: ``"epsilon_plus_flat"`` (z+ for convolutions, ε for others,
        flat for the layer that reads the input), ``"epsilon_gamma_box"``,
        ``"epsilon_alpha_beta_flat"``, the same without the last part, or one rule for all layers:
        ``"zero"``, ``"epsilon"``, ``"gamma"``, ``"alpha_beta"``, ``"z_plus"``. By default
        ``"epsilon_plus_flat"`` for images and ``"epsilon"`` for tables.
    first : str, optional
        Another rule for the layers that read the input: one of those, or ``"flat"``,
        ``"w_square"`` or ``"box"``.
    epsilon : float
        What stabilises the ε rule: it is added to the size of each output.
    gamma : float
        How much more the γ rule favours contributions of the output's own sign.
    alpha : float
        What positive contributions get under the αβ rule; negative ones get ``1 - alpha``.
    low, high : float or tuple of float, optional
        The least and the greatest value of an input, or of each channel, for the rule ``"box"``.
    through_attention : bool
        Whether relevance also goes through attention weights, as in AttnLRP, or only through the
        values that are attended to, which loses nothing.
    site : str, optional
        The part of the network whose activation is explained in place of the input; rules for the
        layers that read the input are then not used.

    Notes
    -----
    Relevance is conserved but for what constants, such as biases, and stabilisers absorb:
    `Attribution.base` is 0 and `Attribution.gap` is what was absorbed, for each sample; a note
    names the layers where. It is 0 for networks of ReLU without biases, with every rule. In the z+
    rule only inputs share, as in the deep Taylor decomposition that it comes from: a bias absorbs
    all that its output got where there is nothing else, and otherwise nothing. Elsewhere a bias is
    one more input, as in Bach et al.: in a deep network with large biases hardly anything arrives.
    With ``alpha=1`` the αβ rule is z+ with biases.

    Batch norms are merged with the layer before or after them. Sums, such as those of residual
    networks, share relevance by the size of their terms; functions of one number hand on all of
    it; products of two activations give half to each; what divides, as in normalisations, is held
    for constant. The γ rule treats positive and negative outputs alike. Whether a module, a
    function or a method calls an operation makes no difference.

    An operation without a rule is refused by its name. Cost: one evaluation for each sample.

    References
    ----------
    Bach et al. (2015), doi:10.1371/journal.pone.0130140. Montavon et al. (2017), deep Taylor
    decomposition, arXiv:1512.02479. Montavon et al. (2019), doi:10.1007/978-3-030-28954-6_10.
    Achtibat et al. (2024), AttnLRP, arXiv:2402.05602. Ali et al. (2022), arXiv:2202.07304.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    natural_scale: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "doi:10.1371/journal.pone.0130140"
    cost: ClassVar[str] = "1 per sample"

    composite: str | None = None
    first: str | None = None
    epsilon: float = 1e-6
    gamma: float = 0.25
    alpha: float = 2.0
    low: float | tuple[float, ...] | None = None
    high: float | tuple[float, ...] | None = None
    through_attention: bool = True
    site: str | None = None

    def __post_init__(self) -> None:
        if self.composite is not None and self.composite not in COMPOSITES:
            raise UnknownName.among("composite", str(self.composite), COMPOSITES)
        if self.first is not None and self.first not in RULES:
            raise UnknownName.among("rule", str(self.first), RULES)
        positive("epsilon", self.epsilon)
        positive("gamma", self.gamma)
        positive("alpha", self.alpha)
        if self.alpha < 1:
            raise InvalidSetting("alpha cannot be used", got=self.alpha, allowed="a number ≥ 1")
        yes_or_no("through_attention", self.through_attention)
        checked_site(self.site)
        _checked_ends(self.low, self.high)

    def opening(self) -> Opening | None:
        how = self._composite("image")
        if self.site is not None or how.first == "box":  # the box is held against all images first
            return None

        def run(model: TorchModel, call: Call, x: torch.Tensor) -> tuple[torch.Tensor, Propagation]:
            way = Propagation(how, model.module)
            return way.run(call, x), way

        return Opening(run=run)

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question, self.site)
        how = self._composite(question.kind)
        boxed = how.first == "box" and self.site is None
        ends = self._ends(door) if boxed else (None, None)
        ways: dict[tuple[int, int], Propagation] = {}

        def relevance(call, x, pick, some):  # type: ignore[no-untyped-def]
            known = door.begun.get(some.start)
            way = Propagation(how, door.model.module, *ends, self.site is None)
            way = way if known is None else known.seen
            ways[some.start, int(pick[0]) if len(door.picks) > 1 else 0] = way
            with _once():
                found, _ = door.gradient(lambda *given: way.run(call, *given), x, pick)
            return found if way.reads_input else x * found

        values = door.each(relevance)
        made = door.attribution(values, base=[np.zeros(len(part)) for part in values])
        _told(question, made, [way.absorbed for way in ways.values()])
        return made

    def _composite(self, kind: str) -> Composite:
        usual = "epsilon_plus_flat" if kind == "image" else "epsilon"
        found = COMPOSITES[self.composite or usual]
        return replace(
            found,
            first=self.first or found.first,
            epsilon=self.epsilon,
            gamma=self.gamma,
            alpha=self.alpha,
            through_attention=self.through_attention,
        )

    def _ends(self, door: Differentiable) -> tuple[torch.Tensor, torch.Tensor]:
        """The box, as it is broadcast to inputs."""
        if self.low is None or self.high is None:
            raise InvalidSetting(
                "The rule 'box' needs the range of the inputs",
                got=f"low={self.low}, high={self.high}",
                fix=f"Give both: these inputs are within {door.values.min()} and "
                f"{door.values.max()}; better the limits that any input has",
            )
        low, high = (_spread(end, door.values) for end in (self.low, self.high))
        if (door.values < low).any() or (door.values > high).any():
            raise InvalidSetting(
                "Some inputs are outside of the box",
                got=f"values from {door.values.min()} to {door.values.max()}",
                allowed=f"low={self.low} to high={self.high}",
            )
        return door.model.tensor(low), door.model.tensor(high)


@contextmanager
def _once() -> Iterator[None]:
    """Refuse networks that run parts of themselves again on the way back."""
    from torch.utils.checkpoint import CheckpointError

    try:
        yield
    except CheckpointError as error:
        raise CannotExplain(
            "Relevance cannot go through parts that are computed again on the way back",
            got="checkpointing",
            fix="Switch it off, such as by model.gradient_checkpointing_disable()",
        ) from error


def _spread(end: float | tuple[float, ...], values: np.ndarray) -> np.ndarray:
    """One end for each input, or each channel."""
    made = np.asarray(end, dtype=values.dtype)
    if made.ndim and len(made) != values.shape[1]:
        raise InvalidSetting(
            "low and high are one number, or one for each channel",
            got=f"{len(made)} numbers",
            allowed=f"{values.shape[1]}",
        )
    return made.reshape(-1, *[1] * (values.ndim - 2))


def _checked_ends(low: Any, high: Any) -> None:
    for name, end in (("low", low), ("high", high)):
        each = end if isinstance(end, tuple) else () if end is None else (end,)
        numbers = all(isinstance(x, (int, float, np.number)) and math.isfinite(x) for x in each)
        if not numbers or end == ():
            raise InvalidSetting(
                f"{name} is an end of the inputs' range",
                got=repr(end),
                allowed="a number, or a tuple with one for each channel",
            )
    if low is not None and high is not None and (np.asarray(low) >= np.asarray(high)).any():
        raise InvalidSetting("low must be under high", got=f"low={low}, high={high}")


def _told(question: Asked, made: Attribution, absorbed: list[dict[str, float]]) -> None:
    """Say how much of the output was conserved, and where the rest stayed."""
    whole = np.asarray(made.output, dtype=float).ravel()
    arrived = whole - made.gap().ravel()
    if not np.isfinite(arrived).all():
        raise CannotExplain("Relevance is not finite", got="missing or infinite values")
    ratio = arrived[whole != 0] / whole[whole != 0]
    if not len(ratio) or np.abs(ratio - 1).max() < 1e-3:
        question.note("Conservation: relevance adds up to the output, to a part in a thousand.")
        return
    parts: dict[str, float] = {}
    for each in absorbed:
        for name, lost in each.items():
            parts[name] = parts.get(name, 0.0) + lost
    most = sorted(parts, key=lambda name: -abs(parts[name]))[:NAMED]
    said = ", ".join(f"{name} {number(parts[name])}" for name in most)
    question.note(
        f"Conservation: relevance is {number(ratio.min())} to {number(ratio.max())} times the "
        f"output (median {number(np.median(ratio))}). Biases, other constants and stabilisers "
        f"absorbed the rest; in all samples, of {number(whole.sum())}: {said}."
    )
