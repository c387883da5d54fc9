"""Does the explanation change when the network forgets what it has learnt?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.randomisation.likeness import Likeness, rows_of, too_dear
from pellucid.metrics.rows import row
from pellucid.models.adapter import Model
from pellucid.models.redrawn import Redrawn
from pellucid.models.torch import TorchModel


@dataclass(frozen=True, kw_only=True)
class ParameterRandomisation(Metric):
    """The explanation against those of the same network with layers drawn anew.

    Layers are drawn anew from the output down to the input, block by block, until nothing of the
    training is left. The value is the rank correlation of the explanation with that of the network
    at each step, signs included, over the samples' foreground: units of an image's plain background
    tie whatever the network is. The mean over steps and draws is judged against the noise floor,
    which is how the explanation of one sample goes with that of *another* one after redrawing:
    what two explanations share where neither weights nor inputs are the same.

    Parameters
    ----------
    blocks : int
        Steps of the cascade; a network with fewer layers takes one for each.
    draws : int
        How often the cascade is begun anew.
    copies : int
        Noisy copies of each sample whose explanations are averaged before they are compared, on
        both sides (smooth MPRT, whose authors take 50): what only noise tells apart is then alike.
        0 compares the explanations of the samples themselves.
    noise : float
        Standard deviation of their noise, in those of each image, or of each column of a table.
    alone : bool
        Whether each block is also drawn anew by itself, the others left as they were trained.
    margin : float
        Largest mean correlation allowed beyond the noise floor. On two small networks, saliency,
        input × gradient, integrated and smooth gradients, DeepLIFT, LRP, Grad-CAM and occlusion
        gave -0.1 to 0.2, and guided backpropagation 0.4; on MobileNetV2 the
        latter gave 0.45, saliency 0.1.
    most : float
        Largest mean correlation allowed in any case: what is the same map for every image lies on
        its own noise floor.
    budget : int
        Most model evaluations; fewer samples are taken where the method costs more, and none where
        they would be too few for a verdict.

    Notes
    -----
    The papers compare magnitudes. Those of input × gradient and of all that multiply by the input
    stay alike because the input does: they are told as well, without a verdict. So is the
    structural similarity (SSIM) of maps of magnitudes, which the first paper has beside the rank
    correlation: maps that are dark nearly everywhere look alike, so it is read beside its floor.

    The user's network is not touched: weights change in a copy. Cost: the explanation blocks ·
    draws times, twice that with `alone`, and each of them `copies` times.

    References
    ----------
    Adebayo et al. (2018), arXiv:1810.03292. On magnitudes and multiplication by the input:
    Sundararajan and Taly (2018), arXiv:1806.04205. Noisy copies: Hedström et al. (2024),
    arXiv:2401.06465.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat", "features", "network"})
    cost: ClassVar[str] = "blocks · draws more explanations, up to `budget`"
    paper: ClassVar[str] = "arXiv:1810.03292"

    blocks: int = 4
    draws: int = 2
    copies: int = 0
    noise: float = 0.3
    alone: bool = False
    margin: float = 0.3
    most: float = 0.7
    budget: int = 20_000

    def __post_init__(self) -> None:
        for name in ("blocks", "draws", "budget"):
            whole_number(name, getattr(self, name), 1)
        whole_number("copies", self.copies, 0)
        positive("noise", self.noise)
        positive("margin", self.margin)
        positive("most", self.most)

    def obstacle(self, evidence: Evidence) -> str | None:
        """As of every metric; with noisy copies also why samples cannot be changed a little."""
        return super().obstacle(evidence) or (evidence.immovable if self.copies else None)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """The verdict, the noise floor, both of magnitudes and of SSIM, and a row for each step."""
        model = evidence.question.model
        assert isinstance(model, TorchModel)
        drawn = Redrawn(model, evidence.encoded(evidence.inputs[:1]))
        runs = len(drawn.blocks(self.blocks)) * self.draws * (2 if self.alone else 1)
        runs = runs if self.copies == 0 else (runs + 1) * self.copies
        dear = too_dear(evidence, runs, self.budget)
        if dear is not None:
            return (self.silent(evidence, dear),)
        rows = evidence.affordable(runs, self.budget)
        steps = self._steps(evidence, model, drawn, rows, alone=False)
        whole = Likeness.mean([each for step in steps.values() for each in step])
        if self.alone:
            steps |= self._steps(evidence, model, drawn, rows, alone=True)
        return (
            *rows_of(
                evidence, self.name(), whole,
                "that of the network whose weights are drawn anew from the output down",
                self.most, self.margin,
            ),
            *(self._step(evidence, where, each) for where, each in steps.items()),
        )  # fmt: skip

    def _steps(
        self, evidence: Evidence, model: Model, drawn: Redrawn, rows: np.ndarray, *, alone: bool
    ) -> dict[str, list[Likeness]]:
        """Likeness, for each draw, after each block, by what was drawn anew in words."""
        blocks = drawn.blocks(self.blocks)
        seeds = evidence.rng(self.name()).integers(0, 2**31, (self.draws, len(blocks)))
        own = self._explained(evidence, rows, model) if self.copies else evidence.finest[rows]
        there = evidence.foreground[rows]
        found: dict[str, list[Likeness]] = {}
        for draw in seeds:
            drawn.restore()
            for block, seed in zip(blocks, draw, strict=True):
                if alone:
                    drawn.restore()
                drawn.draw(block, int(seed))
                now = self._explained(evidence, rows, drawn.model)
                last = _called(block[-1:])
                where = f"{_called(block)} alone" if alone else f"layers down to {last}"
                found.setdefault(where, []).append(Likeness.of(own, now, there))
        return found

    def _explained(self, evidence: Evidence, rows: np.ndarray, model: Model) -> np.ndarray:
        """What the method says of a model, as `finest`; the mean over noisy copies if there are."""
        if not self.copies:
            return evidence.in_finest(evidence.otherwise(rows, model=model))
        total = np.zeros_like(evidence.finest[rows])
        for copy in range(self.copies):
            moved = evidence.nudged(rows, self.noise, self.name(), copy)
            total += evidence.in_finest(evidence.otherwise(rows, model=model, changed=moved))
        return total / self.copies

    def _step(self, evidence: Evidence, where: str, found: list[Likeness]) -> Score:
        one = Likeness.mean(found)
        return row(
            evidence, self.name(), one.signed, f"the rank correlation with {where} drawn anew",
            label=where,
        )  # fmt: skip


def _called(block: tuple[str, ...]) -> str:
    """What layers are called; ``""`` is the network's own weights."""
    names = [name or "the network's own weights" for name in block]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
