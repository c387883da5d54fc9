"""The library's own methods before the judge: honest ones hold on real models and tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.metrics.agreement.agreement import Agreement
from pellucid.metrics.axioms.additivity import Additivity
from pellucid.metrics.faithfulness.deletion import Deletion
from pellucid.metrics.robustness.reseeding import Reseeding
from pellucid.metrics.robustness.sampling_error import SamplingError
from pellucid.metrics.robustness.stability import Stability


@pytest.fixture(scope="module")
def forest():
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import RandomForestRegressor

    X, y = load_diabetes(return_X_y=True)
    X = X[:, :6]
    model = RandomForestRegressor(20, min_samples_leaf=5, random_state=0).fit(X, y)
    return model, X[::12], X[5::30]


@pytest.fixture(scope="module")
def mixed():
    """A pipeline on text, numbers and missing values."""
    pd = pytest.importorskip("pandas")
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "job": rng.choice(["clerk", "cook", "judge"], 300),
            "age": rng.integers(18, 80, 300),
            "income": np.where(rng.random(300) < 0.1, np.nan, rng.normal(50, 15, 300)),
            "member": rng.random(300) < 0.5,
        }
    )
    chance = 2.0 * (X["job"] == "judge") + X["age"] / 20 + 1.5 * X["member"] - 4
    y = (chance + rng.logistic(size=300) > 0).map({True: "yes", False: "no"})
    encoder = make_column_transformer(
        (OneHotEncoder(), ["job"]), (SimpleImputer(), ["income"]), remainder="passthrough"
    )
    forest = RandomForestClassifier(30, min_samples_leaf=5, random_state=0)
    return make_pipeline(encoder, forest).fit(X, y), X.iloc[:40], X.iloc[100:140]


def attributions(model, X, background):
    for row in pel.methods(model):
        if row["fits"]:
            try:
                found = pel.explain(model, X, background=background, method=row["name"], seed=0)
            except pel.PellucidError:  # it needs y
                continue
            if isinstance(found, pel.Attribution) and found.dims[:2] == ("sample", "feature"):
                yield row, found


@pytest.mark.parametrize("world", ["forest", "mixed"])
def test_every_method_that_fits_is_honest(world, request) -> None:
    model, X, background = request.getfixturevalue(world)
    judged = []
    for row, attribution in attributions(model, X, background):
        scores = pel.evaluate(attribution, model, X, background=background, seed=0)
        judged.append(row["name"])
        excused = set() if row["exact"] else {"sampling_error", "certain_order", "reseeding"}
        if "efficiency" not in row["laws"]:  # LIME asks another question
            excused.add("agreement_global")
        failed = [r.text for r in scores.failures if r.metric not in excused]
        assert not failed, (row["name"], failed)
        assert (scores["additivity"].passed is True) == ("efficiency" in row["laws"])
        assert scores["stability"].passed
    assert "tree_shap" in judged


def test_what_is_said_of_classes_is_said_of_the_other_class_too(mixed) -> None:
    model, X, background = mixed
    att = pel.explain(model, X, background=background, target="no")
    scores = pel.evaluate(att, model, X, background=background, seed=0)
    assert scores.ok, [row.text for row in scores.failures]
    assert scores.target == "no"


def test_without_a_background_trees_are_explained_again_as_before(mixed) -> None:
    model, X, _ = mixed
    att = pel.explain(model, X, method="tree_shap")
    scores = pel.evaluate(att, model, X, seed=0)
    assert scores["stability"].passed
    assert scores["additivity"].passed


def test_shares_of_another_row_are_caught_in_a_pipeline(mixed) -> None:
    model, X, background = mixed
    att = pel.explain(model, X, background=background)
    liar = replace(att, values=np.roll(att.values, 7, axis=0))
    failed = {row.metric for row in pel.evaluate(
        liar, model, X, background=background, seed=0).failures}  # fmt: skip
    assert failed >= {"additivity", "stability"}


def test_a_saved_sampler_is_run_again_with_its_own_settings(forest, tmp_path) -> None:
    model, X, background = forest
    att = pel.explain(model, X, background=background, method="lime", budget=400, seed=3)
    again = pel.Attribution.load(att.save(tmp_path / "lime.zip"))
    first, second = (
        pel.evaluate(
            each, model, X, background=background, metrics=["stability", "reseeding"], seed=0
        )
        for each in (att, again)
    )
    assert first.to_dict()["rows"] == second.to_dict()["rows"]
    assert first["stated_error"].passed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Deletion(steps=0),
        lambda: Deletion(orders=2.5),
        lambda: Stability(noise=-0.1),
        lambda: Reseeding(seeds=0),
        lambda: Agreement(donors=0),
        lambda: Additivity(tolerance=0),
        lambda: SamplingError(top=0),
    ],
)
def test_a_setting_outside_its_range_is_refused(wrong) -> None:
    with pytest.raises(InvalidSetting):
        wrong()
