"""LRP as a method: of images, tables and activations, and what it says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName  # noqa: E402
from pellucid.explainers.gradient.input_x_gradient import InputXGradient  # noqa: E402
from pellucid.explainers.relevance.lrp import LRP  # noqa: E402
from twins.networks_of_tests import Functional, Linear, Plain, pictures, seeded  # noqa: E402

X = pictures(3)


def conserved(said: Any) -> str:
    return next(note for note in said.provenance.notes if note.startswith("Conservation"))


def without_biases(net: nn.Module) -> nn.Module:
    for name, each in net.named_parameters():
        if name.endswith("bias"):
            each.data.zero_()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.zero_()
    return net


@pytest.mark.parametrize("kind", [Plain, Functional])
@pytest.mark.parametrize("composite", [None, "epsilon_alpha_beta", "epsilon_gamma_box"])
def test_networks_without_biases_have_no_gap(kind: type[nn.Module], composite: str | None) -> None:
    net = without_biases(seeded(kind))
    box = {"low": -6.0, "high": 6.0} if composite == "epsilon_gamma_box" else {}
    said = LRP(composite=composite, epsilon=1e-9, **box).explain(net, X)
    np.testing.assert_allclose(said.gap(), 0, atol=1e-5 * np.abs(said.output).max())
    assert conserved(said) == (
        "Conservation: relevance adds up to the output, to a part in a thousand."
    )


def test_the_basic_rule_is_input_times_gradient() -> None:
    for kind in (Linear, Plain, Functional):
        said = LRP(composite="zero").explain(seeded(kind), X)
        known = InputXGradient().explain(seeded(kind), X)
        np.testing.assert_allclose(said.values, known.values, rtol=1e-4, atol=1e-7)


def test_what_biases_absorb_is_said_with_the_layers() -> None:
    said = LRP().explain(seeded(Plain), X)
    note = conserved(said)
    ratio = said.values.sum(axis=(1, 2, 3)) / said.output
    assert f"{pel.core.explanation.number(ratio.min())} to" in note
    assert "linear" in note
    assert "conv2d" in note
    np.testing.assert_allclose(said.gap(), said.output - said.values.sum(axis=(1, 2, 3)))


def test_one_channel_may_have_another_box() -> None:
    net = seeded(Functional)
    wide = LRP(composite="epsilon_gamma_box", low=-6.0, high=6.0).explain(net, X)
    same = LRP(composite="epsilon_gamma_box", low=(-6.0,) * 3, high=(6.0,) * 3).explain(net, X)
    other = LRP(composite="epsilon_gamma_box", low=(-9.0, -6, -6), high=6.0).explain(net, X)
    np.testing.assert_array_equal(wide.values, same.values)
    assert not np.allclose(wide.values, other.values)


def test_an_activation_inside_is_explained_in_place_of_the_input() -> None:
    net = without_biases(seeded(Plain))
    said = LRP(site="features.3").explain(net, X)
    assert said.dims == ("sample", "channel", "row", "column")
    assert said.values.shape == (3, 8, 8, 8)
    np.testing.assert_allclose(said.gap(), 0, atol=1e-4)


def test_tables_are_explained_class_by_class() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 3, bias=False))
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    said = LRP().explain(net, rows)
    assert said.dims == ("sample", "feature", "class")
    np.testing.assert_allclose(said.gap(), 0, atol=1e-4)


def test_the_network_is_left_as_it_was() -> None:
    net = seeded(Plain)
    held = {name: each.clone() for name, each in net.state_dict().items()}
    LRP(composite="epsilon_alpha_beta_flat").explain(net, X)
    assert net.training
    assert net.features[2].inplace
    assert all(each.requires_grad for each in net.parameters())
    assert all(torch.equal(each, held[name]) for name, each in net.state_dict().items())
    assert not any(part._forward_hooks or part._backward_hooks for part in net.modules())


def test_an_image_alone_gets_what_it_gets_among_others() -> None:
    net = seeded(Plain)
    whole, alone = LRP().explain(net, X), LRP().explain(net, X[1:2], batch_size=1)
    np.testing.assert_allclose(alone.values[0], whole.values[1], rtol=1e-4, atol=1e-7)


class Summed(nn.Module):
    """A network with an operation that has no rule."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Module()
        self.inner.head = Odd()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner.head(x.flatten(1))


class Odd(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumprod(x, 1)[:, :4]


def test_an_operation_without_a_rule_is_refused_with_its_place() -> None:
    with pytest.raises(CannotExplain, match=r"'cumprod'.*in Odd 'inner\.head'"):
        LRP().explain(Summed(), X)


class Again(Plain):
    """A network that saves memory by computing a part twice."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.utils.checkpoint.checkpoint(self.features, x, use_reentrant=False)
        return self.head(seen.flatten(1))


def test_checkpointing_is_refused() -> None:
    with pytest.raises(CannotExplain, match="checkpointing"):
        LRP().explain(seeded(Again), X)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"composite": "epsilon_plus_flt"}, UnknownName),
        ({"first": "flatt"}, UnknownName),
        ({"epsilon": 0}, InvalidSetting),
        ({"gamma": -1}, InvalidSetting),
        ({"alpha": 0.5}, InvalidSetting),
        ({"low": "black"}, InvalidSetting),
        ({"low": float("nan")}, InvalidSetting),
        ({"low": ()}, InvalidSetting),
        ({"low": 1, "high": 0}, InvalidSetting),
        ({"through_attention": 1}, InvalidSetting),
        ({"site": ""}, InvalidSetting),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        LRP(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "needs the range"),
        ({"low": 0.0, "high": 1.0}, "outside of the box"),
        ({"low": (-6.0, -6.0), "high": 6.0}, "one for each channel"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        LRP(composite="epsilon_gamma_box", **settings).explain(seeded(Plain), X)
