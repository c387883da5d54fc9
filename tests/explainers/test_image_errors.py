"""Bad networks and bad images: each method names the error, or gives the right answer."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core import registry  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidData, WrongType  # noqa: E402
from pellucid.explainers import choose  # noqa: E402
from pellucid.explainers.explainer import Explainer  # noqa: E402
from twins.networks_of_tests import Plain, pictures, seeded  # noqa: E402

SMALL = {"draws": 6, "budget": 80, "masks": 40, "steps": 20, "window": 4, "stride": 4}
NEEDS_BACKGROUND = {"expected_gradients", "deep_shap"}
APART = {"attention_rollout", "attention_flow", "gradient_attention", "feature_visualisation"}
"""Methods of transformers, and one that explains no images; they have tests of their own."""


def of_images(name: str) -> bool:
    found = choose.recipe_named(name)
    asks = {field.name for field in fields(found)}  # type: ignore[arg-type]
    return "image" in found.takes and name not in APART and "concepts" not in asks


METHODS = tuple(filter(of_images, registry.names(choose.PACKAGE)))
NEEDS = {name: choose.recipe_named(name).needs for name in METHODS}
SLOPES = {name for name in METHODS if "gradient" in NEEDS[name]}
X, BEHIND = pictures(3, 12), pictures(8, 12)[3:]


@cache
def recipe(name: str) -> Explainer:
    found = choose.recipe_named(name)
    known = {field.name for field in fields(found)}  # type: ignore[arg-type]
    return replace(found, **{k: v for k, v in SMALL.items() if k in known})  # type: ignore[type-var]


def explained(
    name: str, net: object, x: np.ndarray = X, behind: np.ndarray = BEHIND
) -> pel.Attribution:
    made = recipe(name)
    removing = "table" in made.takes and made.needs == {"predict"}
    return pel.explain(
        net, x, method=made, seed=0, target=1,
        background=behind if name in NEEDS_BACKGROUND else None, segments=9 if removing else None,
    )  # fmt: skip


class Two(nn.Module):
    """Two convolutions, each with an activation of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu2(self.second(self.relu1(self.first(x))))
        return self.head(x.mean(dim=(2, 3)))


class Shared(Two):
    """The same, with one activation for both."""

    def __init__(self) -> None:
        super().__init__()
        self.relu2 = self.relu1


class InPlace(Two):
    """The same, with activations that write over their inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.relu1, self.relu2 = nn.ReLU(inplace=True), nn.ReLU(inplace=True)


class Written(Two):
    """The same, with functions that write over their inputs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.first(x), inplace=True)
        return self.head(torch.relu_(self.second(x)).mean(dim=(2, 3)))


class Sealed(Two):
    """The same, without gradients."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return super().forward(x)


class Elsewhere(Two):
    """The same, computed by another library."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(super().forward(x).detach().numpy().copy())


class RootsOfNegatives(Two):
    """Missing values inside, which the scores do not show."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        roots = torch.sqrt(self.first(x))
        return self.head(torch.nan_to_num(self.second(roots)).mean(dim=(2, 3)))


class Divided(Two):
    """Missing values in every activation of the last layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.nan_to_num(self.second(self.first(x) / 0.0 * 0.0)).mean(dim=(2, 3)))


