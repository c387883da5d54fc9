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


def test_many_channels_of_a_square_come_first() -> None:
    for channels, side in ((16, 3), (64, 4), (512, 1), (2, 8)):
        given = RNG.random((2, channels, side, side)).astype(np.float32)
        found = Images.of(given)
        np.testing.assert_array_equal(found.values, given)
        assert not found.last
    assert Images.of(np.zeros((2, 16, 20, 3))).last
    assert Images.of(np.zeros((2, 3, 3, 16))).values.shape == (2, 3, 3, 16)


def test_whole_numbers_to_255_are_told_and_left_as_they_are() -> None:
    given = RNG.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    found = Images.of(given)
    np.testing.assert_array_equal(found.laid(found.values), given)
    assert len(found.notes) == 1
    assert "0 to 255" in found.notes[0]
    for quiet in (given // 255, given.astype(np.float32)):
        assert not Images.of(quiet).notes
    torch = pytest.importorskip("torch")
    assert Images.of(torch.from_numpy(given)).notes == found.notes == Images.of(list(given)).notes


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_keeps_its_range(tmp_path, suffix: str) -> None:
    image = pytest.importorskip("PIL.Image")
    deep = RNG.integers(0, 65536, (12, 10)).astype(np.uint16)
    image.fromarray(deep).save(tmp_path / f"deep.{suffix}")
    found = Images.of(tmp_path)
    truth = np.broadcast_to(deep / 65535, (1, 3, 12, 10))
    np.testing.assert_allclose(found.values, truth, atol=1e-6)
    shallow = image.fromarray((deep >> 8).astype(np.uint8))
    small, rough = Images.of(tmp_path, size=5).values, Images.of([shallow], size=5).values
    np.testing.assert_allclose(small, rough, atol=1.5 / 255)


def test_modes_of_32_bits_are_read_by_their_range_or_refused() -> None:
    image = pytest.importorskip("PIL.Image")
    bytes_ = RNG.integers(0, 256, (6, 6)).astype(np.uint8)
    plain = image.fromarray(bytes_)
    share = image.fromarray(bytes_.astype(np.float32) / 255)
    for like in (plain.convert("I"), plain.convert("F"), share):
        np.testing.assert_allclose(Images.of([like]).values[0, 0], bytes_ / 255, atol=1e-6)
    for values in (np.full((6, 6), -1.0), np.full((6, 6), 300.0)):
        with pytest.raises(InvalidData, match="black and white"):
            Images.of([image.fromarray(values.astype(np.float32))])
    with pytest.raises(InvalidData, match="black and white"):
        Images.of([image.fromarray(np.full((6, 6), 70000, dtype=np.int32))])


def test_grey_files_have_three_channels_alike_or_one() -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = RNG.integers(0, 256, (2, 6, 6)).astype(np.uint8)
    grey = [image.fromarray(each) for each in pixels]
    found = Images.of(grey, mean=[0.5], std=[0.25])
    assert found.values.shape == (2, 3, 6, 6)
    one = found.single()
    np.testing.assert_allclose(one.values, (pixels[:, None] / 255 - 0.5) / 0.25, atol=1e-6)
    np.testing.assert_array_equal(one.pixels, found.pixels)
    mixed = Images.of([grey[0], grey[1].convert("RGB")])
    apart = Images.of(grey, mean=[0.1, 0.2, 0.3])
    for stays in (mixed, apart):
        assert stays.single() is stays


def test_one_picture_is_a_batch_of_one() -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = RNG.integers(0, 256, (6, 7, 3)).astype(np.uint8)
    one = image.fromarray(pixels)
    assert are_images(one)
    np.testing.assert_array_equal(Images.of(one).values, Images.of([one]).values)


def test_what_lacks_an_axis_is_told_how_to_get_it() -> None:
    with pytest.raises(WrongType, match=r"channel: X\[:, None\]\.$"):
        Images.of(np.zeros((5, 8, 8)))
    with pytest.raises(WrongType, match=r"X\[None\]; grey images a channel: X\[:, None\]"):
        Images.of(np.zeros((3, 8, 8)))
    with pytest.raises(WrongType, match=r"image\[None\] for image in X"):
        Images.of([np.zeros((8, 8))] * 2)
    assert are_images([np.zeros((8, 8))] * 2)
    with pytest.raises(WrongType, match=r"X\[None, None\]"):
        Images.of(np.zeros((8, 8)))


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
