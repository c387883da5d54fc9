"""``pellucid demo``: the main job from end to end, on real data that ships with scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.cli.app import say
from pellucid.cli.demo_images import run_images
from pellucid.cli.inputs import destination
from pellucid.cli.report import told
from pellucid.core.errors import UnknownName
from pellucid.data.datasets import Dataset, load_dataset

BUNDLED = ("breast_cancer", "diabetes", "wine", "iris")
"""Data sets that need no network."""

LESSONS = ("table", "images")

HELD_OUT = 0.3
"""Share of the rows that the model does not see."""


def run_demo(lesson: str, data: str | None, output: Path, seed: int, json: bool) -> None:
    """Train a model on bundled data and write its report: one of a table, or of images."""
    if lesson not in LESSONS:
        raise UnknownName.among("lesson", lesson, LESSONS)
    destination(output, (".html",))
    if lesson == "images":
        run_images(data, output, seed, json)
    else:
        run_table("breast_cancer" if data is None else data, output, seed, json)


def run_table(data: str, output: Path, seed: int, json: bool) -> None:
    """Train a gradient-boosted model on a held-out split and write its report."""
    if data not in BUNDLED:
        raise UnknownName.among("bundled data set", data, BUNDLED)
    dataset = load_dataset(data)
    say(f"Training a gradient-boosted model on {data} ({len(dataset.X):,} rows) …")
    model, parts = train(dataset, seed)
    say("Explaining it, and testing the explanation …")
    from pellucid.display.report.report import report

    X, y, background = parts["held out"]
    made = report(
        model,
        X,
        y,
        path=output,
        background=background,
        target=dataset.positive,
        title=f"What drives a model of {data.replace('_', ' ')}?",
        splits={"training": len(background), "held out": len(X)},
        origin={"Data set": f"{data}, {dataset.source}"},
        seed=seed,
    )
    told({"schema": 1, "report": str(made.path), "findings": made.findings}, json)


def train(dataset: Dataset, seed: int) -> tuple[Any, dict[str, tuple[Any, Any, Any]]]:
    """A fitted model, and the held-out rows with their answers and the training rows."""
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.model_selection import train_test_split

    classes = dataset.task == "classification"
    places = np.arange(len(dataset.X))
    seen, unseen = train_test_split(
        places, test_size=HELD_OUT, random_state=seed, stratify=dataset.y if classes else None
    )
    kind = GradientBoostingClassifier if classes else GradientBoostingRegressor
    model = kind(n_estimators=100, max_depth=3, learning_rate=0.1, subsample=0.8, random_state=seed)
    training, held_out = dataset.X.take(seen), dataset.X.take(unseen)
    model.fit(training.codes, dataset.y[seen])
    return model, {"held out": (held_out, dataset.y[unseen], training)}
