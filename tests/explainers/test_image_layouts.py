"""Where the channels lie: an explanation is of what the network answers to the images as given."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel

torch = pytest.importorskip("torch")
nn = torch.nn

RNG = np.random.default_rng(0)
X = RNG.random((4, 8, 8, 3)).astype(np.float32)
METHODS = ("saliency", "integrated_gradients", "lrp", "grad_cam", "occlusion", "deep_lift")


class Turning(nn.Module):
    """A network that takes the channels last, and turns them itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = convolutional(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inside(x.permute(0, 3, 1, 2))


def convolutional(channels: int) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 4),
    ).eval()  # fmt: skip


def flat() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4))


def told(net: nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(np.ascontiguousarray(images))).numpy()


@pytest.mark.parametrize("given", ["array", "tensor", "list"])
@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "occlusion"])
def test_a_network_that_runs_either_way_answers_as_to_the_images_given(
    name: str, given: str
) -> None:
    net = flat()
    images = {"array": X, "tensor": torch.from_numpy(X), "list": list(X)}[given]
    found = pel.explain(net, images, method=name, target=0)
    np.testing.assert_allclose(found.output, told(net, X)[:, 0], atol=1e-6)
    assert any("channels first and last" in note for note in found.notes)
    first = np.ascontiguousarray(np.moveaxis(X, 3, 1))
    turned = pel.explain(net, first, method=name, target=0)
    np.testing.assert_allclose(turned.output, told(net, first)[:, 0], atol=1e-6)
    assert not any("channels" in note for note in turned.notes)


def test_the_values_of_a_linear_network_lie_where_its_weights_do() -> None:
    net = flat()
    weights = net[1].weight.detach().numpy()[0].reshape(8, 8, 3)
    found = pel.explain(net, X, method="input_x_gradient", target=0)
    np.testing.assert_allclose(found.values, np.moveaxis(weights * X, 3, 1), atol=1e-6)


def test_the_same_adapter_answers_each_layout_as_it_comes() -> None:
    from pellucid.models.torch import TorchModel

    net = flat()
    model = TorchModel(net)
    first = np.ascontiguousarray(np.moveaxis(X, 3, 1))
    for images in (first, X, first):
        found = pel.explain(model, images, method="saliency", target=0)
        np.testing.assert_allclose(found.output, told(net, images)[:, 0], atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_a_network_of_channels_last_is_explained_like_the_one_inside_it(name: str) -> None:
    net, first = Turning(), np.ascontiguousarray(np.moveaxis(X, 3, 1))
    truth = pel.explain(net.inside, first, method=name, target=1, seed=0)
    own = pel.explain(net, X, method=name, target=1, seed=0)
    np.testing.assert_allclose(own.output, told(net, X)[:, 1], atol=1e-6)
    np.testing.assert_allclose(own.values, truth.values, atol=1e-5)
    assert not any("channels" in note for note in own.notes)
    turned = pel.explain(net, first, method=name, target=1, seed=0)
    np.testing.assert_allclose(turned.values, truth.values, atol=1e-5)
    assert any("only with the channels last" in note for note in turned.notes)


def test_a_network_of_channels_first_is_told_to_have_been_given_them_so() -> None:
    net, first = convolutional(3), np.ascontiguousarray(np.moveaxis(X, 3, 1))
    found = pel.explain(net, X, method="saliency", target=0)
    np.testing.assert_allclose(found.output, told(net, first)[:, 0], atol=1e-6)
    assert any("only with the channels first" in note for note in found.notes)


def test_many_channels_of_small_squares_come_first() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(16, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = RNG.random((2, 16, 3, 3)).astype(np.float32)
    found = pel.explain(net, images, method="saliency", target=0)
    assert found.values.shape == images.shape
    np.testing.assert_allclose(found.output, told(net, images)[:, 0], atol=1e-6)


def test_the_judge_asks_in_the_layout_of_the_explanation() -> None:
    net = flat()
    found = pel.explain(net, X, method="input_x_gradient", target=0)
    scores = pel.evaluate(found, net, X)
    assert any("channels first and last" in note for note in scores.notes)


def test_grey_pictures_are_given_to_a_network_of_one_channel() -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = RNG.integers(0, 256, (6, 8, 8)).astype(np.uint8)
    grey = [image.fromarray(each) for each in pixels]
    one, three = convolutional(1), convolutional(3)
    values = (pixels[:, None] / 255).astype(np.float32)
    found = pel.explain(one, grey, method="saliency", target=0, background=grey, seed=0)
    np.testing.assert_allclose(found.output, told(one, values)[:, 0], atol=1e-6)
    assert found.values.shape == (6, 1, 8, 8)
    judged, truth = (pel.evaluate(found, one, x, background=x, seed=0) for x in (grey, values))
    assert str(judged) == str(truth)
    wide = pel.explain(three, grey, method="saliency", target=0)
    truth = told(three, np.repeat(values, 3, axis=1))
    np.testing.assert_allclose(wide.output, truth[:, 0], atol=1e-6)
    assert wide.values.shape == (6, 3, 8, 8)

    def scores(images: np.ndarray) -> np.ndarray:
        return told(one, images)

    asked = pel.explain(scores, grey, method="occlusion", target=0)
    np.testing.assert_allclose(asked.output, told(one, values)[:, 0], atol=1e-6)
    coloured = [each.convert("RGB") for each in grey]
    with pytest.raises(pel.PellucidError, match="to have 1 channels, but got 3"):
        pel.explain(one, coloured, method="saliency")


def test_a_network_that_takes_any_channels_is_given_three() -> None:
    image = pytest.importorskip("PIL.Image")

    class Sum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x.sum(dim=(1, 2, 3)), x[:, 0].sum(dim=(1, 2))], dim=1)

    pixels = RNG.integers(0, 256, (2, 8, 8)).astype(np.uint8)
    grey = [image.fromarray(each) for each in pixels]
    found = pel.explain(Sum(), grey, method="saliency", target=0)
    np.testing.assert_allclose(found.output, 3 * pixels.sum(axis=(1, 2)) / 255, rtol=1e-5)


def test_whole_numbers_to_255_are_told() -> None:
    found = pel.explain(convolutional(3), (255 * X).astype(np.uint8), method="saliency")
    assert any("0 to 255" in note for note in found.notes)


def test_a_function_of_images_is_told_which_axis_is_missing() -> None:
    with pytest.raises(pel.PellucidError, match=r"X\[:, None\]"):
        pel.explain(lambda images: images.mean(axis=(1, 2)), X[..., 0])
