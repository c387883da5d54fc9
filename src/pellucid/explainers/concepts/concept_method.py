"""What methods of concepts share: activations at a site, and the gradient along any direction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidData
from pellucid.core.explanation import Explanation
from pellucid.data.images import Images
from pellucid.engine.work import slices
from pellucid.explainers.concepts.concept_sets import (
    RANDOM,
    checked_concepts,
    concept_images,
    told,
)
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.network.differentiable import Differentiable, differentiable
from pellucid.explainers.network.settings import checked_site
from pellucid.explainers.network.site import find_site
from pellucid.explainers.settings import positive, whole_number
from pellucid.maths.concept_vectors import ConceptVectors, concept_vectors

COLUMNS = 1 << 16
"""Numbers of each activation that are multiplied at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a network sees at a site.

    Parameters
    ----------
    gram : array of shape (image, image)
        Inner products of the activations of all images of concepts, then of the random ones.
    places : Mapping of str to int array
        Which of them show a concept, or are random.
    slopes : array of shape (sample, image)
        The gradient of each output explained, times each activation.
    """

    gram: np.ndarray
    places: Mapping[str, np.ndarray]
    slopes: np.ndarray

    def rises(self, found: ConceptVectors) -> np.ndarray:
        """The derivative of the output along each direction, (sample, draw)."""
        return np.asarray(self.slopes @ found.weights.T)


@dataclass(frozen=True, kw_only=True)
class ConceptMethod(Explainer):
    """The base of methods that take the images of concepts.

    Parameters
    ----------
    concepts : Mapping of str to images, or str
        The images of each concept by its name, or a folder with one folder of images for each.
    site : str, optional
        The address of the module in whose activation concepts are looked for. By default the last
        that lies on the image before it is pooled; a note tells which.
    draws : int
        Directions for each concept, each from a random half of its images and as many random ones.
    penalty : float
        Of the ridge regression that finds them, in units of the activations' mean squared distance
        from their centre.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "sites"})
    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    paper: ClassVar[str] = "arXiv:1711.11279"
    cost: ClassVar[str] = "1 per image of a concept or random one, 2 per sample explained, + 1"

    concepts: Mapping[str, Any] | str | None = None
    site: str | None = None
    draws: int = 30
    penalty: float = 0.1

    def __post_init__(self) -> None:
        checked_concepts(self.concepts)
        checked_site(self.site)
        whole_number("draws", self.draws, 2)
        positive("penalty", self.penalty)

    def params(self) -> dict[str, Any]:
        """The settings by name; of images their number and their fingerprint."""
        found = super().params()
        if isinstance(self.concepts, Mapping):
            found["concepts"] = {name: told(images) for name, images in self.concepts.items()}
        return found

    def compute(self, question: ImageQuestion) -> Explanation:
        sets = concept_images(self.concepts, question.images)
        others = _random_images(question, max(map(len, sets.values())))
        door = differentiable(question, self.site or self._found(question))
        return self.answered(question, _seen(door, {**sets, RANDOM: others}))

    @abstractmethod
    def answered(self, question: ImageQuestion, seen: Seen) -> Explanation:
        """The explanation from what the network sees."""

    def vectors(self, question: ImageQuestion, seen: Seen, name: str) -> ConceptVectors:
        """The directions of a concept."""
        return concept_vectors(
            seen.gram, seen.places[name], seen.places[RANDOM],
            draws=self.draws, penalty=self.penalty, rng=question.rng("concept", name),
        )  # fmt: skip

    @staticmethod
    def _found(question: ImageQuestion) -> str:
        door = differentiable(question)
        with door.model.still() as call:
            site = find_site(door, lambda x, of=None: call(x), None)
        question.note(f"Concepts are looked for in the activation of {site.address!r}.")
        return site.address


def _random_images(question: ImageQuestion, largest: int) -> Images:
    found = question.background
    if found is None or len(found) < 2 * largest:
        raise InvalidData(
            "A concept is told from random images, of which there are too few",
            got="no background" if found is None else f"{len(found)} images",
            allowed=f"{2 * largest} or more: twice the images of the largest concept",
            fix="Give background=, images of all kinds that have nothing in common",
        )
    return found


def _seen(door: Differentiable, sets: Mapping[str, Images]) -> Seen:
    import torch

    activations = _activations(door, np.concatenate([each.values for each in sets.values()]))
    known = torch.from_numpy(activations)

    def along(network, x, pick, some):  # type: ignore[no-untyped-def]
        found, _ = door.gradient(network, x, pick)
        return found.flatten(1).float().cpu() @ known.T

    slopes = door.each(along)[0]
    if not slopes.any():
        raise CannotExplain(
            f"The output does not depend on the activation of {door.site!r}",
            got="a gradient of zero for every image",
            fix="Choose another site",
        )
    ends = np.cumsum([len(each) for each in sets.values()])
    parts = np.split(np.arange(ends[-1]), ends[:-1])
    return Seen(gram=_gram(activations), places=dict(zip(sets, parts, strict=True)), slopes=slopes)


def _activations(door: Differentiable, values: np.ndarray) -> np.ndarray:
    """What the site gives for images, less the mean: float32 (image, number)."""
    parts = []
    with door.model.still():
        size = door.fits(door.model.tensor(values[:1]))
        for some in slices(len(values), size):
            part = door.at(values[some]).flatten(1).float().cpu().numpy()
            if not np.isfinite(part).all():
                raise CannotExplain(f"The activation of {door.site!r} is not finite")
            parts.append(part)
    found = np.concatenate(parts)
    found -= found.mean(axis=0, dtype=np.float64).astype(np.float32)
    if not found.any():
        raise CannotExplain(
            f"The activation of {door.site!r} is the same for all images",
            fix="Choose another site",
        )
    return found


def _gram(activations: np.ndarray) -> np.ndarray:
    found = np.zeros((len(activations), len(activations)))
    for some in slices(activations.shape[1], COLUMNS):
        part = activations[:, some].astype(np.float64)
        found += part @ part.T
    return found
