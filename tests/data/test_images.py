"""Batches of images: layouts, files, pixels, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.errors import EmptyData, InvalidData, InvalidSetting, WrongType
from pellucid.data.images import Images, are_images

RNG = np.random.default_rng(0)


def test_channels_first_and_last_are_the_same_images() -> None:
    first = RNG.random((2, 3, 8, 10)).astype(np.float32)
    last = np.moveaxis(first, 1, 3)
    a, b = Images.of(first), Images.of(last)
    np.testing.assert_array_equal(a.values, b.values)
    assert b.last
    np.testing.assert_array_equal(b.laid(b.values), last)
    np.testing.assert_array_equal(Images.of(list(first)).values, first)
    assert a.fingerprint() == b.fingerprint() != Images.of(first + 1).fingerprint()
    with pytest.raises(InvalidData, match="which axis"):
        Images.of(np.zeros((2, 3, 8, 3)))


def test_tensors_and_bytes_are_read() -> None:
    torch = pytest.importorskip("torch")
    given = torch.rand(2, 1, 4, 4, dtype=torch.bfloat16)
    assert Images.of(given).kind == "torch"
    bytes_ = RNG.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    assert Images.of(bytes_).values.max() > 1


def test_pixels_undo_the_normalisation() -> None:
    pixel = RNG.random((2, 3, 6, 6)).astype(np.float32)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    values = (pixel - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    shown = Images.of(values, mean=mean, std=std).pixels
    np.testing.assert_allclose(shown, np.moveaxis(pixel, 1, 3), atol=1e-6)
    grey = Images.of(RNG.normal(size=(2, 1, 6, 6)))
    assert grey.pixels.shape == (2, 6, 6, 3)
    assert grey.pixels.min() == 0
    assert grey.pixels.max() == 1


def test_files_are_brought_to_one_size_from_the_middle(tmp_path) -> None:
    image = pytest.importorskip("PIL.Image")
    wide = np.zeros((20, 40, 3), dtype=np.uint8)
    wide[:, 10:30] = (255, 0, 0)
    image.fromarray(wide).save(tmp_path / "b.png")
    image.fromarray(np.full((30, 20, 3), 128, dtype=np.uint8)).save(tmp_path / "a.png")
    found = Images.of(tmp_path, size=10, mean=[0.5], std=[0.5])
    assert found.names == ("a.png", "b.png")
    assert found.values.shape == (2, 3, 10, 10)
    assert found.values[1, 0, :, 1:-1].min() == 1  # its edges are mixed with the black beside
    assert found.values[1, 1:].max() == -1
    np.testing.assert_allclose(found.pixels[0], 128 / 255, atol=1e-6)
    with pytest.raises(InvalidData, match="Give size="):
        Images.of(tmp_path)
    (tmp_path / "c.png").write_text("no image")
    with pytest.raises(InvalidData, match=r"c\.png"):
        Images.of(tmp_path, size=10)
    with pytest.raises(EmptyData, match="no images"):
        Images.of(_empty(tmp_path))


def _empty(path):
    found = path / "empty"
    found.mkdir()
    return found


def test_what_is_no_batch_of_images_is_refused() -> None:
    with pytest.raises(WrongType, match=r"X\[None\]"):
        Images.of(np.zeros((3, 8, 8)))
    with pytest.raises(InvalidData, match="image 1"):
        Images.of(np.stack([np.zeros((3, 8, 8)), np.full((3, 8, 8), np.nan)]))
    with pytest.raises(InvalidData, match="one size"):
        Images.of([np.zeros((3, 8, 8)), np.zeros((3, 9, 8))])
    with pytest.raises(EmptyData):
        Images.of(np.zeros((0, 3, 8, 8)))
    with pytest.raises(InvalidSetting, match="size"):
        Images.of(np.zeros((1, 3, 8, 8)), size=4)
    with pytest.raises(InvalidSetting, match="std"):
        Images.of(np.zeros((1, 3, 8, 8)), std=[0, 1, 1])
    assert not are_images(np.zeros((3, 8)))
    assert not are_images([{"a": 1}])
    assert are_images(np.zeros((1, 3, 8, 8)))
