"""Integrated gradients that know when they are done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.explanation import number
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.gradient.line_rules import TINY, LineRule, Run, line_rule
from pellucid.explainers.gradient.straight_line import (
    StraightLine,
    flattened,
    shaped,
    straight_line,
)
from pellucid.explainers.network.differentiable import Differentiable, differentiable
from pellucid.explainers.network.settings import checked_baseline, checked_site
from pellucid.explainers.settings import positive, whole_number
from pellucid.perturb.input_baseline import baseline_of

if TYPE_CHECKING:
    import torch

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
        A sample is done as soon as what its values miss of the change of the output (or, where
        they cancel, of 1 % of their magnitudes), and how much the last refinement moved them, are
        both under this part of it and of them.
    budget : int
        Most gradients for each sample. Where they do not suffice a note says so.
    site : str, optional
        The part of the network whose activation is explained in place of the input; the way is the
        straight line from its activation at the baseline.

    Notes
    -----
    Laws: values add up to the output less that at the baseline, up to `Attribution.gap`; dummy; and
    implementation invariance, up to ``error``. The mean is taken by Clenshaw-Curtis rules of 5, 9,
    17, … nodes, each of which uses all gradients of the one before. Networks in which all is linear
    or a ReLU have gradients with steps, on which no such rule is quick: there the way is cut into
    4, 9, 20, … parts, short near the baseline, and each part goes back by the secants of its ReLUs.
    That is the integral wherever, on one part, no more than one of the ReLUs bends that a signal
    passes. ``error`` is the difference between the last two rules: no standard error, as nothing is
    drawn, but how far the integral may be off.

    Cost: 9 to `budget` evaluations for each sample, in batches of bounded memory; images that are
    done take no further ones. The affine operations that a network begins with run at both ends of
    the way alone; to find these, and whether secants serve, up to five rows of each batch go
    through the network beside. Operations inside compiled networks are not seen: those have the
    first kind of rule, from the input itself.

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
        unfinished: list[list[float]] = []

        def whole(call, x, pick, some):  # type: ignore[no-untyped-def]
            import torch

            line = straight_line(door, call, x, door.at(start[some]))
            rule = line_rule(door, line, pick, self.budget)
            made = _integrated(door, line, rule, pick, self.tolerance)
            values, error, base, left = made
            unfinished.extend(left)
            wide = base.reshape(-1, *[1] * (x.ndim - 1)).expand_as(values)
            return torch.stack([values, error, wide], dim=1)

        found = door.each(whole, often=True)
        if unfinished:
            missing, moved = (max(each) for each in zip(*unfinished, strict=True))
            question.note(
                f"{len(unfinished)} of {question.size} {question.things} are not done after "
                f"{self.budget} gradients: their values miss up to {number(100 * missing)} % of "
                f"the change of the output, and moved by up to {number(100 * moved)} % when last "
                "refined. Another baseline may be smoother; a larger budget finds out."
            )
        base = [part[:, 2].reshape(len(part), -1)[:, 0] for part in found]
        return door.attribution(
            [part[:, 0] for part in found], base=base, error=[part[:, 1] for part in found]
        )


def _integrated(
    door: Differentiable,
    line: StraightLine,
    rule: LineRule,
    pick: np.ndarray,
    tolerance: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[list[float]]]:
    """Values and errors like the inputs, outputs at the baseline, what unfinished samples miss."""
    import torch

    x, device = line.inputs, line.way.device
    kept = len(rule.ladder) if rule.nested else 1
    sums = torch.zeros(len(x), kept, line.way.shape[1], device=device)
    ends = torch.zeros(2, len(x), dtype=torch.float64, device=device)
    values, error = (torch.zeros(x.shape, device=device) for _ in range(2))
    going, missing = torch.arange(len(x), device=device), torch.zeros(len(x), 2, device=device)
    for level in range(len(rule.ladder)):
        at = level if rule.nested else 0
        if not rule.nested:
            sums.zero_()
        for chunk in _chunks(going.tolist(), list(rule.runs(level)), rule.most):
            _add(door, line, rule, pick, chunk, sums[:, at:], ends)
        last, values[going] = values[going].clone(), line.values(sums[:, at])[going]
        if not level:
            continue
        error[going] = (values[going] - last).abs()
        done, missing[going] = _judged(values[going], last, (ends[1] - ends[0])[going], tolerance)
        going = going[~done]
        if not len(going):
            break
    return values, error, ends[0], missing[going].tolist()


def _chunks(going: list[int], runs: list[Run], most: int) -> Iterator[list[tuple[int, Run]]]:
    """Samples and what they take, at most so many rows at once."""
    chunk: list[tuple[int, Run]] = []
    rows = 0
    for sample in going:
        for run in runs:
            if chunk and rows + len(run[0]) > most:
                yield chunk
                chunk, rows = [], 0
            chunk.append((sample, run))
            rows += len(run[0])
    if chunk:
        yield chunk


def _add(
    door: Differentiable,
    line: StraightLine,
    rule: LineRule,
    pick: np.ndarray,
    chunk: list[tuple[int, Run]],
    sums: torch.Tensor,
    ends: torch.Tensor,
) -> None:
    """Add a chunk's gradients, times their weights, to the sums; keep the outputs at the ends."""
    import torch

    device, sizes = sums.device, [len(nodes) for _, (nodes, _) in chunk]
    places = [slice(end - size, end) for end, size in zip(np.cumsum(sizes), sizes, strict=True)]
    flat = torch.empty(sum(sizes), line.way.shape[1], device=device)
    for (sample, (nodes, _)), here in zip(chunk, places, strict=True):
        part = torch.as_tensor(nodes, dtype=torch.float32, device=device)
        line.put(sample, part, flat[here])
    of = np.repeat([sample for sample, _ in chunk], sizes)
    at = shaped(flat, line.like).to(line.like.dtype)
    slope, score = door.gradient(rule.network, at, pick[of], torch.as_tensor(of, device=device))
    slope = flattened(slope, line.like)
    for (sample, (nodes, weights)), here in zip(chunk, places, strict=True):
        weight = torch.as_tensor(weights, dtype=torch.float32, device=device)
        sums[sample, : len(weight)].addmm_(weight, slope[here])
        for end, where in enumerate((nodes[0] == 0, nodes[-1] == 1)):
            if where:
                ends[end, sample] = score[here][-end].double()


def _judged(
    values: torch.Tensor, last: torch.Tensor, change: torch.Tensor, tolerance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which samples are done; what each misses of the change of its output, and has moved."""
    import torch

    flat, before = values.flatten(1).double(), last.flatten(1).double()
    gap, change = (flat.sum(dim=1) - change).abs(), change.abs().clamp_min(TINY)
    slight = change.maximum(SLIGHT * flat.abs().sum(dim=1))
    moved = (flat - before).norm(dim=1) / flat.norm(dim=1).clamp_min(TINY)
    done = (gap / slight <= tolerance) & (moved <= tolerance)
    still = flat.abs().amax(dim=1) == 0
    missed = torch.stack([gap / change, moved], dim=1).float()
    return done | (still & (change <= 1e-12)), missed
