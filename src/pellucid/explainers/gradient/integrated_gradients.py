"""Integrated gradients that know when they are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.explanation import number
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.network.differentiable import (
    Differentiable,
    Network,
    differentiable,
)
from pellucid.explainers.network.settings import checked_baseline, checked_site
from pellucid.explainers.settings import positive, whole_number
from pellucid.maths.nested_quadrature import fresh, levels, rule
from pellucid.perturb.input_baseline import baseline_of

if TYPE_CHECKING:
    import torch

FIRST = 4
"""Intervals of the first rule."""

SLIGHT = 0.01
"""Where shares cancel, what they miss is judged by this part of their sum of magnitudes."""


@dataclass(frozen=True, kw_only=True)
class IntegratedGradients(Explainer):
    """Each input's way from a baseline, times the mean gradient along the straight line there.

    Parameters
    ----------
    baseline : {"zero", "mean", "blur"} or float
        Where the way begins: all zero, each image's mean colour, each image blurred, or a number.
    tolerance : float
        A sample is done as soon as what its values miss of the change of the output, and how much
        the last refinement moved them, are both under this part of it and of them.
    budget : int
        Most gradients for each sample. Where they do not suffice a note says so.
    site : str, optional
        The part of the network whose activation is explained in place of the input; the way is the
        straight line from its activation at the baseline.

    Notes
    -----
    Laws: values add up to the output less that at the baseline, up to `Attribution.gap`; dummy; and
    implementation invariance. The mean is taken by Clenshaw-Curtis rules of 5, 9, 17, … nodes, each
    of which uses all gradients of the one before. ``error`` is the difference between the last two:
    no standard error, as nothing is drawn, but how far the integral may be off.

    Cost: 9 to `budget` evaluations for each sample, in batches of bounded memory; images that are
    done take no further ones.

    References
    ----------
    Sundararajan, Taly and Yan (2017), arXiv:1703.01365. Clenshaw and Curtis (1960),
    doi:10.1007/BF01386223.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    laws: ClassVar[frozenset[str]] = frozenset({"completeness", "dummy", "linearity"})
    paper: ClassVar[str] = "arXiv:1703.01365"
    cost: ClassVar[str] = "9 to budget, per sample"

    baseline: float | str = "zero"
    tolerance: float = 0.05
    budget: int = 257
    site: str | None = None

    def __post_init__(self) -> None:
        checked_baseline(self.baseline)
        positive("tolerance", self.tolerance)
        whole_number("budget", self.budget, 9)
        checked_site(self.site)

    def work(self, question: Asked) -> int:
        return question.size

    def compute(self, question: Asked) -> Attribution:
        door = differentiable(question, self.site)
        start = baseline_of(door.values, self.baseline)
        unfinished: list[float] = []

        def whole(call, x, pick, some):  # type: ignore[no-untyped-def]
            import torch

            before = door.at(start[some])
            made = _integrated(door, call, x, before, pick, self.tolerance, self.budget)
            values, error, base, missing = made
            unfinished.extend(missing)
            wide = base.reshape(-1, *[1] * (x.ndim - 1)).expand_as(values)
            return torch.stack([values, error, wide], dim=1)

        found = door.each(whole, often=True)
        if unfinished:
            question.note(
                f"{len(unfinished)} of {question.size} samples are not done after {self.budget} "
                f"gradients: their values miss up to {number(100 * max(unfinished))} % of the "
                "change of the output. Another baseline may be smoother; a larger budget finds out."
            )
        base = [part[:, 2].reshape(len(part), -1)[:, 0] for part in found]
        return door.attribution(
            [part[:, 0] for part in found], base=base, error=[part[:, 1] for part in found]
        )


def _integrated(
    door: Differentiable,
    call: Network,
    x: torch.Tensor,
    before: torch.Tensor,
    pick: np.ndarray,
    tolerance: float,
    budget: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[float]]:
    """Values and errors like `x`, outputs at the baseline, and what unfinished samples miss."""
    import torch

    ladder = levels(budget, FIRST)
    way = (x - before).float()
    sums = torch.zeros(len(ladder), *x.shape, device=x.device)
    ends = torch.zeros(2, len(x), dtype=torch.float64, device=x.device)
    values, error = torch.zeros_like(way), torch.zeros_like(way)
    going, missing = torch.arange(len(x), device=x.device), torch.zeros(len(x), device=x.device)
    for level, intervals in enumerate(ladder):
        nodes, _ = rule(intervals)
        for of, place in _rows(going, fresh(intervals, FIRST), door.fits(x)):
            part = torch.as_tensor(nodes[place], dtype=torch.float32, device=x.device)
            part = part.reshape(-1, *[1] * (x.ndim - 1))
            between = (before[of].float() + part * way[of]).to(x.dtype)
            slope, score = door.gradient(call, between, pick[of.cpu().numpy()], of)
            for end, at in enumerate((0, intervals)):
                here = torch.as_tensor(place == at, device=x.device)
                ends[end, of[here]] = score[here].double()
            for finer in range(level, len(ladder)):
                _, weights = rule(ladder[finer])
                weight = weights[place * (ladder[finer] // intervals)]
                share = torch.as_tensor(weight, dtype=torch.float32, device=x.device)
                share = share.reshape(-1, *[1] * (x.ndim - 1))
                sums[finer].index_add_(0, of, share * slope.float())
        last, values[going] = values[going].clone(), way[going] * sums[level][going]
        if not level:
            continue
        error[going] = (values[going] - last).abs()
        done, missing[going] = _judged(values[going], last, (ends[1] - ends[0])[going], tolerance)
        going = going[~done]
        if not len(going):
            break
    return values, error, ends[0], missing[going].tolist()


def _rows(
    going: torch.Tensor, places: np.ndarray, most: int
) -> list[tuple[torch.Tensor, np.ndarray]]:
    """Samples and nodes, every node for every sample, at most so many rows at once."""
    of = going.repeat(len(places))
    place = np.repeat(places, len(going))
    return [(of[i : i + most], place[i : i + most]) for i in range(0, len(of), most)]


def _judged(
    values: torch.Tensor, last: torch.Tensor, change: torch.Tensor, tolerance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which samples are done, and what each misses, as a part of the change of its output."""
    flat, before = values.flatten(1).double(), last.flatten(1).double()
    size = change.abs().maximum(SLIGHT * flat.abs().sum(dim=1)).clamp_min(1e-30)
    gap = (flat.sum(dim=1) - change).abs() / size
    moved = (flat - before).norm(dim=1) / flat.norm(dim=1).clamp_min(1e-30)
    done = (gap <= tolerance) & (moved <= tolerance)
    still = flat.abs().amax(dim=1) == 0
    return done | (still & (change.abs() <= 1e-12)), gap.float()
