import numpy as np
import pytest
from scipy import stats

from pellucid.maths.description_length import of_classes, of_numbers, of_whole_number


def test_classes_cost_what_telling_them_one_by_one_costs():
    rng = np.random.default_rng(0)
    said = rng.integers(3, size=40)
    seen, bits = np.ones(3), 0.0
    for one in said:
        bits -= np.log2(seen[one] / seen.sum())
        seen[one] += 1
    counts = np.bincount(said, minlength=3)[None]
    assert of_classes(counts)[0] == pytest.approx(bits)
    assert of_classes(np.zeros((1, 3)))[0] == 0


def test_numbers_cost_their_normal_likelihood_and_two_parameters():
    y = np.random.default_rng(1).normal(2, 3, size=200)
    moments = np.array([[200, y.sum(), (y**2).sum()]])
    likelihood = stats.norm(y.mean(), y.std()).logpdf(y).sum()
    assert of_numbers(moments, 3.0)[0] == pytest.approx(-likelihood / np.log(2) + np.log2(200))


def test_equal_numbers_are_not_free():
    moments = np.array([[50, 50.0, 50.0], [0, 0, 0]])
    assert np.all(np.isfinite(of_numbers(moments, 1.0)))
    assert of_numbers(moments, 1.0)[1] == 0


def test_the_code_of_whole_numbers_is_rissanens():
    assert of_whole_number(1) == pytest.approx(np.log2(2.865064))
    assert of_whole_number(16) == pytest.approx(np.log2(2.865064) + 4 + 2 + 1)
    shares = sum(2.0 ** -of_whole_number(n) for n in range(1, 2000))
    assert shares < 1
