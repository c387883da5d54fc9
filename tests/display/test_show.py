"""One verb finds the right picture, and files hold it."""

from __future__ import annotations

import json
import re

import altair as alt
import numpy as np
import pytest

from display.closed_forms import attribution, confusion, curve, scores
from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.display import kinds, save, show, to_html, to_png, to_svg
from pellucid.display.compact import compact

MADE = attribution(
    np.random.default_rng(0).normal(size=(20, 3)),
    columns={f"f{i}": np.arange(20.0) for i in range(3)},
)
IMPORTANCE = Attribution(
    values=[0.3, 0.1],
    dims=("feature",),
    coords={"feature": ["a", "b"]},
    provenance=Provenance(method="permutation_importance"),
)
LINE = curve([0.1, 0.2, 0.3], [1, 2, 3])
CALIBRATION = curve([0.1, 0.9], [0.2, 0.8], feature="predicted probability")


@pytest.mark.parametrize(
    ("explanation", "options", "starts"),
    [
        (IMPORTANCE, {}, "Bar chart"),
        (MADE, {}, "Beeswarm"),
        (MADE, {"row": 3}, "Waterfall for row 3"),
        (MADE.isel(sample=[3]), {}, "Waterfall for row 3"),
        (MADE.isel(sample=3), {}, "Waterfall"),
        (MADE, {"feature": "f1"}, "Scatter of the share of f1"),
        (MADE, {"intervals": {"f0": (0, 1)}}, "Bar chart"),
        (MADE, {"kind": "heatmap"}, "Heatmap"),
        (LINE, {}, "Curve"),
        (CALIBRATION, {}, "Calibration plot"),
        (scores({"metric": "auc", "value": 0.9}), {}, "Chart of 1 measurement"),
        (confusion([[1, 2], [3, 4]], "ab"), {}, "Confusion matrix"),
        ((MADE, MADE), {}, "Slope chart"),
        ([LINE], {}, "Curve"),
    ],
)
def test_the_kind_and_the_axes_choose_the_picture(explanation, options, starts):
    assert show(explanation, **options).to_dict()["description"].startswith(starts)


def test_classes_without_a_choice_become_bars_and_with_one_a_beeswarm(three_classes):
    assert show(three_classes).to_dict()["description"].startswith("Bar chart")
    chosen = show(three_classes, class_="setosa").to_dict()
    assert chosen["description"].startswith("Beeswarm")
    with pytest.raises(InvalidSetting, match="setosa"):
        show(three_classes, kind="beeswarm")


def test_several_curves_become_a_grid_in_one_theme():
    spec = show([LINE, CALIBRATION, LINE], theme="dark").to_dict()
    assert len(spec["concat"]) == 3
    assert spec["config"]["background"] == "#14171a"
    assert spec["description"].count("Curve of") == 2
    assert to_svg(show([LINE, CALIBRATION])).startswith("<svg")


def test_a_misspelt_picture_gets_a_suggestion():
    with pytest.raises(UnknownName, match="Did you mean 'beeswarm'"):
        show(MADE, kind="beswarm")
    with pytest.raises(UnknownName, match="agreement"):
        show(MADE, kind="theme")


def test_a_picture_says_what_it_takes_and_which_fit():
    with pytest.raises(InvalidSetting, match=r"beeswarm.*heatmap|bar, beeswarm"):
        show(MADE, kind="curve")
    with pytest.raises(InvalidSetting, match="takes no row="):
        show(MADE, kind="bar", row=3)
    with pytest.raises(InvalidSetting, match="cannot be drawn"):
        show("text")
    with pytest.raises(InvalidSetting, match="cannot be drawn"):
        show([])


def test_the_folder_is_the_registry():
    assert set(kinds()) == {
        "agreement",
        "bar",
        "beeswarm",
        "calibration",
        "comparison",
        "confusion",
        "curve",
        "dependence",
        "gallery",
        "heatmap",
        "overlays",
        "regions",
        "interactions",
        "reasons",
        "rules",
        "scores",
        "surface",
        "waterfall",
    }
    assert kinds("curve") == ("calibration", "curve", "surface")


