"""Methods find the patch where a network reads its answer off it, and only there.

Two networks see the same digits. One was taught by patches that tell the label, and is lost without
them; the other by patches that tell nothing, and does not care. That is measured here on the
networks themselves, and is the truth that maps are held against.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import pellucid as pel  # noqa: E402
from pellucid.data.planted_digits import PlantedDigits, planted_digits  # noqa: E402
from pellucid.explainers.explainer import Explainer  # noqa: E402
from pellucid.explainers.gradient.smooth_grad import SmoothGrad  # noqa: E402
from pellucid.explainers.perturbation.occlusion import Occlusion  # noqa: E402
from pellucid.explainers.perturbation.rise import RISE  # noqa: E402
from pellucid.models.small_network import accuracy, train_network  # noqa: E402

torch.set_num_threads(1)

UNSIGNED = {"saliency", "smooth_grad", "guided_backprop"}
"""Methods whose sizes speak; of the others the greatest values, added over channels."""

FOUND: dict[str, tuple[str | Explainer, float]] = {
    "occlusion": (Occlusion(window=6, stride=2), 0.7),
    "kernel_shap": ("kernel_shap", 0.6),
    "rise": (RISE(budget=400), 0.4),
    "layer_cam": ("layer_cam", 0.6),
    "grad_cam": ("grad_cam", 0.4),
    "grad_cam_plus_plus": ("grad_cam_plus_plus", 0.4),
    "lrp": ("lrp", 0.4),
    "deep_lift": ("deep_lift", 0.4),
    "integrated_gradients": ("integrated_gradients", 0.4),
    "input_x_gradient": ("input_x_gradient", 0.4),
    "expected_gradients": ("expected_gradients", 0.4),
    "guided_backprop": ("guided_backprop", 0.3),
    "saliency": ("saliency", 0.15),
    "smooth_grad": (SmoothGrad(draws=20), 0.06),
}
"""Methods, and the share of patch and brightest pixels together that they at least have in common;
random maps have 0.02."""


@cache
def taught(kind: str) -> tuple[torch.nn.Module, PlantedDigits]:
    """A network, and digits that it has not seen."""
    digits = planted_digits(kind)
    net = train_network(digits.train.images, digits.train.labels)
    return net, digits.test


def test_one_network_reads_the_patch_and_the_other_the_digit() -> None:
    hans, shown = taught("hans")
    assert accuracy(hans, shown.images, shown.labels) > 0.98
    dealt = shown.shuffled()
    assert accuracy(hans, dealt.images, dealt.labels) < 0.2
    assert accuracy(hans, dealt.images, dealt.colours) > 0.98
    honest, shown = taught("honest")
    before = accuracy(honest, shown.images, shown.labels)
    dealt = shown.shuffled()
    assert before > 0.9
    assert abs(accuracy(honest, dealt.images, dealt.labels) - before) < 0.02


def overlap(maps: np.ndarray, patch: np.ndarray) -> float:
    """The mean intersection over union of each patch and as many of the brightest pixels."""
    shares = []
    for drawn, there in zip(maps, patch, strict=True):
        bright = np.zeros(there.size, dtype=bool)
        bright[np.argsort(-drawn.ravel(), kind="stable")[: there.sum()]] = True
        shares.append((bright & there.ravel()).sum() / (bright | there.ravel()).sum())
    return float(np.mean(shares))


@cache
def found(name: str, kind: str) -> float:
    net, digits = taught(kind)
    few = digits.take(slice(0, 24))
    made = pel.explain(
        net,
        few.images,
        method=FOUND[name][0],
        seed=0,
        background=digits.images[-20:] if name == "expected_gradients" else None,
        segments=64 if name == "kernel_shap" else None,
        budget=400 if name == "kernel_shap" else None,
    )
    maps = np.abs(made.values) if name in UNSIGNED else made.values
    return overlap(maps.sum(axis=1) if maps.ndim == 4 else maps, few.patch)


@pytest.mark.parametrize("name", FOUND)
def test_a_method_finds_the_patch_that_is_read_and_no_other(name: str) -> None:
    assert found(name, "hans") > FOUND[name][1]
    assert found(name, "honest") < 0.03


def test_chance_finds_little() -> None:
    _, digits = taught("hans")
    drawn = np.random.default_rng(0).normal(size=digits.patch.shape)
    assert 0.01 < overlap(drawn, digits.patch) < 0.03
