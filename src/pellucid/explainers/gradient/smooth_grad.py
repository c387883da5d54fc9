"""SmoothGrad: the mean gradient over noisy copies of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.gradient.noise import noisy_gradients
from pellucid.explainers.network.differentiable import differentiable
from pellucid.explainers.network.settings import checked_site, yes_or_no
from pellucid.explainers.settings import positive, whole_number


@dataclass(frozen=True, kw_only=True)
class SmoothGrad(Explainer):
    """The mean gradient over copies of the input with Gaussian noise.

    Parameters
    ----------
    draws : int
        Noisy copies.
    noise : float
        Standard deviation of the noise, as a part of each input's range.
    times_input : bool
        Whether each gradient is multiplied by the noisy copy it was taken at.
    absolute : bool
        Whether the sign of each gradient is left out, as in saliency, before the mean is taken.
    squared : bool
        Whether gradients are squared first, which leaves out their sign too.
    site : str, optional
        The part of the network whose activation is explained, and made noisy, in place of the
        input.

    Notes
    -----
    With signs, values say which way each input would move the output, not how much the output rests
    on it. As an order of importance they were no better than chance on two networks of CIFAR-10;
    magnitudes were better, but hardly differed between classes. ``error`` is the standard error
    over draws. Cost: one evaluation for each draw and sample.

    References
    ----------
    Smilkov et al. (2017), arXiv:1706.03825; squared: Hooker et al. (2019), arXiv:1806.10758.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    paper: ClassVar[str] = "arXiv:1706.03825"
    cost: ClassVar[str] = "draws per sample"

    draws: int = 25
    noise: float = 0.15
    times_input: bool = False
    absolute: bool = False
    squared: bool = False
    site: str | None = None

    def __post_init__(self) -> None:
        whole_number("draws", self.draws, 2)
        positive("noise", self.noise)
        yes_or_no("times_input", self.times_input)
        yes_or_no("absolute", self.absolute)
        yes_or_no("squared", self.squared)
        if self.absolute and self.squared:
            raise InvalidSetting(
                "A square has no sign to leave out", got="absolute=True and squared=True",
                fix="Choose one",
            )  # fmt: skip
        checked_site(self.site)

    def work(self, question: Asked) -> int:
        return self.draws * question.size

    def compute(self, question: Asked) -> Attribution:
        import torch

        door = differentiable(question, self.site)

        def mean_and_error(call, x, pick, some):  # type: ignore[no-untyped-def]
            total = torch.zeros(2, *x.shape, dtype=torch.float64, device=x.device)
            for copy, slope in noisy_gradients(door, call, x, pick, self.draws, self.noise):
                value = (slope * copy if self.times_input else slope).double()
                value = value**2 if self.squared else value.abs() if self.absolute else value
                total[0] += value
                total[1] += value**2
            mean = total[0] / self.draws
            spread = (total[1] / self.draws - mean**2).clamp_min(0) / (self.draws - 1)
            return torch.stack([mean, spread.sqrt()], dim=1)

        both = door.each(mean_and_error, often=True)
        return door.attribution([b[:, 0] for b in both], error=[b[:, 1] for b in both])
