"""Pictures of curves hold the curve's own numbers and say where it guesses."""

from __future__ import annotations

import numpy as np
import pytest

from display.closed_forms import curve, rows_of
from pellucid.core.errors import AxisError, EmptyData, InvalidData, InvalidSetting
from pellucid.display import lines
from pellucid.display.charts import calibration
from pellucid.display.charts import curve as picture
from pellucid.display.export import to_svg

GRID = np.linspace(0, 10, 11)


def subtitle(spec: dict) -> str:
    return " ".join(spec["title"]["subtitle"])


def test_the_line_is_the_curve_and_the_band_its_limits():
    values = GRID**2
    made = curve(
        values, GRID, band=np.stack([values - 1, values + 2]), band_meaning="95 % interval"
    )
    spec = picture.chart(made).to_dict()
    rows = rows_of(spec)
    line = {(r["x"], r["y"]) for r in rows if "method" in r}
    assert line == set(zip(GRID, values, strict=True))
    band = [r for r in rows if set(r) == {"x", "y", "high"}]
    assert all(r["high"] - r["y"] == pytest.approx(3) for r in band)
    assert "Band: 95 % interval." in subtitle(spec)
    assert "Highest 100 at 10, lowest 0 at 0." in spec["description"]


def test_thin_lines_are_single_rows_and_the_thick_one_their_mean():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 11))
    made = curve(values, GRID, dims=("sample", "point"), coords={"sample": range(200)})
    spec = picture.chart(made).to_dict()
    rows = rows_of(spec)
    thin = [r for r in rows if "line" in r]
    assert len(thin) == 60 * 11
    drawn = np.array([r["y"] for r in thin])
    assert np.abs(drawn[:, None] - values.ravel()).min(axis=1).max() < 1e-7
    thick = sorted((r["x"], r["y"]) for r in rows if "method" in r)
    np.testing.assert_allclose([y for _, y in thick], values.mean(axis=0), rtol=1e-6)
    assert "60 of 200 single rows" in subtitle(spec)


def test_where_rows_are_few_the_line_is_dashed_and_said_to_guess():
    weight = np.array([50.0] * 8 + [0, 1, 2])
    made = curve(GRID, GRID, weight=weight)
    spec = picture.chart(made).to_dict()
    dashed = [
        layer
        for layer in spec["layer"]
        if isinstance(layer["mark"], dict) and layer["mark"].get("strokeDash") == [3, 5]
    ]
    assert len(dashed) == 1
    drawn = [r["x"] for r in rows_of(dashed[0])]
    assert drawn == [7, 8, 9, 10]  # from the last point that can be trusted
    assert "too few rows, the model guesses" in subtitle(spec)


def test_an_even_small_sample_is_not_called_a_guess():
    assert not lines.unsupported(curve(GRID, GRID, weight=np.full(11, 2.0))).any()


def test_gaps_in_a_curve_stay_gaps():
    values = np.where((GRID == 4) | (GRID == 6), np.nan, GRID)
    runs = lines.runs(values, np.zeros(11, dtype=bool))
    assert sorted(run.tolist() for run, _ in runs) == [[0, 1, 2, 3], [5], [7, 8, 9, 10]]


def test_several_methods_are_shifted_to_a_common_mean():
    pdp = curve(0.5 + 0.1 * GRID, GRID)
    ale = curve(0.1 * GRID - 7, GRID, method="ale")
    spec = picture.chart(pdp, others=[ale]).to_dict()
    heights = [r["y"] for r in rows_of(spec) if "method" in r]
    np.testing.assert_allclose(sorted(heights[:11]), sorted(heights[11:]), atol=1e-7)
    assert np.mean(heights) == pytest.approx(0, abs=1e-7)
    svg = to_svg(picture.chart(pdp, others=[ale]))
    assert ">partial dependence<" in svg
    assert ">ALE<" in svg


def single_rows(shift: float = 0.0):
    """Two rows that move apart, and stand `shift` above the curve of the mean."""
    return curve(
        np.stack([GRID, -GRID]) + shift,
        GRID,
        method="ice",
        dims=("sample", "point"),
        coords={"sample": ["up", "down"]},
    )


