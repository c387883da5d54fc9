"""Guided backpropagation against captum, and by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from captum import attr  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidSetting  # noqa: E402
from pellucid.explainers.gradient.guided_backprop import GuidedBackprop  # noqa: E402
from twins.networks_of_tests import Linear, Plain, pictures, seeded  # noqa: E402

X = pictures()


def cut(x: torch.Tensor) -> torch.Tensor:
    F.relu(x, inplace=True)
    return x


class Twice(nn.Module):
    """Two convolutions, each followed by the same activation, with a residual sum."""

    def __init__(self, act: Callable[[Any], Any]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8 * 64, 4)
        self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.first(x))
        return self.head(self.act(self.second(x) + x).flatten(1))


WAYS: dict[str, Callable[[Any], Any]] = {
    "shared module": nn.ReLU(),
    "in place": nn.ReLU(inplace=True),
    "function": F.relu,
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "as a statement": cut,
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "hardtanh": lambda x: F.hardtanh(x, 0.0, float("inf")),
}


class Apart(nn.Module):
    """As `Twice`, with a module for each activation, as captum needs it."""

    def __init__(self, net: Twice) -> None:
        super().__init__()
        self.net, self.one, self.two = net, nn.ReLU(), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.one(self.net.first(x))
        return self.net.head(self.two(self.net.second(x) + x).flatten(1))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_it_is_captum_s_of_modules_however_a_relu_is_written(way: str, rule: str) -> None:
    net = seeded(Twice, WAYS[way])
    found = pel.explain(net, X, method=GuidedBackprop(rule=rule))
    assert net.training
    apart = Apart(net).eval()
    pick = apart(torch.tensor(X)).argmax(dim=1)
    theirs = {"guided": attr.GuidedBackprop, "deconvnet": attr.Deconvolution}[rule](apart)
    truth = theirs.attribute(torch.tensor(X), target=pick).detach().numpy()
    np.testing.assert_allclose(found.values, truth, atol=1e-6)
    assert found.base is None


def test_by_hand_only_positive_parts_pass_open_relus() -> None:
    class Four(nn.Module):
        def __init__(self, act: Callable[[Any], Any]) -> None:
            super().__init__()
            self.act = act

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            weights = torch.tensor([1.0, -1.0, 1.0, 2.0])
            return (self.act(x) * weights).sum(dim=1, keepdim=True)

    rows = np.array([[1.0, 1.0, -1.0, 7.0], [2.0, -2.0, 2.0, 3.0]])
    for act in (F.relu6, nn.ReLU6(inplace=True), lambda x: x.clamp(0, 6)):
        found = pel.explain(Four(act), rows, method="guided_backprop")
        np.testing.assert_array_equal(found.values, [[1, 0, 0, 0], [1, 0, 1, 2]])
        found = pel.explain(Four(act), rows, method=GuidedBackprop(rule="deconvnet"))
        np.testing.assert_array_equal(found.values, [[1, 0, 1, 2], [1, 0, 1, 2]])
    mixed = Four(lambda x: F.relu(x.clamp(0, 1) - 0.5))
    found = pel.explain(mixed, np.array([[0.2, 0.7, 0.8, 3.0]]), method="guided_backprop")
    np.testing.assert_array_equal(found.values, [[0, 0, 1, 0]])


def test_a_site_gets_the_gradient_of_what_follows() -> None:
    net = seeded(Plain)
    found = pel.explain(net, X, method=GuidedBackprop(site="features.4"))
    still = net.eval()
    with torch.no_grad():
        seen = still.features[:5](torch.tensor(X))
        pick = still(torch.tensor(X)).argmax(dim=1)
    pooled = still.head.weight.detach()[pick].reshape(-1, 12, 2, 2).clamp_min(0) / 16
    truth = pooled.repeat_interleave(4, 2).repeat_interleave(4, 3) * (seen > 0)
    np.testing.assert_allclose(found.values, truth.numpy(), atol=1e-7)


def test_networks_without_a_relu_and_hidden_ones_are_refused() -> None:
    for net in (seeded(Linear), seeded(Plain, nn.GELU)):
        with pytest.raises(CannotExplain, match="has no ReLU"):
            pel.explain(net, X, method="guided_backprop")
    compiled = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU()))
    with pytest.raises(CannotExplain, match="hidden from guided backpropagation"):
        pel.explain(nn.Sequential(compiled, nn.Linear(8, 4)), X, method="guided_backprop")
    with pytest.raises(InvalidSetting, match="rule is unknown"):
        GuidedBackprop(rule="lrp")
