"""Feature visualisation: images made to excite a class, or a unit inside, as much as they can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.core.examples import Examples
from pellucid.core.explanation import number
from pellucid.core.provenance import Provenance
from pellucid.engine.work import slices
from pellucid.explainers.asked import Asked
from pellucid.explainers.concepts.aim import Aim, Gaze, direction_aim, output_aim, unit_aim
from pellucid.explainers.concepts.painting import Canvas, likeness, shaken
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import BATCH_IMAGES, ImageQuestion
from pellucid.explainers.network.differentiable import Differentiable, differentiable
from pellucid.explainers.network.settings import checked_site
from pellucid.explainers.network.site import find_site
from pellucid.explainers.settings import positive, whole_number

if TYPE_CHECKING:
    import torch

MADE, FOUND = "optimised", "data"
"""What an example is: made here, or one of the images given."""


@dataclass(frozen=True, kw_only=True)
class FeatureVisualisation(Explainer):
    """Images that excite a part of the network most, beside the real ones that do.

    Parameters
    ----------
    site : str, optional
        The address of the module that is excited; without one it is the output of the class
        explained, or of each class predicted for the images given.
    unit : int or tuple of int, optional
        The channel at the site, whose mean is taken, or one place: (channel, row, column) or
        (token, unit).
    direction : tuple of float, optional
        In place of a unit, a direction at the site: a number for each channel, or for each number
        of the activation.
    images : int
        How many are made for each class or unit, and shown of the real ones.
    steps : int
        Steps of Adam.
    rate : float
        Its learning rate.
    diversity : float
        What images may give up to be less alike: this part of what they reach, for a mean cosine
        between their Gram matrices that is lower by 1.
    jitter, zoom, rotate : float
        By how much images are shaken at each step: shifted by a part of their sides, zoomed by a
        part, and turned by degrees.

    Notes
    -----
    The images given (``X``) are the real ones to compare with; they also tell which colours go
    together, and the range of values. Answers with `Examples`: images whose role is
    ``"optimised"``, and the best of those given, ``"data"``, each with the activation it reaches
    as it is, not shaken. An image far from the data may excite a unit by what it never meets: look
    at both. Where likeness is measured: at the site; for classes at the last activation that lies
    on the image. Cost: steps × images for each class or unit, and one for each image given. On
    a GPU sums may be added in another order each time, so that a seed repeats only nearly.

    References
    ----------
    Olah, Mordvintsev and Schubert (2017), doi:10.23915/distill.00007.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    paper: ClassVar[str] = "doi:10.23915/distill.00007"
    cost: ClassVar[str] = "steps × images per class or unit, with a backward pass"

    site: str | None = None
    unit: int | tuple[int, ...] | None = None
    direction: tuple[float, ...] | None = None
    images: int = 4
    steps: int = 256
    rate: float = 0.05
    diversity: float = 2.0
    jitter: float = 0.05
    zoom: float = 0.1
    rotate: float = 5.0

    def __post_init__(self) -> None:
        checked_site(self.site)
        aims = (self.unit is not None) + (self.direction is not None)
        if aims != (self.site is not None):
            raise InvalidSetting(
                "A site is excited at one of its units or along one direction",
                got=f"site={self.site!r}, unit={self.unit!r}, "
                f"direction={'None' if self.direction is None else '…'}",
                allowed="site= and unit=, site= and direction=, or none for a class",
            )
        for place in self.unit if isinstance(self.unit, tuple) else (self.unit,):
            whole_number("unit", place, 0, optional=not isinstance(self.unit, tuple))
        _checked_direction(self.direction)
        whole_number("images", self.images, 1)
        whole_number("steps", self.steps, 1)
        positive("rate", self.rate)
        for name, most in (("diversity", np.inf), ("jitter", 0.5), ("zoom", 0.9), ("rotate", 180)):
            _between(name, getattr(self, name), most)

    def work(self, question: Any) -> int:
        classes = 1 if self.site is not None else len(set(question.chosen.tolist()))
        return self.images * self.steps * classes

    def answer(self, question: Asked, *, progress: bool | None = None) -> Any:
        found = super().answer(question, progress=progress)
        if self.site is None:
            return found
        what = replace(found.provenance, target=found.group[0], scale="activation")
        return replace(found, provenance=what)

    def compute(self, question: ImageQuestion) -> Examples:
        door = differentiable(question, self.site)
        with door.model.still() as call:
            gaze = Gaze(
                model=door.model, call=call, site=self.site, beside=self._beside(door, call),
                scale=question.scale,
            )  # fmt: skip
            parts = [self._made(question, gaze, aim) for aim in self._aims(question, door)]
        return _joined(question, parts)

    def _aims(self, question: ImageQuestion, door: Differentiable) -> list[Aim]:
        if self.site is None:
            classes = question.model.task == "classification"
            return [
                output_aim(str(question.labels[place]), place, classes=classes)
                for place in sorted(set(question.chosen.tolist()))
            ]
        shape = tuple(door.at(question.images.values[:1]).shape)
        if len(shape) not in (2, 3, 4):
            raise CannotExplain(
                f"The activation of {self.site!r} has no channels", got=shape, allowed="2 to 4 axes"
            )
        if self.direction is not None:
            return [direction_aim(self.site, self.direction, shape)]
        assert self.unit is not None
        return [unit_aim(self.site, self.unit, shape)]

    def _beside(self, door: Differentiable, call: Any) -> str | None:
        """Where the likeness of images is measured, if not at the site."""
        if self.site is not None or not self.diversity or self.images == 1:
            return None
        try:
            found = find_site(door, lambda x, of=None: call(x), None).address
        except CannotExplain as reason:
            raise CannotExplain(
                f"{door.model.name} has no activation in which images could be alike",
                got=reason.problem,
                fix="Give diversity=0, or a site and its unit",
            ) from reason
        door.question.note(f"Likeness is measured in the activation of {found!r}.")
        return found

    def _made(self, question: ImageQuestion, gaze: Gaze, aim: Aim) -> tuple[Aim, Any, Any, Any]:
        """Images for one aim, what they reach, and what the images given reach."""
        import torch

        given = question.images.values
        with torch.no_grad():
            data = _reached(question, gaze, aim, given)
        canvas = Canvas.of(
            question.images, self.images, question.rng("first image", aim.name),
            gaze.model.tensor(given[:1]),
        )  # fmt: skip
        self._optimise(question, gaze, aim, canvas, (float(data.mean()), float(data.std()) or 1.0))
        with torch.no_grad():
            values = canvas.images().cpu().numpy()
            reached = _reached(question, gaze, aim, values)
        question.note(_told(aim, reached, data))
        return aim, values, reached, data

    def _optimise(
        self,
        question: ImageQuestion,
        gaze: Gaze,
        aim: Aim,
        canvas: Canvas,
        usual: tuple[float, float],
    ) -> None:
        """Change the images step by step; `usual` is the mean and the spread of real ones."""
        import torch

        rng = question.rng("shaken", aim.name)
        adam = torch.optim.Adam([canvas.waves], lr=self.rate)
        for _ in range(self.steps):
            question.work.spend(self.images)
            with torch.enable_grad():
                shown = shaken(canvas.images(), rng, self.jitter, self.zoom, self.rotate)
                seen, beside = _gazed(question, gaze, shown)
                score = aim.read(seen).float()
                reach = score - usual[0]
                loss = -(reach / reach.detach().clamp_min(usual[1])).sum()
                if beside is not None and self.diversity and self.images > 1:
                    alike = likeness(beside)
                    others = alike.sum() - alike.diagonal().sum()
                    loss = loss + self.diversity * others / (self.images - 1)
            canvas.waves.grad = _gradient(score, loss, canvas.waves, aim)
            adam.step()
            question.work.advance(self.images)


