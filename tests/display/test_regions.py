"""Regions and single pictures: what a map calls strongest, and how it is drawn."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.attribution import Attribution
from pellucid.core.provenance import Provenance
from pellucid.display.export import to_png
from pellucid.display.pictures import REGION, enlarged, masked, overlaid, region, shrunk

RNG = np.random.default_rng(0)
SIDE = 28


def patch() -> np.ndarray:
    """A map that is 1 in a corner of a tenth of a 28 × 28 image, and noise elsewhere."""
    values = 0.01 * RNG.normal(size=(SIDE, SIDE))
    values[:8, :10] = 1.0
    return values


def test_the_region_is_where_the_values_are_greatest() -> None:
    kept = region(patch())
    assert kept[:8, :10].all()
    assert kept.mean() == pytest.approx(REGION, abs=0.01)


def test_the_region_holds_nothing_that_lowers_the_output() -> None:
    assert not region(-np.ones((SIDE, SIDE))).any()
    few = np.full((8, 8), -1.0)
    few[2, 3] = 1.0
    assert np.argwhere(region(few)).tolist() == [[2, 3]]


def test_a_region_follows_the_mean_of_cells_not_single_pixels() -> None:
    values = np.zeros((56, 56))
    values[20:28, 20:28] = 1.0  # four cells of a 14 × 14 grid
    values[0, 0] = 5.0  # one loud pixel of sixteen: a mean of 0.3
    kept = region(values, share=4 / 196)
    np.testing.assert_array_equal(kept, values == 1)


def test_a_mask_leaves_the_region_as_it_is_and_pales_the_rest() -> None:
    image = RNG.random((SIDE, SIDE, 3)) * 0.5
    kept = np.zeros((SIDE, SIDE), dtype=bool)
    kept[5:15, 5:15] = True
    drawn = masked(image, kept)
    inside = (slice(6, 14), slice(6, 14))  # within the frame
    np.testing.assert_array_equal(drawn[inside], np.round(255 * image[inside]).astype(np.uint8))
    assert drawn[~kept].min() > 0.75 * 255
    assert (drawn[5, 5:15] == drawn[5, 5]).all()  # the frame has one colour


def test_an_overlay_is_vermillion_where_the_output_is_raised() -> None:
    values = patch()
    drawn = overlaid(np.full((SIDE, SIDE, 3), 0.5), values).astype(int)
    red, blue = drawn[..., 0], drawn[..., 2]
    assert (red[:8, :10] > blue[:8, :10] + 60).all()
    assert np.abs(red[20:, 20:] - blue[20:, 20:]).max() < 20


def test_pictures_are_enlarged_by_whole_pixels_and_shrunk_by_means() -> None:
    image = RNG.random((8, 8, 3))
    large = enlarged(image)
    assert large.shape == (200, 200, 3)
    np.testing.assert_array_equal(large[::25, ::25], image)
    np.testing.assert_allclose(shrunk(large, 8), image)
    assert shrunk(RNG.random((225, 300)), 128).shape == (75, 100)


def test_show_draws_the_regions_of_several_methods() -> None:
    def made(method: str) -> Attribution:
        values = np.stack([patch(), -patch()])
        dims = ("sample", "row", "column")
        return Attribution(
            values=values,
            dims=dims,
            coords={dim: range(size) for dim, size in zip(dims, values.shape, strict=True)},
            inputs={"pixels": np.full((2, SIDE, SIDE, 3), 0.5, np.float32)},
            provenance=Provenance(method=method, scale="logit"),
        )

    chart = pel.show([made("saliency"), made("lrp")], kind="regions")
    rows = chart.to_dict()["data"]["values"]
    assert [row["method"] for row in rows] == ["image", "saliency", "LRP"] * 2
    assert "a region of 10" in rows[1]["said"]
    assert to_png(chart)[:4] == b"\x89PNG"
