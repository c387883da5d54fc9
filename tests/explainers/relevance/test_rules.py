"""Rules of relevance propagation against contributions written out one by one, and captum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from captum.attr import LRP as CaptumLRP  # noqa: E402
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule  # noqa: E402
from torch import nn  # noqa: E402

from pellucid.explainers.relevance.composites import COMPOSITES, Composite  # noqa: E402
from pellucid.explainers.relevance.engine import Propagation, relevance  # noqa: E402
from twins.relevance import propagate  # noqa: E402

torch.set_num_threads(1)

EVERYWHERE = ("zero", "epsilon", "gamma", "alpha_beta", "z_plus")
AT_THE_INPUT = ("flat", "w_square", "box")
LAYERS = {
    "dense": lambda: nn.Linear(48, 5),
    "conv": lambda: nn.Conv2d(3, 4, 3, padding=1),
    "strided": lambda: nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3),
    "dilated": lambda: nn.Conv2d(3, 2, 2, dilation=2, bias=False),
    "same": lambda: nn.Conv2d(3, 2, 3, padding="same"),
    "transposed": lambda: nn.ConvTranspose2d(3, 2, 3, stride=2, output_padding=1),
}
BOX = {"low": torch.tensor(-4.0), "high": torch.tensor(4.0)}


def made(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers).double().eval().requires_grad_(False)


def images(count: int = 2, channels: int = 3, side: int = 4) -> torch.Tensor:
    drawn = np.random.default_rng(1).normal(size=(count, channels, side, side))
    return torch.from_numpy(drawn).clamp(-3.9, 3.9)


def ours(net: nn.Module, x: torch.Tensor, pick: list[int], how: Composite) -> torch.Tensor:
    return relevance(net, x, torch.tensor(pick), Propagation(how, **BOX))[0]


@pytest.mark.parametrize("rule", EVERYWHERE + AT_THE_INPUT)
@pytest.mark.parametrize("kind", LAYERS)
def test_one_layer_shares_as_its_paper_says(kind: str, rule: str) -> None:
    torch.manual_seed(0)
    net = made(*([nn.Flatten()] if kind == "dense" else []), LAYERS[kind](), nn.Flatten())
    x = images()
    how = Composite(conv="zero", dense="zero", first=rule, epsilon=0.1, alpha=3, gamma=0.4)
    found = ours(net, x, [1, 4], how)
    for one, pick, row in zip(x, (1, 4), found, strict=True):
        settings = {"epsilon": 0.1, "alpha": 3.0, "gamma": 0.4, "low": -4.0, "high": 4.0}
        known = propagate(net, one, pick, [rule], **settings)
        np.testing.assert_allclose(row.numpy(), known, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_network_of_several_layers_hands_on_as_the_layers_do(name: str) -> None:
    torch.manual_seed(1)
    net = made(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3),
    )  # fmt: skip
    x, how = images(3), COMPOSITES[name]
    rules = [how.first or how.conv, how.conv, how.dense, how.dense]
    found = ours(net, x, [0, 1, 2], how)
    for i, (one, row) in enumerate(zip(x, found, strict=True)):
        known = propagate(net, one, i, rules, low=-4.0, high=4.0)
        np.testing.assert_allclose(row.numpy(), known, rtol=1e-7, atol=1e-10)


class Bare(nn.Module):
    """Convolutions, a residual sum, pools, and dense layers: ReLU everywhere, no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.b = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.c = nn.Conv2d(8, 12, 3, bias=False)
        self.d, self.e = nn.Linear(12, 8, bias=False), nn.Linear(8, 4, bias=False)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.a(x))
        x = x + self.act(self.b(x))
        y = x.clone()
        y += self.b(x).relu()
        x = nn.functional.max_pool2d(y, 2)
        x = nn.functional.adaptive_avg_pool2d(self.c(x).relu_(), 1).flatten(1)
        return self.e(torch.relu(self.d(x)))


@pytest.mark.parametrize("first", [None, *AT_THE_INPUT])
@pytest.mark.parametrize("name", COMPOSITES)
def test_networks_without_biases_conserve_all_relevance(name: str, first: str | None) -> None:
    torch.manual_seed(2)
    net, x = made(Bare()), images(3, side=8)
    how = replace(COMPOSITES[name], epsilon=1e-12)
    how = how if first is None else replace(how, first=first)
    way = Propagation(how, **BOX)
    found, score = relevance(net, x, torch.tensor([0, 1, 2]), way)
    np.testing.assert_allclose(found.sum((1, 2, 3)) / score, 1, atol=1e-8)
    assert max(abs(float(lost)) for lost in way.absorbed.values()) < 1e-9


