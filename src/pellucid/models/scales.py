"""The words for what predictions are measured in, and the way from a probability to a logit."""

from __future__ import annotations

import numpy as np

CLIP = 1e-6  # a forest says 0 and 1; this keeps its log-odds within ±13.8
CLIPPED = f"Logits are taken of probabilities clipped to [{CLIP:g}, 1 − {CLIP:g}]."


def log_odds(p: np.ndarray) -> np.ndarray:
    """log(p / (1 − p)) of one output, log p of several, of probabilities clipped by `CLIP`.

    Parameters
    ----------
    p : ndarray of float64 (sample, output)
    """
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p)) if p.shape[1] == 1 else np.log(p)
