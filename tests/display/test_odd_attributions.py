"""Pictures of odd attributions: drawn, or refused in plain words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from display.closed_forms import attribution
from pellucid.core.attribution import Attribution
from pellucid.core.errors import EmptyData
from pellucid.display.charts import agreement, bar, beeswarm, dependence, heatmap, waterfall
from pellucid.display.export import to_svg

PICTURES = {
    "bar": bar.chart,
    "beeswarm": beeswarm.chart,
    "waterfall": lambda a, **k: waterfall.chart(a, row=a.coords["sample"][0], **k),
    "dependence": dependence.chart,
    "heatmap": heatmap.chart,
    "agreement": lambda a, **k: agreement.chart((a, a), **k),
}

ODD = {
    "one feature": attribution([[0.3], [0.1], [-0.2]]),
    "one row": attribution([[0.3, -0.2, 0.1]]),
    "one number": attribution([[0.3]]),
    "all zero": attribution(np.zeros((5, 3))),
    "a hundred features": attribution(np.random.default_rng(0).normal(size=(30, 100))),
    "constant": attribution(np.full((6, 2), 0.7)),
    "missing shares": attribution([[np.nan, 1.0], [0.5, np.nan], [0.1, np.inf]]),
    "huge": attribution([[1e15, -3e14], [2e15, 1e13]]),
    "tiny": attribution([[1e-15, -3e-14], [2e-15, 1e-13]]),
    "long names": attribution([[1.0, 2.0]], ["x" * 300, "x" * 299 + "y"]),
    "unicode": attribution([[1.0, 2.0]], ["naïve <b>&'\"年齢</b>", "👩‍👩‍👧 \n\t مرحبا"]),
    "repeated rows": attribution([[1.0, 2.0], [3.0, 4.0]], samples=["r", "r"]),
}


def with_inputs(made: Attribution) -> Attribution:
    rows = len(made.coords["sample"])
    column = np.where(np.arange(rows) == 0, np.nan, np.arange(rows, dtype=float))
    return replace(made, inputs={str(f): column for f in made.features})


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", PICTURES)
def test_odd_inputs_are_drawn(name, odd):
    chart = PICTURES[name](with_inputs(ODD[odd]), theme="dark")
    svg = to_svg(chart)
    assert svg.startswith("<svg")
    assert "NaN" not in svg
    assert "undefined" not in svg


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_finite_is_refused(name):
    with pytest.raises(EmptyData, match="nothing to draw"):
        PICTURES[name](with_inputs(attribution(np.full((2, 2), np.nan))))


@pytest.mark.parametrize("name", PICTURES)
def test_every_mark_speaks_in_words(name):
    made = with_inputs(attribution(np.random.default_rng(0).normal(size=(30, 3))))
    text = str(PICTURES[name](made).to_dict())
    assert "'tooltip'" in text
    for raw in ("'title': 'feature'", "'title': 'shown'", "'title': 'x'", "'title': 'y'"):
        assert raw not in text


def test_rounding_is_drawn_as_zero():
    made = attribution([[1.0, 1.7e-16], [2.0, -3e-17]])
    svg = to_svg(bar.chart(made))
    assert "e-1" not in svg
    assert ">0<" in svg
    assert "e-1" not in to_svg(waterfall.chart(made, row=0))
    tiny = to_svg(bar.chart(replace(attribution([[1e-15, 3e-14]]), base=None, output=None)))
    assert "e-1" in tiny  # small beside nothing else is no rounding
