"""Saliency: how steeply the output rises with each input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pellucid.core.attribution import Attribution
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import Opening
from pellucid.explainers.network.differentiable import AT_THE_INPUTS, differentiable
from pellucid.explainers.network.settings import checked_site, yes_or_no


@dataclass(frozen=True, kw_only=True)
class Saliency(Explainer):
    """The gradient of the output with respect to each input, by magnitude.

    Parameters
    ----------
    absolute : bool
        Whether the sign is left out, as in the paper.
    site : str, optional
        The part of the network whose activation is explained in place of the input.

    Notes
    -----
    Values do not add up, and say how the output would change, not what made it: an input that is
    black, or saturated, can matter and have no gradient. Cost: one evaluation for each sample.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2014), arXiv:1312.6034.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "arXiv:1312.6034"
    cost: ClassVar[str] = "1 per sample"

    absolute: bool = True
    site: str | None = None

    def __post_init__(self) -> None:
        yes_or_no("absolute", self.absolute)
        checked_site(self.site)

    def opening(self) -> Opening | None:
        return AT_THE_INPUTS if self.site is None else None

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question, self.site)

        def slopes(call, x, pick, some):  # type: ignore[no-untyped-def]
            found, _ = door.gradient(call, x, pick)
            return found.abs() if self.absolute else found

        return door.attribution(door.each(slopes))
