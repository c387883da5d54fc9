"""Global facts from parts are those of the whole table; a sample says its interval."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting, PellucidError
from pellucid.explainers.streamed.compared import Fairness, Permutation
from pellucid.explainers.streamed.job import explain_table
from pellucid.explainers.streamed.summaries import ALE, PDP, MeanAbs, pack, unpack

from .conftest import NAMES

SIDE = {"id": "customer", "leave_out": ["region"], "y": "answer", "seed": 0}


def summed(desk, folder, summaries, part_rows=400, **given):
    job = explain_table(
        desk.model, desk.rows, folder, summaries=summaries, part_rows=part_rows, **{**SIDE, **given}
    )
    return job.summaries


def test_mean_magnitudes_are_those_of_all_rows(desk, tmp_path) -> None:
    whole = pel.explain(desk.model, desk.features)
    size = np.abs(whole.values)
    for number, rows in enumerate((3000, 411, 50)):
        found = summed(desk, tmp_path / f"{number}", [MeanAbs()], rows)["mean_abs"]
        np.testing.assert_allclose(found.values, size.mean(axis=0), rtol=1e-12)
        error = size.std(axis=0, ddof=1) / np.sqrt(3000)
        np.testing.assert_allclose(found.error, error, rtol=1e-9)
        assert found.features == tuple(NAMES)


def test_partial_dependence_over_all_rows_is_that_of_the_whole(desk, tmp_path) -> None:
    found = summed(desk, tmp_path / "a", [PDP(points=6, rows=None)])["partial_dependence"]
    said = pel.explain(
        desk.model, desk.features, method=pel_effect("PartialDependence", points=6), scale="logit"
    )
    for ours, whole in zip(found, said, strict=True):
        assert ours.feature == whole.feature
        np.testing.assert_array_equal(ours.grid, whole.grid)
        np.testing.assert_allclose(ours.values, whole.values, rtol=0, atol=1e-9)
        np.testing.assert_allclose(ours.band, whole.band, rtol=0, atol=1e-7)


def test_accumulated_effects_over_all_rows_are_those_of_the_whole(desk, tmp_path) -> None:
    found = summed(desk, tmp_path / "a", [ALE(bins=6, rows=None)])["ale"]
    said = pel.explain(desk.model, desk.features, method=pel_effect("ALE", bins=6), scale="logit")
    for ours, whole in zip(found, said, strict=True):
        np.testing.assert_array_equal(ours.grid, whole.grid)
        np.testing.assert_allclose(ours.values, whole.values, rtol=0, atol=1e-6)
        np.testing.assert_allclose(ours.band, whole.band, rtol=0, atol=1e-6)


def pel_effect(name: str, **settings: int):
    from pellucid.explainers.effect import ale, partial_dependence

    return {"ALE": ale.ALE, "PartialDependence": partial_dependence.PartialDependence}[name](
        **settings
    )


def test_a_share_of_the_rows_is_as_far_off_as_its_interval_says(desk, tmp_path) -> None:
    """Of many points a few may lie outside their 95 % band; the rows do not depend on the cut."""
    every = summed(desk, tmp_path / "every", [PDP(points=8, rows=None)])["partial_dependence"]
    outside, points = 0, 0
    for seed in range(6):
        given = {"seed": seed}
        some = summed(desk, tmp_path / f"{seed}", [PDP(points=8, rows=400)], **given)
        again = summed(desk, tmp_path / f"b{seed}", [PDP(points=8, rows=400)], 3000, **given)
        for ours, other, whole in zip(
            some["partial_dependence"], again["partial_dependence"], every, strict=True
        ):
            np.testing.assert_allclose(ours.values, other.values, rtol=0, atol=1e-9)
            assert np.ptp(ours.band, axis=0).min() > 0
            middle = len(ours.grid) // 2
            low, high = ours.band[:, middle]
            outside += not low <= whole.values[middle] <= high
            points += 1
    assert outside <= 0.2 * points


def test_the_same_states_whoever_counts(desk, tmp_path) -> None:
    every = [
        MeanAbs(),
        PDP(points=4, rows=500),
        ALE(bins=4),
        Permutation(),
        Fairness(group="region"),
    ]
    kept = []
    for workers in (1, 2):
        folder = tmp_path / f"{workers}"
        summed(desk, folder, every, workers=workers)
        kept.append([path.read_bytes() for path in sorted((folder / "_receipts").glob("*.state"))])
    assert kept[0] == kept[1]
    assert len(kept[0]) > 5
    saved = pel.Attribution.load(tmp_path / "2" / "_summaries" / "mean_abs.pel")
    assert saved.features == tuple(NAMES)


# --- permutation importance


@pytest.fixture(scope="module")
def sorted_rows(tmp_path_factory):
    """Rows in the order of their most important column, as an export often is."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8000, 3))
    X = X[np.argsort(X[:, 0])]
    y = 3 * X[:, 0] + X[:, 1] + rng.normal(0, 0.1, 8000)
    path = tmp_path_factory.mktemp("sorted") / "rows.parquet"
    table = pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y})
    pq.write_table(table, path, row_group_size=200)
    model = LinearRegression().fit(table.select(["a", "b", "c"]).to_pandas(), y)
    return model, path


