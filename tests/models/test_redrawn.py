"""Copies of networks with other weights or shifted inputs: the user's own is never touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.core.errors import CannotExplain
from pellucid.models.redrawn import Redrawn, shifted
from pellucid.models.torch import TorchModel
from twins.networks_of_tests import Functional, Plain, pictures, seeded

X = pictures()


class Backwards(nn.Module):
    """Parts that are called in another order than they are made, and weights of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(6, 2)
        self.first = nn.Linear(4, 6)
        self.scale = nn.Parameter(torch.linspace(1, 2, 6))
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.relu(self.first(x)) * self.scale
        mixed, _ = self.attention(seen[:, None], seen[:, None], seen[:, None])
        return self.last(mixed[:, 0])


def weights(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def changed(net: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {
        name for name, value in net.state_dict().items() if not torch.equal(value, before[name])
    }


@pytest.mark.parametrize("kind", [Plain, Functional])
def test_the_network_itself_keeps_every_bit(kind) -> None:
    net = seeded(kind)
    before, state = weights(net), torch.get_rng_state()
    drawn = Redrawn(TorchModel(net), X)
    for block in drawn.blocks(3):
        drawn.draw(block, 7)
    assert changed(drawn.model.module, before)
    assert not changed(net, before)
    assert net.training
    assert not any(part._forward_pre_hooks for part in net.modules())
    assert not any(part._forward_pre_hooks for part in drawn.model.module.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_layers_come_in_the_order_of_calls_and_parts_never_called_with_their_owner() -> None:
    drawn = Redrawn(TorchModel(Backwards()), np.ones((1, 4), dtype=np.float32))
    assert drawn.layers[0] == ""  # its own weights
    assert drawn.layers[1] == "first"
    assert set(drawn.layers[2:4]) == {"attention", "attention.out_proj"}
    assert drawn.layers[4] == "last"


def test_blocks_go_from_the_output_to_the_input_and_hold_each_layer_once() -> None:
    drawn = Redrawn(TorchModel(seeded(Plain)), X)
    assert drawn.layers == ("features.0", "features.1", "features.4", "head")
    assert drawn.blocks(9) == [("head",), ("features.4",), ("features.1",), ("features.0",)]
    assert drawn.blocks(2) == [("head", "features.4"), ("features.1", "features.0")]


def test_one_layer_is_drawn_the_others_stay_and_restoring_gives_every_bit_back() -> None:
    net = seeded(Plain)
    before = weights(net)
    drawn = Redrawn(TorchModel(net), X)
    drawn.draw(["features.4"], 1)
    assert changed(drawn.model.module, before) == {"features.4.weight", "features.4.bias"}
    drawn.draw(["features.1"], 1)
    assert "features.1.running_mean" in changed(drawn.model.module, before)
    drawn.restore()
    assert not changed(drawn.model.module, before)


def test_the_same_seed_draws_the_same_weights_and_another_draws_others() -> None:
    drawn = Redrawn(TorchModel(Backwards()), np.ones((1, 4), dtype=np.float32))
    drawn.draw(drawn.layers, 3)
    first = weights(drawn.model.module)
    assert first["scale"].std() > 0
    drawn.draw(drawn.layers, 3)
    assert not changed(drawn.model.module, first)
    drawn.draw(drawn.layers, 4)
    assert {"scale", "first.weight", "last.weight"} <= changed(drawn.model.module, first)


def test_a_copy_answers_in_the_same_classes_and_with_activations_as_they_were() -> None:
    model = TorchModel(seeded(Plain), classes=("a", "b", "c", "d"))
    model.settle(X)
    found = Redrawn(model, X).model
    assert found.classes == model.classes
    assert found.scales == model.scales
    np.testing.assert_array_equal(found.scores(X, "logit"), model.scores(X, "logit"))


@pytest.mark.parametrize("kind", [Plain, Functional])
def test_a_shifted_network_is_the_same_function_of_shifted_images_also_where_it_pads(kind) -> None:
    model = TorchModel(seeded(kind))
    moved = shifted(model, 2.0)
    np.testing.assert_allclose(
        moved.scores(X + 2, "logit"), model.scores(X, "logit"), rtol=1e-4, atol=1e-5
    )


def test_networks_that_cannot_be_copied_or_hold_no_weights_are_refused() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    net[1].trained = net[1].weight * 2  # a tensor with a graph, which torch does not copy
    with pytest.raises(CannotExplain, match="cannot be copied"):
        Redrawn(TorchModel(net), X)
    with pytest.raises(CannotExplain, match="no weights"):
        Redrawn(TorchModel(nn.Flatten()), X)
