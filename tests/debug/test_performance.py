"""Scores of models: scikit-learn's numbers, honest intervals, a baseline, and sentences."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from pellucid.core.errors import (
    EmptyData,
    InvalidData,
    InvalidSetting,
    MissingValues,
    PellucidError,
    UnknownName,
    WrongTarget,
)
from pellucid.core.scores import Scores
from pellucid.debug import classification_scores, regression_scores

DATA = Path(os.environ.get("PELLUCID_DATA", Path(__file__).parents[3] / "shared" / "data"))


def value(scores: Scores, metric: str, group: str = "") -> float:
    (row,) = scores.sel(metric=metric, group=group).rows
    return row.value


def two_classes(n: int = 300, decimals: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    ill = rng.random(n) < 0.35
    p = 1 / (1 + np.exp(-(rng.normal(size=n) + 2 * ill - 1)))
    return np.where(ill, "ill", "well"), np.round(p, decimals)


def many_classes(n: int = 400, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = rng.choice(k, n, p=[0.1, 0.2, 0.3, 0.4])
    raw = np.exp(rng.normal(size=(n, k)) + 1.5 * np.eye(k)[y])
    return y, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_two_classes_score_as_in_scikit_learn(threshold: float) -> None:
    y, p = two_classes()
    scores = classification_scores(
        y, np.column_stack([p, 1 - p]), ["ill", "well"], positive="ill", threshold=threshold, seed=0
    )
    said = np.where(p >= threshold, "ill", "well")
    ill = y == "ill"
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "precision": sk.precision_score(y, said, pos_label="ill"),
        "recall": sk.recall_score(y, said, pos_label="ill"),
        "f1": sk.f1_score(y, said, pos_label="ill"),
        "roc_auc": sk.roc_auc_score(ill, p),
        "pr_auc": sk.average_precision_score(ill, p),
        "log_loss": sk.log_loss(ill, p),
        "brier": sk.brier_score_loss(ill, p),
    }
    for metric, truth in expected.items():
        assert value(scores, metric) == pytest.approx(truth, abs=1e-12), metric


def test_more_classes_score_as_in_scikit_learn() -> None:
    y, p = many_classes()
    scores = classification_scores(y, p, [0, 1, 2, 3], seed=0)
    said = p.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "precision": sk.precision_score(y, said, average="macro"),
        "recall": sk.recall_score(y, said, average="macro"),
        "f1": sk.f1_score(y, said, average="macro"),
        "roc_auc": sk.roc_auc_score(y, p, multi_class="ovr"),
        "pr_auc": sk.average_precision_score(y, p),
        "log_loss": sk.log_loss(y, p),
        "brier": np.mean(((p - np.eye(4)[y]) ** 2).sum(axis=1)),
    }
    for metric, truth in expected.items():
        assert value(scores, metric) == pytest.approx(truth, abs=1e-12), metric
    for k in range(4):
        one = {
            "precision": sk.precision_score(y == k, said == k),
            "recall": sk.recall_score(y == k, said == k),
            "f1": sk.f1_score(y == k, said == k),
            "roc_auc": sk.roc_auc_score(y == k, p[:, k]),
            "pr_auc": sk.average_precision_score(y == k, p[:, k]),
            "brier": sk.brier_score_loss(y == k, p[:, k]),
        }
        for metric, truth in one.items():
            assert value(scores, metric, str(k)) == pytest.approx(truth, abs=1e-12), metric


def test_repeated_rows_weigh_as_in_scikit_learn() -> None:
    y, p = two_classes(80, 1)
    weight = np.random.default_rng(2).integers(1, 5, 80)
    scores = classification_scores(
        np.repeat(y, weight), np.repeat(p, weight), ["well", "ill"], seed=0
    )
    said = p >= 0.5
    ill = y == "ill"
    assert value(scores, "roc_auc") == pytest.approx(
        sk.roc_auc_score(ill, p, sample_weight=weight), abs=1e-12
    )
    assert value(scores, "pr_auc") == pytest.approx(
        sk.average_precision_score(ill, p, sample_weight=weight), abs=1e-12
    )
    assert value(scores, "f1") == pytest.approx(
        sk.f1_score(ill, said, sample_weight=weight), abs=1e-12
    )


def test_the_baseline_is_scikit_learns_dummy() -> None:
    from sklearn.dummy import DummyClassifier

    for y, p, classes in (
        (*two_classes(), ["well", "ill"]),
        (*many_classes(), [0, 1, 2, 3]),
    ):
        scores = classification_scores(y, p, classes, seed=0)
        dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y)
        prior = dummy.predict_proba(np.zeros((len(y), 1)))
        said = dummy.predict(np.zeros((len(y), 1)))
        assert value(scores, "accuracy", "baseline") == pytest.approx(sk.accuracy_score(y, said))
        assert value(scores, "log_loss", "baseline") == pytest.approx(sk.log_loss(y, prior))
        assert value(scores, "balanced_accuracy", "baseline") == pytest.approx(1 / len(classes))
        assert value(scores, "roc_auc", "baseline") == 0.5
        skill = 1 - value(scores, "brier") / value(scores, "brier", "baseline")
        assert value(scores, "skill") == pytest.approx(skill, abs=1e-12)


def test_a_good_model_shows_skill_and_a_guess_does_not() -> None:
    y, p = two_classes()
    (good,) = classification_scores(y, p, ["well", "ill"], seed=0).sel(metric="skill").rows
    assert good.passed is True
    assert "better than no model" in good.text
    shuffled = np.random.default_rng(0).permutation(p)
    (guess,) = classification_scores(y, shuffled, ["well", "ill"], seed=0).sel(metric="skill").rows
    assert guess.passed is False
    assert "not shown" in guess.text


def test_every_interval_holds_its_value_and_every_row_has_a_sentence_with_its_number() -> None:
    y, p = many_classes()
    for scores in (
        classification_scores(*two_classes(), ["well", "ill"], seed=0),
        classification_scores(y, p, [0, 1, 2, 3], seed=0),
        regression_scores(np.arange(50.0), np.arange(50.0) + np.tile([1, -2], 25), seed=0),
    ):
        for row in scores:
            assert np.isnan(row.low) or row.low <= row.value <= row.high, row
            shown = {f"{100 * row.value:.1f} %", f"{row.value:.4g}"}
            assert any(number in row.text for number in shown), row
            assert "{" not in row.text
            assert row.n > 0


def test_the_sentence_of_the_roc_auc_reads_as_a_fact() -> None:
    y, p = two_classes()
    (row, _) = classification_scores(y, p, ["well", "ill"], seed=0).sel(metric="roc_auc").rows
    low, high = 100 * row.low, 100 * row.high
    assert row.text == (
        f"The model ranks a row of class ill above one of another class {100 * row.value:.1f} % of"
        f" the time (95 % interval {low:.1f} to {high:.1f})."
    )


def test_same_seed_same_scores_and_the_seed_is_recorded() -> None:
    y, p = two_classes()
    first = classification_scores(y, p, ["well", "ill"], seed=3)
    assert first.rows == classification_scores(y, p, ["well", "ill"], seed=3).rows
    assert first.rows != classification_scores(y, p, ["well", "ill"], seed=4).rows
    fresh = classification_scores(y, p, ["well", "ill"])
    assert fresh.rows == classification_scores(y, p, ["well", "ill"], seed=fresh.seed).rows


def test_one_class_leaves_the_ranking_undefined_and_says_why() -> None:
    scores = classification_scores(["well"] * 20, np.full(20, 0.2), ["well", "ill"], seed=0)
    for metric in ("roc_auc", "pr_auc", "recall", "precision", "skill"):
        (row,) = scores.sel(metric=metric, group="").rows
        assert np.isnan(row.value)
        assert "not defined" in row.text
    (row,) = scores.sel(metric="roc_auc", group="").rows
    assert "every row is of class well" in row.text
    assert value(scores, "accuracy") == 1
    assert any("No row is of class ill" in note for note in scores.notes)


def test_a_constant_prediction_ranks_no_better_than_chance() -> None:
    y, _ = two_classes()
    scores = classification_scores(y, np.full(len(y), 0.3), ["well", "ill"], seed=0)
    assert value(scores, "roc_auc") == 0.5
    assert value(scores, "pr_auc") == pytest.approx(np.mean(y == "ill"))
    (row,) = scores.sel(metric="precision", group="").rows
    assert np.isnan(row.value)
    assert "predicts no row as ill" in row.text


def test_a_perfect_model_is_not_certain_to_stay_perfect() -> None:
    y = np.repeat([0, 1], 20)
    scores = classification_scores(y, np.where(y, 0.9, 0.2), [0, 1], seed=0)
    (row,) = scores.sel(metric="accuracy", group="").rows
    assert row.value == 1
    assert row.low == pytest.approx(40 / (40 + 1.959964**2), abs=1e-6)
    (row,) = scores.sel(metric="roc_auc", group="").rows
    assert row.value == 1
    assert np.isnan(row.low)
    assert "no interval" in row.text


def test_a_single_row_gets_no_interval_but_an_answer() -> None:
    for scores in (classification_scores([1], [0.7], [0, 1]), regression_scores([1.0], [1.5])):
        rows = [row for row in scores if "fewer than 10 rows" in row.text]
        assert rows
        assert all(np.isnan(row.low) for row in rows)


def test_rare_classes_stay_in_every_resample() -> None:
    y = np.array([0] * 60 + [1])
    scores = classification_scores(y, np.linspace(0, 1, 61), [0, 1], seed=0)
    (row,) = scores.sel(metric="pr_auc", group="").rows
    assert row.value == 1


def test_a_probability_of_0_for_what_happened_is_counted_and_said() -> None:
    y = np.array([0, 1] * 10)
    p = np.where(y, 0.8, 0.3)
    p[1] = 0
    scores = classification_scores(y, p, [0, 1], seed=0)
    assert value(scores, "log_loss") == pytest.approx(sk.log_loss(y, p))
    assert any(note.startswith("1 rows had") for note in scores.notes)


def test_labels_may_be_numbers_booleans_or_text_in_any_container() -> None:
    y, p = two_classes(60)
    expected = value(classification_scores(y, p, ["well", "ill"], seed=0), "f1")
    flags = y == "ill"
    for given, classes in (
        (flags, [False, True]),
        (flags.astype(int), np.array([0, 1])),
        (flags.astype(float), [0, 1]),
        (y.astype(object), ("well", "ill")),
        (list(y), ["well", "ill"]),
    ):
        assert value(classification_scores(given, p[:, None], classes, seed=0), "f1") == expected


def test_regression_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y = np.round(rng.normal(100, 20, 201), 0)
    said = np.round(y + rng.normal(1, 5, 201), 0)
    scores = regression_scores(y, said, seed=0)
    mean = np.full(201, y.mean())
    for metric, peer in (
        ("mae", sk.mean_absolute_error),
        ("rmse", sk.root_mean_squared_error),
        ("median_absolute_error", sk.median_absolute_error),
    ):
        assert value(scores, metric) == pytest.approx(peer(y, said), rel=1e-12)
        assert value(scores, metric, "baseline") == pytest.approx(peer(y, mean), rel=1e-12)
    assert value(scores, "r2") == pytest.approx(sk.r2_score(y, said), rel=1e-12)
    assert value(scores, "bias") == pytest.approx(np.mean(said - y), rel=1e-12)
    assert scores.sel(metric="skill").rows[0].passed is True


def test_a_constant_target_has_no_r2_and_says_so() -> None:
    scores = regression_scores(np.full(30, 2.0), np.linspace(1, 3, 30), seed=0)
    for metric in ("r2", "skill"):
        (row,) = scores.sel(metric=metric, group="").rows
        assert np.isnan(row.value)
        assert "the truth is constant" in row.text


def test_scores_survive_saving(tmp_path: Path) -> None:
    scores = classification_scores(["well"] * 12, np.full(12, 0.2), ["well", "ill"], seed=0)
    again = Scores.load(scores.save(tmp_path / "scores.zip"))
    assert str(again.rows) == str(scores.rows)


@pytest.mark.parametrize(
    ("y", "p", "classes", "settings", "error", "words"),
    [
        ([], [], [0, 1], {}, EmptyData, "no true classes"),
        ([0, 1], [0.5], [0, 1], {}, InvalidData, "do not fit"),
        ([0, 2], [0.5, 0.5], [0, 1], {}, WrongTarget, "Got 2"),
        ([0, None], [0.5, 0.5], [0, 1], {}, MissingValues, "missing"),
        ([0.0, np.nan], [0.5, 0.5], [0, 1], {}, MissingValues, "missing"),
        ([0, 1], [0.5, np.nan], [0, 1], {}, MissingValues, "probabilities"),
        ([0, 1], [0.5, 1.2], [0, 1], {}, InvalidData, "0 to 1"),
        ([0, 1], [-3.0, 1.2], [0, 1], {}, InvalidData, "predict_proba"),
        ([0, 1], [[0.5, 0.1], [0.5, 0.5]], [0, 1], {}, InvalidData, "sum to 1"),
        ([0, 1], [0.5, 0.5], [0, 1, 2], {}, InvalidData, "do not fit the classes"),
        ([0, 0], [0.5, 0.5], [0], {}, InvalidSetting, "two or more"),
        ([0, 1], [0.5, 0.5], [0, 1], {"positive": 7}, UnknownName, "class '7'"),
        ([0, 1], [0.5, 0.5], [0, 1], {"threshold": 2}, InvalidSetting, "threshold"),
        ([0, 1], [0.5, 0.5], [0, 1], {"threshold": "low"}, InvalidSetting, "threshold"),
        ([0, 1], ["much", "little"], [0, 1], {}, InvalidData, "must be numbers"),
        ([[0], [1]], [0.5, 0.5], [0, 1], {}, InvalidData, "one label a row"),
        ([0, 1], [0.5, 0.5], [0, 1], {"resamples": "many"}, InvalidSetting, "resamples"),
        ([0, 1], [0.5, 0.5], [0, 1], {"seed": -1}, InvalidSetting, "seed"),
        ([0, 1], [0.5, 0.5], [0, 1], {"resamples": 5}, InvalidSetting, "resamples"),
        ([0], [[0.2, 0.3, 0.5]], [0, 1, 2], {"threshold": 0.4}, InvalidSetting, "two classes"),
        ([0], [[0.2, 0.3, 0.5]], [0, 1, 2], {"positive": 1}, InvalidSetting, "two classes"),
    ],
)
def test_wrong_input_is_named(
    y: list, p: list, classes: list, settings: dict, error: type[PellucidError], words: str
) -> None:
    with pytest.raises(error, match=words):
        classification_scores(y, p, classes, **settings)


@pytest.mark.parametrize(
    ("y", "said", "error"),
    [
        ([], [], EmptyData),
        ([1.0, 2.0], [1.0], InvalidData),
        ([1.0, np.nan], [1.0, 1.0], MissingValues),
        ([1.0, 2.0], [1.0, np.inf], MissingValues),
        (["a", "b"], [1.0, 1.0], InvalidData),
        ([[1.0, 2.0]], [1.0, 1.0], InvalidData),
    ],
)
def test_wrong_numbers_are_named(y: list, said: list, error: type[PellucidError]) -> None:
    with pytest.raises(error):
        regression_scores(y, said)


def test_a_model_of_heart_disease_scores_as_in_scikit_learn() -> None:
    path = DATA / "heart_disease" / "heart_cleveland.csv"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with path.open() as file:
        rows = [row for row in csv.reader(file) if "" not in row and "?" not in row][1:]
    table = np.array(rows, dtype=float)
    x_train, x_test, y_train, y_test = train_test_split(
        table[:, :-1], table[:, -1] > 0, random_state=0, test_size=0.4
    )
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x_train, y_train)
    p = model.predict_proba(x_test)
    scores = classification_scores(y_test, p, model.classes_, seed=0)
    assert value(scores, "roc_auc") == pytest.approx(sk.roc_auc_score(y_test, p[:, 1]), abs=1e-12)
    assert value(scores, "accuracy") == pytest.approx(model.score(x_test, y_test), abs=1e-12)
    (skill,) = scores.sel(metric="skill").rows
    assert skill.passed is True
