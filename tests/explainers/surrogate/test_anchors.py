import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from pellucid.core.errors import InvalidSetting
from pellucid.explainers.surrogate import anchor_search
from pellucid.explainers.surrogate.anchor_search import narrowed
from pellucid.explainers.surrogate.anchors import Anchors


def table(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "d"])
    X["b"] += 0.7 * X["a"]
    X.loc[rng.random(n) < 0.15, "c"] = np.nan
    X["job"] = rng.choice(["clerk", "cook", "pilot"], n)
    X["count"] = rng.integers(0, 6, n)
    return X


def chance(T):
    """A smooth model of two classes in which no rule is precise by construction."""
    a, b, c = (np.asarray(T[name], dtype=float) for name in "abc")
    job, count = np.asarray(T["job"]), np.asarray(T["count"], dtype=float)
    score = 2 * a - b * (count - 2) + np.where(np.isnan(c), 1.5, np.sin(3 * c))
    score = score + np.where(job == "cook", 1.5, 0.0)
    yes = 0.5 + 0.5 * np.tanh(score / 2)
    return np.column_stack([1 - yes, yes])


def draws(rule, X, count, rng):
    """Rows that meet a rule, as the paper's code for tables draws them, on the user's values."""
    rows = X.iloc[rng.integers(len(X), size=count)].reset_index(drop=True)
    for condition in rule.conditions:
        name = condition.feature
        broken = ~condition.holds(rows[name].to_numpy())
        pool = X[name].to_numpy()[condition.holds(X[name].to_numpy())]
        fresh = rows[name].to_numpy().copy()
        fresh[broken] = rng.choice(pool, broken.sum())
        rows[name] = fresh
    return rows


def truth(rule, X, own, rng, count=10_000):
    return np.mean(np.argmax(chance(draws(rule, X, count, rng)), axis=1) == own)


def test_the_stated_precision_is_met_on_held_out_draws():
    X, rng = table(), np.random.default_rng(9)
    rows = X.head(120)
    found = Anchors().explain(chance, rows, background=X, seed=1)
    own = np.argmax(chance(rows), axis=1)
    true = np.array([truth(rule, X, mine, rng) for rule, mine in zip(found, own, strict=True)])
    low = np.array([rule.precision_low for rule in found])
    high = np.array([rule.precision_high for rule in found])
    accepted = low >= 0.95
    assert accepted.mean() > 0.5
    assert np.mean(true[accepted] >= 0.95) >= 0.95
    assert np.mean((low <= true) & (true <= high)) >= 0.95


def test_the_stated_coverage_is_that_of_rows_never_seen():
    X, fresh = table(), table(60_000, seed=5)
    found = Anchors().explain(chance, X.head(80), background=X, seed=2)
    columns = {name: fresh[name].to_numpy() for name in fresh}
    true = np.array([rule.covers(columns).mean() for rule in found])
    low = np.array([rule.coverage_low for rule in found])
    high = np.array([rule.coverage_high for rule in found])
    assert np.mean((low <= true) & (true <= high)) >= 0.95
    assert found[0].rows == 750


def test_every_row_meets_its_own_rule_in_the_users_values():
    X = table()
    found = Anchors().explain(chance, X.head(60), background=X, seed=0)
    columns = {name: X[name].head(60).to_numpy() for name in X}
    for place, rule in enumerate(found):
        assert rule.covers(columns)[place]
        assert rule.prediction == int(chance(X.iloc[[place]])[0].argmax())
        assert rule.value == pytest.approx(chance(X.iloc[[place]])[0].max())


def test_a_planted_rule_is_found_in_full_and_alone():
    X = table()

    def model(T):
        hit = (np.asarray(T["job"]) == "cook") & np.isnan(np.asarray(T["c"], dtype=float))
        return np.column_stack([~hit, hit]).astype(float)

    hit = X[(X["job"] == "cook") & X["c"].isna()].head(6)
    found = Anchors().explain(model, hit, background=X, seed=0)
    assert {rule.text for rule in found} == {"c is missing and job is cook"}
    miss = Anchors().explain(model, X[X["job"] == "pilot"].head(4), background=X, seed=0)
    assert {rule.text for rule in miss} <= {"job is pilot", "c is known", "always"}


def test_rows_together_are_rows_apart_to_the_last_bit():
    X = table()
    together = Anchors().explain(chance, X.head(6), background=X, seed=4)
    for place in range(6):
        alone = Anchors().explain(chance, X.iloc[[place]], background=X, seed=4)
        assert alone[0] == together[place]


def test_forgetting_changes_nothing_but_the_cost(monkeypatch):
    X = table()
    whole = Anchors().explain(chance, X.head(12), background=X, seed=4)
    monkeypatch.setattr("pellucid.explainers.surrogate.anchors.TOGETHER", 3)
    monkeypatch.setattr("pellucid.explainers.surrogate.anchors.REMEMBERED", 0)
    parts = Anchors().explain(chance, X.head(12), background=X, seed=4)
    assert parts.rules == whole.rules
    assert parts.evaluations > whole.evaluations


