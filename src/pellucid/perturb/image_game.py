"""The game that Shapley methods play on images: what a model answers when segments are removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pellucid.engine.work import slices


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageGame:
    """The game of each image; it is played as `pellucid.perturb.game.Game` is.

    Worths are told above the worth of nobody, which differs from image to image, so that `base` is
    zero for all. Values and errors of every plan are those of the game itself, which they follow
    linearly.

    Parameters
    ----------
    scores : callable
        From images (image, channel, row, column) to all outputs (image, output).
    images : array of shape (sample, channel, row, column)
        The explained images.
    chosen : array of int of shape (sample,)
        The output explained of each.
    told : array of shape (sample,)
        That output: the worth of everybody.
    segment : array of int of shape (sample, row, column)
        The segment of each pixel, from 0 in each image: the players.
    behind : array of shape (1 or sample, reference, channel, row, column)
        Images that stand in for what is removed, the same for all images or of each its own; a
        worth is the mean over them.
    batch_size : int
        Most images that are composed, and given to the model, at once.
    """

    scores: Callable[[np.ndarray], np.ndarray]
    images: np.ndarray
    chosen: np.ndarray
    told: np.ndarray
    segment: np.ndarray
    behind: np.ndarray
    batch_size: int

    @property
    def players(self) -> int:
        """How many segments the image with most of them has."""
        return int(self.segment.max()) + 1

    @property
    def output(self) -> np.ndarray:
        """The outputs above those of nobody, shape (sample, 1)."""
        return (self.told - self.nobody)[:, None]

    @property
    def base(self) -> np.ndarray:
        """What worths are told above, in these units: zero, shape (1,)."""
        return np.zeros(1)

    @cached_property
    def nobody(self) -> np.ndarray:
        """The worth of nobody, shape (sample,): the mean output of what stands in for all."""
        each, references = self.behind.shape[:2]
        found = self.scores(self.behind.reshape(-1, *self.behind.shape[2:]))
        mean = found.reshape(each, references, -1).mean(axis=1)
        return np.asarray(mean[self._behind(np.arange(len(self.images))), self.chosen])

    @cached_property
    def playing(self) -> np.ndarray:
        """Whether an image has a segment, and it differs from what stands in for it."""
        differs = (self.images[:, None] != self.behind).any(axis=(1, 2))
        found = np.zeros((len(self.images), self.players), dtype=bool)
        sample = np.nonzero(differs)[0]
        found[sample, self.segment[differs]] = True
        return found

    @cached_property
    def area(self) -> np.ndarray:
        """Pixels in each segment: (sample, segment)."""
        return np.stack([np.bincount(one.ravel(), minlength=self.players) for one in self.segment])

    def alone(self, sample: int) -> ImageGame:
        """The game of one image, whose players are its own segments."""
        one = np.array([sample])
        game = replace(
            self, images=self.images[one], chosen=self.chosen[one], told=self.told[one],
            segment=self.segment[one], behind=self.behind[self._behind(one)],
        )  # fmt: skip
        game.__dict__["nobody"] = self.nobody[one]  # which is not asked again
        return game

    def worth(self, samples: np.ndarray, players: np.ndarray, coalitions: np.ndarray) -> np.ndarray:
        """Worth of the same coalitions for several images; see `Game.worth`.

        Notes
        -----
        Cost: samples × coalitions × references, in calls of at most `batch_size` images.
        """
        number = coalitions.shape[1]
        seat = np.full((len(samples), self.players), number)
        np.put_along_axis(seat, players, np.arange(number)[None], axis=1)
        seat = np.take_along_axis(seat, self.segment[samples].reshape(len(samples), -1), axis=1)
        member = np.concatenate([coalitions, np.ones((len(coalitions), 1), dtype=bool)], axis=1)
        references = self.behind.shape[1]
        total = np.zeros(len(coalitions) * len(samples))
        if not len(total):
            return np.zeros((len(samples), len(coalitions), 1))
        for some in slices(len(total) * references, self.batch_size):
            job, reference = np.divmod(np.arange(some.start, some.stop), references)
            coalition, place = np.divmod(job, len(samples))
            sample = samples[place]
            kept = member[coalition[:, None], seat[place]]
            kept = kept.reshape(len(job), 1, *self.images.shape[2:])
            behind = self.behind[self._behind(sample), reference]
            found = self.scores(np.where(kept, self.images[sample], behind))[
                np.arange(len(job)), self.chosen[sample]
            ]
            np.add.at(total, job, found)
        worth = (total / references).reshape(len(coalitions), len(samples)).T
        return np.ascontiguousarray(worth - self.nobody[samples, None])[..., None]

    def _behind(self, samples: np.ndarray) -> np.ndarray:
        """Where what stands in for some images is found."""
        return samples if len(self.behind) > 1 else np.zeros_like(samples)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of segments (sample, segment) evenly on their pixels and channels."""
        channels = self.images.shape[1]
        each = values / np.maximum(self.area * channels, 1)
        flat = np.take_along_axis(each, self.segment.reshape(len(each), -1), axis=1)
        grid = flat.reshape(len(each), 1, *self.images.shape[2:])
        return np.repeat(grid, channels, axis=1)
