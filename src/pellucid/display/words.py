"""Numbers, names and lists as a reader wants them: short, unambiguous, never cut off unseen."""

from __future__ import annotations

import datetime
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.core.explanation import Explanation

NAME_WIDTH = 34
"""Characters of a name on an axis; a longer one loses its middle."""

VALUE_WIDTH, SENTENCE_WIDTH = 24, 80
"""Characters of a value on an axis or in a list, and in a sentence."""

SCALES = {
    "probability": "probability",
    "logit": "log-odds",
    "raw": "the model's own unit",
    "loss": "loss",
    "path length": "path length",
}
"""What each scale is called on a chart."""

METHODS = {
    "tree_shap": "tree SHAP",
    "tree_interactions": "tree SHAP interactions",
    "kernel_shap": "kernel SHAP",
    "linear_shap": "linear SHAP",
    "permutation_shap": "permutation SHAP",
    "exact_shap": "exact SHAP",
    "lime": "LIME",
    "ale": "ALE",
    "ale_interaction": "second-order ALE",
    "ice": "ICE",
    "owen_shap": "Owen SHAP",
    "deep_shap": "DeepSHAP",
    "deep_lift": "DeepLIFT",
    "input_x_gradient": "input × gradient",
    "smooth_grad": "SmoothGrad",
    "var_grad": "VarGrad",
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "hi_res_cam": "HiResCAM",
    "x_grad_cam": "XGrad-CAM",
    "layer_cam": "LayerCAM",
    "eigen_cam": "EigenCAM",
    "score_cam": "ScoreCAM",
    "ablation_cam": "AblationCAM",
    "lrp": "LRP",
    "rise": "RISE",
    "tcav": "TCAV",
}
"""Methods whose name is more than its words; of any other, the underscores become spaces."""

METRICS = {
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "brier": "Brier score",
    "r2": "R²",
    "mae": "MAE",
    "rmse": "RMSE",
    "additivity": "adding up",
    "agreement": "agreement by row",
    "agreement_global": "agreement overall",
    "ece": "calibration error",
    "tcav": "TCAV score",
    "cav_accuracy": "told from random",
    "p_value": "p",
    "parameter_randomisation_ssim": "parameter randomisation, SSIM",
    "label_randomisation_ssim": "label randomisation, SSIM",
}
"""Metrics and checks whose name is more than its words."""

ON_IMAGES = {"tcav"}
"""Methods whose scores are of images, whatever else they are of."""

LOWER_IS_BETTER = {
    "log_loss", "brier", "mae", "rmse", "median_absolute_error", "ece",
}  # fmt: skip
"""Scores that a good model keeps small."""

BASELINE = "baseline"
"""The group of scores that no model reaches: always the same answer."""

NOISE = re.compile(r"−?-?\b\d(?:\.\d+)?e-(?:09|[1-9]\d)\b")
"""Numbers that are only the rounding of a computer."""


def method_name(method: str) -> str:
    """``tree SHAP``, ``partial dependence``."""
    return METHODS.get(method, method.replace("_", " "))


def metric_name(metric: str) -> str:
    """``ROC AUC``, ``balanced accuracy``."""
    return METRICS.get(metric, metric.replace("_", " "))


def score_name(metric: str, group: str = "") -> str:
    """``recall · malignant``, ``MAE · no model``."""
    whose = "no model" if group == BASELINE else group
    return f"{metric_name(metric)} · {whose}" if whose else metric_name(metric)


def sentence(text: str, *names: str) -> str:
    """A measured sentence as a reader wants it: `names` of methods in words, no rounding noise."""
    for name in names:
        text = re.sub(rf"\b{re.escape(name)}\b", method_name(name), text)
    return NOISE.sub("less than a billionth", text)


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def brief(value: float) -> str:
    """A number in three significant digits, with a true minus sign."""
    value = float(value)
    if value != value:
        return "missing"
    if not np.isfinite(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e7):
        mantissa, _, exponent = f"{size:.2e}".partition("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    elif size >= 999.5:
        text = f"{size:,.0f}"
    else:
        text = f"{size:.3g}"
    return f"−{text}" if value < 0 else text


def signed(value: float) -> str:
    """A number with its sign: ``+0.12``, ``−3``, ``0``."""
    return f"+{brief(value)}" if value > 0 else brief(value)


def arrow(value: float) -> str:
    """A signed number behind a triangle that says the direction."""
    if value > 0:
        return f"▲ {signed(value)}"
    return f"▼ {signed(value)}" if value < 0 else signed(value)


def percent(share: float) -> str:
    """A share as a percentage that never rounds something to nothing, or all but all to all."""
    if share != share:
        return "missing"
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.3g} %"


def datum(value: Any, width: int = VALUE_WIDTH) -> str:
    """One feature value for reading: a number, a category, a date, or ``missing``."""
    value = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        whole = float(value).is_integer() and abs(value) < 1e7
        return f"{int(value)}".replace("-", "−") if whole else brief(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return shorten(str(value), width)


def shorten(text: object, width: int = NAME_WIDTH) -> str:
    """One line of at most `width` characters; what is too long loses its middle."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split()) or "(empty)"
    if cells(line) <= width:
        return line
    head, tail = "", ""
    for letter in line:
        if cells(head + letter) > (width - 1) * 3 // 5:
            break
        head += letter
    for letter in reversed(line):
        if cells(head + letter + tail) > width - 1:
            break
        tail = letter + tail
    return f"{head.rstrip()}…{tail.lstrip()}"


def cells(text: str) -> int:
    """How wide a text is, in Latin characters (East Asian ones count two)."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def unique(labels: Iterable[object], width: int = NAME_WIDTH) -> list[str]:
    """Shortened labels, numbered where two would read the same."""
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        short = shorten(label, width)
        seen[short] = seen.get(short, 0) + 1
        result.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return result


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``12,000 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Lines that fit `width` pixels at a font size of `size` pixels."""
    return textwrap.wrap(text, max(20, int(width / (0.53 * size)))) or [""]


def thing(scores: Explanation) -> str:
    """What scores count: ``image`` or ``row``."""
    of_images = scores.params.get("kind") == "image" or scores.method in ON_IMAGES
    return "image" if of_images else "row"


def measured(explanation: Explanation, output: object = None) -> str:
    """What the values are measured in: ``probability of malignant``."""
    scale = SCALES.get(explanation.scale, explanation.scale)
    what = explanation.target if output is None else output
    return f"{scale} of {shorten(what)}" if what is not None else scale
