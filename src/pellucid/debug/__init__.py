"""Is the model good? Its scores, its probabilities, its errors and its weak spots.

Everything here takes arrays of truth and prediction, never a model.
"""

from pellucid.debug.performance import classification_scores, regression_scores
from pellucid.debug.probability import calibration, calibration_error, confusion
from pellucid.debug.residual import residuals
from pellucid.debug.slices import weak_spots
from pellucid.debug.threshold import choose_threshold

__all__ = [
    "calibration",
    "calibration_error",
    "choose_threshold",
    "classification_scores",
    "confusion",
    "regression_scores",
    "residuals",
    "weak_spots",
]
