"""DeepSHAP: DeepLIFT averaged over the samples of a background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.gradient.deep_lift import tell_gap
from pellucid.explainers.gradient.expected_gradients import background_of
from pellucid.explainers.network.differentiable import differentiable
from pellucid.explainers.network.settings import checked_site
from pellucid.explainers.settings import whole_number


@dataclass(frozen=True, kw_only=True)
class DeepSHAP(Explainer):
    """The change of the output from each background sample, shared exactly; their mean.

    Parameters
    ----------
    max_background : int, optional
        Most background samples; a random choice of more is noted.
    site : str, optional
        The part of the network whose activation is explained in place of the input.

    Raises
    ------
    InvalidSetting
        If there is no background.
    CannotExplain
        If the network holds an operation whose output cannot be shared exactly; names it.

    Notes
    -----
    Laws: values add up to the output less its mean over the background, to rounding; dummy. Each
    operation is shared as in `DeepLIFT`. For networks in which inputs do not interact values are
    Shapley values; else they come near them at a fraction of the cost. ``error`` is the standard
    error over background samples, none where there is only one. Cost: two evaluations for each
    sample and background sample.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Chen, Lundberg and Lee (2022),
    doi:10.1038/s41467-022-31384-3.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    laws: ClassVar[frozenset[str]] = frozenset({"completeness", "dummy"})
    paper: ClassVar[str] = "arXiv:1705.07874"
    cost: ClassVar[str] = "2 per sample and background sample"

    max_background: int | None = 100
    site: str | None = None

    def __post_init__(self) -> None:
        whole_number("max_background", self.max_background, 1, optional=True)
        checked_site(self.site)

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question, self.site)
        known = background_of(door, self.max_background)

        def mean_and_error(call, x, pick, some):  # type: ignore[no-untyped-def]
            import torch

            from pellucid.explainers.gradient.lockstep import multiplied

            behind = door.at(known)
            sums = torch.zeros(3, *x.shape, dtype=torch.float64, device=x.device)
            per = max(1, door.fits(x) // len(x))
            for starts in behind.split(per):
                copies = x.repeat(len(starts), *[1] * (x.ndim - 1))
                starts = starts.repeat_interleave(len(x), dim=0)
                picks = np.tile(pick, len(copies) // len(x))
                values, base = multiplied(door, call, copies, starts, picks)
                values = values.double().reshape(-1, *x.shape)
                base = base.double().reshape(-1, len(x), *[1] * (x.ndim - 1))
                sums += torch.stack([values.sum(0), (values**2).sum(0), base.sum(0) + 0 * x])
            mean, squares, base = sums / len(behind)
            spread = (squares - mean**2).clamp_min(0) / max(len(behind) - 1, 1)
            return torch.stack([mean, spread.sqrt(), base], dim=1)

        found = door.each(mean_and_error)
        base = [part[:, 2].reshape(len(part), -1)[:, 0] for part in found]
        made = door.attribution(
            [part[:, 0] for part in found], base=base, error=[part[:, 1] for part in found]
        )
        tell_gap(door, made)
        return made