def test_rows_beside_other_curves_are_context_each_shifted_to_mean_0():
    spec = picture.chart(curve(GRID, GRID), others=[single_rows(shift=40.0)]).to_dict()
    thin = [r for r in rows_of(spec) if "line" in r]
    for line in (0, 1):
        assert np.mean([r["y"] for r in thin if r["line"] == line]) == pytest.approx(0, abs=1e-7)
    assert {r["method"] for r in rows_of(spec) if "method" in r} == {"partial dependence"}
    assert "Thin lines: 2 single rows." in subtitle(spec)
    assert "legend" not in str(spec["layer"])


def test_the_axis_ends_where_the_data_end():
    made = [curve(GRID, GRID), curve(GRID, GRID, method="ale"), single_rows()]
    spec = picture.chart(made[0], others=made[1:]).to_dict()
    low, high = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert GRID[0] - low <= 0.021 * np.ptp(GRID)
    assert high - GRID[-1] <= 0.021 * np.ptp(GRID)


def test_bars_below_a_curve_hold_the_rows_where_they_lie():
    grid, weight = np.array([0.0, 2.0, 6.0, 10.0]), np.array([4.0, 6.0, 20.0, 10.0])
    edges, rows = lines.histogram(grid, weight)
    assert rows.sum() == pytest.approx(weight.sum())
    np.testing.assert_allclose(np.diff(edges), 10 / lines.BARS)
    assert rows[edges[:-1] < 1.0 - 1e-9].sum() == pytest.approx(4)  # nearer to 0 than to 2
    assert rows[edges[:-1] >= 8.0 - 1e-9].sum() == pytest.approx(10)


def test_curves_along_other_features_do_not_share_a_frame():
    with pytest.raises(InvalidSetting, match="same feature"):
        picture.chart(curve(GRID, GRID), others=[curve(GRID, GRID, feature="age")])
    with pytest.raises(InvalidSetting, match="scale"):
        picture.chart(curve(GRID, GRID), others=[curve(GRID, GRID, scale="logit")])
    with pytest.raises(InvalidSetting, match="up to 4"):
        picture.chart(curve(GRID, GRID), others=[curve(GRID, GRID)] * 4)


def test_categories_are_points_with_ranges_greatest_first():
    made = curve(
        [0.2, 0.5, 0.3],
        ["single", "married", "widowed"],
        categorical=True,
        band=[[0.1, 0.4, 0.0], [0.3, 0.6, 0.9]],
        weight=[200, 340, 2],
        feature="status",
    )
    spec = picture.chart(made).to_dict()
    rows = {r["label"]: r for r in rows_of(spec) if "label" in r}
    assert rows["married (340)"]["x"] == 0.5
    assert (rows["single (200)"]["low"], rows["single (200)"]["high"]) == (0.1, 0.3)
    assert rows["widowed (2)"]["guess"] is True
    assert "Hollow: too few rows" in subtitle(spec)
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"][0] == "married (340)"


def test_a_curve_with_classes_asks_for_one():
    made = curve(
        np.stack([GRID, 1 - GRID], axis=1),
        GRID,
        dims=("point", "class"),
        coords={"class": ["yes", "no"]},
        target=None,
    )
    with pytest.raises(InvalidSetting, match=r"yes.*no"):
        picture.chart(made)
    assert "probability of no" in picture.chart(made, class_="no").to_dict()["description"]
    with pytest.raises(InvalidSetting, match="no classes"):
        picture.chart(curve(GRID, GRID), class_="yes")


@pytest.mark.parametrize(
    "odd",
    [
        curve([0.5], [3.0]),
        curve(np.full(11, 0.3), GRID),
        curve(np.zeros(11), GRID, weight=np.zeros(11)),
        curve(np.where(GRID < 5, np.nan, GRID), GRID, weight=GRID),
        curve(GRID * 1e12, GRID * 1e-9),
        curve([1.0, 2.0], ["x" * 300, "年齢 <b>"], categorical=True, feature="y" * 300),
        curve([1.0], ["only"], categorical=True),
        curve([[np.nan, 1.0]], [0, 1], dims=("sample", "point"), coords={"sample": ["r"]}),
    ],
)
def test_odd_curves_are_drawn(odd):
    svg = to_svg(picture.chart(odd, theme="dark"))
    assert svg.startswith("<svg")
    assert "NaN" not in svg


