from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.maths.rationales import agreement, f1, span_hits, spans, token_hits
from twins import explanation_scores as twin

RNG = generator(0, "test rationales")
CHOSEN = RNG.random((60, 12)) < 0.4
GOLD = RNG.random((60, 12)) < 0.4
CHOSEN[0], GOLD[1], CHOSEN[2], GOLD[2] = False, False, False, False


def pairs(*found: tuple[int, int]) -> np.ndarray:
    return np.array(found, dtype=int).reshape(-1, 2)


def test_spans_are_runs_of_marked_tokens() -> None:
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1]], dtype=bool)
    found = spans(mask)
    for one, expected in zip(
        found, [[(0, 2), (3, 4)], [], [(0, 4)], [(1, 2), (3, 4)]], strict=True
    ):
        np.testing.assert_array_equal(one, pairs(*expected))


def test_spans_mark_the_tokens_they_came_from() -> None:
    marked = np.zeros_like(CHOSEN)
    for row, found in zip(marked, spans(CHOSEN), strict=True):
        for start, end in found:
            assert not row[start - 1 : end + 1].any() or start == 0
            row[start:end] = True
    np.testing.assert_array_equal(marked, CHOSEN)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.75, 1.0])
def test_span_scores_are_those_of_the_paper(threshold: float) -> None:
    hits = span_hits(spans(CHOSEN), spans(GOLD), threshold)
    sides = ([[tuple(s) for s in one] for one in spans(mask)] for mask in (CHOSEN, GOLD))
    np.testing.assert_allclose(f1(hits, "macro of means"), twin.eraser_iou(*sides, threshold))


def test_recall_of_two_halves_of_one_gold_span_is_one_not_two() -> None:
    hits = span_hits([pairs((0, 2), (2, 4))], [pairs((0, 4))])
    assert f1(hits, "macro of means") == (1.0, 1.0, 1.0)  # the original code: recall 2, F1 4/3
    hits = span_hits([pairs((0, 4))], [pairs((0, 2), (2, 4))])
    assert f1(hits, "macro of means") == (1.0, 1.0, 1.0)  # the original code: recall 1/2


def test_span_scores_worked_by_hand() -> None:
    # 2 of 3 tokens: a hit. 1 of 4: none. Nothing chosen: no precision, recall 0.
    chosen = [pairs((0, 2)), pairs((0, 1), (5, 9)), pairs()]
    gold = [pairs((0, 3)), pairs((0, 4), (5, 9)), pairs((1, 2))]
    hits = span_hits(chosen, gold)
    np.testing.assert_array_equal(hits, [[1, 1, 1, 1], [1, 2, 1, 2], [0, 0, 0, 1]])
    precision, recall = (1 + 1 / 2) / 2, (1 + 1 / 2 + 0) / 3
    assert f1(hits, "macro of means") == pytest.approx(
        (precision, recall, 2 * precision * recall / (precision + recall))
    )
    assert f1(hits, "micro") == pytest.approx((2 / 3, 2 / 4, 4 / 7))


def test_token_scores_are_those_of_scikit_learn_and_of_plain_sets() -> None:
    hits = token_hits(CHOSEN, GOLD)
    assert f1(hits, "micro").f1 == pytest.approx(f1_score(GOLD.ravel(), CHOSEN.ravel()))
    assert f1(hits).f1 == pytest.approx(twin.token_f1(CHOSEN, GOLD))
    each = agreement(hits)[2]
    assert np.isnan(each[2])
    seen = np.arange(60) != 2
    expected = f1_score(GOLD[seen], CHOSEN[seen], average="samples", zero_division=0)
    assert each[seen].mean() == pytest.approx(expected)


def test_all_numbers_are_between_0_and_1() -> None:
    for hits in (token_hits(CHOSEN, GOLD), span_hits(spans(CHOSEN), spans(GOLD), 0.2)):
        for average in ("macro", "micro", "macro of means"):
            assert all(0 <= number <= 1 for number in f1(hits, average))


def test_perfect_and_empty_rationales() -> None:
    some = GOLD.any(axis=1)
    for average in ("macro", "micro", "macro of means"):
        assert f1(token_hits(GOLD, GOLD), average) == (1.0, 1.0, 1.0)
        assert f1(span_hits(spans(GOLD), spans(GOLD)), average) == (1.0, 1.0, 1.0)
        nothing = np.zeros_like(GOLD)
        assert np.isnan(f1(token_hits(nothing, nothing), average)).all()
    assert f1(token_hits(np.zeros_like(GOLD)[some], GOLD[some])) == (0.0, 0.0, 0.0)


def test_settings_outside_their_range_are_named() -> None:
    with pytest.raises(InvalidSetting, match="macro of means"):
        f1(token_hits(CHOSEN, GOLD), "weighted")
    with pytest.raises(InvalidSetting, match="overlap"):
        span_hits([pairs()], [pairs()], 0.0)
