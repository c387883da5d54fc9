"""Pictures of scores, confusion matrices and residuals hold their own numbers."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from display.closed_forms import confusion, rows_of, scores
from pellucid.core.errors import EmptyData, InvalidData
from pellucid.core.provenance import Provenance
from pellucid.display.charts import confusion as matrix_picture
from pellucid.display.charts import residuals
from pellucid.display.charts import scores as picture
from pellucid.display.export import to_svg


def subtitle(spec: dict) -> str:
    return " ".join(spec["title"]["subtitle"])


def test_each_score_has_its_interval_and_its_words():
    made = scores(
        {"metric": "roc_auc", "value": 0.993, "low": 0.985, "high": 0.998, "n": 569},
        {"metric": "deletion", "group": "lime", "value": 0.2, "passed": False},
    )
    spec = picture.chart(made).to_dict()
    rows = {r["name"]: r for r in rows_of(spec)}
    first = rows["ROC AUC"]
    assert (first["low"], first["value"], first["high"]) == (0.985, 0.993, 0.998)
    assert first["text"] == "0.993 [0.985, 0.998]"
    assert "Over 569 rows" in subtitle(spec)
    assert rows["deletion · lime"]["text"] == "0.2 · FAILS"
    assert rows["deletion · lime"]["shape"] != first["shape"]
    assert "1 check fails: deletion · lime." in spec["description"]


def test_metrics_of_other_sizes_get_their_own_scale():
    made = scores({"metric": "seconds", "value": 120.0}, {"metric": "error", "value": 0.01})
    assert len(picture.chart(made).to_dict()["vconcat"]) == 2
    near = scores({"metric": "auc", "value": 0.9}, {"metric": "brier", "value": 0.001})
    assert "vconcat" not in picture.chart(near).to_dict()
    made = scores(
        {"metric": "mae", "value": 41.0},
        {"metric": "r2", "value": 0.45},
        {"metric": "rmse", "value": 53.0},
        {"metric": "skill", "value": 0.4},
    )
    panels = picture.chart(made).to_dict()["vconcat"]
    names = [panel["layer"][0]["encoding"]["y"]["scale"]["domain"] for panel in panels]
    assert names == [["R²", "skill"], ["MAE ↓", "RMSE ↓"]]


def test_what_no_model_would_reach_stands_on_the_line_of_its_score():
    made = scores(
        {"metric": "accuracy", "value": 0.9, "n": 50},
        {"metric": "accuracy", "group": "baseline", "value": 0.6, "n": 50},
        {"metric": "recall", "group": "ill", "value": 0.8, "n": 20},
    )
    rows = {r["name"]: r for r in rows_of(picture.chart(made).to_dict())}
    assert list(rows) == ["accuracy", "recall · ill"]
    assert rows["accuracy"]["baseline"] == 0.6
    assert rows["recall · ill"]["baseline"] is None
    assert rows["recall · ill"]["text"] == "0.8 · n 20"


def test_a_score_that_is_not_defined_is_said_not_drawn():
    made = scores({"metric": "r2", "value": np.nan}, {"metric": "mae", "value": 2.0})
    spec = picture.chart(made).to_dict()
    assert [r["name"] for r in rows_of(spec)] == ["MAE ↓"]
    assert "Not defined: R²." in subtitle(spec)
    with pytest.raises(EmptyData, match="none finite"):
        picture.chart(scores({"metric": "r2", "value": np.nan}))


def test_many_scores_are_cut_and_this_is_said():
    made = scores(*({"metric": f"m{i}", "value": i} for i in range(60)))
    assert "The first 40 of 60 measurements." in subtitle(picture.chart(made).to_dict())


def test_counts_and_shares_agree_with_scikit_learn():
    from sklearn.metrics import confusion_matrix

    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    found = matrix_picture.matrix(confusion(confusion_matrix(truth, guess), "abc"))
    np.testing.assert_array_equal(found.counts, confusion_matrix(truth, guess))
    np.testing.assert_allclose(found.shares, confusion_matrix(truth, guess, normalize="true"))
    assert found.accuracy == pytest.approx((truth == guess).mean())


def test_shares_with_row_counts_become_counts():
    rows = [
        {"metric": f"predicted {p}", "group": f"actual {a}", "value": v, "n": n}
        for a, n, shares in (("no", 80, (0.9, 0.1)), ("yes", 20, (0.25, 0.75)))
        for p, v in zip(("no", "yes"), shares, strict=True)
    ]
    found = matrix_picture.matrix(scores(*rows))
    np.testing.assert_array_equal(found.counts, [[72, 8], [5, 15]])


def test_the_words_name_the_most_common_error():
    spec = matrix_picture.chart(confusion([[201, 11], [7, 350]], ["malignant", "benign"])).to_dict()
    assert "malignant taken for benign, 11 rows (5.19 % of malignant)" in spec["description"]
    assert "96.8 % predicted rightly" in spec["description"]
    svg = to_svg(matrix_picture.chart(confusion([[201, 11], [7, 350]], ["malignant", "benign"])))
    assert ">201<" in svg
    assert ">94.8 %<" in svg


@pytest.mark.parametrize(
    ("counts", "classes"),
    [
        ([[5]], ["only"]),
        ([[0, 0], [0, 0]], ["a", "b"]),
        ([[1, 0], [0, 1]], ["a", "b"]),
        (np.eye(30, dtype=int) * 7, [f"a class with a long name {i}" for i in range(30)]),
        ([[3, 1], [1, 3]], ["年齢 <b>&", "x" * 200]),
    ],
)
def test_odd_matrices_are_drawn(counts, classes):
    svg = to_svg(matrix_picture.chart(confusion(counts, classes), theme="dark"))
    assert svg.startswith("<svg")
    assert "NaN" not in svg


def test_other_scores_are_no_confusion_matrix():
    with pytest.raises(InvalidData, match="no confusion matrix"):
        matrix_picture.chart(scores({"metric": "auc", "value": 0.9}))
    with pytest.raises(InvalidData, match="counts or shares"):
        matrix_picture.chart(confusion([[1, -1], [0, 1]], ["a", "b"]))


def test_residuals_are_actual_less_predicted():
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=300)
    actual = predicted + 0.5 + rng.normal(scale=0.1, size=300)
    spec = residuals.chart(predicted, actual, unit="1000 $").to_dict()
    points = sorted(r["y"] for r in rows_of(spec) if "truth" in r)
    np.testing.assert_allclose(points, np.sort(actual - predicted), rtol=1e-5)
    means = {r["x"]: r for r in rows_of(spec) if "low" in r}
    assert len(means) == 10
    assert all(r["low"] < 0.6 and r["high"] > 0.4 for r in means.values())
    assert "100 % of rows lie above the prediction" in spec["description"]


def test_residuals_refuse_other_lengths_and_nothing():
    with pytest.raises(InvalidData, match="one length"):
        residuals.chart(np.ones(3), np.ones(4))
    with pytest.raises(EmptyData, match="none finite"):
        residuals.chart(np.array([np.nan]), np.array([1.0]))
    spec = residuals.chart(np.array([1.0, np.nan]), np.array([2.0, 1.0])).to_dict()
    assert "1 row with missing numbers left out" in subtitle(spec)
    assert to_svg(residuals.chart(np.array([1.0]), np.array([1.0])))


def test_scores_of_images_count_images():
    rows = ({"metric": "gini", "value": 0.4, "n": 16}, {"metric": "entropy", "value": 5.0, "n": 16})
    of_rows = scores(*rows)
    of_images = replace(of_rows, provenance=Provenance(method="evaluate", params={"kind": "image"}))
    assert "Over 16 rows." in subtitle(picture.chart(of_rows).to_dict())
    spec = json.dumps(picture.chart(of_images).to_dict(), ensure_ascii=False)
    assert "Over 16 images." in spec
    assert not re.search(r"\brows?\b", spec)
    counts = confusion([[3, 1], [0, 4]], ["cat", "dog"])
    on_images = replace(counts, provenance=of_images.provenance)
    spec = json.dumps(matrix_picture.chart(on_images).to_dict())
    assert "8 images" in spec
    assert "cat taken for dog, 1 image (" in spec
    assert not re.search(r"\brows?\b", spec)
    spec = json.dumps(residuals.chart(np.arange(60.0), np.ones(60), of="image").to_dict())
    assert "over 60 images" in spec
    assert not re.search(r"\brows?\b", spec)


def test_numbers_of_several_removals_are_told_apart_by_name():
    same = {"metric": "comprehensiveness", "value": 1.0}
    made = scores({**same, "removal": "mean"}, {**same, "removal": "blur", "label": "cat"})
    names = [row["name"] for row in rows_of(picture.chart(made).to_dict())]
    assert names == ["comprehensiveness · mean", "comprehensiveness · blur · cat"]
