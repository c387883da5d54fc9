"""TCAV: in what share of a class's images does more of a concept raise the class?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.explainers.concepts.concept_method import ConceptMethod, Seen
from pellucid.explainers.concepts.concept_sets import RANDOM
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.settings import whole_number
from pellucid.maths.chance import beyond, holm, welch
from pellucid.maths.concept_vectors import ConceptVectors, concept_vectors
from pellucid.maths.intervals import TAILS, Z, wilson

LEVEL = 0.05
"""How often a false concept may be taken for one that counts, over all that are tested."""

ORDER = ("tcav", "cav_accuracy", "sensitivity", "p_value")
"""What is said, first things first."""

FEW = 10
"""Below this many images of a class, a share of them is rough."""


@dataclass(frozen=True, kw_only=True)
class TCAV(ConceptMethod):
    """Testing with concept activation vectors: does a class count on an idea that people have?

    A direction in the activations at a site tells images of the concept from random ones. The score
    is the share of the images explained whose output rises along that direction.

    Parameters
    ----------
    concepts : Mapping of str to images, or str
        The images of each concept by its name, such as ``{"stripes": images}``, or a folder with
        one folder of images for each. Random images that have nothing in common are given as
        ``background=``, at least twice as many as the largest concept has.
    site : str, optional
        The address of the module in whose activation concepts are looked for. By default the last
        that lies on the image before it is pooled; a note tells which.
    draws : int
        Directions for each concept, each from a random half of its images and as many random ones;
        the other half says whether the direction tells them apart.
    penalty : float
        Of the ridge regression that finds them, in units of the activations' mean squared distance
        from their centre.
    random : int
        Sets of random images that are tried as if they were a concept: what chance gives.

    Notes
    -----
    Answers with `Scores`, for each class explained and each concept: ``"tcav"``, the share of its
    images, with 95 % over the images explained and over the draws; ``passed`` says whether it is
    significant, which is not whether it is much. ``"sensitivity"``, the mean rise of the output for
    a step of length 1, says how much.
    ``"p_value"``, corrected for the number of tests (Holm). ``"cav_accuracy"`` of each concept, on
    images kept from training; a concept that cannot be told from random images does not pass,
    whatever its score. The group ``"random"`` holds what chance gives.

    The paper compares the scores of many draws with those of random sets by a t-test. All of these
    draws share one set of concept images, so that the test takes it for many: of random sets it
    calls about half significant. It is kept, and must agree, but what decides is where the mean
    score lies among those of whole random sets, each treated as the concept is. Cost in
    evaluations: one for each image of a concept and each random one, two for each image explained.
    Memory: four bytes for each number of their activations. This recipe holds data, the images.

    References
    ----------
    Kim et al. (2018), arXiv:1711.11279.
    """

    random: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("random", self.random, 20)

    def answered(self, question: ImageQuestion, seen: Seen) -> Scores:
        names = [name for name in seen.places if name != RANDOM]
        classes = sorted(set(question.chosen.tolist()))
        self._refuse_hopeless(len(names) * len(classes))
        found = {name: self.vectors(question, seen, name) for name in names}
        chance = {
            size: self._chance(question, seen, size, classes)
            for size in sorted({len(seen.places[name]) for name in names})
        }
        tests = [
            _tested(
                name, question, place, seen.rises(found[name])[question.chosen == place],
                found[name], chance[len(seen.places[name])][number],
                len(seen.places[name]), several=len(classes) > 1,
            )
            for number, place in enumerate(classes)
            for name in names
        ]  # fmt: skip
        corrected = holm(np.array([test.probability for test in tests]))
        rows = [
            row for test, p in zip(tests, corrected, strict=True) for row in test.rows(float(p))
        ]
        rows += _references(tests)
        rows += [_accuracy(name, found[name], len(seen.places[name])) for name in names]
        rows.sort(key=lambda row: ORDER.index(row.metric))
        _warn(question, tests, classes)
        return Scores(rows=tuple(rows), provenance=Provenance(method=""))

    def _refuse_hopeless(self, tests: int) -> None:
        """So few random sets that nothing could ever be significant."""
        if tests / (self.random + 1) > LEVEL:
            raise InvalidSetting(
                f"With {tests} tests so few random sets cannot make any concept significant",
                got=f"random={self.random}",
                allowed=f"{round(tests / LEVEL)} or more",
            )

    def _chance(
        self, question: ImageQuestion, seen: Seen, size: int, classes: Sequence[int]
    ) -> list[np.ndarray]:
        """For each class the scores of random sets of one size, (set, draw)."""
        rng = question.rng("random sets", size)
        of_class = [question.chosen == place for place in classes]
        shares = []
        for _ in range(self.random):
            order = rng.permutation(seen.places[RANDOM])
            vectors = concept_vectors(
                seen.gram, order[:size], order[size:],
                draws=self.draws, penalty=self.penalty, rng=rng,
            )  # fmt: skip
            rises = seen.rises(vectors) > 0
            shares.append([rises[mine].mean(axis=0) for mine in of_class])
        return list(np.array(shares).transpose(1, 0, 2))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tested:
    """One concept, one class, and what chance gives for them."""

    concept: str
    group: str
    answer: str
    rises: np.ndarray  # (sample, draw)
    chance: np.ndarray  # (set,) mean scores of whole random sets
    probability: float
    told: tuple[float, float]  # accuracy, and the lower end of its interval

    @property
    def score(self) -> float:
        return float((self.rises > 0).mean())

    @property
    def apart(self) -> bool:
        """Whether the concept is told from random images at all."""
        return bool(self.told[1] > 0.5)

    def rows(self, probability: float) -> list[Score]:
        """What is said of the concept; the probability is corrected."""
        low, high = _share_interval(self.rises)
        images = len(self.rises)
        usual = np.quantile(self.chance, TAILS)
        said = (
            f"A step towards {self.concept!r} raises {self.answer} in {100 * self.score:.0f} % of "
            f"{images} images, one towards random sets in {100 * usual[0]:.0f} to "
            f"{100 * usual[1]:.0f} %"
        )
        counts = f"{said} (p = {probability:.2g})."
        if not self.apart:
            counts += (
                f" But {self.concept!r} cannot be told from random images here (accuracy "
                f"{100 * self.told[0]:.0f} %): the score says nothing."
            )
        mean, reach = _mean_interval(self.rises)
        step = f"A step of length 1 towards {self.concept!r} moves {self.answer} by {mean:.3g}."
        return [
            Score(
                metric="tcav", group=self.group, value=self.score, low=low, high=high, n=images,
                passed=bool(self.apart and probability <= LEVEL), text=counts,
            ),
            Score(
                metric="sensitivity", group=self.group, value=mean, low=mean - reach,
                high=mean + reach, n=images, text=step,
            ),
            Score(
                metric="p_value", group=self.group, value=probability, n=len(self.chance),
                text="The greater of Welch's t-test and of the place among random sets, by Holm.",
            ),
        ]  # fmt: skip


def _tested(
    name: str,
    question: ImageQuestion,
    place: int,
    rises: np.ndarray,
    vectors: ConceptVectors,
    chance: np.ndarray,
    size: int,
    *,
    several: bool,
) -> Tested:
    label = str(question.labels[place])
    answer = f"class {label}" if question.model.task == "classification" else f"output {label}"
    scores, moved = (rises > 0).mean(axis=0), (rises != 0).any(axis=1).mean()
    usual = chance.mean(axis=1)
    one = float(vectors.accuracy.mean())
    return Tested(
        concept=name,
        group=f"{name} → {label}" if several else name,
        answer=answer,
        rises=rises,
        chance=usual,
        probability=max(
            welch(scores, chance[:, 0]), beyond(float(scores.mean()), usual, float(moved) / 2)
        ),
        told=(one, _accuracy_interval(one, size)[0]),
    )


def _accuracy(name: str, vectors: ConceptVectors, size: int) -> Score:
    value = float(vectors.accuracy.mean())
    low, high = _accuracy_interval(value, size)
    return Score(
        metric="cav_accuracy", group=name, value=value, low=low, high=high, n=_judged(size),
        passed=bool(low > 0.5),
        text=f"{100 * value:.0f} % of images kept from training are rightly told to be {name!r} "
        "or random; 50 % would be chance.",
    )  # fmt: skip


def _judged(size: int) -> int:
    """Images that judge each direction."""
    return 2 * (size - size // 2)


def _accuracy_interval(value: float, size: int) -> tuple[float, float]:
    low, high = wilson(value * _judged(size), _judged(size))
    return float(low), float(high)


def _share_interval(rises: np.ndarray) -> tuple[float, float]:
    """Wilson's, for as many images as the variance over images and over draws together is worth."""
    scores = (rises > 0).mean(axis=0)
    share, images = float(scores.mean()), len(rises)
    own = share * (1 - share) / images
    worth = images if own == 0 else share * (1 - share) / (own + scores.var(ddof=1))
    low, high = wilson(share * worth, worth)
    return float(low), float(high)


