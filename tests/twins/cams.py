"""Class activation maps of one image as the papers write them, cell by cell.

Each takes activations and gradients (channel, row, column) and gives a map (row, column).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def grad_cam(A: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Selvaraju et al., equations 1 and 2."""
    Z = A[0].size
    total = np.zeros(A.shape[1:])
    for k in range(len(A)):
        alpha = sum(g[k, i, j] for i, j in np.ndindex(A.shape[1:])) / Z
        total += alpha * A[k]
    return np.maximum(total, 0)


def grad_cam_plus_plus(A: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Chattopadhay et al., equations 11 and 19, without the factor exp(score)."""
    total = np.zeros(A.shape[1:])
    for k in range(len(A)):
        weight = 0.0
        for i, j in np.ndindex(A.shape[1:]):
            below = 2 * g[k, i, j] ** 2 + A[k].sum() * g[k, i, j] ** 3
            alpha = g[k, i, j] ** 2 / below if below else 0.0
            weight += alpha * max(g[k, i, j], 0)
        total += weight * A[k]
    return np.maximum(total, 0)


def hi_res_cam(A: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Draelos and Carin, equation 8."""
    return sum((A[k] * g[k] for k in range(len(A))), np.zeros(A.shape[1:]))


def x_grad_cam(A: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Fu et al., equation 9."""
    total = np.zeros(A.shape[1:])
    for k in range(len(A)):
        if A[k].sum():
            shares = A[k] / A[k].sum()
            total += (shares * g[k]).sum() * A[k]
    return np.maximum(total, 0)


def layer_cam(A: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Jiang et al., equations 5 to 7."""
    total = np.zeros(A.shape[1:])
    for k, i, j in np.ndindex(A.shape):
        total[i, j] += max(g[k, i, j], 0) * A[k, i, j]
    return np.maximum(total, 0)


def eigen_cam(A: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Muhammad and Yeasin, equation 3: the activation times its first right singular vector."""
    cells = A.reshape(len(A), -1).T.astype(float)
    _, _, right = np.linalg.svd(cells, full_matrices=False)
    found = (cells @ right[0]).reshape(A.shape[1:])
    return found if found.sum() >= 0 else -found


def score_cam(
    A: np.ndarray, masks: np.ndarray, image: np.ndarray, f: Callable[[np.ndarray], float]
) -> np.ndarray:
    """Wang et al., algorithm 1; `masks` are the channels drawn on the image's grid."""
    kept = [k for k in range(len(A)) if A[k].max() > A[k].min()]
    scores = []
    for k in kept:
        H = (masks[k] - masks[k].min()) / (masks[k].max() - masks[k].min())
        scores.append(f(image * H[None]) - f(np.zeros_like(image)))
    whole = sum(math.exp(s) for s in scores)
    total = sum(math.exp(s) / whole * A[k] for k, s in zip(kept, scores, strict=True))
    return np.maximum(total, 0)


def ablation_cam(A: np.ndarray, f: Callable[[np.ndarray], float]) -> np.ndarray:
    """Desai and Ramaswamy, equations 4 and 5; `f` is the score of an activation."""
    y = f(A)
    total = np.zeros(A.shape[1:])
    for k in range(len(A)):
        without = A.copy()
        without[k] = 0
        total += (y - f(without)) / abs(y) * A[k]
    return np.maximum(total, 0)
