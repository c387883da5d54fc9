"""Images that are made step by step: how they are written down, shaken and told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.data.images import Images

if TYPE_CHECKING:
    import torch

FIRST = 0.01
"""The spread of the waves that an image starts from: close to even grey."""

CONTRAST = 0.25
"""How much one unit of a wave moves the pixels, before they are brought into their range."""

OTHER_COLOURS = 0.01
"""The part of the mean variance that colours have which the images at hand never show."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Canvas:
    """Images as waves of colours that vary independently in the images at hand.

    Waves weigh as in photographs, inversely to their frequency, so that a step moves large and
    small forms alike; a logistic curve brings pixels into the range that the network knows.

    Parameters
    ----------
    waves : tensor of shape (image, channel, row, wave, 2)
        What is optimised: real and imaginary parts.
    weight : tensor of shape (row, wave)
        What each wave counts for.
    colours : tensor of shape (channel, channel)
        How independent colours mix.
    low, high : tensor of shape (channel, 1, 1)
        The range of the pixels.
    size : (row, column)
    """

    waves: torch.Tensor
    weight: torch.Tensor
    colours: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    size: tuple[int, int]

    @classmethod
    def of(cls, images: Images, count: int, rng: np.random.Generator, like: torch.Tensor) -> Canvas:
        """`count` images close to grey, for a network that is given such images."""
        import torch

        channels, rows, columns = images.values.shape[1:]
        down, along = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None]
        frequency = np.maximum(np.hypot(down, along), 1 / max(rows, columns))
        drawn = FIRST * rng.normal(size=(count, channels, *frequency.shape, 2))

        def tensor(values: np.ndarray) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=like.device)

        low, high = _range(images)
        return cls(
            waves=tensor(drawn).requires_grad_(True),
            weight=tensor(CONTRAST / frequency),
            colours=tensor(_colours(images)),
            low=tensor(low[:, None, None]),
            high=tensor(high[:, None, None]),
            size=(rows, columns),
        )

    def images(self) -> torch.Tensor:
        """The images, (image, channel, row, column)."""
        import torch

        waves = torch.view_as_complex(self.waves) * self.weight
        plain = torch.fft.irfft2(waves, s=self.size, norm="ortho")
        mixed = torch.einsum("dc,ncij->ndij", self.colours, plain)
        return self.low + (self.high - self.low) * torch.sigmoid(mixed)


def _range(images: Images) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest value of each channel: black and white where they are known."""
    if images.mean is None and images.std is None:
        return images.values.min(axis=(0, 2, 3)), images.values.max(axis=(0, 2, 3))
    mean = np.zeros(1) if images.mean is None else images.mean
    std = np.ones(1) if images.std is None else images.std
    shape = (images.values.shape[1],)
    return np.broadcast_to(-mean / std, shape), np.broadcast_to((1 - mean) / std, shape)


def _colours(images: Images) -> np.ndarray:
    """The root of the covariance of channels, its strongest colour of length 1."""
    pixels = np.moveaxis(images.values, 1, 0).reshape(images.values.shape[1], -1)
    spread = np.atleast_2d(np.cov(pixels.astype(np.float64))) if pixels.shape[1] > 1 else None
    if spread is None or not np.trace(spread) > 0:
        return np.eye(len(pixels))
    spread += OTHER_COLOURS * np.trace(spread) / len(spread) * np.eye(len(spread))
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(values)
    return np.asarray(root / np.linalg.norm(root, axis=0).max())


def shaken(
    images: torch.Tensor, rng: np.random.Generator, jitter: float, zoom: float, rotate: float
) -> torch.Tensor:
    """Each image shifted, zoomed and turned by chance, its border mirrored."""
    import torch

    if not (jitter or zoom or rotate):
        return images
    rows, columns = images.shape[-2:]
    angle = np.deg2rad(rotate) * rng.uniform(-1, 1, len(images))
    scale = 1 + zoom * rng.uniform(-1, 1, len(images))
    shift = 2 * jitter * rng.uniform(-1, 1, (len(images), 2))
    cos, sin, wide = np.cos(angle) / scale, np.sin(angle) / scale, columns / rows
    turned = np.array([[cos, -sin / wide, shift[:, 0]], [sin * wide, cos, shift[:, 1]]])
    theta = torch.tensor(turned.transpose(2, 0, 1), dtype=torch.float32, device=images.device)
    grid = torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(
        images, grid, padding_mode="reflection", align_corners=False
    )


def channels_first(activation: torch.Tensor) -> torch.Tensor:
    """An activation as (image, channel, place): of tokens the channels come last."""
    if activation.ndim == 3:
        return activation.transpose(1, 2)
    return activation.reshape(*activation.shape[:2], -1)


def likeness(activation: torch.Tensor) -> torch.Tensor:
    """How alike images are in style: the cosine of their Gram matrices, (image, image)."""
    import torch

    seen = channels_first(activation.float())
    gram = torch.einsum("ncp,ndp->ncd", seen, seen).flatten(1)
    gram = torch.nn.functional.normalize(gram, dim=1, eps=1e-12)
    return gram @ gram.T
