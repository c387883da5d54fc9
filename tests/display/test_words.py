"""Numbers and names for reading."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.display.words import (
    arrow,
    brief,
    capital,
    cells,
    counted,
    datum,
    listed,
    method_name,
    metric_name,
    percent,
    score_name,
    sentence,
    shorten,
    signed,
    unique,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.12345, "0.123"),
        (-0.5, "−0.5"),
        (1234.5, "1,234"),
        (999.7, "1,000"),
        (123456789, "1.23e8"),
        (1e-9, "1e-9"),
        (-2.5e-7, "−2.5e-7"),
        (np.nan, "missing"),
        (np.inf, "∞"),
        (-np.inf, "−∞"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert brief(value) == text


def test_a_sign_says_the_direction_and_zero_has_none():
    assert [signed(1), signed(-1), signed(0)] == ["+1", "−1", "0"]
    assert [arrow(1), arrow(-1), arrow(0)] == ["▲ +1", "▼ −1", "0"]


def test_a_percentage_never_rounds_to_nothing_or_everything():
    assert percent(0.0002) == "<0.1 %"
    assert percent(0.9999) == ">99.9 %"
    assert [percent(0), percent(1), percent(0.051948)] == ["0 %", "100 %", "5.19 %"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(23), "23"),
        (np.array(0.6638), "0.664"),
        (-3, "−3"),
        (True, "true"),
        (np.bool_(False), "false"),
        (None, "missing"),
        (np.nan, "missing"),
        (np.datetime64("NaT"), "missing"),
        (np.datetime64("2024-05-01"), "2024-05-01"),
        (np.datetime64("2024-05-01T00:00", "s"), "2024-05-01"),
        ("married", "married"),
    ],
)
def test_one_value_reads_as_the_user_wrote_it(value, text):
    assert datum(value) == text


def test_a_long_name_loses_its_middle_and_keeps_both_ends():
    short = shorten("the_number_of_days_since_the_customer_last_paid_in_full", 24)
    assert cells(short) <= 24
    assert short.startswith("the_number")
    assert short.endswith("in_full")
    assert "…" in short


def test_wide_letters_count_double():
    assert cells("年齢") == 4
    assert cells(shorten("年齢" * 20, 20)) <= 20


def test_line_breaks_and_empty_names_become_one_visible_line():
    assert shorten("a\n b\tc\x00") == "a b c"
    assert shorten("") == "(empty)"


def test_names_that_shorten_alike_stay_apart():
    names = [f"the same long beginning {i} and the same long end" for i in range(3)]
    assert len(set(unique(names, 20))) == 3
    assert unique([1, "1"]) == ["1", "1 (2)"]


def test_lists_and_counts():
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert [counted(1, "row"), counted(12000, "row"), counted(2, "class", "classes")] == [
        "1 row",
        "12,000 rows",
        "2 classes",
    ]


def test_methods_and_metrics_have_names_for_readers():
    methods = ["tree_shap", "partial_dependence", "ice", "permutation_importance", "my_own_way"]
    assert [method_name(name) for name in methods] == [
        "tree SHAP",
        "partial dependence",
        "ICE",
        "permutation importance",
        "my own way",
    ]
    metrics = ["roc_auc", "pr_auc", "f1", "brier", "r2", "mae", "balanced_accuracy", "log_loss"]
    assert [metric_name(name) for name in metrics] == [
        "ROC AUC",
        "PR AUC",
        "F1",
        "Brier score",
        "R²",
        "MAE",
        "balanced accuracy",
        "log loss",
    ]
    assert score_name("mae", "baseline") == "MAE · no model"
    assert score_name("recall", "ill") == "recall · ill"


def test_a_sentence_names_methods_in_words_and_hides_rounding():
    said = "tree_shap adds up to 1.51e-14 in log-odds; a p value of 3e-05 stays."
    assert sentence(said, "tree_shap") == (
        "tree SHAP adds up to less than a billionth in log-odds; a p value of 3e-05 stays."
    )
    assert capital("not here") == "Not here"
    assert capital("") == ""