def _gradient(
    score: torch.Tensor, loss: torch.Tensor, waves: torch.Tensor, aim: Aim
) -> torch.Tensor:
    """The gradient of the loss, whose likeness of images may have one where the score has none."""
    import torch

    found = None
    if score.requires_grad:
        (found,) = torch.autograd.grad(loss, waves, allow_unused=True)
    if found is None:
        raise CannotExplain(
            f"{aim.name} has no gradient",
            got="an output that does not depend on the input by differentiable operations",
            fix="Choose a method that only asks for predictions, such as 'occlusion'",
        )
    if not torch.isfinite(found).all():
        raise CannotExplain(
            f"The gradient of {aim.name} is not finite",
            fix="Look for divisions by zero, or roots of zero, inside the network",
        )
    return found


def _gazed(
    question: ImageQuestion, gaze: Gaze, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What the network gives for images, no more at once than it may be given."""
    import torch

    some = slices(len(images), min(BATCH_IMAGES, question.work.batch_size))
    seen, beside = zip(*(gaze.at(images[each]) for each in some), strict=True)
    return torch.cat(seen), None if beside[0] is None else torch.cat(beside)


def _reached(question: ImageQuestion, gaze: Gaze, aim: Aim, values: np.ndarray) -> np.ndarray:
    question.work.spend(len(values))
    seen, _ = _gazed(question, gaze, gaze.model.tensor(values))
    return np.asarray(aim.read(seen).double().cpu().numpy())


def _told(aim: Aim, reached: np.ndarray, data: np.ndarray) -> str:
    said = (
        f"{aim.name}: the images made reach {number(reached.min())} to {number(reached.max())}, "
        f"the best of {len(data)} real images {number(data.max())}."
    )
    if reached.max() <= data.max():
        said += " None exceeds it: give more steps, or shake less."
    return said


def _joined(question: ImageQuestion, parts: Sequence[tuple[Aim, Any, Any, Any]]) -> Examples:
    """For each aim the images made, best first, and as many of the best real ones."""
    values, names, role, group, score = [], [], [], [], []
    for aim, made, reached, data in parts:
        order = np.argsort(-reached, kind="stable")
        best = np.argsort(-data, kind="stable")[: len(made)]
        values += [made[order], question.images.values[best]]
        names += [*(f"made {i + 1}" for i in range(len(made)))]
        names += [question.images.names[i] for i in best]
        role += [MADE] * len(made) + [FOUND] * len(best)
        group += [aim.name] * (len(made) + len(best))
        score += [reached[order], data[best]]
    whole = np.concatenate(values)
    pixels = replace(question.images, values=whole, names=tuple(names)).pixels
    return Examples(
        inputs={"values": whole, "pixels": pixels},
        names=names,
        role=role,
        group=group,
        score=np.concatenate(score),
        provenance=Provenance(method=""),
    )


def _between(name: str, value: Any, most: float) -> None:
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not real or not 0 <= value <= most or value == np.inf:
        allowed = "a number ≥ 0" if most == np.inf else f"a number from 0 to {most:g}"
        raise InvalidSetting(f"{name} cannot be used", got=repr(value), allowed=allowed)


def _checked_direction(given: Any) -> None:
    if given is None:
        return
    numbers = isinstance(given, tuple) and all(isinstance(x, (int, float)) for x in given)
    if not numbers or not np.isfinite(given).all() or not np.any(given):
        raise InvalidSetting(
            "direction is a tuple of numbers, not all zero",
            got=type(given).__name__ if not isinstance(given, tuple) else repr(given)[:60],
            fix="Give tuple(array.tolist())",
        )
