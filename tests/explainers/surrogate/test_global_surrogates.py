import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeRegressor

import pellucid as pel
from pellucid.core.errors import EmptyData, InvalidSetting
from pellucid.explainers.surrogate.rule_list import RuleList
from pellucid.explainers.surrogate.surrogate_tree import SurrogateTree

BOTH = pytest.mark.parametrize("recipe", [SurrogateTree(), RuleList()], ids=lambda r: r.name())


def table(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    X.loc[rng.random(n) < 0.2, "b"] = np.nan
    return X.assign(job=rng.choice(["clerk", "cook", "pilot", "judge"], n))


def planted(T):
    """If cook and a > 0: 10; else if b is missing: −5; else 0."""
    cook = (np.asarray(T["job"]) == "cook") & (np.asarray(T["a"], dtype=float) > 0)
    gone = np.isnan(np.asarray(T["b"], dtype=float))
    return np.where(cook, 10.0, np.where(gone, -5.0, 0.0))


def classes(T):
    number = planted(T)
    return np.stack([number == -5, number == 0, number == 10], axis=1).astype(float)


def said(found, X):
    """What the rules say of rows, read as a user reads them."""
    columns = {name: X[name].to_numpy() for name in X}
    met = np.stack([rule.covers(columns) for rule in found])
    if found.arranged == "leaves":
        assert np.all(met.sum(axis=0) == 1)
    decides = np.argmax(met, axis=0)
    return np.array([rule.prediction for rule in found])[decides], decides


def test_a_planted_list_is_found():
    found = RuleList(bins=2).explain(classes, table(), seed=0)
    assert [found.text(i) for i in range(3)][2] == "otherwise"
    assert len(found) == 3
    assert ("a > 0" in found.text(0) and "job is cook" in found.text(0)) or "b" in found.text(0)
    assert {rule.prediction for rule in found} == {0, 1, 2}
    fit = found.fidelity[0]
    assert fit.metric == "accuracy"
    assert fit.value > 0.97


def test_a_planted_tree_is_found():
    found = SurrogateTree(bins=16, leaves=4).explain(planted, table(), seed=0)
    texts = " | ".join(rule.text for rule in found)
    for part in ("job is cook", "b is missing", "job is not cook"):
        assert part in texts
    assert found.fidelity[0].value > 0.9


@BOTH
@pytest.mark.parametrize("model", [planted, classes])
def test_the_stated_fidelity_holds_on_rows_never_seen(recipe, model):
    X, fresh = table(), table(20_000, seed=7)
    found = recipe.explain(model, X, seed=0)
    told, _ = said(found, fresh)
    fit = found.fidelity[0]
    own = model(fresh)
    truth = accuracy_score(own.argmax(axis=1), told) if own.ndim == 2 else r2_score(own, told)
    assert fit.metric == ("accuracy" if own.ndim == 2 else "r2")
    assert fit.low - 0.01 <= truth <= fit.high + 0.01
    assert fit.n == 600


@BOTH
def test_precision_and_coverage_are_those_of_rows_never_seen(recipe):
    fresh = table(30_000, seed=7)
    inside = []
    for seed in range(3):
        found = recipe.explain(classes, table(seed=seed), seed=seed)
        _, decides = said(found, fresh)
        own = classes(fresh).argmax(axis=1)
        for place, rule in enumerate(found):
            here = decides == place
            inside.append(rule.coverage_low <= here.mean() <= rule.coverage_high)
            if rule.tried:
                share = np.mean(own[here] == rule.prediction)
                inside.append(rule.precision_low - 1e-9 <= share <= rule.precision_high + 1e-9)
    assert np.mean(inside) > 0.93


@BOTH
def test_the_interval_of_the_fidelity_is_calibrated(recipe):
    fresh, inside = table(8000, seed=99), []
    for seed in range(20):
        X = table(400, seed=seed)
        noisy = lambda T: np.asarray(T["a"]) * 2 + np.nan_to_num(np.asarray(T["b"]))  # noqa: E731
        found = recipe.explain(noisy, X, seed=seed)
        told, _ = said(found, fresh)
        truth = r2_score(noisy(fresh), told)
        inside.append(found.fidelity[0].low <= truth <= found.fidelity[0].high)
    assert np.mean(inside) >= 0.85


def test_the_tree_is_as_faithful_as_that_of_scikit_learn():
    X = table(3000)[["a", "c"]]
    model = lambda T: np.sin(2 * np.asarray(T["a"])) + np.asarray(T["c"]) ** 2  # noqa: E731
    found = SurrogateTree(leaves=12, bins=64).explain(model, X, seed=0)
    fresh = table(10_000, seed=3)[["a", "c"]]
    theirs = DecisionTreeRegressor(max_leaf_nodes=12, min_samples_leaf=21).fit(
        X.iloc[:2100].to_numpy(), model(X.iloc[:2100])
    )
    ours = r2_score(model(fresh), said(found, fresh)[0])
    assert ours > r2_score(model(fresh), theirs.predict(fresh.to_numpy())) - 0.03


def test_a_list_says_nothing_where_there_is_nothing_to_say():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(800, 6)))
    noise = lambda T: np.modf(1e5 * np.abs(np.asarray(T)[:, 0]))[0]  # noqa: E731
    found = RuleList().explain(noise, X, seed=0)
    assert len(found) == 1
    assert found.text(0) == "always"