def test_no_global_state_of_altair_changes():
    before = alt.theme.active, alt.data_transformers.active, alt.renderers.active
    show(MADE, theme="dark").to_dict()
    assert (alt.theme.active, alt.data_transformers.active, alt.renderers.active) == before
    bare = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q").to_dict()
    assert "background" not in bare["config"]


def test_a_chart_can_be_restyled():
    chart = show(MADE).configure_axis(labelFontSize=20).properties(width=900)
    spec = chart.to_dict()
    assert spec["config"]["axis"]["labelFontSize"] == 20
    assert spec["config"]["aria"] is False
    assert 'width="900"' in to_svg(chart)


def test_the_svg_is_one_labelled_image():
    svg = to_svg(show(MADE))
    head = svg[: svg.index(">")]
    assert 'role="img"' in head
    assert 'aria-label="Beeswarm of 3 features over 20 rows' in head
    assert svg.count("aria-") == 1
    assert svg.count("role=") == 1
    assert "How does each feature move the output" in svg


def test_names_cannot_break_out_of_the_svg():
    svg = to_svg(show(attribution([[1.0]], ['"><script>alert(1)</script>'])))
    assert "<script" not in svg


def test_the_svg_keeps_to_its_width():
    for chart in (show(MADE), show(MADE, row=1), show(MADE, kind="bar")):
        found = re.search(r'<svg[^>]* width="(\d+)"', to_svg(chart))
        assert found
        assert int(found[1]) == 640


def test_a_png_has_as_many_pixels_as_asked_for():
    png = to_png(show(MADE, kind="bar"), scale=2)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 1280
    with pytest.raises(InvalidSetting, match="scale"):
        to_png(show(MADE), scale=0)


def test_the_page_needs_no_network():
    page = to_html(show(LINE))
    assert '<html lang="en">' in page
    assert "<title>How does the probability of malignant change" in page
    assert not re.search(r'<(script|link|img)[^>]+(src|href)=["\']https?:', page)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html", ".json"])
def test_saved_files_are_whole_and_nothing_else_is_left(tmp_path, suffix):
    path = save(show(LINE), tmp_path / f"chart{suffix}")
    assert path.stat().st_size > 500
    assert [p.name for p in tmp_path.iterdir()] == [f"chart{suffix}"]
    if suffix == ".json":
        assert json.loads(path.read_text())["$schema"].startswith("https://vega.github.io")


def test_an_unknown_suffix_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InvalidSetting, match=r"\.svg"):
        save(show(LINE), tmp_path / "chart.gif")
    assert not list(tmp_path.iterdir())


def test_dots_of_one_look_become_one_path_with_every_place_kept():
    shape = "M2.5,0A2.5,2.5,0,1,1,-2.5,0A2.5,2.5,0,1,1,2.5,0"
    dot = f'<path transform="translate({{}},{{}})" d="{shape}" fill="{{}}" opacity="0.8"/>'
    places = [(i, i / 7) for i in range(30)]
    run = "".join(dot.format(x, y, "#111111" if x % 2 else "#222222") for x, y in places)
    small = compact(f"<svg><g>{run}</g></svg>")
    assert small.count("<path") == 2
    found = re.findall(r"M([\d.]+) ([\d.]+)h0", small)
    drawn = sorted((float(x), float(y)) for x, y in found)
    np.testing.assert_allclose(drawn, places, atol=0.0051)
    assert 'stroke-width="5" stroke-linecap="round"' in small
    assert compact("<svg><g><path d='M0,0h5'/></g></svg>") == "<svg><g><path d='M0,0h5'/></g></svg>"


def test_compact_pictures_look_the_same():
    import vl_convert

    chart = show(attribution(np.random.default_rng(0).normal(size=(300, 3))), kind="beeswarm")
    spec = chart.to_dict()
    whole = vl_convert.svg_to_png(vl_convert.vegalite_to_svg(spec))
    small = vl_convert.svg_to_png(to_svg(chart))
    first, second = (_pixels(png) for png in (whole, small))
    assert first.shape == second.shape
    assert np.abs(first.astype(int) - second).mean() < 1.0  # of 255


def _pixels(png: bytes) -> np.ndarray:
    import io

    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(png)).convert("RGB"))
