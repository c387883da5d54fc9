"""A gallery: what stands where, its scores, and what is refused."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.core.examples import Examples
from pellucid.core.provenance import Provenance
from pellucid.display.export import to_png


def examples(made: int = 3, found: int = 2) -> Examples:
    groups = [("class 0", "optimised", made), ("class 0", "data", found), ("class 1", "data", 1)]
    count = sum(number for *_, number in groups)
    return Examples(
        inputs={"pixels": np.full((count, 4, 8, 3), 0.5, dtype=np.float32)},
        names=range(count),
        role=[role for _, role, number in groups for _ in range(number)],
        group=[group for group, _, number in groups for _ in range(number)],
        score=1.5 + np.arange(count),
        provenance=Provenance(method="feature_visualisation", scale="logit"),
    )


def drawn(chart: object) -> list[list[dict]]:
    layers = json.loads(chart.to_json())["layer"]  # type: ignore[attr-defined]
    return [layer["data"]["values"] for layer in (layers[0], layers[-1])]


def test_each_role_of_each_group_has_a_line_with_its_words_and_scores() -> None:
    pictures, words = drawn(pel.show(examples()))
    assert [row["head"] for row in words] == [
        "class 0, optimised", "class 0, data", "class 1, data",
    ]  # fmt: skip
    lines = sorted({row["y"] for row in pictures})
    assert [sum(row["y"] == line for row in pictures) for line in lines] == [3, 2, 1]
    assert [row["said"] for row in pictures] == ["1.5", "2.5", "3.5", "4.5", "5.5", "6.5"]
    assert all(above["y"] < line for above, line in zip(words, lines, strict=True))
    raw = base64.b64decode(pictures[0]["url"].partition(",")[2])
    assert raw.startswith(b"\x89PNG")


def test_long_lines_are_cut_unless_more_is_asked_for_and_a_file_can_be_made() -> None:
    assert len(drawn(pel.show(examples(made=9)))[0]) == 6 + 2 + 1
    assert len(drawn(pel.show(examples(made=9), top=9))[0]) == 9 + 2 + 1
    assert to_png(pel.show(examples(), theme="dark", width=400)).startswith(b"\x89PNG")


def test_the_words_for_those_who_do_not_see_it_tell_the_scores() -> None:
    said = pel.show(examples()).to_dict()["description"]
    assert "6 images of feature visualisation" in said
    assert "class 0, optimised: 1.5, 2.5 and 3.5" in said


def test_examples_that_are_no_images_and_other_pictures_are_refused() -> None:
    rows = Examples(
        inputs={"age": np.arange(2)}, names=[0, 1], role=["data"] * 2, group=["a"] * 2,
        score=[0, 1], provenance=Provenance(method="found"),
    )  # fmt: skip
    with pytest.raises(InvalidSetting, match="A gallery is of images"):
        pel.show(rows)
    with pytest.raises(InvalidSetting, match="does not draw this"):
        pel.show(examples(), kind="overlays")
