"""Every kind of tree model, one line each, and its Shapley values from all coalitions.

The coalitions are played over the user's own table and the model's own prediction, on the scale
where the model is a sum.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import catboost
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

import pellucid as pel
from twins import tree_brute_force as brute

DOUBLE, SINGLE = 1e-9, 1e-6
"""Largest difference relative to the predictions: XGBoost predicts in 32 bits."""

ROWS = 240
RNG = np.random.default_rng(23)
PLAIN = pd.DataFrame(RNG.normal(size=(ROWS, 4)), columns=["age", "debt", "years", "rate"])
PLAIN["years"] = 1.0  # a constant column
HOLES = PLAIN.mask(RNG.random(PLAIN.shape) < 0.2)
MIXED = HOLES[["age", "debt"]].assign(
    job=pd.Categorical(RNG.choice(["cook", "nurse", "smith", "clerk", "baker"], ROWS)),
    town=pd.Categorical(RNG.choice(list("abcdefghijkl"), ROWS)),
)
WORDS = MIXED.assign(job=MIXED["job"].astype(object), town=RNG.integers(0, 12, ROWS))
AMOUNT = (
    2 * PLAIN["age"]
    + PLAIN["debt"] * PLAIN["rate"]
    + 2 * (MIXED["job"] == "nurse")
    + MIXED["town"].isin(list("abcd"))
).to_numpy(dtype=float)
COUNTS = np.exp(AMOUNT / 3)
PAIR = np.c_[AMOUNT, -(AMOUNT**2)]
TWO = (AMOUNT > 0.5).astype(int)
THREE = np.digitize(AMOUNT, [-1, 1])
NAMES = np.array(["no", "maybe", "yes"], dtype=object)[THREE]
RARE = np.where(np.arange(ROWS) < 4, "rare", NAMES).astype(object)

Own = Callable[[Any, pd.DataFrame], np.ndarray]
Kind = tuple[Any, pd.DataFrame, np.ndarray, Own]


# --- what each library calls the scale on which its model is a sum


def predicted(model: Any, X: Any) -> Any:
    return model.predict(X)


def decided(model: Any, X: Any) -> Any:
    return model.decision_function(X)


def shared(model: Any, X: Any) -> Any:
    return model.predict_proba(X)


def second(model: Any, X: Any) -> Any:
    return model.predict_proba(X)[:, 1]


def logarithm(model: Any, X: Any) -> Any:
    return np.log(model.predict(X))


def xgb_margin(model: Any, X: Any) -> Any:
    return model.predict(X, output_margin=True)


def light_score(model: Any, X: Any) -> Any:
    return model.predict(X, raw_score=True)


def cat_formula(model: Any, X: Any) -> Any:
    return catboost.CatBoost.predict(model, X, "RawFormulaVal")


def path_length(model: Any, X: Any) -> Any:
    """Solved from the score of Liu, Ting and Zhou (2008)."""
    n = model.max_samples_
    usual = 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n
    return -usual * np.log2(-model.score_samples(X))


# --- the models


def xgb(kind: Any = xgboost.XGBRegressor, **settings: Any) -> Any:
    return kind(**{"n_estimators": 8, "max_depth": 4, "random_state": 0, "n_jobs": 1, **settings})


def light(kind: Any = lightgbm.LGBMRegressor, **settings: Any) -> Any:
    small = {"n_estimators": 8, "num_leaves": 8, "min_child_samples": 5, "n_jobs": 1, "verbose": -1}
    return kind(**{**small, "random_state": 0, **settings})


def cat(
    kind: Any = catboost.CatBoostRegressor, words: tuple[str, ...] = (), **settings: Any
) -> Any:
    small = {"iterations": 10, "depth": 4, "verbose": 0, "allow_writing_files": False}
    own = {"cat_features": list(words), "max_ctr_complexity": 1} if words else {}
    return kind(**{**small, "thread_count": 1, "random_seed": 0, **own, **settings})


def tree(depth: int = 3) -> Any:
    return DecisionTreeClassifier(max_depth=depth, random_state=0)


def stops_early(model: Any) -> Any:
    """A model whose training stops before its last tree."""

    class Stopped(type(model)):
        def fit(self, X: Any, y: Any) -> Any:
            more = {"verbose": False} if isinstance(self, xgboost.XGBModel) else {}
            return super().fit(X[:160], y[:160], eval_set=[(X[160:], y[160:])], **more)

    model.__class__ = Stopped
    return model


def forests() -> list[tuple[str, Any]]:
    return [
        ("forest", RandomForestClassifier(4, max_depth=3, random_state=0)),
        ("none", "drop"),
        ("tree", tree()),
    ]


def regressors() -> list[tuple[str, Any]]:
    """Members that compare numbers in three different ways."""
    return [
        ("forest", RandomForestRegressor(4, max_depth=3, random_state=0)),
        ("light", light()),
        ("xgb", xgb()),
        ("hist", HistGradientBoostingRegressor(max_iter=5)),
    ]


JOB, BOTH = ("job",), ("job", "town")
XC, LC, CC = xgboost.XGBClassifier, lightgbm.LGBMClassifier, catboost.CatBoostClassifier
FEW = {"random_state": 0, "n_estimators": 6}
BAG = {**FEW, "max_features": 0.7}
CATS = {"min_data_per_group": 2, "cat_smooth": 1.0}
LEVEL, LOSS = {"grow_policy": "Depthwise"}, {"grow_policy": "Lossguide"}
HIST = {"max_iter": 8, "random_state": 0}

KINDS: dict[str, Callable[[], Kind]] = {
    # XGBoost
    "xgb": lambda: (xgb(), HOLES, AMOUNT, predicted),
    "xgb dart": lambda: (xgb(booster="dart", rate_drop=0.5), PLAIN, AMOUNT, predicted),
    "xgb dart classes": lambda: (xgb(XC, booster="dart", rate_drop=0.5), PLAIN, THREE, xgb_margin),
    "xgb two classes": lambda: (xgb(XC), HOLES, TWO, xgb_margin),
    "xgb base score": lambda: (xgb(XC, base_score=0.2), HOLES, TWO, xgb_margin),
    "xgb classes": lambda: (xgb(XC), HOLES, THREE, xgb_margin),
    "xgb vector leaves": lambda: (
        xgb(multi_strategy="multi_output_tree"), PLAIN, PAIR, predicted),
    "xgb targets": lambda: (xgb(), PLAIN, PAIR, predicted),
    "xgb one-hot": lambda: (
        xgb(enable_categorical=True, max_cat_to_onehot=50), MIXED, AMOUNT, predicted),
    "xgb partition": lambda: (
        xgb(enable_categorical=True, max_cat_to_onehot=1), MIXED, AMOUNT, predicted),
    "xgb poisson": lambda: (xgb(objective="count:poisson"), PLAIN, COUNTS, xgb_margin),
    "xgb stopped": lambda: (
        stops_early(xgb(n_estimators=60, early_stopping_rounds=2)), PLAIN, AMOUNT, predicted),
    "xgb forest": lambda: (xgb(xgboost.XGBRFRegressor), PLAIN, AMOUNT, predicted),
    "xgb stumps": lambda: (xgb(max_depth=1), PLAIN, AMOUNT, predicted),
    "xgb nothing learnt": lambda: (xgb(gamma=1e9), PLAIN, AMOUNT, predicted),
    "xgb zero is missing": lambda: (
        xgb(missing=0.0), PLAIN.mask(HOLES.isna(), 0.0), AMOUNT, predicted),
    # LightGBM
    "light": lambda: (light(), HOLES, AMOUNT, predicted),
    "light dart": lambda: (light(boosting_type="dart", drop_rate=0.5), PLAIN, AMOUNT, predicted),
    "light forest": lambda: (
        light(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5), PLAIN, AMOUNT, predicted),
    "light classes": lambda: (light(LC), HOLES, NAMES, light_score),
    "light one against all": lambda: (
        light(LC, objective="multiclassova"), HOLES, THREE, light_score),
    "light categories": lambda: (light(LC, **CATS), MIXED, TWO, light_score),
    "light zero is missing": lambda: (
        light(zero_as_missing=True), PLAIN.mask(HOLES.isna(), 0.0), AMOUNT, predicted),
    "light log link": lambda: (light(objective="tweedie"), PLAIN, COUNTS, light_score),
    "light stopped": lambda: (
        stops_early(light(n_estimators=60, early_stopping_round=2)), PLAIN, AMOUNT, predicted),
    "light linear leaves": lambda: (light(linear_tree=True), PLAIN, AMOUNT, predicted),
    "light linear leaves, holes": lambda: (light(linear_tree=True), HOLES, AMOUNT, predicted),
    "light linear leaves, categories": lambda: (
        light(linear_tree=True, **CATS), MIXED, AMOUNT, predicted),
    "light linear leaves, classes": lambda: (
        light(LC, linear_tree=True), HOLES, THREE, light_score),
    "light stumps": lambda: (light(num_leaves=2), PLAIN, AMOUNT, predicted),
    "light nothing learnt": lambda: (light(min_child_samples=500), PLAIN, AMOUNT, predicted),
    # CatBoost
    "cat": lambda: (cat(), PLAIN, AMOUNT, predicted),
    "cat holes low": lambda: (cat(nan_mode="Min"), HOLES, AMOUNT, predicted),
    "cat holes high": lambda: (cat(nan_mode="Max"), HOLES, AMOUNT, predicted),
    "cat level by level": lambda: (cat(**LEVEL), HOLES, AMOUNT, predicted),
    "cat leaf by leaf": lambda: (cat(**LOSS), HOLES, AMOUNT, predicted),
    "cat one-hot": lambda: (cat(words=BOTH, one_hot_max_size=20), WORDS, AMOUNT, predicted),
    "cat statistics": lambda: (cat(words=BOTH, one_hot_max_size=2), WORDS, AMOUNT, predicted),
    "cat both kinds": lambda: (
        cat(words=BOTH, one_hot_max_size=6, **LOSS), WORDS, AMOUNT, predicted),
    "cat counters": lambda: (
        cat(words=JOB, one_hot_max_size=2, simple_ctr="Counter"), WORDS, AMOUNT, predicted),
    "cat two classes": lambda: (cat(CC, BOTH, one_hot_max_size=6), WORDS, TWO, cat_formula),
    "cat classes": lambda: (cat(CC, BOTH, one_hot_max_size=2), WORDS, NAMES, cat_formula),
    "cat classes, leaf by leaf": lambda: (
        cat(CC, BOTH, one_hot_max_size=2, **LOSS), WORDS, THREE, cat_formula),
    "cat one against all": lambda: (
        cat(CC, loss_function="MultiClassOneVsAll"), HOLES, THREE, cat_formula),
    "cat poisson": lambda: (cat(loss_function="Poisson"), HOLES, COUNTS, cat_formula),
    "cat targets": lambda: (cat(loss_function="MultiRMSE"), HOLES, PAIR, predicted),
    "cat uncertainty": lambda: (
        cat(loss_function="RMSEWithUncertainty"), HOLES, AMOUNT, cat_formula),
    "cat stumps": lambda: (cat(depth=1), PLAIN, AMOUNT, predicted),
    # histogram boosting
    "hist": lambda: (HistGradientBoostingRegressor(**HIST), HOLES, AMOUNT, predicted),
    "hist classes": lambda: (HistGradientBoostingClassifier(**HIST), HOLES, NAMES, decided),
    "hist categories": lambda: (
        HistGradientBoostingRegressor(**HIST, categorical_features="from_dtype"),
        MIXED, AMOUNT, predicted),
    "hist texts": lambda: (
        HistGradientBoostingClassifier(**HIST, categorical_features=["job", "town"]),
        WORDS, TWO, decided),
    "hist log link": lambda: (
        HistGradientBoostingRegressor(**HIST, loss="poisson"), HOLES, COUNTS, logarithm),
    # boosting, forests and single trees
    "boosting": lambda: (GradientBoostingRegressor(**FEW), PLAIN, AMOUNT, predicted),
    "boosting classes": lambda: (GradientBoostingClassifier(**FEW), PLAIN, NAMES, decided),
    "boosting from zero": lambda: (
        GradientBoostingClassifier(**FEW, init="zero"), PLAIN, THREE, decided),
    "boosting exponential": lambda: (
        GradientBoostingClassifier(**FEW, loss="exponential"), PLAIN, TWO, decided),
    "boosting on a forest": lambda: (
        GradientBoostingRegressor(**FEW, init=ExtraTreesRegressor(3, max_depth=3)),
        PLAIN, AMOUNT, predicted),
    "forest classes": lambda: (
        RandomForestClassifier(6, max_depth=4, random_state=0), HOLES, NAMES, shared),
    "forest targets": lambda: (
        RandomForestRegressor(6, max_depth=4, random_state=0), PLAIN, PAIR, predicted),
    "isolation forest": lambda: (
        IsolationForest(n_estimators=8, max_features=0.5, random_state=0),
        PLAIN, AMOUNT, path_length),
    "tree of depth 0": lambda: (
        DecisionTreeRegressor(min_samples_leaf=200), PLAIN, AMOUNT, predicted),
    "stump": lambda: (DecisionTreeRegressor(max_depth=1), PLAIN, AMOUNT, predicted),
    "fully grown": lambda: (ExtraTreeRegressor(random_state=0), PLAIN, AMOUNT, predicted),
    "one column again and again": lambda: (
        DecisionTreeRegressor(random_state=0), PLAIN, np.sin(5 * PLAIN["age"]), predicted),
    # ensembles of other estimators
    "ada": lambda: (AdaBoostClassifier(tree(2), **FEW), PLAIN, TWO, decided),
    "ada classes": lambda: (AdaBoostClassifier(tree(2), **FEW), PLAIN, NAMES, decided),
    "bagging": lambda: (BaggingRegressor(ExtraTreeRegressor(), **BAG), PLAIN, AMOUNT, predicted),
    "bagging classes": lambda: (
        BaggingClassifier(tree(), **BAG, max_samples=0.1), PLAIN, RARE, shared),
    "bagging two classes": lambda: (
        BaggingClassifier(RandomForestClassifier(3, max_depth=3), **BAG), PLAIN, TWO, second),
    "voting classes": lambda: (
        VotingClassifier(forests(), voting="soft", weights=[1, 9, 2]), PLAIN, NAMES, shared),
    "voting": lambda: (
        VotingRegressor(regressors(), weights=[1, 2, 3, 4]), PLAIN, AMOUNT, predicted),
    "targets apart": lambda: (
        MultiOutputRegressor(GradientBoostingRegressor(**FEW)), PLAIN, PAIR, predicted),
}  # fmt: skip

THIRTY_TWO_BITS = ("xgb", "voting")
WITH_BACKGROUND_ONLY = ("light linear leaves",)


@cache
def fitted(name: str) -> tuple[Any, pd.DataFrame, Callable[[Any], np.ndarray], float]:
    """The model, its rows, its own margin (row, output), and what rounding may do."""
    model, frame, y, own = KINDS[name]()
    model.fit(frame, y)

    def margin(X: Any) -> np.ndarray:
        return np.asarray(own(model, X), dtype=np.float64).reshape(len(X), -1)

    single = name.startswith(THIRTY_TWO_BITS) and name != "voting classes"
    return model, frame, margin, (SINGLE if single else DOUBLE) * np.abs(margin(frame)).max()


def outputs(found: pel.Attribution) -> tuple[np.ndarray, np.ndarray]:
    """Values (row, column, output) and base (row, output)."""
    rows = len(found.values)
    values = found.values.reshape(*found.values.shape[:2], -1)
    return values, np.asarray(found.base).reshape(rows, -1)


def enumerated(
    margin: Callable[[Any], np.ndarray], rows: pd.DataFrame, background: pd.DataFrame
) -> np.ndarray:
    """Shapley values (row, column, output) from every coalition of the user's columns."""
    every = product([False, True], repeat=rows.shape[1])
    teams = [dict(zip(rows, team, strict=True)) for team in every]
    games = []
    for i in range(len(rows)):
        same = rows.iloc[[i] * len(background)].set_axis(background.index)
        blocks = [
            pd.DataFrame({name: (background, same)[known][name] for name, known in team.items()})
            for team in teams
        ]
        answers = margin(pd.concat(blocks, ignore_index=True))
        worth = answers.reshape(len(teams), len(background), -1).mean(axis=1)
        game = {
            frozenset(np.flatnonzero(list(team.values())).tolist()): value
            for team, value in zip(teams, worth, strict=True)
        }
        games.append(brute.shapley(game.__getitem__, rows.shape[1]))
    return np.array(games)
