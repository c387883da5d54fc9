"""Pictures of surfaces hold their numbers, and leave blank what no row speaks for."""

from __future__ import annotations

import numpy as np
import pytest

from display.closed_forms import curve, rows_of
from pellucid.core.errors import AxisError, InvalidSetting, UnknownName
from pellucid.display.charts import surface as picture
from pellucid.display.export import to_svg
from pellucid.display.show import show

VALUES = np.array([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 3.0]])


def surface(values=VALUES, **fields):
    fields = {"method": "ale_interaction", "other": "age", "other_grid": [20, 30, 60], **fields}
    return curve(values, [0, 1, 4], dims=fields.pop("dims", ("point", "other point")), **fields)


def cells(spec):
    rows = [r for r in rows_of(spec) if "known" in r]
    return {(r["first"], r["second"]): r for r in rows}


def test_each_point_colours_what_lies_nearest_to_it():
    spec = show(surface()).to_dict()
    found = cells(spec)
    assert len(found) == 9
    assert [found["1", "30"][side] for side in ("left", "right")] == [0.5, 2.5]
    assert [found["1", "30"][side] for side in ("low", "high")] == [25, 45]
    assert found["4", "60"]["value"] == 3
    assert "Highest 3 at mean radius 4, age 60" in spec["description"]
    assert {r["mark"] for r in found.values()} == {"", "+3", "−1"}


def test_colours_are_even_around_zero_and_one_rare_point_does_not_pale_the_rest():
    weight = np.full((3, 3), 100.0)
    weight[2, 2] = 1
    spec = picture.chart(surface(weight=weight)).to_dict()
    scales = [
        layer["encoding"]["color"]["scale"]
        for layer in spec["layer"]
        if layer.get("encoding", {}).get("color", {}).get("type") == "quantitative"
    ]
    assert [scale["domain"] for scale in scales] == [[-1, 0, 1]]


def test_points_without_rows_are_hatched_and_have_no_number():
    weight = np.full((3, 3), 5.0)
    weight[0, 2] = weight[2, 0] = 0
    spec = picture.chart(surface(weight=weight)).to_dict()
    found = cells(spec)
    assert [at for at, r in found.items() if not r["known"]] == [("0", "60"), ("4", "20")]
    assert found["0", "60"]["exact"] == "no rows"
    subtitle = " ".join(spec["title"]["subtitle"])
    assert "Hatched: no rows nearby" in subtitle
    assert "7 points with rows of 9" in spec["description"]


def test_the_axes_may_come_in_either_order_and_a_class_must_be_named():
    band = np.stack([VALUES.T - 1, VALUES.T + 1])
    turned = surface(VALUES.T, dims=("other point", "point"), band=band)
    assert cells(picture.chart(turned).to_dict())["4", "60"]["value"] == 3
    many = surface(
        np.stack([VALUES, -VALUES], axis=-1),
        dims=("point", "other point", "class"),
        coords={"class": ["yes", "no"]},
        target=None,
    )
    with pytest.raises(InvalidSetting, match=r"yes.*no"):
        show(many)
    assert cells(show(many, class_="no").to_dict())["4", "60"]["value"] == -3


def test_a_surface_is_no_line_and_a_line_no_surface():
    with pytest.raises(AxisError, match="no place for axis 'other point'"):
        show(surface(), kind="curve")
    with pytest.raises(AxisError, match="two features"):
        show(curve([1, 2], [0, 1]), kind="surface")


@pytest.mark.parametrize(
    "odd",
    [
        surface(np.zeros((3, 3))),
        surface(np.where(VALUES == 3, np.nan, VALUES)),
        surface(VALUES * 1e300, other_grid=[-1e300, 0, 1e300]),
        surface(VALUES[:, :1], other_grid=[20]),
        surface(VALUES, weight=np.zeros((3, 3))),
        surface(VALUES, method="partial_dependence"),
        surface(VALUES, other_grid=["x" * 300, "年齢 <b>", "y"], other_categorical=True),
    ],
)
def test_odd_surfaces_are_drawn(odd):
    for theme in ("light", "dark"):
        svg = to_svg(picture.chart(odd, theme=theme))
        assert svg.startswith("<svg")
        assert "NaN" not in svg


def test_categories_are_all_named_and_numbers_without_room_become_signs():
    names = [f"a long name of category {i}" for i in range(9)]
    made = curve(
        np.arange(18.0).reshape(9, 2) / 1000 - 0.006,
        names,
        categorical=True,
        dims=("point", "other point"),
        method="ale_interaction",
        other="age",
        other_grid=[20, 30],
    )
    spec = picture.chart(made, width=360).to_dict()
    axis = spec["layer"][0]["encoding"]["x"]["axis"]
    assert axis["labelOverlap"] is False
    assert axis["labelAngle"] == -45
    assert {r["mark"] for r in cells(spec).values()} == {"", "▼", "▲"}
    subtitle = " ".join(spec["title"]["subtitle"])
    assert "▲ the highest, +0.011, ▼ the lowest, −0.006" in subtitle


def many(count: int = 12):
    strengths = np.random.default_rng(0).permutation(count) + 1
    return strengths, [
        surface(VALUES * strength, other=f"c{i}") for i, strength in enumerate(strengths)
    ]


def test_of_many_surfaces_the_strongest_are_drawn_and_the_others_named():
    strengths, found = many()
    spec = show(found).to_dict()
    drawn = [panel["layer"][0]["encoding"]["y"]["title"] for panel in spec["concat"]]
    assert drawn == [f"c{i}" for i in np.argsort(-strengths)[:8]]
    assert spec["title"]["text"] == "The 8 strongest of 12 surfaces"
    told = " ".join(spec["title"]["subtitle"])
    assert "feature='mean radius', partner='c" in told
    assert "top=12" in told


def test_one_of_many_surfaces_is_drawn_by_name():
    _, found = many()
    spec = show(found, feature="mean radius", partner="c3").to_dict()
    assert "What do mean radius and c3 do together?" in " ".join(spec["title"]["text"])
    assert len(show(found, top=12).to_dict()["concat"]) == 12
    with pytest.raises(UnknownName, match="c3"):
        show(found, partner="c33")
    with pytest.raises(InvalidSetting, match="together"):
        show(found, feature="c1", partner="c2")
