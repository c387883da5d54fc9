"""Superpixels: one piece each, as many as allowed, as good as a peer's, the same every time."""

import numpy as np
import pytest
from skimage import data, segmentation, transform
from skimage.color import rgb2lab
from skimage.measure import label

from pellucid.core.seeds import generator
from pellucid.maths.hierarchy import members, merged_segments
from pellucid.maths.superpixels import cells, lab, merged_pieces, slic


def photo(name: str, side: int = 96) -> np.ndarray:
    return transform.resize(getattr(data, name)() / 255.0, (side, side), anti_aliasing=True)


def explained(image: np.ndarray, labels: np.ndarray) -> float:
    """The share of the variance of colour that segments explain."""
    flat = image.reshape(-1, 3)
    means = np.stack([flat[labels.ravel() == k].mean(axis=0) for k in np.unique(labels)])
    missed = ((flat - means[np.searchsorted(np.unique(labels), labels.ravel())]) ** 2).sum()
    return float(1 - missed / ((flat - flat.mean(axis=0)) ** 2).sum())


def test_colours_are_those_of_skimage() -> None:
    image = generator(0, "colours").random((9, 7, 3))
    np.testing.assert_allclose(lab(image), rgb2lab(image), atol=2e-3)


@pytest.mark.parametrize("number", [1, 2, 7, 50, 300])
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_segments_are_connected_numbered_and_not_too_many(name: str, number: int) -> None:
    labels = slic(photo(name), number)
    count = labels.max() + 1
    assert 1 <= count <= number
    first = np.unique(labels, return_index=True)[1]
    assert (np.diff(first) > 0).all()
    assert label(labels, connectivity=1, background=-1).max() == count


@pytest.mark.parametrize("number", [20, 50, 200])
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_segments_explain_as_much_colour_as_the_peers_of_that_number(
    name: str, number: int
) -> None:
    image = photo(name)
    ours = slic(image, number)
    wanted = number
    while True:  # skimage gives fewer segments than asked for
        theirs = segmentation.slic(image, wanted, start_label=0)
        if len(np.unique(theirs)) >= ours.max() + 1:
            break
        wanted += max(1, number // 20)
    assert explained(image, ours) > explained(image, theirs) - 0.01


def test_edges_of_a_picture_are_followed() -> None:
    image = np.zeros((40, 40, 3))
    image[7:22, 11:31] = [0.9, 0.2, 0.1]
    labels = slic(image, 16)
    inside = set(labels[7:22, 11:31].ravel())
    outside = np.ones((40, 40), dtype=bool)
    outside[7:22, 11:31] = False
    assert not inside & set(labels[outside])


def test_noise_and_tiny_images_are_cut_too() -> None:
    noise = generator(0, "noise").random((30, 41, 3))
    labels = slic(noise, 12)
    assert labels.max() < 12
    assert label(labels, connectivity=1, background=-1).max() == labels.max() + 1
    assert slic(noise[:2, :3], 50).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert slic(np.zeros((8, 8, 3)), 4).max() == 3


def test_the_same_image_is_cut_the_same() -> None:
    image = photo("coffee")
    assert (slic(image, 30) == slic(image.copy(), 30)).all()


def test_small_pieces_join_the_neighbour_of_nearest_colour() -> None:
    labels = np.array([[0, 0, 0, 2, 1, 1, 1]])
    colour = np.zeros((1, 7, 3))
    colour[0, :, 0] = [0, 0, 0, 9, 10, 10, 10]
    assert merged_pieces(labels, colour, 5, 2).tolist() == [[0, 0, 0, 1, 1, 1, 1]]


@pytest.mark.parametrize(("rows", "columns"), [(224, 224), (10, 30), (5, 3), (1, 9)])
@pytest.mark.parametrize("number", [1, 4, 12, 49])
def test_a_grid_has_even_cells(rows: int, columns: int, number: int) -> None:
    labels = cells(rows, columns, number)
    count = labels.max() + 1
    assert count <= number
    assert (np.unique(labels) == np.arange(count)).all()
    area = np.bincount(labels.ravel())
    assert area.max() <= 2 * area.min() + max(rows, columns)


def test_segments_merge_by_colour_and_place() -> None:
    image = np.zeros((8, 8, 3))
    image[:, 4:] = 1.0
    segment = cells(8, 8, 16)
    tree = merged_segments(image, segment)
    dark, light = ({int(s) for s in segment[:, half].ravel()} for half in (np.s_[:4], np.s_[4:]))
    assert sorted(map(sorted, map(members, tree))) == sorted([sorted(dark), sorted(light)])
    assert merged_segments(image, np.zeros((8, 8), dtype=int)) == 0
