"""Association of columns, against scipy, pandas and independence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from pellucid.maths.association import association, clustered


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def numbers(rows: int = 200) -> np.ndarray:
    X = rng().normal(size=(rows, 4))
    X[:, 1] += 2 * X[:, 0]
    X[:, 3] = np.round(X[:, 3])  # ties
    return X


def test_numbers_are_compared_as_scipy_and_numpy_do() -> None:
    X = numbers()
    named = np.zeros(4, dtype=bool)
    assert association(X, named) == pytest.approx(np.abs(spearmanr(X).statistic), abs=1e-12)
    plain = association(X, named, ranks=False)
    assert plain == pytest.approx(np.abs(np.corrcoef(X, rowvar=False)), abs=1e-12)


def test_a_pair_is_compared_on_the_rows_that_have_both() -> None:
    X = numbers()
    X[rng().random(X.shape) < 0.2] = np.nan
    theirs = pd.DataFrame(X).corr(method="spearman").abs().to_numpy()
    assert association(X, np.zeros(4, dtype=bool)) == pytest.approx(theirs, abs=1e-12)


def test_the_correlation_ratio_is_one_minus_adjusted_residual_variance() -> None:
    """Kelley's ε² is the adjusted R² of a regression on the categories (statsmodels)."""
    import statsmodels.api as sm

    group = rng().integers(0, 4, 150)
    number = rng().normal(size=150) + (group == 2)
    design = np.eye(4)[group]
    fit = sm.OLS(pd.Series(number).rank().to_numpy(), design).fit()
    found = association(np.column_stack([group, number]), np.array([True, False]))[0, 1]
    assert found**2 == pytest.approx(fit.rsquared_adj, abs=1e-10)


def test_cramers_v_nears_the_uncorrected_one_in_many_rows() -> None:
    from scipy.stats.contingency import association as theirs
    from scipy.stats.contingency import crosstab

    first = rng().integers(0, 3, 100_000)
    second = np.where(rng().random(100_000) < 0.5, first, rng().integers(0, 3, 100_000))
    found = association(np.column_stack([first, second]).astype(float), np.array([True, True]))
    assert found[0, 1] == pytest.approx(theirs(crosstab(first, second).count), abs=1e-3)


def test_chance_is_taken_out_of_many_categories_in_few_rows() -> None:
    found = []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        X = np.column_stack([draw.integers(0, 25, (60, 2)), draw.normal(size=60)])
        strength = association(X, np.array([True, True, False]))
        found.append([strength[0, 1], strength[0, 2]])
    assert np.median(found, axis=0) == pytest.approx([0, 0], abs=0.2)


def test_what_does_not_vary_goes_with_nothing() -> None:
    X = np.column_stack([np.ones(50), np.arange(50.0), np.zeros(50), np.arange(50) % 2])
    strength = association(X, np.array([False, False, True, True]))
    assert np.array_equal(strength[[0, 2]], np.eye(4)[[0, 2]])
    assert association(np.full((2, 3), np.nan), np.zeros(3, dtype=bool)).tolist() == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
    ]


def test_clusters_are_those_of_average_linkage() -> None:
    strength = np.array(
        [[1, 0.9, 0.6, 0.1], [0.9, 1, 0.7, 0.1], [0.6, 0.7, 1, 0.2], [0.1, 0.1, 0.2, 1]]
    )
    assert clustered(strength, 0.64).tolist() == [0, 0, 1 - 1, 1]  # mean of .6 and .7 is .65
    assert clustered(strength, 0.66).tolist() == [0, 0, 1, 2]
    assert clustered(np.eye(1), 0.5).tolist() == [0]


@pytest.mark.parametrize("ranks", [True, False])
def test_with_gaps_any_pair_is_compared_as_if_only_the_rows_with_both_were_there(ranks) -> None:
    X = numbers()
    X = np.column_stack([X, rng().integers(0, 4, len(X)), X[:, 0] > 0, np.full(len(X), 3.0)])
    X[rng().random(X.shape) < 0.3] = np.nan
    named = np.array([False] * 4 + [True] * 2 + [False])
    found = association(X, named, ranks=ranks)
    for i in range(len(named)):
        for j in range(i):
            both = X[~np.isnan(X[:, [i, j]]).any(axis=1)][:, [i, j]]
            alone = association(both, named[[i, j]], ranks=ranks)[0, 1]
            assert found[i, j] == pytest.approx(alone, abs=1e-12)
            if not named[[i, j]].any() and 6 not in (i, j):
                theirs = spearmanr(both).statistic if ranks else np.corrcoef(both.T)[0, 1]
                assert alone == pytest.approx(abs(theirs), abs=1e-12)
