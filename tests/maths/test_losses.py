import numpy as np
import pytest
from sklearn import metrics

from pellucid.maths.losses import METRICS


def classes(k, n=200, seed=0):
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet(np.ones(k), n)
    return rng.integers(0, k, n), np.round(chance, 2) if k == 2 else chance


def mean_term(name, answer, prediction):
    return METRICS[name].terms(answer, prediction).mean()


@pytest.mark.parametrize("k", [2, 4])
def test_the_terms_of_classes_average_to_scikit_learns_metric(k):
    answer, chance = classes(k)
    inside = np.clip(chance, 1e-6, 1)
    expected = -np.log(inside[np.arange(len(answer)), answer]).mean()
    assert mean_term("log_loss", answer, chance) == pytest.approx(expected)
    hits = metrics.accuracy_score(answer, chance.argmax(axis=1))
    assert mean_term("accuracy", answer, chance) == pytest.approx(hits)
    if k == 2:
        area = metrics.roc_auc_score(answer, chance[:, 1])
        squared = metrics.brier_score_loss(answer, chance[:, 1])
    else:
        area = metrics.roc_auc_score(answer, chance, multi_class="ovr")
        squared = metrics.brier_score_loss(answer, chance)
        assert expected == pytest.approx(metrics.log_loss(answer, chance))
    assert mean_term("roc_auc", answer, chance) == pytest.approx(area)
    assert mean_term("brier", answer, chance) == pytest.approx(squared)


def test_the_terms_of_numbers_average_to_scikit_learns_metric():
    rng = np.random.default_rng(1)
    y, p = rng.normal(size=(2, 100))
    assert mean_term("mse", y, p) == pytest.approx(metrics.mean_squared_error(y, p))
    assert mean_term("mae", y, p) == pytest.approx(metrics.mean_absolute_error(y, p))
    assert mean_term("r2", y, p) == pytest.approx(metrics.r2_score(y, p))


@pytest.mark.parametrize("name", ["roc_auc", "r2", "log_loss"])
def test_the_variance_of_the_terms_is_that_of_the_metric_over_new_rows(name):
    rng = np.random.default_rng(2)
    found, said = [], []
    for _ in range(1500):
        y = rng.normal(size=150)
        score = y + rng.normal(size=150) * 0.8
        if name != "r2":
            chance = 1 / (1 + np.exp(-score))
            y, score = (y > 0).astype(int), np.column_stack([1 - chance, chance])
        terms = METRICS[name].terms(y, score)
        found.append(terms.mean())
        said.append(terms.var(ddof=1) / 150)
    assert np.mean(said) == pytest.approx(np.var(found), rel=0.12)
