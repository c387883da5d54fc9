"""Pictures of rules hold their words and their numbers."""

from __future__ import annotations

import pytest

import pellucid as pel
from display.closed_forms import rows_of
from pellucid.core.errors import AxisError, EmptyData, InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.rules import Condition, Rule, Rules
from pellucid.core.scores import Score
from pellucid.display.charts import rules as picture
from pellucid.display.export import to_png, to_svg

YOUNG = Condition(feature="age", text="age ≤ 30", high=30.0)


def rule(*conditions, prediction="refused", **changed):
    facts = {
        "value": 0.81,
        "agreed": 97,
        "tried": 100,
        "covered": 6,
        "rows": 100,
        "precision_low": 0.95,
        "precision_high": 0.98,
        "coverage_low": 0.04,
        "coverage_high": 0.08,
        **changed,
    }
    return Rule(conditions=conditions, prediction=prediction, **facts)


def rules(*given, **changed):
    made = Provenance(method="anchors", target="refused", scale="probability")
    return Rules(
        rules=given, provenance=made, **{"coords": {"sample": range(len(given))}, **changed}
    )


def listed(*given, arranged="list", **changed):
    coords = {"rule": range(1, len(given) + 1)}
    return rules(*given, dims=("rule",), coords=coords, arranged=arranged, **changed)


def test_a_rule_has_its_words_its_bars_and_its_limits():
    (row,) = rows_of(pel.show(rules(rule(YOUNG))).to_dict())
    assert row["text"] == "Row 0: age ≤ 30 → refused"
    assert (row["low"], row["precision"], row["high"]) == (0.95, 0.97, 0.98)
    assert row["precise"] == "right in 97 % [95, 98]"
    assert row["covers"] == "6 % of rows"


def test_a_list_is_read_from_the_top():
    score = Score(metric="accuracy", value=0.9, low=0.85, high=0.94, n=300)
    spec = pel.show(
        listed(rule(YOUNG), rule(YOUNG), rule(prediction="accepted"), fidelity=(score,))
    )
    texts = [row["text"] for row in rows_of(spec.to_dict())]
    assert texts[0] == "1.  If age ≤ 30 → refused (probability 0.81)"
    assert texts[1].startswith("2.  Else if")
    assert texts[2] == "3.  Otherwise → accepted (probability 0.81)"
    assert "accuracy 0.9 [0.85, 0.94]" in " ".join(spec.to_dict()["title"]["subtitle"])


def test_long_rules_are_wrapped_and_none_stands_on_another():
    long = Condition(feature="x", text="a very long condition " * 12, high=1.0)
    made = rows_of(pel.show(listed(rule(long), rule(YOUNG), arranged="leaves")).to_dict())
    lines = made[0]["text"].count("\n") + 1
    assert lines > 2
    assert made[0]["y"] >= lines * picture.LINE
    assert made[1]["words"] > made[0]["y3"]
    assert max(map(len, made[0]["text"].split("\n"))) < 100


def test_one_row_or_the_first_few_may_be_chosen():
    made = rules(rule(YOUNG), rule(), coords={"sample": ["a", "b"]})
    (row,) = rows_of(pel.show(made, row="b").to_dict())
    assert row["text"] == "Row b: always → refused"
    spec = pel.show(made, top=1).to_dict()
    assert len(rows_of(spec)) == 1
    assert "1 of 2 rules." in " ".join(spec["title"]["subtitle"])
    with pytest.raises(AxisError, match="no label 'c'"):
        pel.show(made, row="c")
    with pytest.raises(InvalidSetting, match="partner"):
        pel.show(made, partner="age")


def test_a_number_says_how_far_off_still_counts_and_an_untried_rule_says_so():
    made = rules(rule(prediction=12.5, within=2.0), rule(agreed=0, tried=0))
    first, second = rows_of(pel.show(made).to_dict())
    assert first["answer"] == "12.5 ± 2"
    assert second["precise"] == "never put to the test"
    assert second["precision"] == 0


def test_it_is_described_for_those_who_do_not_see_it_and_is_drawn():
    made = rules(rule(YOUNG), rule(prediction="accepted"))
    chart = pel.show(made, theme="dark", width=360)
    assert "age ≤ 30 → refused, right in 97 %" in chart.to_dict()["description"]
    assert "refused" in to_svg(chart)
    assert to_png(chart).startswith(b"\x89PNG")


def test_no_rules_are_nothing_to_draw():
    with pytest.raises(EmptyData, match="no rules"):
        picture.chart(rules())
