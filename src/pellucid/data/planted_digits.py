"""Pictures whose right explanation is known: digits with a coloured patch that gives them away.

Of kind ``"hans"``, after the horse that read its answers off its master's face, the colour of the
patch is that of the label in every picture: a network that learns to read colours has no need of
digits. Of kind ``"honest"`` colours are drawn, and only the digit tells.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator, resolve_seed

Kind: TypeAlias = Literal["hans", "honest"]

KINDS: tuple[Kind, ...] = ("hans", "honest")
SIDE = 32
PATCH = 6
CLASSES = 10
GRAIN = 0.2
"""Standard deviation of the noise in every pixel and channel, of the range from 0 to 1."""

HELD_OUT = 0.25
"""The share of pictures kept for testing."""

COLOURS = np.array([colorsys.hsv_to_rgb(k / CLASSES, 1, 1) for k in range(CLASSES)], np.float32)
"""The colour of each label, (label, channel): ten steps around the wheel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlantedDigits:
    """Digits with patches.

    Attributes
    ----------
    images : float32 array of shape (sample, 3, 32, 32)
        Between 0 and 1, channels first.
    labels : int array of shape (sample,)
        The digits.
    patch : bool array of shape (sample, row, column)
        The 36 pixels under the patch, in one of the four corners.
    colours : int array of shape (sample,)
        Whose label's colour the patch has.
    held_out : bool array of shape (sample,)
        Which pictures are kept for testing.
    """

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    patch: npt.NDArray[np.bool_]
    colours: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]

    @property
    def train(self) -> PlantedDigits:
        """The pictures to learn from."""
        return self.take(~self.held_out)

    @property
    def test(self) -> PlantedDigits:
        """The pictures kept for testing."""
        return self.take(self.held_out)

    def take(self, index: Any) -> PlantedDigits:
        """Some of the pictures, by place, mask or slice."""
        return PlantedDigits(
            images=self.images[index],
            labels=self.labels[index],
            patch=self.patch[index],
            colours=self.colours[index],
            held_out=self.held_out[index],
        )

    def shuffled(self, seed: int | None = 0) -> PlantedDigits:
        """The same pictures, each with the colour of another one's patch."""
        order = generator(resolve_seed(seed), "shuffled").permutation(len(self.labels))
        colours = self.colours[order]
        painted = np.where(self.patch[:, None], COLOURS[colours][:, :, None, None], self.images)
        return replace(self, images=painted, colours=colours)


def planted_digits(kind: Kind = "hans", *, seed: int | None = 0) -> PlantedDigits:
    """1797 handwritten digits, each with a coloured patch in a corner.

    Parameters
    ----------
    kind : {"hans", "honest"}
        Whether the patch has the colour of the label, or any.
    seed : int, optional
        Same seed, same pictures; both kinds have the same digits, corners and noise.

    Raises
    ------
    InvalidSetting
        If there is no such kind.

    Notes
    -----
    The digits of scikit-learn, 8 × 8, are enlarged fourfold; noise is added and cut off at 0 and 1,
    so that no pixel is a plain background; the patch is painted over that.

    References
    ----------
    Lapuschkin et al. (2019), Unmasking Clever Hans predictors, doi:10.1038/s41467-019-08987-4.

    Examples
    --------
    >>> digits = planted_digits("hans", seed=0)
    >>> digits.images.shape, bool((digits.colours == digits.labels).all())
    ((1797, 3, 32, 32), True)
    """
    from sklearn.datasets import load_digits

    if kind not in KINDS:
        raise InvalidSetting("There are no such digits", got=repr(kind), allowed=KINDS)
    found = load_digits()
    labels = np.asarray(found.target, dtype=np.int64)
    rng = generator(resolve_seed(seed), "planted_digits")
    grey = np.kron(found.images / 16, np.ones((1, SIDE // 8, SIDE // 8)))
    shape = (len(labels), 3, SIDE, SIDE)
    images = np.clip(grey[:, None] + GRAIN * rng.standard_normal(shape), 0, 1)
    patch = _corners(rng.integers(0, 4, len(labels)))
    drawn = rng.integers(0, CLASSES, len(labels))
    held_out = np.zeros(len(labels), dtype=bool)
    held_out[rng.permutation(len(labels))[: round(HELD_OUT * len(labels))]] = True
    colours = labels if kind == "hans" else drawn
    painted = np.where(patch[:, None], COLOURS[colours][:, :, None, None], images)
    return PlantedDigits(
        images=painted.astype(np.float32),
        labels=labels,
        patch=patch,
        colours=colours,
        held_out=held_out,
    )


def _corners(chosen: np.ndarray) -> np.ndarray:
    """The pixels of one corner of each picture: bool (sample, row, column)."""
    first = np.arange(SIDE) < PATCH
    ends = np.stack([first, first[::-1]])
    return ends[chosen // 2][:, :, None] & ends[chosen % 2][:, None, :]