def test_a_curve_without_numbers_is_refused():
    with pytest.raises(EmptyData, match="nothing to draw"):
        picture.chart(curve(np.full(11, np.nan), GRID))


def calibrated(**fields):
    bins = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    observed = np.array([0.1, 0.35, 0.5, 0.6, 0.9])
    fields = {"feature": calibration.FEATURE, "weight": [40, 10, 10, 10, 30], **fields}
    return curve(observed, bins, **fields)


def test_calibration_states_the_greatest_and_the_mean_gap():
    words = calibration.chart(calibrated()).to_dict()["description"]
    assert "predicted 70 %, observed 60 %" in words
    assert "1.5 percentage points" in words  # (10 × 0.05 + 10 × 0.10) / 100 rows


def test_calibration_draws_points_limits_diagonal_and_rows():
    made = calibrated(band=np.stack([np.zeros(5), np.ones(5)]), band_meaning="95 % interval")
    rows = rows_of(calibration.chart(made).to_dict())
    assert {(0.7, 0.6), (0.0, 0.0), (1.0, 1.0)} <= {(r["x"], r["y"]) for r in rows}
    assert sorted(r["rows"] for r in rows if "span" in r) == [10, 10, 10, 30, 40]
    assert sum("high" in r for r in rows) == 5


def test_calibration_refuses_what_is_no_probability():
    with pytest.raises(InvalidData, match="between 0 and 1"):
        calibration.chart(curve([0.1, 0.2], [0, 50], feature=calibration.FEATURE))
    many = curve(np.ones((2, 3)), [0, 0.5, 1], dims=("sample", "point"), coords={"sample": "ab"})
    with pytest.raises(AxisError, match="one axis"):
        calibration.chart(many)


def test_calibration_of_one_bin_and_of_missing_shares_is_drawn():
    assert to_svg(calibration.chart(curve([0.5], [0.5], feature=calibration.FEATURE, weight=[3])))
    gone = curve([np.nan, 0.4], [0.2, 0.6], feature=calibration.FEATURE)
    assert "1 point." in calibration.chart(gone).to_dict()["description"]


def dashed(spec: dict, dash: list[int]) -> list[dict]:
    return [
        row
        for layer in spec["layer"]
        if isinstance(layer["mark"], dict) and layer["mark"].get("strokeDash") == dash
        for row in rows_of(layer)
    ]


def test_where_rows_have_no_like_the_line_is_dashed_and_said_to_guess():
    share = np.array([0.5, 0.3] + [0.0] * 8 + [0.19])
    spec = picture.chart(curve(GRID, GRID, extrapolated=share)).to_dict()
    assert [r["x"] for r in dashed(spec, [3, 5])] == [0, 1, 2]
    assert "Dashed and pale: values that such rows do not have" in subtitle(spec)
    assert "too few rows" not in subtitle(spec)


def test_a_line_of_a_single_row_is_dashed_where_that_row_has_no_like():
    outside = np.stack([GRID > 7, GRID < 0])
    made = curve(
        np.stack([GRID, -GRID]),
        GRID,
        dims=("sample", "point"),
        coords={"sample": ["up", "down"]},
        extrapolated=outside,
    )
    spec = picture.chart(made).to_dict()
    pale = dashed(spec, [2, 3])
    assert [r["x"] for r in pale] == [7, 8, 9, 10]
    assert {r["line"] for r in pale} == {1}


def profile(rows: int, **fields):
    values = np.outer(np.arange(1, rows + 1), GRID**2)
    return curve(
        values,
        GRID,
        method="ceteris_paribus",
        dims=("sample", "point"),
        coords={"sample": [f"row {i}" for i in range(rows)]},
        own=np.full(rows, 2.5),
        own_values=6.25 * np.arange(1, rows + 1),
        **fields,
    )


def test_a_profile_leads_through_the_row_itself():
    spec = picture.chart(profile(1)).to_dict()
    line = [(r["x"], r["y"]) for r in rows_of(spec) if "method" in r]
    assert (2.5, 6.25) in line
    assert [(r["x"], r["y"], r["row"]) for r in rows_of(spec) if "row" in r] == [
        (2.5, 6.25, "row 0")
    ]
    assert "One row. Dot: the row as it is." in subtitle(spec)


