"""Networks with trained weights, and photos: what is known of them holds for how they are built."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate

torch = pytest.importorskip("torch")
from PIL import Image  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.data.images import Images  # noqa: E402
from twins import real_networks as real  # noqa: E402

torch.set_num_threads(1)

pytestmark = pytest.mark.skipif(
    not real.folder().is_dir(),
    reason="real data sets: neither PELLUCID_DATA nor ../shared/data is there",
)

SEEN = {
    415748: "Indian elephant, Elephas maximus",
    331352: "toilet seat",
    252639: "trolleybus, trolley coach, trackless trolley",
    425988: "goose",
    458756: "banana",
    551780: "analog clock",
    208901: "airliner",
    377575: "standard poodle",
    119828: "desktop computer",
}
"""What MobileNetV2 sees first in photos whose subject is one of its classes."""

CIFAR = {
    "airplane": "airplane", "car": "automobile", "bird": "bird", "cat": "cat", "dog": "dog",
    "horse": "horse", "boat": "ship", "truck": "truck",
}  # fmt: skip
"""Labels of CIFAR-10 for categories of COCO."""


@pytest.fixture(scope="module")
def mobilenet() -> torch.nn.Module:
    return real.mobilenet()


@pytest.fixture(scope="module")
def crops() -> tuple[np.ndarray, np.ndarray]:
    pixels, named = real.crops(smallest=0.005)
    kept = [place for place, name in enumerate(named) if name in CIFAR]
    return pixels[kept], np.array([real.OBJECTS.index(CIFAR[named[i]]) for i in kept])


def share(net: torch.nn.Module, x: np.ndarray, truth: np.ndarray) -> float:
    with torch.no_grad():
        return float((net(torch.tensor(x)).argmax(dim=1).numpy() == truth).mean())


def test_mobilenet_is_of_the_published_size(mobilenet: torch.nn.Module) -> None:
    assert sum(p.numel() for p in mobilenet.parameters()) == pytest.approx(3.49e6, rel=0.001)
    assert len(real.labels()) == 1001
    x, shapes = torch.zeros(1, 3, 224, 224), []
    with torch.no_grad():
        for part in mobilenet.features:
            x = part(x)
            shapes.append((x.shape[1], x.shape[3]))
        assert mobilenet(torch.zeros(2, 3, 224, 224)).shape == (2, 1001)
    # Sandler et al. (2018), arXiv:1801.04381, table 2
    widths = [(32, 112), (16, 112), (24, 56), (32, 28), (64, 14), (96, 14), (160, 7), (320, 7)]
    assert list(dict.fromkeys(shapes)) == [*widths, (1280, 7)]


def test_mobilenet_names_what_photos_show(mobilenet: torch.nn.Module) -> None:
    photos = real.photos(224, *SEEN)
    numbers = [int(name.removesuffix(".jpg")) for name in photos.images.names]
    with torch.no_grad():
        first = mobilenet(torch.tensor(photos.images.values)).argmax(dim=1)
    said = real.labels()
    assert {n: said[i] for n, i in zip(numbers, first, strict=True)} == SEEN


def test_a_convolution_is_padded_as_tensorflow_pads(mobilenet: torch.nn.Module) -> None:
    x = np.random.default_rng(0).normal(size=(1, 3, 12, 10)).astype(np.float32)
    stem = mobilenet.features[0]
    found = stem[:-1](torch.tensor(x)).detach().numpy()[0]
    weight = stem[1].weight.detach().numpy()
    summed = np.array(
        [sum(correlate(x[0, c], w[c], mode="constant") for c in range(3)) for w in weight]
    )
    # "SAME" puts the one missing row and column at the end: windows are centred on 1, 3, 5, ...
    expected = summed[:, 1::2, 1::2] + stem[1].bias.detach().numpy()[:, None, None]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_are_the_kept_numbers_times_their_scales(mobilenet: torch.nn.Module) -> None:
    with np.load(real.folder() / "weights_mobilenet" / "mobilenet_v2_int8pc.npz") as kept:
        last = kept["conv52.weight"][:, :, 0, 0] * kept["conv52.scale"][:, None]
        np.testing.assert_array_equal(mobilenet.head.weight.detach().numpy(), last)
        body = mobilenet.features[1][0][0]  # the first depthwise convolution
        scaled = kept["conv1.weight"] * kept["conv1.scale"].reshape(-1, 1, 1, 1)
        np.testing.assert_array_equal(body.weight.detach().numpy(), scaled)
        assert body.groups == 32


def test_small_networks_name_objects_cut_out_of_photos(crops: tuple) -> None:
    pixels, truth = crops
    assert share(real.resnet20(), real.normalised(pixels, *real.COLOURS), truth) > 0.8
    assert 0.35 < share(real.lenet(), real.normalised(pixels), truth) < 0.6


def test_masks_are_cut_as_photos_are() -> None:
    photos = real.photos(224)
    base = real.folder() / "coco_licensed" / "masks"
    for place, name in enumerate(photos.images.names):
        whole = np.asarray(Image.open(base / name.replace("jpg", "png"))) > 0
        as_photo = Images.of([Image.fromarray(255 * whole.astype(np.uint8))], size=224)
        agree = (as_photo.values[0, 0] > 0.5) == (photos.masks[place] > 0)
        assert agree.mean() > 0.99
    cat = photos.take([list(photos.images.names).index("000000119828.jpg")])
    assert 0.2 < cat.of(0, "cat").mean() < 0.35
    assert not (cat.of(0, "cat") & cat.of(0, "laptop")).any()


def test_they_are_models_whose_pixels_are_shown_as_photos(mobilenet: torch.nn.Module) -> None:
    photos = real.photos(224, 119828)
    told = pel.explain(mobilenet, photos.images, method="saliency")
    assert told.values.shape == (1, 3, 224, 224)
    with Image.open(real.folder() / "coco_licensed" / "images" / "000000119828.jpg") as photo:
        middle = np.asarray(photo.resize((299, 224)))[:, 37:261] / 255
    assert np.abs(photos.images.pixels[0] - middle).max() < 0.01