@BOTH
def test_the_rules_of_a_forest_name_its_classes(recipe):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(20, random_state=0).fit(X, y)
    found = recipe.explain(model, X.head(5), background=X, seed=0)
    assert {rule.prediction for rule in found} == {0, 1, 2}
    assert found.evaluations == 150
    assert found.fidelity[0].value > 0.85
    assert any("conditions on average" in note for note in found.notes)


@BOTH
def test_rows_to_explain_count_once_with_the_background(recipe):
    X = table(200)
    found = recipe.explain(planted, X.head(50), background=X, seed=0)
    assert found.rules[0].rows == 60
    apart = recipe.explain(planted, table(100, seed=5), background=X, seed=0)
    assert apart.rules[0].rows == 90


@BOTH
def test_too_few_rows_and_several_outputs_are_refused(recipe):
    X = table(4)
    with pytest.raises(EmptyData, match="learns from rows"):
        recipe.explain(planted, X, seed=0)
    two = lambda T: np.stack([planted(T), planted(T) + 7], axis=1)  # noqa: E731
    with pytest.raises(InvalidSetting, match="one number"):
        recipe.explain(two, table(50), seed=0)
    assert len(recipe.explain(two, table(50), target=0, seed=0))


def test_a_wrong_setting_is_refused():
    for wrong in ({"leaves": 0}, {"bins": 1}, {"smallest": 0}, {"within": -1.0}):
        with pytest.raises(InvalidSetting, match=next(iter(wrong))):
            SurrogateTree(**wrong)
    for wrong in ({"rules": 0}, {"length": 0}, {"bins": 1}):
        with pytest.raises(InvalidSetting, match=next(iter(wrong))):
            RuleList(**wrong)


def answered(found, X, probability):
    """For each rule the mean probability of what it answers, over the rows it learnt from."""
    _, decides = said(found, X)
    return [probability[decides == place].mean(axis=0) for place in range(len(found))]


def leaning(T):
    """Three classes whose chances are known: cooks are 2, who has no b is 0, others mostly 1."""
    cook = np.asarray(T["job"]) == "cook"
    gone = np.isnan(np.asarray(T["b"], dtype=float))
    first = np.where(gone, 0.7, 0.1)
    last = np.where(cook, 0.9, 0.2) * (1 - first)
    return np.column_stack([first, 1 - first - last, last])


def against_one(T):
    """Two classes: the last of `leaning`, and the others."""
    chances = leaning(T)
    return np.column_stack([chances[:, :2].sum(axis=1), chances[:, 2]])


@BOTH
@pytest.mark.parametrize("target", [None, 0, 1])
def test_a_number_beside_one_of_two_classes_is_of_that_class(recipe, target):
    X = table()
    found = recipe.explain(against_one, X, target=target, seed=0)
    assert {rule.prediction for rule in found} == {0, 1}
    for rule, mean in zip(found, answered(found, X, against_one(X)), strict=True):
        assert rule.value == pytest.approx(mean[rule.prediction], abs=0.05)
        assert rule.value > 0.5
    assert all("probability of" not in text for text in pictured(found))


@BOTH
def test_of_one_of_three_classes_the_others_get_what_is_left(recipe):
    X = table()
    found = recipe.explain(leaning, X, target=2, seed=0)
    assert {rule.prediction for rule in found} == {2, "not 2"}
    for rule, mean in zip(found, answered(found, X, leaning(X)), strict=True):
        own = mean[2] if rule.prediction == 2 else 1 - mean[2]
        assert rule.value == pytest.approx(own, abs=0.05)


@BOTH
def test_log_odds_turn_with_the_class_and_are_silent_of_not_this_one(recipe):
    X, y = load_iris(return_X_y=True, as_frame=True)
    two = LogisticRegression(max_iter=500).fit(X, y == 1)
    for target in (None, False, True):
        found = recipe.explain(two, X, target=target, scale="logit", seed=0)
        assert all(rule.value > 0 for rule in found)
    three = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, y)
    found = recipe.explain(three, X, target=1, scale="logit", seed=0)
    for rule in found:
        assert np.isnan(rule.value) == (rule.prediction == "not 1")
    assert any(text.endswith("→ not 1") for text in pictured(found))


def pictured(found):
    """The rules as a picture words them."""
    spec = pel.show(found).to_dict()
    return [row["text"].replace("\n", " ") for row in spec["data"]["values"]]
