"""Pictures of terms: the triangle of pairs, and terms where other pictures have features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core.attribution import Attribution
from pellucid.core.errors import AxisError, InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.display import show
from pellucid.display.charts import interactions
from pellucid.display.export import to_svg

TERMS = ["age", "debt", "rate", "age × debt", "age × rate"]
VALUES = np.array([[3.0, -1.0, 0.5, 0.2, -0.04], [-1.0, 1.0, 0.5, -0.6, 0.02]])


def terms(labels: list[str] = TERMS, values: Any = VALUES, **changes: Any) -> Attribution:
    values = np.asarray(values)
    given = {
        "values": values,
        "dims": ("sample", "term"),
        "coords": {"sample": range(len(values)), "term": labels},
        "base": 1.0,
        "output": values.sum(axis=1) + 1.0 if values.ndim == 2 else None,
        "provenance": Provenance(method="tree_interactions", scale="raw"),
    }
    return Attribution(**{**given, **changes})


def cells(chart: Any) -> dict[str, dict[str, Any]]:
    return {cell["term"]: cell for cell in chart.to_dict()["data"]["values"]}


def test_many_rows_of_terms_are_a_triangle_of_mean_sizes() -> None:
    chart = show(terms())
    found = cells(chart)
    assert {name: cell["text"] for name, cell in found.items()} == {
        "age": "2",
        "debt": "1",
        "rate": "0.5",
        "age × debt": "0.4",
        "age × rate": "0.03",
        "debt × rate": "",
    }
    assert "Empty: a pair without a term" in " ".join(chart.to_dict()["title"]["subtitle"])
    assert "Strongest pairs: age with debt 0.4, age with rate 0.03" in chart.description
    assert "0.4" in to_svg(chart)


def test_pairs_and_single_columns_are_shaded_each_by_their_strongest() -> None:
    found = cells(show(terms()))
    assert found["age"]["opacity"] == found["age × debt"]["opacity"] == interactions.FULL
    assert found["debt"]["opacity"] == pytest.approx(interactions.FULL / 2)


def test_one_row_is_signed_and_by_default_a_waterfall() -> None:
    row = terms().isel(sample=0)
    found = cells(show(row, kind="interactions"))
    assert found["age × debt"]["text"] == "+0.2"
    assert found["age × rate"]["text"] == "−0.04"
    assert found["age × debt"]["colour"] != found["age × rate"]["colour"]
    assert "age × debt" in to_svg(show(row))


def test_without_room_for_numbers_the_sign_stays() -> None:
    names = [f"a long column name {i}" for i in range(12)]
    labels = names + [f"{names[0]} × {name}" for name in names[1:]]
    row = terms(labels, np.linspace(-1, 1, len(labels))[None]).isel(sample=0)
    text = {c["text"] for c in cells(interactions.chart(row, top=12, width=320)).values()}
    assert text <= {"+", "−", ""}
    assert {"+", "−"} <= text


def test_the_columns_that_act_most_in_pairs_come_first() -> None:
    chart = show(terms(), top=2)
    assert set(cells(chart)) == {"age", "debt", "age × debt"}
    assert "2 of 3 columns" in " ".join(chart.to_dict()["title"]["subtitle"])


def test_triples_are_left_out_and_said() -> None:
    labels = ["a", "b", "c", "a × b", "a × b × c"]
    chart = show(terms(labels))
    assert "1 term of more than two columns not drawn" in " ".join(
        chart.to_dict()["title"]["subtitle"]
    )


def test_an_additive_model_is_said_to_be_one() -> None:
    chart = show(terms(["a", "b"], VALUES[:, :2]))
    assert "No two columns act together" in chart.description
    to_svg(chart)


def test_classes_need_a_choice_and_features_are_refused() -> None:
    both = np.stack([VALUES, -VALUES], axis=2)
    several = terms(
        values=both,
        dims=("sample", "term", "class"),
        coords={"sample": range(2), "term": TERMS, "class": ["no", "yes"]},
        base=None,
    )
    with pytest.raises(InvalidSetting, match="2 classes"):
        show(several, kind="interactions")
    assert cells(show(several, kind="interactions", class_="yes"))["age"]["text"] == "2"
    features = terms(dims=("sample", "feature"), coords={"sample": range(2), "feature": TERMS})
    with pytest.raises(AxisError, match="Only terms"):
        show(features, kind="interactions")


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "heatmap"])
def test_other_pictures_call_terms_terms(kind: str) -> None:
    chart = show(terms(), kind=kind)
    assert "term" in chart.description
    assert "feature" not in chart.description
    assert "age × debt" in to_svg(chart)
