"""Expected gradients: integrated gradients averaged over the images of a background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.network.differentiable import Differentiable, differentiable
from pellucid.explainers.network.settings import checked_site
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number


@dataclass(frozen=True, kw_only=True)
class ExpectedGradients(Explainer):
    """The way from background samples, times the gradient at a random place on it.

    Parameters
    ----------
    draws : int
        Places drawn; spread evenly along the way, and over the background.
    max_background : int, optional
        Most background samples; a random choice of more is noted.
    site : str, optional
        The part of the network whose activation is explained in place of the input.

    Raises
    ------
    InvalidSetting
        If there is no background.

    Notes
    -----
    Also called GradientSHAP. Values add up to the output less its mean over the background within
    their error; for networks in which inputs do not interact they are Shapley values. ``error`` is
    the standard error over draws, as if they were independent; being spread evenly they are less
    far off. Cost: one evaluation for each draw and sample, and one for each background sample.

    References
    ----------
    Erion et al. (2021), doi:10.1038/s42256-021-00343-w. Lundberg and Lee (2017), arXiv:1705.07874.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    laws: ClassVar[frozenset[str]] = frozenset({"completeness", "dummy", "linearity"})
    paper: ClassVar[str] = "doi:10.1038/s42256-021-00343-w"
    cost: ClassVar[str] = "draws per sample"

    draws: int = 200
    max_background: int | None = 100
    site: str | None = None

    def __post_init__(self) -> None:
        whole_number("draws", self.draws, 4)
        whole_number("max_background", self.max_background, 1, optional=True)
        checked_site(self.site)

    def work(self, question: Asked) -> int:
        return self.draws * question.size

    def compute(self, question: Asked) -> Attribution:
        import torch

        door = differentiable(question, self.site)
        known = background_of(door, self.max_background)
        rng = question.rng("expected gradients")
        whose = _evenly(len(known), self.draws, rng)
        place = rng.permutation((np.arange(self.draws) + rng.random(self.draws)) / self.draws)

        def mean_and_error(call, x, pick, some):  # type: ignore[no-untyped-def]
            behind = door.at(known)
            total = torch.zeros(2, *x.shape, dtype=torch.float64, device=x.device)
            per = max(1, door.fits(x) // len(x))
            for begin in range(0, self.draws, per):
                here = slice(begin, min(begin + per, self.draws))
                starts = behind[torch.as_tensor(whose[here])]
                way = x[None] - starts[:, None]
                part = torch.as_tensor(place[here], dtype=x.dtype, device=x.device)
                at = starts[:, None] + part.reshape(-1, *[1] * x.ndim) * way
                slope, _ = door.gradient(call, at.flatten(0, 1), np.tile(pick, len(starts)))
                value = (slope.reshape(way.shape) * way).double()
                total[0] += value.sum(dim=0)
                total[1] += (value**2).sum(dim=0)
            mean = total[0] / self.draws
            spread = (total[1] / self.draws - mean**2).clamp_min(0) / (self.draws - 1)
            return torch.stack([mean, spread.sqrt()], dim=1)

        both = door.each(mean_and_error, often=True)
        scores = _scores(door, known)
        base = [scores[whose][:, pick].mean(axis=0) for pick in door.picks]
        return door.attribution(
            [part[:, 0] for part in both], base=base, error=[part[:, 1] for part in both]
        )


def background_of(door: Differentiable, most: int | None) -> np.ndarray:
    """The samples to compare with, like the inputs: at most so many.

    Raises
    ------
    InvalidSetting
        If there are none.
    """
    question = door.question
    if isinstance(question, Question):
        return question.encode(question.reference(most))
    assert isinstance(question, ImageQuestion)
    if question.background is None:
        raise InvalidSetting(
            "There is nothing to compare with",
            got="no background",
            fix="Give background=, images such as those the network was trained on",
        )
    known = question.background.values
    if most is None or len(known) <= most:
        return known
    chosen = question.rng("background").choice(len(known), most, replace=False)
    question.note(f"{most} of {len(known)} background images were drawn at random.")
    return known[np.sort(chosen)]


def _evenly(count: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers below `count`, each about as often as any other, in random order."""
    rounds = [rng.permutation(count) for _ in range(-(-draws // count))]
    return np.concatenate(rounds)[:draws]


def _scores(door: Differentiable, known: np.ndarray) -> np.ndarray:
    """All outputs of the background, (row, output), on the question's scale."""
    question = door.question
    if isinstance(question, ImageQuestion):
        return question.work.predict(question.scores, known)
    assert isinstance(question, Question)
    found = question.work.predict(lambda rows: door.model.predict(rows, question.scale), known)
    return question.level(found)