def test_a_sorted_column_keeps_its_importance(sorted_rows, tmp_path) -> None:
    """Shuffled within parts of 100 rows it would seem to have none (here 18 becomes 0.01).

    The truth of a linear model: 2 β² var(x).
    """
    model, path = sorted_rows
    job = explain_table(
        model, path, tmp_path / "out", y="y", summaries=[Permutation(rows=None)], part_rows=100,
        seed=0,
    )  # fmt: skip
    found = job.summaries["permutation_importance"]
    truth = 2 * np.square(model.coef_)
    assert abs(found.values[0] - truth[0]) < 3 * found.error[0]
    assert abs(found.values[1] - truth[1]) < 3 * found.error[1]
    assert found.error[0] < 0.1 * truth[0]
    assert abs(found.values[2]) < 0.001
    assert found.scale == "loss"
    np.testing.assert_allclose(found.base, 0.01, rtol=0.2)


def test_the_error_of_permutation_importance_covers_new_rows_and_new_reservoirs(tmp_path) -> None:
    """Over 60 draws of the table, the 95 % interval holds the truth, 2 β² var(x), often enough."""
    truth = 2 * 9.0
    hits = 0
    model = LinearRegression().fit(np.eye(2), [3.0, 0.0])
    model.coef_, model.intercept_ = np.array([3.0, 0.0]), 0.0
    rng = np.random.default_rng(0)
    for draw in range(60):
        X = rng.normal(size=(300, 2))
        table = pa.table({"a": X[:, 0], "b": X[:, 1], "y": 3 * X[:, 0]})
        job = explain_table(
            model, table, tmp_path / f"{draw}", y="y", seed=draw, workers=1, part_rows=300,
            summaries=[Permutation(rows=None)], background=table.select(["a", "b"]).slice(0, 5),
        )  # fmt: skip
        found = job.summaries["permutation_importance"]
        hits += abs(found.values[0] - truth) < 1.96 * found.error[0]
    assert 52 <= hits <= 60


# --- fairness


def test_decisions_are_counted_for_each_group(desk, tmp_path) -> None:
    from sklearn.metrics import accuracy_score, recall_score

    found = summed(desk, tmp_path / "a", [Fairness(group="region", threshold=0.4)])["fairness"]
    chance = desk.model.predict_proba(desk.features.to_pandas())[:, 1]
    region, answer = desk.table["region"].to_numpy(), desk.table["answer"].to_numpy()
    for group in ("north", "south", "west"):
        here = region == group
        said, truth = chance[here] >= 0.4, answer[here]
        rows = found.sel(group=group)
        assert rows["true_positive_rate"].value == recall_score(truth, said)
        assert rows["accuracy"].value == accuracy_score(truth, said)
        assert rows["selection_rate"].value == said.mean()
        assert rows["false_positive_rate"].value == said[truth == 0].mean()
        assert rows["selection_rate"].low < said.mean() < rows["selection_rate"].high
        assert rows["selection_rate"].n == here.sum()


@pytest.mark.parametrize(
    ("summary", "given", "words"),
    [
        (Permutation(), {"y": None, "leave_out": ["region", "answer"]}, "true answers"),
        (Fairness(group="regoin"), {}, "Did you mean 'region'"),
    ],
)
def test_a_summary_that_lacks_something_says_so(desk, tmp_path, summary, given, words) -> None:
    with pytest.raises(PellucidError, match=words):
        summed(desk, tmp_path / "out", [summary], **given)
    assert not list(tmp_path.iterdir())


def test_settings_that_make_no_sense_are_refused(tmp_path) -> None:
    with pytest.raises(InvalidSetting, match="does not merge"):
        Permutation(metric="roc_auc")
    with pytest.raises(InvalidSetting, match="0 to 1"):
        Fairness(group="sex", threshold=1.5)
    table = pa.table({"a": np.arange(9.0), "y": np.arange(9.0)})
    with pytest.raises(CannotExplain, match="classifier"):
        explain_table(
            LinearRegression().fit(table.select(["a"]).to_pandas(), np.arange(9.0)), table,
            tmp_path / "o", y="y", summaries=[Fairness(group="a")],
        )  # fmt: skip


def test_states_are_packed_and_found_again() -> None:
    for states in ([], [b""], [b"a", b"", b"ccc"]):
        assert unpack(pack(states)) == states
