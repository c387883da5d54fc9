"""Networks as models: what they can, how they are held still, and what they refuse."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName  # noqa: E402
from pellucid.models import learnt  # noqa: E402
from pellucid.models.as_model import as_model  # noqa: E402
from pellucid.models.held import named_parts  # noqa: E402
from pellucid.models.torch import TorchModel  # noqa: E402
from twins.networks_of_tests import Plain, pictures, seeded  # noqa: E402

X = pictures()


def test_logits_probabilities_and_single_scores_are_told_apart() -> None:
    logits = as_model(seeded(Plain))
    chance = as_model(nn.Sequential(seeded(Plain), nn.Softmax(dim=1)))
    single = as_model(nn.Sequential(seeded(Plain), nn.Linear(4, 1)))
    for model, scales in (
        (logits, ("logit", "probability")),
        (chance, ("probability", "logit")),
        (single, ("raw",)),
    ):
        model.settle(X)
        assert model.scales == scales
    np.testing.assert_allclose(
        logits.scores(X, "probability"), chance.scores(X, "probability"), atol=1e-6
    )
    assert TorchModel(seeded(Plain), returns="raw").scales == ("raw",)
    with pytest.raises(InvalidSetting, match="logits"):
        TorchModel(seeded(Plain), returns="odds")


def test_two_classes_are_told_as_the_second_against_the_first() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    model = as_model(net)
    model.settle(x)
    raw = net(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(model.predict(x, "logit")[:, 0], raw[:, 1] - raw[:, 0], atol=1e-6)
    chance = 1 / (1 + np.exp(raw[:, 0] - raw[:, 1]))
    np.testing.assert_allclose(model.predict(x, "probability")[:, 0], chance, atol=1e-6)


def test_an_answer_with_logits_and_named_classes_is_read() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = seeded(Plain)
            self.config = SimpleNamespace(id2label={0: "ant", 1: "bee", 2: "cat", 3: "dog"})

        def forward(self, x):
            return SimpleNamespace(logits=self.net(x))

    found = pel.explain(Named(), X, target="cat", method="saliency")
    assert found.target == "cat"
    with pytest.raises(UnknownName, match="ant"):
        pel.explain(Named(), X, target="cow", method="saliency")
    each = pel.explain(Named(), X, target=["cat", "ant", "dog"], method="saliency")
    assert each.inputs["target"].tolist() == ["cat", "ant", "dog"]


def test_everything_is_as_before_after_an_error() -> None:
    net = seeded(Plain)
    net.features[0].register_forward_hook(lambda *given: None)
    model = as_model(net)

    class Broken(Exception):
        pass

    def failing() -> None:
        with model.still() as call:
            assert not net.training
            assert not net.features[2].inplace
            net.features[4].register_forward_hook(lambda *given: None)
            call(model.tensor(X))
            raise Broken

    with pytest.raises(Broken):
        failing()
    assert net.training
    assert net.features[2].inplace
    assert all(p.requires_grad for p in net.parameters())
    assert len(net.features[0]._forward_hooks) == 1
    assert not net.features[4]._forward_hooks


def test_a_module_that_counts_on_working_in_place_keeps_it() -> None:
    class Statement(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.relu, self.last = (
                nn.Linear(4, 8),
                nn.ReLU(inplace=True),
                nn.Linear(8, 3),
            )

        def forward(self, x):
            x = self.first(x.flatten(1))
            self.relu(x)
            return self.last(x)

    torch.manual_seed(0)
    net, x = Statement(), np.random.default_rng(0).normal(size=(5, 1, 2, 2)).astype(np.float32)
    found = pel.explain(net, x, method="input_x_gradient", target=0)
    given = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(net(given)[:, 0].sum(), given)
    np.testing.assert_allclose(found.values, (slope * given).detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(found.output, net(given)[:, 0].detach().numpy(), atol=1e-6)


def test_a_fingerprint_is_of_the_weights() -> None:
    first, second = seeded(Plain), seeded(Plain)
    assert as_model(first).fingerprint() == as_model(second).fingerprint()
    with torch.no_grad():
        second.head.bias[0] += 1e-6
    assert as_model(first).fingerprint() != as_model(second).fingerprint()
    assert as_model(first.to(torch.bfloat16)).fingerprint()


@pytest.mark.parametrize("change", ["data", "numpy", "buffer", "setting", "words", "part", "shape"])
def test_a_fingerprint_is_taken_anew_whatever_changes(change) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), Says(), nn.AdaptiveAvgPool2d([2, 2]))
    first = as_model(net).fingerprint()
    assert as_model(net).fingerprint() == first
    if change == "data":  # what torch counts no version of
        net[0].weight.data[0, 0, 0, 0] += 1e-6
    elif change == "numpy":
        net[0].weight.detach().numpy()[1] += 1
    elif change == "buffer":
        net[1].running_mean[2] = 3
    elif change == "setting":
        net[0].stride = (2, 2)
    elif change == "words":
        net[2].words.append("else")
    elif change == "part":
        net[2] = nn.ReLU()
    else:
        net[3].output_size[0] = 1
    other = as_model(net).fingerprint()
    assert other != first
    learnt._KNOWN.clear()
    assert as_model(net).fingerprint() == other


class Says(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = ["something"]

    def extra_repr(self) -> str:
        return " ".join(self.words)

    def forward(self, x):
        return x


def test_parts_are_those_that_torch_names() -> None:
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, nn.Sequential(shared, nn.ModuleList([nn.ReLU(), shared])), None)
    for each in (net, shared, torch.jit.script(nn.Sequential(nn.Sequential(nn.ReLU())))):
        assert named_parts(each) == list(each.named_modules())


def test_wrong_answers_are_named() -> None:
    with pytest.raises(CannotExplain, match="wrong shape"):
        pel.explain(nn.Conv2d(3, 2, 3), X, method="saliency")
    with pytest.raises(CannotExplain, match="something else than scores"):
        pel.explain(Wordy(), X, method="saliency")
    with pytest.raises(pel.PellucidError, match="finite"):
        pel.explain(nn.Sequential(nn.Flatten(), Divides()), X, method="saliency")


class Wordy(nn.Module):
    def forward(self, x):
        return "a cat"


class Divides(nn.Module):
    def forward(self, x):
        return x[:, :3] / 0.0