def test_biases_absorb_what_is_missing() -> None:
    torch.manual_seed(3)
    net, x = made(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)), images(3)
    for name in COMPOSITES:
        way = Propagation(COMPOSITES[name], **BOX)
        found, score = relevance(net, x, torch.tensor([0, 1, 2]), way)
        lost = sum(float(each) for each in way.absorbed.values())
        assert lost == pytest.approx(float(score.sum() - found.sum()), abs=1e-9)
        assert set(way.absorbed) == {"conv2d", "linear"}


def test_biases_take_no_part_in_z_plus_and_absorb_with_alpha_1() -> None:
    torch.manual_seed(6)
    net = made(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3, bias=False),
    )  # fmt: skip
    x, pick = images(3).abs(), torch.tensor([0, 1, 2])
    found, score = relevance(net, x, pick, Propagation(COMPOSITES["z_plus"]))
    torch.testing.assert_close(found.sum((1, 2, 3)), score, rtol=1e-12, atol=1e-14)
    with_bias = replace(COMPOSITES["alpha_beta"], alpha=1)
    lossy, _ = relevance(net, x, pick, Propagation(with_bias))
    assert ((lossy.sum((1, 2, 3)) / score - 1).abs() > 0.01).all()
    for part in net:
        if isinstance(part, nn.Conv2d):
            part.bias.zero_()
    found, _ = relevance(net, x, pick, Propagation(COMPOSITES["z_plus"]))
    same, _ = relevance(net, x, pick, Propagation(with_bias))
    torch.testing.assert_close(found, same, rtol=1e-12, atol=1e-14)


def test_the_basic_rule_is_input_times_gradient_where_all_is_relu() -> None:
    torch.manual_seed(4)
    net, x = made(Bare()), images(3, side=8)
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            part.bias = nn.Parameter(torch.randn(len(part.weight)).double(), requires_grad=False)
    at = x.clone().requires_grad_(True)
    pick = torch.tensor([3, 0, 1])
    (slope,) = torch.autograd.grad(net(at).gather(1, pick[:, None]).sum(), at)
    found, _ = relevance(net, x, pick, Propagation(COMPOSITES["zero"]))
    torch.testing.assert_close(found, x * slope, rtol=1e-12, atol=1e-15)


def test_a_sample_alone_gets_what_it_gets_among_others() -> None:
    torch.manual_seed(5)
    net, x = made(Bare()), images(4, side=8)
    x[2] = x[2].abs()  # of one sign: a shorter way through the rules
    for name in COMPOSITES:
        whole = ours(net, x, [0, 1, 2, 3], COMPOSITES[name])
        for i in range(4):
            alone = ours(net, x[i : i + 1], [i], COMPOSITES[name])
            torch.testing.assert_close(alone[0], whole[i], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "rule"),
    [("epsilon", EpsilonRule), ("alpha_beta", Alpha1_Beta0_Rule), ("gamma", GammaRule)],
)
def test_captum_agrees_on_the_networks_it_supports(name: str, rule: type) -> None:
    torch.manual_seed(0)
    net = made(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 3, 1),
    )  # fmt: skip
    for part in net:
        if isinstance(part, nn.Conv2d):
            # captum's α1β0 counts negative biases as positive, its γ favours weights but no bias
            part.bias.zero_() if name == "gamma" else part.bias.abs_()
    x = images(3).abs()  # and leave out products of two negative numbers
    scores = net(x).flatten(1)
    how = replace(COMPOSITES[name], epsilon=1e-9, alpha=1)
    found, _ = relevance(lambda x: net(x).flatten(1), x, scores.argmax(1), Propagation(how))
    assert (scores.amax(1) > 0).all()  # captum's γ rule is not meant for negative outputs
    for i, pick in enumerate(scores.argmax(1)):
        for part in net:
            if isinstance(part, nn.Conv2d):
                part.rule = rule()  # captum forgets its rules after each call
        known = CaptumLRP(net).attribute(x[i : i + 1].clone(), target=(int(pick), 0, 0))
        torch.testing.assert_close(found[i], known[0].detach(), rtol=1e-5, atol=1e-8)
