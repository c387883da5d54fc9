"""Input times gradient: what each input adds where the network is taken for linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pellucid.core.attribution import Attribution
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import Opening
from pellucid.explainers.network.differentiable import AT_THE_INPUTS, differentiable
from pellucid.explainers.network.settings import checked_site


@dataclass(frozen=True, kw_only=True)
class InputXGradient(Explainer):
    """Each input times the gradient of the output with respect to it.

    Parameters
    ----------
    site : str, optional
        The part of the network whose activation is explained in place of the input.

    Notes
    -----
    For a network of ReLU without biases values add up to the output (Euler's theorem); in general
    they do not. For ReLU networks they are those of layer-wise relevance propagation with the
    basic rule. Cost: one evaluation for each sample.

    References
    ----------
    Shrikumar et al. (2016), arXiv:1605.01713. Ancona et al. (2018), arXiv:1711.06104.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "arXiv:1605.01713"
    cost: ClassVar[str] = "1 per sample"

    site: str | None = None

    def __post_init__(self) -> None:
        checked_site(self.site)

    def opening(self) -> Opening | None:
        return AT_THE_INPUTS if self.site is None else None

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question, self.site)

        def shares(call, x, pick, some):  # type: ignore[no-untyped-def]
            return x * door.gradient(call, x, pick)[0]

        return door.attribution(door.each(shares))
