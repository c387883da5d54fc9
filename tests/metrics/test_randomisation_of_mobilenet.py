"""Randomisation of a network trained on ImageNet: who needs it, and who shows the photo."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pellucid as pel
from pellucid.metrics.randomisation.parameter_randomisation import ParameterRandomisation
from pellucid.metrics.randomisation.random_logit import RandomLogit

torch.set_num_threads(1)
real = pytest.importorskip("twins.real_networks")

pytestmark = pytest.mark.skipif(
    not (real.folder() / "weights_mobilenet").exists(), reason="no weights at hand"
)


@pytest.fixture(scope="module")
def world():
    return real.mobilenet(), real.photos().images.take(np.arange(10))


@pytest.mark.parametrize(("method", "needs_it"), [("guided_backprop", False), ("grad_cam", True)])
def test_guided_backprop_shows_the_photo_and_grad_cam_the_network(world, method, needs_it) -> None:
    net, X = world
    att = pel.explain(net, X, method=method, seed=0, scale="logit")
    metrics = [ParameterRandomisation(draws=1, blocks=3), RandomLogit()]
    scores = pel.evaluate(att, net, X, metrics=metrics, seed=0)
    for name in ("parameter_randomisation", "random_logit"):
        assert scores[name].passed is needs_it, scores[name].text
