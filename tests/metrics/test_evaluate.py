"""`pellucid.evaluate`: what it takes, what it refuses, and what it says where it cannot judge."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import AxisError, InvalidData, InvalidSetting, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.metrics.evaluate import known_metrics
from pellucid.metrics.faithfulness.deletion import Deletion
from twins.honest_methods import Brute, Sampled, linear

RNG = np.random.default_rng(0)
X, BACKGROUND = RNG.normal(size=(30, 4)), RNG.normal(size=(10, 4))
MODEL = linear([3.0, -2.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def att():
    return Brute().explain(MODEL, X, background=BACKGROUND)


def judge(att, model=MODEL, rows=X, seed=0, **settings):
    settings = {"background": BACKGROUND, "method": Brute(), **settings}
    return pel.evaluate(att, model, rows, seed=seed, **settings)


def test_every_metric_is_found_in_its_folder() -> None:
    assert set(known_metrics()) == {
        "batch_invariance", "completeness", "input_invariance", "non_sensitivity",
        "label_randomisation", "parameter_randomisation", "random_logit", "roar",
        "complexity", "consistency", "neighbours",
        "irof", "plausibility", "random_subsets", "removal_curve", "road", "single_removal",
        "additivity", "agreement", "deletion", "reseeding", "sampling_error", "stability"
    }  # fmt: skip


def test_every_score_is_one_plain_sentence_with_its_number(att) -> None:
    for row in judge(att):
        assert row.text[-1] == "."
        assert row.text[0].isupper()
        assert any(letter.isdigit() for letter in row.text) or row.passed is None


def test_the_same_seed_gives_the_same_scores(att) -> None:
    first, again, other = judge(att), judge(att), judge(att, seed=1)
    assert first.to_dict()["rows"] == again.to_dict()["rows"]
    assert first.to_dict()["rows"] != other.to_dict()["rows"]


def test_a_drawn_seed_is_recorded_and_makes_the_scores_again(att) -> None:
    first = judge(att, seed=None)
    assert judge(att, seed=first.seed).to_dict()["rows"] == first.to_dict()["rows"]


def test_a_metric_says_the_same_alone_and_among_others(att) -> None:
    assert judge(att, metrics="deletion")["deletion"] == judge(att)["deletion"]


def test_provenance_says_what_was_judged_and_what_it_cost(att) -> None:
    calls = []

    def counted(rows):
        calls.append(len(rows))
        return MODEL(rows)

    counting = replace(att, provenance=replace(att.provenance, model_fingerprint=""))
    scores = judge(counting, model=counted)
    assert scores.method == "evaluate"
    assert scores.params["explained"] == "brute"
    assert scores.params["rows"] == 30
    assert "Deletion" in " ".join(scores.params["metrics"])
    assert scores.evaluations == pytest.approx(sum(calls), abs=10)  # recognising the model is free
    assert scores.seconds > 0
    assert scores.scale == "raw"


def test_scores_are_saved_and_read_again(att, tmp_path) -> None:
    scores = judge(att)
    again = pel.Explanation.load(scores.save(tmp_path / "scores.zip"))
    assert again.to_dict() == scores.to_dict()


def test_rows_and_model_are_left_as_they_were(att) -> None:
    rows, background = X.copy(), BACKGROUND.copy()
    values = att.values.copy()
    judge(att, rows=rows, background=background)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(background, BACKGROUND)
    np.testing.assert_array_equal(att.values, values)


def test_a_batch_size_does_not_change_the_scores(att) -> None:
    assert judge(att, batch_size=7).to_dict()["rows"] == judge(att).to_dict()["rows"]


def test_many_rows_are_cut_and_it_is_said(att) -> None:
    assert judge(att).params["rows"] == 30
    few = pel.evaluate(att, MODEL, X, background=BACKGROUND, method=Brute(), rows=12, seed=0)
    assert few.params["rows"] == 12
    assert few.ok
    assert "12 of 30 rows" in " ".join(few.notes)


def test_a_budget_cuts_rows_and_it_is_said(att) -> None:
    scores = judge(att, metrics=Deletion(budget=3000))
    assert scores["deletion"].n == 3000 // (2 * 12 * 10)
    assert "12 of 30 rows" in " ".join(scores.notes)
    assert scores.evaluations < 3000 + 30 + 10 + 100


def test_one_row_gives_numbers_without_verdicts_from_an_interval() -> None:
    att = Brute().explain(MODEL, X[:1], background=BACKGROUND)
    scores = judge(att, rows=X[:1])
    assert scores["additivity"].passed
    assert scores["stability"].passed
    for metric in ("deletion", "agreement", "agreement_global"):
        assert scores[metric].passed is None
        assert np.isfinite(scores[metric].value)
        assert "fewer than 10 rows" in scores[metric].text


def test_one_row_without_background_has_nothing_to_remove_features_with() -> None:
    att = Brute().explain(MODEL, X[:1], background=BACKGROUND)
    scores = judge(att, rows=X[:1], background=None)
    assert "no background rows" in scores["deletion"].text
    assert "was not given" in scores["stability"].text
    assert scores["additivity"].passed


def test_one_feature_has_no_order() -> None:
    model = linear([2.0])
    att = Brute().explain(model, X[:, :1], background=BACKGROUND[:, :1])
    scores = judge(att, model, X[:, :1], background=BACKGROUND[:, :1])
    assert scores.ok
    assert scores["additivity"].passed
    assert scores["deletion"].text == "Not measured: there is only one feature."


def test_a_constant_model_gives_no_false_pass() -> None:
    def constant(rows):
        return np.full(len(rows), 7.0)

    for shares in (np.zeros_like(X), RNG.normal(size=X.shape) * 1e-13):
        att = Brute().explain(constant, X, background=BACKGROUND)
        scores = judge(replace(att, values=shares), constant)
        for metric in ("deletion", "agreement", "agreement_global", "stability"):
            if metric == "stability" and shares.any():
                continue
            assert scores[metric].passed is None, scores[metric].text
            assert "nothing to" in scores[metric].text
    liar = replace(att, values=RNG.normal(size=X.shape))
    assert not judge(liar, constant).ok


def test_a_method_that_does_not_promise_to_add_up_is_not_held_to_it(att) -> None:
    class NoPromise(Brute):
        laws = frozenset()

    other = replace(att, provenance=replace(att.provenance, method="no_promise"))
    score = judge(other, method=NoPromise(), metrics="additivity")["additivity"]
    assert score.passed is None
    assert np.isnan(score.value)
    assert "does not promise" in score.text


def test_values_from_elsewhere_are_judged_without_being_made_again() -> None:
    shares = (X - BACKGROUND.mean(axis=0)) * np.array([3.0, -2.0, 1.0, 0.0])
    found = pel.Attribution(
        values=shares,
        dims=("sample", "feature"),
        coords={"sample": range(30), "feature": ["x0", "x1", "x2", "x3"]},
        base=np.full(30, MODEL(BACKGROUND).mean()),
        provenance=Provenance(method="theirs"),
    )
    scores = judge(found, method=None)
    assert scores["additivity"].value < 1e-14
    assert scores["additivity"].passed is None
    assert scores["deletion"].passed
    assert scores["agreement"].passed
    assert "give it as method=" in scores["stability"].text
    assert scores["sampling_error"].passed is None


def test_another_background_is_told_and_nothing_is_explained_again(att) -> None:
    scores = judge(att, background=BACKGROUND[:5])
    assert "is not the one" in scores["stability"].text
    assert scores["deletion"].passed


def test_without_a_background_the_rows_themselves_are_the_reference() -> None:
    att = Brute().explain(MODEL, X)
    scores = judge(att, background=None)
    assert scores.ok
    assert scores["stability"].passed
    assert "serve as the reference" in " ".join(scores.notes)
    few = pel.evaluate(att, MODEL, X, method=Brute(), rows=15, seed=0)
    assert few["stability"].passed


def test_the_rows_must_be_those_explained(att) -> None:
    with pytest.raises(InvalidData, match="another number of rows"):
        judge(att, rows=X[:5])
    with pytest.raises(InvalidData, match="other values in 'x0'"):
        judge(att, rows=X + 1)
    with pytest.raises(InvalidData, match="other rows"):
        judge(att, rows=X[::-1])


def test_part_of_an_explanation_is_judged_on_its_rows(att) -> None:
    part = att.isel(sample=slice(0, 20))
    assert judge(part, rows=X[:20]).ok


def test_the_order_of_features_does_not_matter(att) -> None:
    turned = att.isel(feature=[3, 1, 0, 2])
    assert judge(turned).to_dict()["rows"] == judge(att).to_dict()["rows"]


def test_the_model_must_be_the_one_explained(att) -> None:
    with pytest.raises(InvalidData, match="another model"):
        judge(att, model=linear([1.0, 1.0, 1.0, 1.0]))


def test_a_function_that_keeps_a_memory_is_still_the_one_explained() -> None:
    memory = []

    def remembers(rows):
        memory.append(len(rows))
        return MODEL(rows)

    att = Brute().explain(remembers, X, background=BACKGROUND)
    scores = judge(att, remembers)
    assert scores.ok
    assert "predicts the same" in " ".join(scores.notes)


def test_what_is_no_value_for_each_row_and_feature_is_refused(att) -> None:
    for wrong in (att.mean("sample"), att.isel(sample=0), att.sum("feature")):
        with pytest.raises(AxisError, match="each row and feature"):
            judge(wrong)
    with pytest.raises(InvalidData, match="other features"):
        judge(att.top(2))
    with pytest.raises(InvalidSetting, match="Only attributions"):
        judge(judge(att, metrics="additivity"))


def test_names_and_settings_that_are_not_known_are_refused(att) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'deletion'"):
        judge(att, metrics="deletions")
    with pytest.raises(InvalidSetting, match="nothing to measure"):
        judge(att, metrics=[])
    with pytest.raises(InvalidSetting, match="metric is a recipe"):
        judge(att, metrics=[3])
    with pytest.raises(InvalidSetting, match="rows is a number"):
        pel.evaluate(att, MODEL, X, rows=0)
    with pytest.raises(InvalidSetting, match="another method"):
        judge(att, method=Sampled())


def test_settings_come_back_from_a_saved_explanation(att, tmp_path) -> None:
    again = pel.Explanation.load(att.save(tmp_path / "att.zip"))
    assert json.dumps(dict(again.params)) == json.dumps(dict(att.params))
    assert judge(again).to_dict()["rows"] == judge(att).to_dict()["rows"]


def test_of_several_classes_the_predicted_one_is_judged() -> None:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    rows, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(rows, y)
    att = Brute().explain(model.predict_proba, rows[::4], background=rows[::10])
    assert att.dims == ("sample", "feature", "class")
    scores = judge(att, model.predict_proba, rows[::4], background=rows[::10])
    assert scores.ok, [row.text for row in scores.failures]
    assert scores.groups == ("predicted class",)
    values = np.array(att.values)
    values[3, 0, 0] += 0.1
    liar = replace(att, values=values)
    liars = judge(liar, model.predict_proba, rows[::4], background=rows[::10])
    assert liars["additivity"].passed is False
    one = att.sel(**{"class": 1})
    with pytest.raises(InvalidSetting, match="which output"):
        judge(one, model.predict_proba, rows[::4], background=rows[::10])
    assert judge(one, model.predict_proba, rows[::4], background=rows[::10], target=1).ok


def test_several_outputs_of_a_regression_are_groups() -> None:
    weights = np.array([[3.0, 0.1], [-2.0, 0.2], [1.0, -4.0], [0.0, 2.0]])

    def model(rows):
        return rows @ weights

    att = Brute().explain(model, X, background=BACKGROUND)
    assert att.dims == ("sample", "feature", "output")
    scores = judge(att, model)
    assert scores.groups == ("0", "1")
    assert scores.ok
    values = np.array(att.values)
    values[:, :, 1] = values[:, ::-1, 1]
    liars = judge(replace(att, values=values), model)
    assert {row.group for row in liars.failures} == {"1"}


def test_categories_missing_values_and_whole_numbers_are_not_nudged() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "job": ["clerk", "cook", "clerk", None] * 5,
            "children": [0, 1, 2, 3] * 5,
            "income": np.where(np.arange(20) % 5 == 0, np.nan, RNG.normal(100, 20, 20)),
            "member": [True, False] * 10,
        }
    )
    seen = []

    def model(table):
        seen.append(table)
        job = table["job"].map({"clerk": 1.0, "cook": 5.0}).astype(float).fillna(0.0)
        return job + table["children"] + table["income"].fillna(90.0) / 20 + 2.0 * table["member"]

    att = Brute().explain(model, frame, background=frame)
    scores = judge(att, model, frame, background=frame)
    assert scores.ok, [row.text for row in scores.failures]
    for table in seen:
        assert set(table["job"].dropna()) <= {"clerk", "cook"}
        assert set(table["children"]) <= {0, 1, 2, 3}
        assert set(table["member"]) <= {True, False}


def test_rows_of_categories_alone_cannot_be_changed_a_little() -> None:
    pd = pytest.importorskip("pandas")
    rows = pd.DataFrame({"a": ["u", "v"] * 10, "b": ["p", "p", "q", "q"] * 5})

    def model(table):
        return 2.0 * (table["a"] == "u") + (table["b"] == "p")

    att = Brute().explain(model, rows)
    scores = judge(att, model, rows, background=None)
    assert "no column holds numbers" in scores["stability"].text
    assert scores.ok


def test_it_says_so_where_features_are_replaced_from_other_rows_than_were_explained(att) -> None:
    def said(found):
        return [note for note in found.notes if "values of other rows" in note]

    assert not said(judge(att))
    assert "not the one" in said(judge(att, background=BACKGROUND + 1.0))[0]
    assert "was not given" in said(judge(att, background=None))[0]
    without = Brute().explain(MODEL, X)
    assert not said(judge(without, background=None))
    assert "without a background" in said(judge(without))[0]
