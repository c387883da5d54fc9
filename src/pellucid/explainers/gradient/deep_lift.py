"""DeepLIFT: what each input's difference from a baseline adds to the output, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain
from pellucid.core.explanation import number
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.network.differentiable import Differentiable, differentiable
from pellucid.explainers.network.settings import checked_baseline, checked_site
from pellucid.perturb.input_baseline import baseline_of

ROUNDING = 1e-3
"""What values may miss of the change of the output, as a part of it, before it is said."""

BROKEN = 0.1
"""What no rounding of 32 bits makes them miss."""

SLIGHT = 1e-2
"""Where values cancel, what they miss is judged by this part of their sum of magnitudes."""

STILL = 1e-3
"""Where the output hardly changes, what they miss is judged by this part of the output."""


@dataclass(frozen=True, kw_only=True)
class DeepLIFT(Explainer):
    """The change of the output from a baseline, shared back through every operation exactly.

    Parameters
    ----------
    baseline : {"zero", "mean", "blur"} or float
        What each input is compared with: all zero, each image's mean colour, each image blurred, or
        a number.
    site : str, optional
        The part of the network whose activation is explained in place of the input; it is compared
        with its activation at the baseline.

    Raises
    ------
    CannotExplain
        If the network holds an operation whose output cannot be shared exactly; names it.

    Notes
    -----
    Laws: values add up to the output less that at the baseline, to rounding, see `Attribution.gap`;
    dummy. Functions of one number (ReLU, GELU, SiLU, …) follow the rescale rule. A maximum gives
    its change to the number that is, or was, the greatest. Products of two changing numbers, as in
    attention or gated layers, are shared by the Shapley values of the two, quotients by the product
    that they undo; softmax and normalisations are made of these. A network that holds another
    operation is refused by its name, and so is one that takes other ways, or other masks, for the
    input than for the baseline.

    Cost: two evaluations for each sample.

    References
    ----------
    Shrikumar, Greenside and Kundaje (2017), arXiv:1704.02685. Lundberg and Lee (2017),
    arXiv:1705.07874, for products.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    laws: ClassVar[frozenset[str]] = frozenset({"completeness", "dummy"})
    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "arXiv:1704.02685"
    cost: ClassVar[str] = "2 per sample"

    baseline: float | str = "zero"
    site: str | None = None

    def __post_init__(self) -> None:
        checked_baseline(self.baseline)
        checked_site(self.site)

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question, self.site)
        start = baseline_of(door.values, self.baseline)

        def shares(call, x, pick, some):  # type: ignore[no-untyped-def]
            import torch

            from pellucid.explainers.gradient.lockstep import multiplied

            values, base = multiplied(door, call, x, door.at(start[some]), pick)
            wide = base.reshape(-1, *[1] * (x.ndim - 1)).expand_as(values)
            return torch.stack([values, wide], dim=1)

        found = door.each(shares)
        base = [part[:, 1].reshape(len(part), -1)[:, 0] for part in found]
        made = door.attribution([part[:, 0] for part in found], base=base)
        tell_gap(door, made)
        return made


def tell_gap(door: Differentiable, made: Attribution) -> None:
    """Say how far values are from adding up, where that is more than the rounding of 32 bits.

    Raises
    ------
    CannotExplain
        If no rounding explains it.
    """
    along = tuple(made.dims.index(dim) for dim in made.shared)
    gap, whole = np.abs(made.gap()), np.abs(made.values).sum(axis=along)
    assert isinstance(made.output, np.ndarray)
    assert isinstance(made.base, np.ndarray)
    floor = np.maximum(SLIGHT * whole, STILL * (np.abs(made.output) + np.abs(made.base)))
    size = np.maximum(np.abs(made.output - made.base), floor)
    missed = gap / np.where(size > 0, size, 1)
    most = f"{number(100 * float(missed.max()))} % of the change of the output"
    coarse = door.model.tensor(door.values[:1]).dtype.itemsize < 4
    if missed.max() > BROKEN and not coarse:
        raise CannotExplain(
            f"The values for {door.model.name} do not add up, so its answer is not one of each "
            "sample alone",
            got=f"values that miss up to {most}",
            fix="Look for dropout that is always on, or for samples that are mixed along the batch",
        )
    if missed.max() > ROUNDING:
        door.question.note(
            f"The values of {int((missed > ROUNDING).sum())} of {missed.size} samples miss up to "
            f"{most}, by the rounding of the network's own numbers."
        )