@pytest.mark.parametrize("kind", [Shared, InPlace, Written])
@pytest.mark.parametrize("name", METHODS)
def test_how_an_activation_is_called_makes_no_difference(name: str, kind: type[Two]) -> None:
    found, truth = explained(name, seeded(kind)), explained(name, seeded(Two))
    if "cam" in name and found.notes != truth.notes:
        assert kind is Written or "of the last of its 2 calls" in str(found.notes)
    if "cam" in name and kind is Written:  # whose last module is the convolution before it
        return
    np.testing.assert_allclose(found.values, truth.values, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_training_mode_is_left_aside_and_put_back(name: str) -> None:
    net = seeded(Plain)
    net.features[1].eval()  # a batch norm that is held while the rest learns
    before = [part.training for part in net.modules()]
    found = explained(name, net)
    assert [part.training for part in net.modules()] == before
    np.testing.assert_array_equal(found.values, explained(name, seeded(Plain).eval()).values)


@pytest.mark.parametrize("kind", [Sealed, Elsewhere])
@pytest.mark.parametrize("name", METHODS)
def test_a_network_without_gradients_is_refused_or_asked_for_its_answers(name, kind) -> None:
    net = seeded(kind)
    if name in SLOPES:
        with pytest.raises(CannotExplain, match=r"no gradient|does not show"):
            explained(name, net)
        return
    found, truth = explained(name, net), explained(name, seeded(Two))
    np.testing.assert_allclose(found.values, truth.values, atol=1e-6)


@pytest.mark.parametrize("kind", [RootsOfNegatives, Divided])
@pytest.mark.parametrize("name", METHODS)
def test_missing_values_inside_never_reach_an_explanation(name, kind) -> None:
    net = seeded(kind)
    if name in SLOPES:
        with pytest.raises(CannotExplain, match=r"not finite|nan_to_num|NanToNum"):
            explained(name, net)
        return
    if "sites" in NEEDS[name]:  # a map of the activation itself
        with pytest.raises(CannotExplain, match="not finite"):
            explained(name, net)
        return
    assert np.isfinite(explained(name, net).values).all()


@pytest.mark.parametrize("name", METHODS)
def test_images_of_another_size_or_order_are_named(name: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 4))
    with pytest.raises(CannotExplain, match="mat1 and mat2 shapes cannot be multiplied"):
        explained(name, net, pictures(2, 9), pictures(2, 9))
    with pytest.raises(CannotExplain, match="to have 3 channels, but got 1"):
        explained(name, net, X[:, :1], X[:, :1])
    last = np.moveaxis(X, 1, 3)
    np.testing.assert_array_equal(explained(name, net, last).values, explained(name, net, X).values)


def test_what_is_no_batch_of_images_is_named() -> None:
    net = seeded(Two)
    with pytest.raises(WrongType, match=r"X\[None\]"):
        pel.explain(net, pel.data.images.Images.of(X[0]), method="saliency")
    holed = X.copy()
    holed[1, 0, 3, 3] = np.nan
    with pytest.raises(InvalidData, match="infinite values in image 1"):
        pel.explain(net, holed, method="saliency")
    with pytest.raises(InvalidData, match="which axis"):
        pel.explain(net, np.zeros((2, 3, 5, 3)), method="saliency")
    with pytest.raises(InvalidData, match="one size"):
        pel.explain(net, [X[0], X[1][:, :6]], method="saliency")


WITHOUT_TORCH = """
    import sys

    class NoTorch:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "torch":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    sys.meta_path.insert(0, NoTorch())
    import numpy as np
    import pellucid as pel
    from pellucid.core.errors import MissingExtra
    from pellucid.models.small_network import train_network

    X = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)

    def model(images):
        return images[:, 0].mean(axis=(1, 2))

    for name in ("occlusion", "rise", "kernel_shap", "lime", "owen_shap"):
        found = pel.explain(model, X, method=name, segments=4, seed=0)
        assert np.isfinite(found.values).all(), name
    assert pel.explain(model, X).method == "occlusion"
    for name in ("integrated_gradients", "grad_cam", "lrp"):
        try:
            pel.explain(model, X, method=name)
        except pel.PellucidError as error:
            assert "needs a model with" in str(error), error
        else:
            raise AssertionError(name)
    try:
        train_network(X, np.array([0, 1]))
    except MissingExtra as error:
        assert "pellucid[torch]" in str(error)
    print("done", any(name.startswith("torch.") for name in sys.modules))
"""


def test_functions_are_explained_where_torch_is_not_installed() -> None:
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT_TORCH)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "done False"
