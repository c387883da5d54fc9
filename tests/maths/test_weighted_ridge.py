import numpy as np
import pytest
from sklearn.linear_model import Ridge

from pellucid.maths.weighted_ridge import weighted_ridge


def problem(fits=3, draws=200, columns=4, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(fits, draws, columns))
    target = rng.normal(size=(fits, draws, outputs)) + design[..., :outputs]
    return design, target, rng.random((fits, draws))


@pytest.mark.parametrize("columns", [4, 70])
@pytest.mark.parametrize("penalty", [1e-6, 1.0, 50.0])
def test_it_equals_scikit_learns_ridge_fit_by_fit(penalty, columns):
    design, target, weight = problem(columns=columns)
    fits = weighted_ridge(design, target, weight, penalty)
    for i in range(3):
        theirs = Ridge(alpha=penalty).fit(design[i], target[i], sample_weight=weight[i])
        np.testing.assert_allclose(fits.slope[i], theirs.coef_.T, rtol=1e-9)
        np.testing.assert_allclose(fits.intercept[i], theirs.intercept_, rtol=1e-9)
        explained = [
            Ridge(alpha=penalty)
            .fit(design[i], target[i, :, o], sample_weight=weight[i])
            .score(design[i], target[i, :, o], sample_weight=weight[i])
            for o in range(2)
        ]
        np.testing.assert_allclose(fits.r2[i], explained, rtol=1e-9)


@pytest.mark.parametrize("columns", [4, 70])
def test_the_errors_equal_statsmodels_hc3_without_a_penalty(columns):
    api = pytest.importorskip("statsmodels.api")
    design, target, weight = problem(fits=1, columns=columns)
    fits = weighted_ridge(design, target, weight, 1e-12)
    theirs = api.WLS(target[0, :, 0], api.add_constant(design[0]), weights=weight[0]).fit(
        cov_type="HC3"
    )
    np.testing.assert_allclose(fits.error[0, :, 0], theirs.bse[1:], rtol=1e-6)


def test_the_errors_are_the_scatter_of_new_draws_also_where_the_line_is_wrong():
    rng = np.random.default_rng(1)
    design = rng.normal(size=(2000, 150, 2))
    target = (design[..., :1] ** 2) * design[..., 1:] + design[..., :1]
    weight = np.exp(-(design**2).sum(axis=2) / 4)
    fits = weighted_ridge(design, target, weight, 1e-3)
    np.testing.assert_allclose(
        fits.error[:, :, 0].mean(axis=0), fits.slope[:, :, 0].std(axis=0), rtol=0.1
    )


def test_a_constant_column_has_no_slope_and_a_constant_target_no_r2():
    design, target, weight = problem(fits=1)
    design[..., 2], target[..., 1] = 1.0, 5.0
    fits = weighted_ridge(design, target, weight, 1.0)
    np.testing.assert_allclose(fits.slope[0, 2], 0, atol=1e-12)
    np.testing.assert_allclose(fits.error[0, 2], 0, atol=1e-12)
    np.testing.assert_allclose(fits.slope[0, :, 1], 0, atol=1e-12)
    assert np.isnan(fits.r2[0, 1])
    assert np.isfinite(fits.r2[0, 0])


def test_redraws_are_ridges_of_the_redrawn_draws():
    design, target, weight = problem(fits=2, draws=41)
    counts = np.random.default_rng(3).multinomial(10, np.full(10, 0.1), size=4)
    fits = weighted_ridge(design, target, weight, 0.7, counts)
    for i in range(2):
        for r in range(4):
            times = np.append(np.repeat(counts[r], 4), 1)
            theirs = Ridge(alpha=0.7).fit(design[i], target[i], sample_weight=weight[i] * times)
            np.testing.assert_allclose(fits.redrawn[r, i], theirs.coef_.T, rtol=1e-8)


def test_the_fit_of_the_others_is_that_of_leaving_each_draw_out():
    design, target, weight = problem(fits=1, draws=60, outputs=1)
    weight[:] = 1.0
    fits = weighted_ridge(design, target, weight, 1e-9)
    missed = 0.0
    for d in range(60):
        others = np.arange(60) != d
        line = Ridge(alpha=1e-9).fit(design[0][others], target[0][others])
        missed += float((target[0, d] - line.predict(design[0, d : d + 1]))[0].item() ** 2)
    whole = np.square(target[0] - target[0].mean()).sum()
    np.testing.assert_allclose(fits.r2_out[0, 0], 1 - missed / whole, rtol=1e-6)
