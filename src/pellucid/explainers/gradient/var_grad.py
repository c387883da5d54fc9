"""VarGrad: the variance of the gradient over noisy copies of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pellucid.core.attribution import Attribution
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.gradient.noise import noisy_gradients
from pellucid.explainers.network.differentiable import differentiable
from pellucid.explainers.network.settings import checked_site
from pellucid.explainers.settings import positive, whole_number


@dataclass(frozen=True, kw_only=True)
class VarGrad(Explainer):
    """The variance of the gradient over copies of the input with Gaussian noise.

    Parameters
    ----------
    draws : int
        Noisy copies.
    noise : float
        Standard deviation of the noise, as a part of each input's range.
    site : str, optional
        The part of the network whose activation is explained, and made noisy, in place of the
        input.

    Notes
    -----
    Values are in squared units of the gradient and have no sign. ``error`` is the standard error of
    the variance, by its fourth moment. Cost: one evaluation for each draw and sample.

    References
    ----------
    Adebayo et al. (2018), Local explanation methods for deep neural networks lack sensitivity to
    parameter values, arXiv:1810.03307.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    paper: ClassVar[str] = "arXiv:1810.03307"
    cost: ClassVar[str] = "draws per sample"

    draws: int = 25
    noise: float = 0.15
    site: str | None = None

    def __post_init__(self) -> None:
        whole_number("draws", self.draws, 4)
        positive("noise", self.noise)
        checked_site(self.site)

    def work(self, question: Asked) -> int:
        return self.draws * question.size

    def compute(self, question: Asked) -> Attribution:
        import torch

        door, n = differentiable(question, self.site), self.draws

        def variance_and_error(call, x, pick, some):  # type: ignore[no-untyped-def]
            drawn = noisy_gradients(door, call, x, pick, n, self.noise)
            _, first = next(drawn)
            sums = torch.zeros(4, *x.shape, dtype=torch.float64, device=x.device)
            start = first.double()  # powers are summed around the first draw: less is cancelled
            for _, slope in drawn:
                away = slope.double() - start
                power = away
                for order in range(4):
                    sums[order] += power
                    power = power * away
            m1, m2, m3, m4 = sums / n
            variance = (m2 - m1**2).clamp_min(0)
            fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
            unbiased = variance * n / (n - 1)
            error = ((fourth - variance**2 * (n - 3) / (n - 1)).clamp_min(0) / n).sqrt()
            return torch.stack([unbiased, error], dim=1)

        both = door.each(variance_and_error, often=True)
        return door.attribution([b[:, 0] for b in both], error=[b[:, 1] for b in both])
