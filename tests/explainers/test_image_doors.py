"""Which output is meant, and networks asked where gradients, copies or batches are not at hand."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName  # noqa: E402
from pellucid.explainers import choose  # noqa: E402
from pellucid.models.torch import TorchModel  # noqa: E402
from twins.networks_of_tests import pictures  # noqa: E402

torch.set_num_threads(1)
X, BEHIND = pictures(3, 12), pictures(8, 12)[3:]
CRANES = ("crane", "bee", "cat", "crane")
OF_GRADIENTS = (
    "deep_lift", "grad_cam", "grad_cam_plus_plus", "guided_backprop", "hi_res_cam",
    "input_x_gradient", "integrated_gradients", "layer_cam", "lrp", "meaningful_perturbation",
    "saliency", "smooth_grad", "var_grad", "x_grad_cam",
)  # fmt: skip


class Small(nn.Module):
    """Two convolutions and a mean."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.relu, self.last = nn.ReLU(), nn.ReLU()
        self.head = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.last(self.second(self.relu(self.first(x))))
        return self.head(x.mean(dim=(2, 3)))


class Centred(Small):
    """It takes a mean away from its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.relu(x - 0.3))


class Overwriting(Small):
    """The same, written into the input itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.relu_(x.sub_(0.3)))


class One(Small):
    """Written for one image at a time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.last(self.second(self.relu(self.first(x)))).mean(dim=(2, 3))
        return self.head(seen.reshape(1, 6))


def explained(name: str, net: object, x: np.ndarray = X, **asked: object) -> pel.Attribution:
    made = {"meaningful_perturbation": {"steps": 8, "draws": 2}, "smooth_grad": {"draws": 4},
            "var_grad": {"draws": 4}, "rise": {"budget": 40}}.get(name, {})  # fmt: skip
    recipe = choose.recipe_named(name)
    return pel.explain(net, x, method=type(recipe)(**made), seed=0, target=1, **asked)


def named(labels: tuple[object, ...]) -> TorchModel:
    return TorchModel(Small(), classes=labels)


def slopes(place: int) -> np.ndarray:
    """The gradient of one output, by torch alone."""
    net, x = Small().eval(), torch.tensor(np.asarray(X, dtype=np.float32), requires_grad=True)
    (found,) = torch.autograd.grad(net(x)[:, place].sum(), x)
    return np.abs(found.numpy())


def test_a_label_of_two_outputs_is_refused_with_their_numbers() -> None:
    with pytest.raises(InvalidSetting, match=r"2 outputs are called 'crane'.*0, 3"):
        pel.explain(named(CRANES), X, method="saliency", target="crane")


@pytest.mark.parametrize("target", [0, 3, "3", np.int64(0)])
def test_a_number_says_which_of_them_is_meant(target: object) -> None:
    found = pel.explain(named(CRANES), X, method="saliency", target=target)
    assert list(found.inputs["output"]) == [int(target)] * len(X)  # type: ignore[call-overload]
    np.testing.assert_allclose(np.abs(found.values), slopes(int(target)), atol=1e-6)  # type: ignore[call-overload]


def test_labels_that_are_numbers_win_and_other_numbers_are_unknown() -> None:
    found = pel.explain(named((3, 2, 1, 7)), X, method="saliency", target=1)
    np.testing.assert_allclose(np.abs(found.values), slopes(2), atol=1e-6)
    with pytest.raises(UnknownName):
        pel.explain(named((3, 2, 1, 7)), X, method="saliency", target=0)
    with pytest.raises(UnknownName):
        pel.explain(named(CRANES), X, method="saliency", target=4)
    with pytest.raises(UnknownName):
        pel.explain(named(CRANES), X, method="saliency", target=-1)


@pytest.mark.parametrize("place", [0, 3])
def test_the_judge_asks_about_the_output_that_was_explained(place: int) -> None:
    found = pel.explain(named(CRANES), X, method="saliency", target=place, scale="logit")
    by_number = pel.explain(named((0, 1, 2, 3)), X, method="saliency", target=place, scale="logit")
    told = pel.evaluate(found, named(CRANES), X, metrics="removal_curve", seed=0)
    same = pel.evaluate(by_number, named((0, 1, 2, 3)), X, metrics="removal_curve", seed=0)
    assert [row.value for row in told] == pytest.approx([row.value for row in same], nan_ok=True)


def test_what_each_image_is_explained_for_is_named() -> None:
    found = pel.explain(named((0, 1, 2, 3)), X, method="saliency", target=[1, 2, 3])
    assert found.target == "1, 2, 3, in the order of the images"
    many = pel.explain(Small(), pictures(8, 12), method="saliency", target=[1, 2] * 4)
    assert many.target == "the class named for each image: 2 of them"


@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_without_gradients_around_it_the_answer_is_the_same(name: str) -> None:
    net = Small()
    with torch.no_grad():
        found = explained(name, net)
        assert not torch.is_grad_enabled()
    np.testing.assert_allclose(found.values, explained(name, net).values, atol=1e-7)


@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_inference_mode_is_named(name: str) -> None:
    with torch.inference_mode(), pytest.raises(CannotExplain, match="inference_mode"):
        explained(name, Small())


def test_inference_mode_is_named_for_concepts() -> None:
    tcav = pel.explainers.TCAV(concepts={"bright": pictures(12, 12) + 1}, site="last")
    with torch.inference_mode(), pytest.raises(CannotExplain, match="inference_mode"):
        pel.explain(Small(), X, method=tcav)


def test_networks_made_in_inference_mode_are_named_and_a_block_can_be_left() -> None:
    with torch.inference_mode():
        made = Small()
    with pytest.raises(CannotExplain, match="made under"):
        explained("saliency", made)
    with torch.inference_mode(), torch.inference_mode(False):
        assert explained("saliency", Small()).values.any()


@pytest.mark.parametrize("name", [*OF_GRADIENTS, "occlusion", "score_cam", "rise", "ablation_cam"])
def test_a_network_that_writes_into_its_input_is_explained_as_one_that_does_not(name: str) -> None:
    given = X.copy()
    for grad in (nullcontext, torch.no_grad):
        with grad():
            found = explained(name, Overwriting(), given)
        np.testing.assert_array_equal(given, X)
        np.testing.assert_allclose(found.values, explained(name, Centred()).values, atol=1e-6)


@pytest.mark.parametrize("name", ["integrated_gradients", "smooth_grad", "score_cam", "occlusion"])
def test_a_network_of_single_images_says_so_and_is_explained_one_by_one(name: str) -> None:
    with pytest.raises(CannotExplain, match=r"not on one alone.*Give batch_size=1"):
        explained(name, One(), X[:1])
    one = explained(name, One(), batch_size=1)
    if name == "integrated_gradients":  # it takes another rule where it cannot ask about two
        way = one.output - one.base
        assert (np.abs(one.values.sum(axis=(1, 2, 3)) - way) <= 0.05 * np.abs(way)).all()
        return
    np.testing.assert_allclose(one.values, explained(name, Small()).values, atol=1e-6)


def test_images_are_made_for_a_network_of_single_images() -> None:
    made = pel.explainers.FeatureVisualisation(images=2, steps=3)
    one = pel.explain(One(), X, method=made, target=1, seed=0, batch_size=1)
    many = pel.explain(Small(), X, method=made, target=1, seed=0)
    np.testing.assert_allclose(one.score, many.score, atol=1e-3)


def test_maps_that_are_zero_everywhere_are_counted() -> None:
    net = Small()
    with torch.no_grad():
        net.head.weight[1] = -1.0  # every channel speaks against output 1
    found = explained("grad_cam", net)
    assert not found.values.any()
    assert any("zero everywhere for 3 of 3 images" in note for note in found.notes)
    assert not any("zero everywhere" in note for note in explained("saliency", net).notes)
