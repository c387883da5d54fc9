"""Curves and scores: checked when built, kept whole by their verbs and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.core.curve import Curve
from pellucid.core.errors import AxisError, InvalidSetting, UnknownName
from pellucid.core.explanation import Explanation
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores

MADE = Provenance(method="ice")


def curve(**changes: object) -> Curve:
    fields = {
        "feature": "age",
        "grid": [20, 30, 40],
        "values": np.arange(6.0).reshape(2, 3),
        "dims": ("sample", "point"),
        "coords": {"sample": ["x", "y"]},
        "band": np.stack([np.arange(6.0).reshape(2, 3) - 1, np.arange(6.0).reshape(2, 3) + 1]),
        "weight": [5, 6, 7],
        "provenance": MADE,
    }
    return Curve(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid": [20, 30]}, "grid does not fit"),
        ({"grid": [20, 40, 30]}, "must increase"),
        ({"band": np.zeros((2, 3))}, "band does not fit"),
        ({"weight": [1, 2]}, "weight does not fit"),
        ({"dims": ("sample", "place")}, "no axis 'point'"),
    ],
)
def test_a_curve_that_does_not_agree_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(AxisError, match=words):
        curve(**changes)


def test_the_mean_of_single_curves_is_the_common_curve() -> None:
    assert curve().mean("sample").values.tolist() == [1.5, 2.5, 3.5]
    assert curve().mean("sample").band is None


def test_a_part_of_a_curve_keeps_its_grid_band_and_weight() -> None:
    part = curve().isel(point=slice(1, None), sample=0)
    assert list(part.grid) == [30, 40]
    assert part.band is not None
    assert part.band.tolist() == [[0, 1], [2, 3]]
    assert part.weight is not None
    assert part.weight.tolist() == [6, 7]
    with pytest.raises(AxisError, match="keeps its axis"):
        curve().isel(point=0)


@pytest.mark.parametrize("categorical", [False, True])
def test_a_curve_survives_its_file(tmp_path: Path, categorical: bool) -> None:
    grid = ["own", "rent", "free"] if categorical else [1.5, 2.0, 2.5]
    whole = curve(grid=grid, categorical=categorical, band_meaning="95 % interval")
    back = Explanation.load(whole.save(tmp_path / "c.pel"))
    assert isinstance(back, Curve)
    assert list(back.grid) == grid
    assert back.band_meaning == "95 % interval"
    np.testing.assert_array_equal(back.band, whole.band)
    assert list(back.to_frame(backend="pandas")["age"])[:3] == grid


def test_scores_are_found_by_metric_and_group(tmp_path: Path) -> None:
    rows = (
        Score(metric="auc", value=0.9, low=0.8, high=0.95, n=10, passed=True, text="good"),
        Score(metric="f1", value=float("nan"), group="bad", passed=False),
        Score(metric="f1", value=0.5, group="fine"),
    )
    scores = Scores(rows=rows, provenance=MADE)
    assert scores["auc"].value == 0.9
    assert len(scores.sel(metric="f1", group="bad")) == 1
    assert not scores.ok
    assert scores.failures == (rows[1],)
    with pytest.raises(UnknownName, match="Did you mean 'auc'"):
        scores["auk"]
    back = Explanation.load(scores.save(tmp_path / "s.pel"))
    assert isinstance(back, Scores)
    assert [row.metric for row in back] == ["auc", "f1", "f1"]
    assert np.isnan(back.rows[1].value)
    assert "1 of 2 checks hold" in repr(scores)


def test_an_interval_upside_down_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="upside down"):
        Scores(rows=(Score(metric="auc", value=1, low=2, high=1),), provenance=MADE)


@pytest.mark.parametrize("name", ["value", "low", "sample"])
def test_a_feature_called_like_a_column_keeps_its_grid_in_a_frame(name: str) -> None:
    frame = curve(feature=name).to_frame(backend="pyarrow")
    assert frame[f"{name} (feature)"].to_pylist() == [20, 30, 40] * 2
    assert frame["value"].to_pylist() == [0, 1, 2, 3, 4, 5]
