import numpy as np
import pytest
from sklearn import metrics

from pellucid.core.errors import CannotExplain
from pellucid.maths.losses import METRICS, SCORERS


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


CLASS_SCORES = {
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "precision_macro": lambda y, p: metrics.precision_score(y, p, average="macro", zero_division=0),
    "recall_macro": lambda y, p: metrics.recall_score(y, p, average="macro"),
    "f1_macro": lambda y, p: metrics.f1_score(y, p, average="macro"),
    "f1_weighted": lambda y, p: metrics.f1_score(y, p, average="weighted"),
    "matthews": metrics.matthews_corrcoef,
}


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("name", CLASS_SCORES)
def test_scores_of_classes_are_scikit_learns(name, k):
    answer, chance = classes(k)
    expected = CLASS_SCORES[name](answer, chance.argmax(axis=1))
    assert METRICS[name].value(answer, chance) == pytest.approx(expected)


def test_scores_of_two_classes_are_scikit_learns():
    answer, chance = classes(2)
    told = chance.argmax(axis=1)
    for name in ("precision", "recall", "f1"):
        expected = getattr(metrics, f"{name}_score")(answer, told)
        assert METRICS[name].value(answer, chance) == pytest.approx(expected)
    expected = metrics.average_precision_score(answer, chance[:, 1])
    assert METRICS["average_precision"].value(answer, chance) == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_scikit_learns_names_lead_to_the_same_number(name):
    scorer = metrics.get_scorer(name)
    rng = np.random.default_rng(4)
    metric = METRICS[SCORERS[name]]
    if metric.task == "regression":
        y, p = rng.uniform(1, 2, size=(2, 100))
        expected = scorer._score_func(y, p, **scorer._kwargs)
        assert metric.value(y, p) == pytest.approx(expected)
        return
    answer, chance = classes(2)
    chance = np.clip(chance, 0.01, 0.99)
    chance /= chance.sum(axis=1, keepdims=True)
    told = chance.argmax(axis=1) if name in ("matthews_corrcoef", "f1_micro") else chance[:, 1]
    settings = {k: v for k, v in scorer._kwargs.items() if k != "multi_class"}
    assert metric.value(answer, chance) == pytest.approx(
        scorer._score_func(answer, told, **settings)
    )


@pytest.mark.parametrize(
    "name", ["f1", "precision", "balanced_accuracy", "f1_weighted", "matthews", "rmse"]
)
def test_the_variance_of_ratios_terms_is_that_of_the_metric_over_new_rows(name):
    rng = np.random.default_rng(3)
    found, said = [], []
    for _ in range(1200):
        y = rng.normal(size=200)
        score = y + rng.normal(size=200)
        if METRICS[name].task == "classification":
            chance = 1 / (1 + np.exp(-score))
            y, score = (y > 0.4).astype(int), np.column_stack([1 - chance, chance])
        terms = METRICS[name].terms(y, score)
        found.append(terms.mean())
        said.append(terms.var(ddof=1) / 200)
    assert np.mean(said) == pytest.approx(np.var(found), rel=0.15)


def test_a_metric_says_why_it_is_not_defined():
    three = np.full((4, 3), 1 / 3)
    assert "two classes" in METRICS["f1"].refuses(np.array([0, 1, 2, 1]), three)
    assert "every class" in METRICS["average_precision"].refuses(np.array([0, 1, 1, 1]), three)
    assert METRICS["msle"].refuses(np.array([-2.0, 1]), np.ones(2)) is not None
    assert METRICS["poisson_deviance"].refuses(np.array([0.0, 1]), np.ones(2)) is None
    assert METRICS["gamma_deviance"].refuses(np.array([0.0, 1]), np.ones(2)) is not None
    with pytest.raises(CannotExplain, match="row terms"):
        METRICS["median_ae"].terms(np.ones(2), np.ones(2))
