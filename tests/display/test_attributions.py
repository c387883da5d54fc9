"""Pictures of attributions hold the explanation's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from display.closed_forms import attribution, rows_of
from pellucid.core.attribution import Attribution
from pellucid.core.errors import (
    AxisError,
    ColumnMismatch,
    InvalidData,
    InvalidSetting,
    UnknownName,
)
from pellucid.core.provenance import Provenance
from pellucid.display.charts import agreement, bar, beeswarm, dependence, heatmap, waterfall
from pellucid.display.export import to_svg
from pellucid.display.theme import palette

PICTURES = {
    "bar": bar.chart,
    "beeswarm": beeswarm.chart,
    "waterfall": lambda a, **k: waterfall.chart(a, row=a.coords["sample"][0], **k),
    "dependence": dependence.chart,
    "heatmap": heatmap.chart,
    "agreement": lambda a, **k: agreement.chart((a, a), **k),
}


def subtitle(spec: dict) -> str:
    return " ".join(spec["title"]["subtitle"])


def test_bars_are_the_mean_magnitudes_in_order(cancer):
    spec = bar.chart(cancer, top=30).to_dict()
    drawn = {row["feature"]: row["value"] for row in rows_of(spec)}
    sizes = np.abs(cancer.values).mean(axis=0)
    assert drawn == pytest.approx(dict(zip(cancer.features, sizes, strict=True)), rel=1e-7)
    assert list(drawn.values()) == sorted(drawn.values(), reverse=True)


def test_whiskers_of_a_bar_are_the_normal_interval_of_the_mean(cancer):
    row = next(r for r in rows_of(bar.chart(cancer).to_dict()) if r["feature"] == "worst texture")
    sizes = np.abs(cancer.sel(feature="worst texture").values)
    half = 1.96 * sizes.std(ddof=1) / np.sqrt(len(sizes))
    assert (row["low"], row["high"]) == pytest.approx((sizes.mean() - half, sizes.mean() + half))


def test_the_top_is_said_and_the_rest_is_summed(cancer):
    said = subtitle(bar.chart(cancer, top=5).to_dict())
    sizes = np.sort(np.abs(cancer.values).mean(axis=0))[::-1]
    assert "The 5 greatest of 30" in said
    assert f"the other 25 sum to {sizes[5:].sum():.3g}." in said


def test_given_intervals_become_the_whiskers():
    spec = bar.chart(attribution([[1.0, 2.0]]), intervals={"f1": (1.5, 2.75)}).to_dict()
    row = next(r for r in rows_of(spec) if r["feature"] == "f1")
    assert (row["low"], row["high"]) == (1.5, 2.75)
    assert "the given intervals" in subtitle(spec)
    with pytest.raises(UnknownName, match="f1"):
        bar.chart(attribution([[1.0, 2.0]]), intervals={"f2": (0, 1)})
    with pytest.raises(InvalidSetting, match="upside down"):
        bar.chart(attribution([[1.0, 2.0]]), intervals={"f1": (2, 1)})


def single(scale: str) -> Attribution:
    return Attribution(
        values=[0.3, -0.1],
        dims=("feature",),
        coords={"feature": ["a", "b"]},
        error=[0.02, 0.01],
        provenance=Provenance(method="permutation_importance", scale=scale),
    )


def test_importance_without_rows_keeps_its_signs_and_errors():
    rows = {r["feature"]: r for r in rows_of(bar.chart(single("loss")).to_dict())}
    assert (rows["a"]["text"], rows["b"]["text"]) == ("+0.3", "−0.1")
    assert rows["a"]["high"] == pytest.approx(0.3 + 1.96 * 0.02)


def test_only_what_moves_the_output_has_the_colours_of_raising_and_lowering():
    signed = {r["feature"]: r["colour"] for r in rows_of(bar.chart(single("logit")).to_dict())}
    assert (signed["a"], signed["b"]) == (palette("light").raises, palette("light").lowers)
    losses = {r["colour"] for r in rows_of(bar.chart(single("loss")).to_dict())}
    assert losses == {palette("light").plain}


def test_three_classes_get_a_panel_each(three_classes):
    spec = bar.chart(three_classes).to_dict()
    rows = rows_of(spec)
    for i, name in enumerate(three_classes.coords["class"]):
        drawn = {r["feature"]: r["value"] for r in rows if r["class"] == name}
        sizes = np.abs(three_classes.values[:, :, i]).mean(axis=0)
        assert drawn == pytest.approx(dict(zip(three_classes.features, sizes, strict=True)))
    assert "For virginica greatest: petal width (cm)" in spec["description"]


def test_many_classes_are_averaged_and_this_is_said():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 3, 10))
    digits = Attribution(
        values=values,
        dims=("sample", "feature", "class"),
        coords={"sample": range(20), "feature": ["a", "b", "c"], "class": range(10)},
        provenance=Provenance(method="m"),
    )
    spec = bar.chart(digits).to_dict()
    sizes = np.abs(values).mean(axis=(0, 2))
    drawn = {r["feature"]: r["value"] for r in rows_of(spec)}
    assert drawn == pytest.approx(dict(zip("abc", sizes, strict=True)))
    assert "mean of 10 classes" in subtitle(spec)


@pytest.mark.parametrize("name", ["beeswarm", "waterfall", "dependence", "heatmap", "agreement"])
def test_several_classes_without_a_choice_are_named_in_the_error(name, three_classes):
    with pytest.raises(InvalidSetting, match=r"setosa.*versicolor.*virginica"):
        PICTURES[name](three_classes)


@pytest.mark.parametrize("name", ["bar", "beeswarm", "waterfall", "heatmap", "agreement"])
def test_one_class_can_be_chosen(name, three_classes):
    spec = PICTURES[name](three_classes, class_="virginica").to_dict()
    assert "petal width" in spec["description"]
    with pytest.raises(AxisError, match="virginica"):
        PICTURES[name](three_classes, class_="virginia")


def test_a_class_that_is_not_there_is_refused(cancer):
    with pytest.raises(InvalidSetting, match="no classes"):
        bar.chart(cancer, class_="malignant")


def test_the_beeswarm_draws_the_shares_themselves():
    made = attribution(np.random.default_rng(0).normal(size=(40, 3)))
    spec = beeswarm.chart(made).to_dict()
    for feature in made.features:
        drawn = sorted(r["value"] for r in rows_of(spec) if r.get("feature") == feature)
        assert drawn == pytest.approx(np.sort(made.sel(feature=feature).values), rel=1e-6)


def test_a_thinned_beeswarm_says_so_and_keeps_extremes_and_quantiles(cancer):
    spec = beeswarm.chart(cancer).to_dict()
    points = [r for r in rows_of(spec) if "feature" in r]
    assert len(points) == 2000
    assert "200 points of each feature drawn" in subtitle(spec)
    drawn = np.array([r["value"] for r in points if r["feature"] == "worst area"])
    shares = cancer.sel(feature="worst area").values
    assert (drawn.min(), drawn.max()) == pytest.approx((shares.min(), shares.max()))
    levels = [0.1, 0.25, 0.5, 0.75, 0.9]
    gap = np.quantile(drawn, levels) - np.quantile(shares, levels)
    assert np.abs(gap).max() < 0.02 * np.ptp(shares)


def test_points_that_stand_at_one_place_do_not_cover_each_other():
    offsets = beeswarm.pile(np.zeros(50), -1.0, 1.0)
    assert len(np.unique(offsets)) == 50
    assert np.abs(offsets).max() <= 1.0
    assert abs(offsets.mean()) < 0.05


def test_ranks_agree_with_scipy_and_leave_missing_values_out():
    from scipy.stats import rankdata

    column = np.array([3.0, 1.0, 1.0, 7.0, 5.0])
    expected = rankdata(column)
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert beeswarm.ranks(column) == pytest.approx(expected)
    with_gap = beeswarm.ranks(np.array([3.0, np.nan, 1.0]))
    assert np.isnan(with_gap[1])
    assert with_gap[[0, 2]] == pytest.approx([1.0, 0.0])
    assert beeswarm.ranks(np.array([2.0, 2.0])) == pytest.approx([0.5, 0.5])


def test_missing_inputs_and_categories_have_their_own_marks_and_words():
    made = attribution(
        np.random.default_rng(0).normal(size=(30, 2)),
        ["age", "city"],
        {
            "age": np.where(np.arange(30) < 5, np.nan, np.arange(30.0)),
            "city": np.array(["Rome", "Oslo", None] * 10, dtype=object),
        },
    )
    spec = beeswarm.chart(made).to_dict()
    text = str(spec["layer"])
    assert "diamond" in text
    assert "square" in text
    assert "Grey diamond: the feature is missing." in subtitle(spec)
    assert "Square: a category" in subtitle(spec)
    assert sum(r.get("shown") == "missing" for r in rows_of(spec)) == 15


def test_the_waterfall_starts_at_the_base_and_ends_at_the_output(cancer):
    row = cancer.isel(sample=3)
    steps = waterfall._steps(waterfall.reading.sheet(row), 10)
    assert steps[0].start == pytest.approx(float(row.base))
    assert steps[-1].start == pytest.approx(float(row.output))
    assert steps[-2].end == pytest.approx(float(row.output))
    assert [s.label for s in steps if s.kind == "gap"] == []
    rest = next(s for s in steps if s.kind == "rest")
    hidden = np.sort(np.abs(row.values))[:-10]
    assert rest.label == "20 other features"
    assert abs(rest.move) <= hidden.sum()


def test_the_waterfall_names_each_value_and_its_signed_share(cancer):
    svg = to_svg(waterfall.chart(cancer, row=3))
    share = cancer.sel(sample=3, feature="worst symmetry").values
    assert "worst symmetry = 0.664" in svg
    assert f"▲ +{share:.3g}" in svg
    assert "expected output" in svg


def test_what_is_not_explained_is_a_step_of_its_own():
    row = Attribution(
        values=[1.0, -0.5],
        dims=("feature",),
        coords={"feature": ["a", "b"]},
        base=0.0,
        output=0.9,
        provenance=Provenance(method="lime"),
    )
    spec = waterfall.chart(row).to_dict()
    assert any(r.get("label") == "not explained" for r in rows_of(spec))
    assert "+0.4 is not explained." in spec["description"]


def test_sampling_errors_become_whiskers():
    made = attribution([[1.0, -0.5]], error=[[0.1, 0.0]])
    whisker = [
        r for r in rows_of(waterfall.chart(made).to_dict()) if r.get("low", 0) != r.get("high", 0)
    ]
    assert whisker[0]["high"] - whisker[0]["low"] == pytest.approx(2 * 1.96 * 0.1)


def test_one_of_many_rows_must_be_named(cancer):
    with pytest.raises(InvalidSetting, match="row="):
        waterfall.chart(cancer)
    with pytest.raises(AxisError, match="9999"):
        waterfall.chart(cancer, row=9999)
    with pytest.raises(InvalidSetting, match="one row already"):
        waterfall.chart(cancer.isel(sample=0), row=0)


def test_the_dependence_draws_values_against_shares(cancer):
    spec = dependence.chart(cancer, feature="worst area", partner=None).to_dict()
    points = sorted((r["x"], r["share"]) for r in rows_of(spec) if "share" in r)
    values = cancer.inputs["worst area"]
    shares = cancer.sel(feature="worst area").values
    expected = sorted(zip(values, shares, strict=True))
    np.testing.assert_allclose(points, expected, rtol=1e-6)


def test_the_partner_with_the_planted_interaction_is_found():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 6))
    values = x.copy()
    values[:, 0] = x[:, 0] * (1 + x[:, 3])  # the share of f0 depends on f3, and on nothing else
    made = attribution(values, columns={f"f{i}": x[:, i] for i in range(6)})
    spec = dependence.chart(made, feature="f0").to_dict()
    assert "Coloured by f3." in spec["description"]
    strength = dependence.interaction(x[:, 0], values[:, 0], x[:, 3])
    others = [dependence.interaction(x[:, 0], values[:, 0], x[:, j]) for j in (1, 2, 4, 5)]
    assert strength > 0.8
    assert max(others) < 0.1


def test_a_planted_categorical_partner_is_found():
    rng = np.random.default_rng(1)
    x, group = rng.normal(size=400), rng.integers(0, 3, 400)
    shares = x * np.array([1.0, -1.0, 0.2])[group]
    names = np.array(["a", "b", "c"], dtype=object)[group]
    noise = np.array(["u", "v", "w"], dtype=object)[rng.integers(0, 3, 400)]
    assert dependence.interaction(x, shares, names) > 0.8
    assert dependence.interaction(x, shares, noise) < 0.1


def test_without_an_interaction_no_partner_is_drawn(cancer):
    spec = dependence.chart(cancer, feature="worst area").to_dict()
    assert "No other feature explains the spread." in subtitle(spec)


def test_a_categorical_feature_becomes_a_strip_in_order_of_its_effect():
    colours = np.array(["red", "blue", "green"] * 20, dtype=object)
    shares = np.select([colours == "red", colours == "blue"], [1.0, -1.0], 0.0)
    spec = dependence.chart(attribution(shares[:, None], ["colour"], {"colour": colours})).to_dict()
    axis = next(
        layer["encoding"]["x"] for layer in spec["layer"] if "x" in layer.get("encoding", {})
    )
    assert axis["scale"]["domain"] == ["red", "green", "blue"]
    assert "+1 for red and −1 for blue" in spec["description"]


def test_a_dependence_needs_the_values_of_the_feature():
    with pytest.raises(InvalidData, match="not known"):
        dependence.chart(attribution([[1.0], [2.0]]))
    with pytest.raises(UnknownName, match="Did you mean 'age'"):
        dependence.chart(attribution([[1.0]], ["age"], {"age": np.array([3.0])}), feature="agee")


def test_the_heatmap_puts_the_sign_into_the_place_of_the_mark():
    made = attribution([[1.0, -1.0], [2.0, -2.0], [1.5, -1.0]])
    marks = [r for r in rows_of(heatmap.chart(made).to_dict()) if "strength" in r]
    upper = [r for r in marks if (r["low"] % 1) < 0.3]
    assert {r["low"] // 1 for r in upper} == {0.0}
    assert {r["low"] // 1 for r in marks if r not in upper} == {1.0}


def test_like_rows_stand_side_by_side():
    rng = np.random.default_rng(0)
    kinds = np.tile([0, 1, 2], 20)
    centres = np.array([[5, 0, 0], [0, 5, 0], [0, 0, 5.0]])
    shares = centres[kinds] + rng.normal(scale=0.1, size=(60, 3))
    ordered = kinds[heatmap.similar(shares)]
    assert (np.diff(ordered) != 0).sum() == 2


def test_a_big_heatmap_is_thinned_and_says_so(cancer):
    spec = heatmap.chart(cancer).to_dict()
    assert "150 of 569 rows" in subtitle(spec)
    assert "The 12 greatest of 30 features." in subtitle(spec)


def test_agreement_agrees_with_scipy(cancer):
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    other = attribution(
        cancer.values + rng.normal(scale=0.5, size=cancer.values.shape),
        list(cancer.features),
        method="kernel_shap",
    )
    found = agreement._matched((cancer, other), None, 10)
    sizes = [np.abs(a.values).mean(axis=0) for a in (cancer, other)]
    assert found.correlation == pytest.approx(spearmanr(*sizes).statistic)
    first = [set(np.argsort(-s)[:10]) for s in sizes]
    assert found.shared == len(first[0] & first[1])


def test_agreement_matches_features_by_name_not_by_place():
    one = attribution([[3.0, 1.0]], ["a", "b"])
    two = attribution([[1.0, 3.0]], ["b", "a"], method="other")
    assert "both put a first" in agreement.chart((one, two)).to_dict()["description"]
    with pytest.raises(ColumnMismatch, match="c"):
        agreement.chart((one, attribution([[1.0, 3.0]], ["b", "c"])))


@pytest.mark.parametrize("name", PICTURES)
def test_the_words_name_the_greatest_feature_and_the_unit(name, cancer):
    spec = PICTURES[name](cancer).to_dict()
    top = cancer.features[int(np.abs(cancer.values).mean(axis=0).argmax())]
    if name == "waterfall":
        top = cancer.features[int(np.abs(cancer.values[0]).argmax())]
    assert top == "worst texture" or name == "waterfall"
    assert str(top) in spec["description"]
    assert spec["title"]["text"][-1].endswith("?")
    if name != "agreement":
        assert "log-odds of malignant" in spec["description"]


def test_zero_everywhere_is_said_in_words():
    assert "very value is 0" in bar.chart(attribution(np.zeros((3, 2)))).to_dict()["description"]
    made = attribution(np.zeros((1, 2)))
    assert "No feature moves it." in waterfall.chart(made).to_dict()["description"]


def test_an_axis_without_a_place_is_named_with_what_to_do():
    made = Attribution(
        values=np.zeros((2, 3, 4)),
        dims=("sample", "feature", "layer"),
        coords={"sample": range(2), "feature": range(3), "layer": range(4)},
        provenance=Provenance(method="m"),
    )
    with pytest.raises(AxisError, match=r"sel\(layer=…\)"):
        beeswarm.chart(made)
    with pytest.raises(AxisError, match="feature"):
        bar.chart(made.mean("feature").mean("layer"))


def test_interaction_terms_are_drawn_like_features():
    made = Attribution(
        values=[[1.0, 2.0], [0.5, -1.0]],
        dims=("sample", "term"),
        coords={"sample": range(2), "term": ["a", "a × b"]},
        provenance=Provenance(method="m"),
    )
    assert "a × b" in to_svg(beeswarm.chart(made))
    assert "a × b" in to_svg(bar.chart(made))


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "3"])
def test_a_wrong_top_is_refused(wrong, cancer):
    with pytest.raises(InvalidSetting, match="top"):
        bar.chart(cancer, top=wrong)


@pytest.mark.parametrize("wrong", [0, 100, "wide", True])
def test_a_wrong_width_is_refused(wrong, cancer):
    with pytest.raises(InvalidSetting, match="room"):
        bar.chart(cancer, width=wrong)