def test_profiles_of_several_rows_are_drawn_without_their_mean():
    spec = picture.chart(profile(3)).to_dict()
    assert not [r for r in rows_of(spec) if "method" in r]
    through = {(r["x"], r["y"]) for r in rows_of(spec) if "line" in r}
    assert {(2.5, 6.25), (2.5, 12.5), (2.5, 18.75)} <= through
    assert "Lines: 3 single rows. Dots: the rows as they are." in subtitle(spec)


def test_the_category_that_a_single_row_has_is_marked():
    made = curve(
        [[0.2, 0.5]],
        ["rent", "own"],
        categorical=True,
        dims=("sample", "point"),
        coords={"sample": ["me"]},
        own=[1.0],
        own_values=[0.5],
    )
    spec = picture.chart(made).to_dict()
    assert {r["label"] for r in rows_of(spec) if "label" in r} == {"rent", "→ own"}
    assert "→: the row as it is." in subtitle(spec)


def test_slopes_and_centred_lines_say_what_they_are():
    from dataclasses import replace

    for params, words in (
        ({"derivative": True}, "slope of the probability of malignant, for 1 more of mean radius"),
        ({"centred": True, "anchor": 3}, "probability of malignant, less that at 3"),
    ):
        made = curve(GRID, GRID)
        made = replace(made, provenance=replace(made.provenance, params=params))
        spec = picture.chart(made).to_dict()
        assert spec["layer"][0]["encoding"]["y"]["title"] == words


def lines_along_categories(rows: int, **own):
    values = np.outer(np.arange(1, rows + 1), [0.1, 0.3, 0.2])
    return curve(
        values,
        ["rent", "own", "free"],
        categorical=True,
        dims=("sample", "point"),
        coords={"sample": range(rows)},
        **own,
    )


def test_few_rows_along_categories_are_lines_with_a_dot_where_each_stands():
    made = lines_along_categories(3, own=[0.0, 1.0, np.nan], own_values=[0.1, 0.6, 0.9])
    spec = picture.chart(made).to_dict()
    rows = rows_of(spec)
    drawn = {(r["line"], r["label"]): r["x"] for r in rows if "line" in r}
    assert len(drawn) == 9
    assert drawn[0, "own"] == pytest.approx(0.3)
    assert drawn[2, "free"] == pytest.approx(0.6)
    assert [(r["row"], r["label"], r["x"]) for r in rows if "row" in r] == [
        ("0", "rent", 0.1),
        ("1", "own", 0.6),
    ]
    assert not [r for r in rows if "method" in r]
    assert "Lines: 3 single rows. Dots: the rows as they are." in subtitle(spec)


def test_many_rows_along_categories_are_ticks_around_their_mean():
    spec = picture.chart(lines_along_categories(200)).to_dict()
    rows = rows_of(spec)
    assert len({r["line"] for r in rows if "line" in r}) == 60
    mean = {r["label"]: r["x"] for r in rows if "method" in r}
    assert mean == pytest.approx({"rent": 10.05, "own": 30.15, "free": 20.1})
    assert "Ticks: 60 of 200 single rows. Points: their mean" in subtitle(spec)


def test_centred_lines_name_the_point_they_start_from():
    from dataclasses import replace

    made = lines_along_categories(3)
    values = made.values - made.values[:, :1]
    made = replace(made, values=values, provenance=replace(made.provenance, params=CENTRED))
    assert "less that at rent" in str(picture.chart(made).to_dict())
    part = replace(made, values=values + 1.0)
    assert "less that at the first point" in str(picture.chart(part).to_dict())


CENTRED = {"centred": True}


def test_a_category_that_only_another_curve_has_gets_a_place_of_its_own():
    first = curve([0.1, 0.2], ["rent", "own"], categorical=True)
    other = curve([0.1, 0.2, 0.3], ["rent", "own", "free"], categorical=True, method="ale")
    spec = picture.chart(first, others=[other]).to_dict()
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["own", "rent", "free"]