def _mean_interval(rises: np.ndarray) -> tuple[float, float]:
    """The mean, and how far it is certain to 95 %, over images and over draws."""
    images = rises.mean(axis=1)
    own = images.var(ddof=1) / len(images) if len(images) > 1 else np.nan
    reach = Z * np.sqrt(own + rises.mean(axis=0).var(ddof=1))
    return float(rises.mean()), float(reach)


def _references(tests: Sequence[Tested]) -> list[Score]:
    """What chance gives, for each class."""
    rows, known = [], set()
    for test in tests:
        if test.answer in known:
            continue
        known.add(test.answer)
        low, high = np.quantile(test.chance, TAILS)
        group = test.group.replace(test.concept, RANDOM, 1)
        rows.append(
            Score(
                metric="tcav", group=group, value=float(test.chance.mean()), low=float(low),
                high=float(high), n=len(test.chance),
                text=f"95 % of sets of random images raise {test.answer} in {100 * low:.0f} to "
                f"{100 * high:.0f} % of its images.",
            )
        )  # fmt: skip
    return rows


def _warn(question: ImageQuestion, tests: Sequence[Tested], classes: Sequence[int]) -> None:
    for name in dict.fromkeys(test.concept for test in tests if not test.apart):
        question.note(f"{name!r} cannot be told from random images here: its scores say nothing.")
    for place in classes:
        images = int((question.chosen == place).sum())
        if images < FEW:
            question.note(f"Class {question.labels[place]} has {images} images: a rough share.")
    still = np.mean([(test.rises == 0).all(axis=1).mean() for test in tests])
    if still > 0:
        question.note(
            f"In {100 * still:.0f} % of the images nothing moves the output here (a gradient of "
            "zero); they count as not rising."
        )
