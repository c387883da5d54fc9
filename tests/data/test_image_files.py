"""Images from files: folders, folders of folders, arrays, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid.core.errors import (
    EmptyData,
    InvalidData,
    InvalidSetting,
    MissingExtra,
    UnreadableFile,
)
from pellucid.data.image_files import holds_images, read_images

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

RNG = np.random.default_rng(0)


def picture(path: Path, side: int = 8, colour: int | None = None) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (side, side, 3)).astype(np.uint8)
    if colour is not None:
        pixels[:] = colour
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        for number in range(3):
            picture(tmp_path / "all" / name / f"{number}.png")
    return tmp_path / "all"


def test_a_folder_is_a_batch_in_the_order_of_names(tmp_path) -> None:
    pixels = [picture(tmp_path / name) for name in ("b.png", "a.png")]
    (tmp_path / "note.txt").write_text("no image")
    found = read_images(tmp_path)
    assert found.images.names == ("a.png", "b.png")
    assert found.answers is None
    np.testing.assert_allclose(found.images.pixels[1], pixels[0] / 255, atol=1e-6)


def test_a_folder_for_each_class_gives_the_answers(classes) -> None:
    found = read_images(classes)
    assert found.answers.tolist() == ["cat"] * 3 + ["dog"] * 3
    assert found.images.names[3] == "dog/0.png"
    assert found.found == 6


def test_more_than_are_wanted_are_drawn_at_random_with_their_answers(classes) -> None:
    found = read_images(classes, most=3, seed=1)
    assert (len(found.images), found.found) == (3, 6)
    assert [name.split("/")[0] for name in found.images.names] == found.answers.tolist()
    assert found.images.names == read_images(classes, most=3, seed=1).images.names


def test_arrays_come_with_their_labels(tmp_path) -> None:
    values = RNG.normal(size=(5, 3, 4, 4)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", images=values, labels=np.arange(5))
    np.testing.assert_array_equal(read_images(tmp_path / "a.npy").images.values, values)
    found = read_images(tmp_path / "b.npz", most=2, seed=0)
    np.testing.assert_array_equal(found.images.values, values[found.answers])
    assert list(found.images.names) == found.answers.tolist()


def test_what_holds_images_is_told_without_reading_them(classes, tmp_path) -> None:
    assert holds_images(classes)
    assert holds_images(classes / "cat")
    assert holds_images(classes / "cat" / "0.png")
    assert holds_images("batch.npy")
    assert not holds_images(tmp_path / "rows.csv")
    (tmp_path / "empty").mkdir()
    assert not holds_images(tmp_path / "empty")


def test_what_cannot_be_read_is_named(classes, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyData, match="no images"):
        read_images(tmp_path / "empty")
    with pytest.raises(UnreadableFile, match="nothing there"):
        read_images(tmp_path / "gone")
    picture(classes / "stray.png")
    with pytest.raises(InvalidSetting, match="holds images, and folders with images"):
        read_images(classes)
    picture(tmp_path / "sizes" / "a.png", side=8)
    picture(tmp_path / "sizes" / "b.png", side=9)
    with pytest.raises(InvalidData, match="one size"):
        read_images(tmp_path / "sizes")
    assert read_images(tmp_path / "sizes", size=8).images.values.shape == (2, 3, 8, 8)


def test_arrays_that_are_no_batch_are_named_and_never_unpickled(tmp_path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableFile, match="arrays of numbers"):
        read_images(tmp_path / "objects.npy")
    np.savez(tmp_path / "flat.npz", a=np.zeros((3, 4)))
    with pytest.raises(UnreadableFile, match="one batch"):
        read_images(tmp_path / "flat.npz")
    np.savez(tmp_path / "short.npz", images=np.zeros((3, 1, 4, 4)), y=np.zeros(2))
    with pytest.raises(UnreadableFile, match="one label for each image"):
        read_images(tmp_path / "short.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UnreadableFile):
        read_images(tmp_path / "broken.npz")


def test_without_pillow_the_extra_is_named(classes, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"pellucid\[images\]"):
        read_images(classes)
