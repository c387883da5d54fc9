import json

import numpy as np
import pytest

from pellucid.core.errors import AxisError, ColumnMismatch, InvalidSetting, UnreadableFile
from pellucid.core.explanation import Explanation
from pellucid.core.provenance import Provenance
from pellucid.core.rules import Condition, Rule, Rules
from pellucid.core.scores import Score, Scores

YOUNG = Condition(feature="age", text="age ≤ 30", high=30.0)
RENTS = Condition(feature="housing", text="housing is rent", values=("rent",))
GONE = Condition(feature="age", text="age is missing", values=(), missing=True)


def rule(*conditions, prediction="refused", agreed=97, tried=100, covered=6, **changed):
    facts = {
        "value": 0.9,
        "rows": 100,
        "precision_low": 0.95,
        "precision_high": 0.98,
        "coverage_low": 0.04,
        "coverage_high": 0.08,
        **changed,
    }
    return Rule(
        conditions=conditions,
        prediction=prediction,
        agreed=agreed,
        tried=tried,
        covered=covered,
        **facts,
    )


def rules(*given, **changed):
    facts = {"coords": {"sample": range(len(given))}, **changed}
    return Rules(rules=given, provenance=Provenance(method="anchors", target="refused"), **facts)


def listed(*given):
    return rules(*given, dims=("rule",), coords={"rule": range(1, 1 + len(given))}, arranged="list")


def test_a_rule_reads_as_a_sentence():
    said = rule(YOUNG, RENTS).sentence
    assert said == (
        "age ≤ 30 and housing is rent → refused, precise in 97 % [95, 98], covers 6 % of rows"
    )
    assert rule().text == "always"
    assert rule(prediction=3.0, within=0.5).answer == "3 ± 0.5"
    assert "never put to the test" in rule(agreed=0, tried=0).sentence


def test_a_condition_knows_which_values_meet_it():
    ages = np.array([30.0, 30.1, np.nan, -np.inf])
    assert YOUNG.holds(ages).tolist() == [True, False, False, True]
    assert GONE.holds(ages).tolist() == [False, False, True, False]
    words = np.array(["rent", "own", None], dtype=object)
    assert RENTS.holds(words).tolist() == [True, False, False]
    either = Condition(feature="housing", text="", values=("own",), missing=True)
    assert either.holds(words).tolist() == [False, True, True]
    days = np.array(["1970-01-02", "1970-01-05", "NaT"], dtype="M8[D]")
    early = Condition(feature="day", text="", high=1.0)
    assert early.holds(days).tolist() == [True, False, False]
    yes = Condition(feature="ok", text="", values=(True,))
    assert yes.holds(np.array([True, False])).tolist() == [True, False]


def test_a_rule_covers_rows_where_all_conditions_hold():
    columns = {"age": np.array([20.0, 20.0, 40.0]), "housing": np.array(["rent", "own", "rent"])}
    assert rule(YOUNG, RENTS).covers(columns).tolist() == [True, False, False]
    assert rule().covers(columns).all()
    with pytest.raises(ColumnMismatch, match="housing"):
        rule(RENTS).covers({"age": columns["age"]})


def test_selecting_keeps_the_axis():
    found = rules(rule(YOUNG), rule(RENTS), rule(), coords={"sample": ["a", "b", "a"]})
    assert len(found.sel(sample="a")) == 2
    assert found.isel(sample=1).labels == ("b",)
    assert found.isel(sample=[2, 0]).labels == ("a", "a")
    assert found.isel(sample=slice(1, None))[0].text == "housing is rent"
    assert [each.text for each in found] == ["age ≤ 30", "housing is rent", "always"]
    with pytest.raises(AxisError, match="feature"):
        found.isel(feature=0)
    with pytest.raises(AxisError, match="no place 9"):
        found[9]


def test_top_keeps_what_covers_most_and_a_list_keeps_its_order():
    wide, narrow = rule(YOUNG, covered=50), rule(RENTS, covered=5)
    assert rules(narrow, wide).top(1)[0].text == "age ≤ 30"
    assert listed(narrow, wide).top(1)[0].text == "housing is rent"
    with pytest.raises(InvalidSetting, match="top"):
        rules(wide).top(0)


def test_the_end_of_a_list_says_otherwise():
    found = listed(rule(YOUNG), rule())
    assert [found.text(i) for i in range(2)] == ["age ≤ 30", "otherwise"]
    assert rules(rule()).text(0) == "always"


def test_what_is_saved_comes_back(tmp_path):
    score = Score(metric="accuracy", value=0.9, low=0.8, high=0.95, n=30)
    given = rules(
        rule(YOUNG, RENTS, GONE), rule(prediction=2.5, within=0.1, value=np.nan), fidelity=(score,)
    )
    back = Explanation.load(given.save(tmp_path / "rules.pel"))
    assert isinstance(back, Rules)
    assert back.rules[0] == given.rules[0]
    assert back.rules[1].prediction == 2.5
    assert np.isnan(back.rules[1].value)
    assert (back.dims, back.coords, back.fidelity) == (given.dims, given.coords, (score,))
    assert back.provenance == given.provenance
    with pytest.raises(UnreadableFile, match="another kind"):
        Scores.load(tmp_path / "rules.pel")


def test_a_frame_and_a_dictionary_hold_everything():
    given = listed(rule(YOUNG), rule(prediction="accepted"))
    frame = given.to_frame(backend="pyarrow").to_pydict()
    assert frame["rule"] == [1, 2]
    assert frame["conditions"] == ["age ≤ 30", "otherwise"]
    assert frame["prediction"] == ["refused", "accepted"]
    assert frame["precision"] == [0.97, 0.97]
    assert frame["coverage_high"] == [0.08, 0.08]
    plain = json.loads(json.dumps(given.to_dict()))
    assert plain["kind"] == "rules"
    assert plain["rules"][0]["conditions"][0]["text"] == "age ≤ 30"


def test_it_prints_its_rules_and_escapes_them():
    odd = Condition(feature="a", text="a is <b>", values=("<b>",))
    found = rules(rule(odd), rule(YOUNG))
    assert "age ≤ 30" in repr(found)
    assert "95, 98" in repr(found)
    assert "&lt;b&gt;" in found._repr_html_()


def test_what_contradicts_itself_is_refused():
    with pytest.raises(InvalidSetting, match="counts"):
        rule(agreed=101)
    with pytest.raises(InvalidSetting, match="No number"):
        Condition(feature="a", text="", low=2.0, high=1.0)
    with pytest.raises(InvalidSetting, match="arranged"):
        rules(rule(), arranged="heap")
    with pytest.raises(AxisError, match="1 places"):
        rules(rule(), coords={"sample": [1, 2]})
