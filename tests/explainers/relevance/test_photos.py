"""Relevance in a trained network falls on the object that the network names."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pellucid.explainers.relevance.lrp import LRP  # noqa: E402
from twins import real_networks as real  # noqa: E402

torch.set_num_threads(1)

pytestmark = pytest.mark.skipif(
    not real.folder().is_dir(),
    reason="real data sets: neither PELLUCID_DATA nor ../shared/data is there",
)

SUBJECTS = {
    415748: ("elephant",), 331352: ("toilet",), 252639: ("bus",), 425988: ("bird",),
    458756: ("banana",), 551780: ("clock",), 208901: ("airplane",), 377575: ("dog",),
    119828: ("laptop", "mouse"),
}  # fmt: skip
"""All photos whose subject MobileNetV2 names (tests/models), and what of them that is."""


def test_relevance_is_denser_on_the_subject_than_around_it() -> None:
    net, density = real.mobilenet(), {}
    for photo, wanted in SUBJECTS.items():
        one = real.photos(224, photo)
        inside = one.of(0, *wanted)
        positive = np.maximum(LRP().explain(net, one.images).values.sum(axis=1)[0], 0)
        density[photo] = positive[inside].sum() / positive.sum() / inside.mean()
    spread = [photo for photo, times in density.items() if times <= 1]
    assert spread == [119828]  # "desktop computer": its laptop has a little less than its area
    assert np.median(list(density.values())) > 2