def test_rows_share_their_draws_and_their_calls():
    X, calls = table(), []

    def model(T):
        calls.append(len(T))
        return chance(T)

    one = Anchors().explain(model, X.head(1), background=X, seed=0).evaluations
    calls.clear()
    many = Anchors().explain(model, X.head(40), background=X, seed=0)
    assert many.evaluations < 40 * one / 2
    assert len(calls) < 150


def test_a_constant_answer_needs_no_condition():
    X = table()
    found = Anchors().explain(
        lambda T: np.tile([0.2, 0.8], (len(T), 1)), X.head(2), background=X, seed=0
    )
    assert [rule.text for rule in found] == ["always", "always"]
    assert found[0].coverage == 1


def test_numbers_count_as_the_same_within_a_distance():
    X = table()
    model = lambda T: 10.0 * np.asarray(T["a"])  # noqa: E731
    found = Anchors(bins=8, within=30.0).explain(model, X.head(5), background=X, seed=0)
    assert all(set(rule.features) <= {"a"} for rule in found)
    assert found[0].within == 30.0
    usual = Anchors().explain(model, X.head(2), background=X, seed=0)
    assert any("half a standard deviation" in note for note in usual.notes)
    assert usual[0].within == pytest.approx(5 * X["a"].std(), rel=0.05)


def test_of_many_classes_the_one_chosen_is_explained_and_one_may_be_asked_about():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(20, random_state=0).fit(X, y)
    rows = X.iloc[[0, 60, 120]]
    found = Anchors().explain(model, rows, background=X, seed=0)
    assert [rule.prediction for rule in found] == [0, 1, 2]
    asked = Anchors().explain(model, rows, background=X, seed=0, target=2)
    assert [rule.prediction for rule in asked] == ["not 2", "not 2", 2]


def test_where_no_rule_will_do_this_is_said():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["a", "b"])
    noise = lambda T: np.modf(1e4 * np.asarray(T["a"]))[0][:, None] * [1, -1] + 0.5  # noqa: E731
    found = Anchors().explain(noise, X.head(3), background=X, seed=0, target=0)
    assert any("No rule could be shown" in note for note in found.notes)
    assert all(rule.precision_low < 0.95 for rule in found)


def test_few_background_rows_and_one_row_are_enough():
    X = table(12)
    found = Anchors().explain(chance, X.head(1), background=X, seed=0)
    assert len(found) == 1
    assert any("too few to be parted" in note for note in found.notes)


def test_a_category_never_seen_and_values_beyond_the_background_do_no_harm():
    X = table()
    odd = X.head(2).assign(job=["judge", "cook"], a=[1e9, -1e9], count=[99, -99])
    found = Anchors().explain(chance, odd, background=X, seed=0)
    assert all("judge" not in rule.text for rule in found)
    columns = {name: odd[name].to_numpy() for name in odd}
    assert all(rule.covers(columns)[i] for i, rule in enumerate(found))


def test_two_limits_on_a_column_become_one():
    assert narrowed(((0, 1, 3),), (0, 2, 5)) == ((0, 2, 3),)
    assert narrowed(((2, 1, 1),), (0, 2, 5)) == ((0, 2, 5), (2, 1, 1))


class Coins(anchor_search.Search):
    """A search whose rules are coins with known throws."""

    def __init__(self, known, beam, precision):
        for name, value in {"known": known, "beam": beam, "precision": precision}.items():
            object.__setattr__(self, name, value)

    def hits(self, rule, count):
        return int(self.known[rule][:count].sum())

    def coverage(self, rule):
        return 0.0


def test_best_arms_are_told_from_others():
    """KL-LUCB on coins: the beam holds arms within CLOSE of the best, 95 % of the time."""
    rng = np.random.default_rng(0)
    shares = np.array([0.95, 0.9, 0.6, 0.55, 0.5, 0.4, 0.3, 0.2])
    arms, misses, spent = [((j, 1, 1),) for j in range(8)], 0, []
    for _ in range(200):
        coins = (rng.random((8, anchor_search.MOST)) < shares[:, None]).astype(float)
        search = Coins(known=dict(zip(arms, coins, strict=True)), beam=2, precision=0.99)
        steps, wanted = search.best_arms(arms), []
        try:
            while True:
                wanted = next(steps)
        except StopIteration as end:
            chosen = {rule[0][0] for rule in end.value[0]}
        misses += min(shares[list(chosen)]) < 0.9 - anchor_search.CLOSE
        spent.append(sum(each.count for each in wanted))
    assert misses <= 10
    assert np.mean(spent) < 8 * anchor_search.MOST / 4


def test_a_wrong_setting_is_refused():
    for wrong in ({"precision": 1.0}, {"confidence": 0}, {"bins": 1}, {"beam": 0}, {"within": -1}):
        with pytest.raises(InvalidSetting, match=next(iter(wrong))):
            Anchors(**wrong)
