"""Concept activation vectors: what in a layer tells images of a concept from other images.

All that is needed of activations is their inner products, so that a layer of a million numbers
costs no more than one of ten. A direction is given by a weight for each image: the direction is the
weighed sum of their activations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class ConceptVectors:
    """Directions of unit length from several draws of images.

    Parameters
    ----------
    weights : array of shape (draw, image)
        What each image's activation counts for; of each draw they add up to zero.
    accuracy : array of shape (draw,)
        The share of images, kept from training, that lie on the right side.
    """

    weights: np.ndarray
    accuracy: np.ndarray


def concept_vectors(
    gram: np.ndarray,
    concept: np.ndarray,
    others: np.ndarray,
    *,
    draws: int,
    penalty: float,
    rng: np.random.Generator,
) -> ConceptVectors:
    """Linear classifiers of a concept against other images, each trained on a random half.

    Parameters
    ----------
    gram : array of shape (image, image)
        Inner products of the activations of all images.
    concept, others : int arrays
        The places of the concept's images and of the images it is compared with, of which each
        draw takes as many as the concept has.
    draws : int
        Classifiers.
    penalty : float
        Of ridge regression on ±1, in units of the mean squared distance of activations from their
        centre.
    rng : Generator

    Notes
    -----
    A half of the images spreads an estimate as much as another sample of all of them would, so
    that the spread over draws is the standard error of their mean.
    """
    size, train = len(concept), len(concept) // 2
    ours, theirs = (_shuffled(pool, draws, rng)[:, :size] for pool in (concept, others))
    taken = np.concatenate([ours[:, :train], theirs[:, :train]], axis=1)
    signs = np.repeat([1.0, -1.0], train)
    alpha = ridge_weights(gram[taken[:, :, None], taken[:, None, :]], signs, penalty)
    weights = np.zeros((draws, len(gram)))
    np.put_along_axis(weights, taken, alpha, axis=1)
    heights = weights @ gram  # of every image along each direction
    lengths = np.sqrt(np.maximum((weights * heights).sum(axis=1), 0))
    middle = np.take_along_axis(heights, taken, axis=1).mean(axis=1, keepdims=True)
    right = [
        np.take_along_axis(heights, ours[:, train:], axis=1) > middle,
        np.take_along_axis(heights, theirs[:, train:], axis=1) < middle,
    ]
    return ConceptVectors(
        weights=weights / np.where(lengths > 0, lengths, 1.0)[:, None],
        accuracy=np.concatenate(right, axis=1).mean(axis=1),
    )


def ridge_weights(gram: np.ndarray, signs: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge regression with an intercept: the weight of each image, (…, image).

    Parameters
    ----------
    gram : array of shape (…, image, image)
    signs : array of shape (image,)
        The answers; they add up to zero.
    penalty : float
        In units of the mean of the centred diagonal.
    """
    centred = gram - gram.mean(axis=-1, keepdims=True)
    centred = centred - centred.mean(axis=-2, keepdims=True)
    size = gram.shape[-1]
    level = np.trace(centred, axis1=-2, axis2=-1)[..., None, None] / size
    level = np.where(level > 0, level, 1.0)
    answers = np.broadcast_to(signs, gram.shape[:-1])[..., None]
    return np.asarray(np.linalg.solve(centred + penalty * level * np.eye(size), answers)[..., 0])


def _shuffled(pool: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The pool in `draws` random orders, (draw, image)."""
    return np.asarray(pool)[rng.random((draws, len(pool))).argsort(axis=1)]
