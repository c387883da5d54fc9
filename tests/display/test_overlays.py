"""Overlays of images: what is drawn, on which scale, and what is refused."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.display.export import to_png

RNG = np.random.default_rng(0)


def attribution(values: np.ndarray, method: str = "saliency", images: int = 3) -> Attribution:
    side = values.shape[-1]
    dims = (
        ("sample", "channel", "row", "column") if values.ndim == 4 else ("sample", "row", "column")
    )
    return Attribution(
        values=values,
        dims=dims,
        coords={dim: range(size) for dim, size in zip(dims, values.shape, strict=True)},
        inputs={
            "pixels": np.full((images, side, side, 3), 0.5, dtype=np.float32),
            "target": np.array(["cat", "dog", "eel"][:images], dtype=object),
        },
        provenance=Provenance(method=method, scale="logit"),
    )


def decoded(url: str) -> np.ndarray:
    """The pixels of a PNG, read by hand."""
    raw = base64.b64decode(url.partition(",")[2])
    wide, high = struct.unpack(">II", raw[16:24])
    body, place = b"", 8
    while place < len(raw):
        (size,) = struct.unpack(">I", raw[place : place + 4])
        if raw[place + 4 : place + 8] == b"IDAT":
            body += raw[place + 8 : place + 8 + size]
        place += 12 + size
    lines = np.frombuffer(zlib.decompress(body), np.uint8).reshape(high, 1 + 3 * wide)
    return lines[:, 1:].reshape(high, wide, 3)


def drawn(chart: object) -> list[dict]:
    return json.loads(chart.to_json())["data"]["values"]  # type: ignore[attr-defined]


def test_every_image_stands_beside_its_overlays_under_their_names() -> None:
    parts = [attribution(RNG.normal(size=(3, 2, 8, 8)), name) for name in ("saliency", "rise")]
    rows = drawn(pel.show(parts))
    assert [row["head"] for row in rows] == ["cat", "saliency", "RISE", "dog", "saliency", "RISE",
                                             "eel", "saliency", "RISE"]  # fmt: skip
    assert len({(row["x"], row["y"]) for row in rows}) == 9
    assert decoded(rows[0]["url"]).std() == 0


def test_colour_is_where_the_values_are_and_says_their_sign() -> None:
    values = np.zeros((1, 8, 8))
    values[0, 0, 0], values[0, 7, 7] = 2.0, -1.0
    picture = decoded(drawn(pel.show(attribution(values, images=1)))[1]["url"]).astype(int)
    corner, other = picture[:10, :10], picture[-20:, -20:]
    middle = picture[90:110, 90:110]
    assert (middle == middle[0, 0, 0]).all()
    assert (corner[..., 0] - corner[..., 2] > 80).all()
    assert (other[..., 2] - other[..., 0]).max() > 30
    assert (other[..., 2] - other[..., 0]).std() > 5  # stripes


def test_many_methods_take_several_lines_and_one_image_can_be_chosen() -> None:
    parts = [attribution(RNG.normal(size=(3, 8, 8)), f"method_{i}") for i in range(12)]
    rows = drawn(pel.show(parts, row=1))
    assert len(rows) == 13
    assert len({row["y"] for row in rows}) > 1
    assert rows[0]["head"] == "dog"
    assert to_png(pel.show(parts, top=2)).startswith(b"\x89PNG")
    with pytest.raises(UnknownName, match="image"):
        pel.show(parts, row=7)
    with pytest.raises(InvalidSetting, match="same images"):
        pel.show([parts[0], attribution(RNG.normal(size=(3, 4, 4)))])


def test_the_words_for_those_who_do_not_see_it_tell_each_sum() -> None:
    chart = pel.show(attribution(np.ones((1, 8, 8)), images=1), theme="dark")
    assert "saliency: 64 in all" in chart.to_dict()["description"]


def test_of_values_that_are_high_everywhere_what_stands_out_is_drawn() -> None:
    values = np.full((1, 8, 8), 5.0)
    values[0, :2, :2] = 6.0
    picture = decoded(drawn(pel.show(attribution(values, "rise", images=1)))[1]["url"]).astype(int)
    assert (picture[-50:, -50:] == picture[-1, -1]).all()
    assert picture[-1, -1].std() == 0
    assert picture[5, 5, 0] - picture[5, 5, 2] > 80


def test_maps_of_other_images_are_not_laid_over_the_first() -> None:
    one, other = (attribution(RNG.normal(size=(3, 8, 8)), name) for name in ("saliency", "rise"))
    pixels = {**other.inputs, "pixels": np.full((3, 8, 8, 3), 0.25, dtype=np.float32)}
    with pytest.raises(InvalidSetting, match=r"same images.*other pixels"):
        pel.show([one, replace(other, inputs=pixels)])
    renamed = replace(other, coords={**other.coords, "sample": ("a", "b", "c")})
    with pytest.raises(InvalidSetting, match="Got a, b, c"):
        pel.show([one, renamed])
    with pytest.raises(InvalidSetting, match="same images"):
        pel.show([one.isel(sample=[0, 1]), other.isel(sample=[1, 2])])
