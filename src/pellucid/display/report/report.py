"""``pellucid.report``: one page that answers, in order, what a reader must know."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.explanation import number
from pellucid.core.files import writable
from pellucid.data.schema import Schema
from pellucid.display.report import cases, drivers, effects, origin, quality, trust
from pellucid.display.report.blocks import Finding
from pellucid.display.report.facts import Facts, Options, gather
from pellucid.display.report.page import render, write
from pellucid.display.words import brief, listed, percent


@dataclass(frozen=True, kw_only=True)
class Report:
    """Where the page is, and what it found.

    Parameters
    ----------
    path : Path
        The page.
    findings : tuple of str
        The findings that matter.
    warnings : int
        How many checks of the explanation fail.
    evaluations : int
        Rows that the model was asked to predict.
    seconds : float
        Wall-clock time.
    """

    path: Path
    findings: tuple[str, ...]
    warnings: int
    evaluations: int
    seconds: float


def report(
    model: Any,
    X: Any,
    y: Any,
    *,
    path: str | os.PathLike[str] = "report.html",
    background: Any = None,
    target: Any = None,
    scale: str = "auto",
    rows: Sequence[Any] = (),
    threshold: float = 0.5,
    title: str | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    splits: Mapping[str, int] | None = None,
    origin: Mapping[str, str] | None = None,
    seed: int | None = 0,
    progress: bool | None = None,
) -> Report:
    """Write a report about a model: one HTML file that needs no network.

    Parameters
    ----------
    model : object
        Anything that `pellucid.explain` takes and that predicts classes or numbers.
    X : table of shape (sample, feature)
        Rows that the model has not seen in training.
    y : array of shape (sample,)
        Their true answers.
    path : path
        The file to write; it appears whole or not at all.
    background : table of shape (row, feature), optional
        The reference that explanations start from, such as the training data.
    target : class label, optional
        The class that the charts speak of; by default class 1 of two, the most frequent of more.
    scale : str
        As in `pellucid.explain`.
    rows : sequence of row labels
        Rows to explain one by one, beside those the report chooses.
    threshold : float
        With two classes, the probability from which the target is predicted.
    title : str, optional
        The headline.
    schema : Schema or Mapping, optional
        Kinds, units and limits of columns.
    splits : Mapping of str to int, optional
        Sizes of the splits, such as ``{"training": 398, "held out": 171}``.
    origin : Mapping of str to str, optional
        Facts about the model's file to print beside it, such as its trust tier.
    seed : int, optional
        Makes the report repeatable.
    progress : bool, optional
        Show progress on standard error; by default on a terminal only.

    Returns
    -------
    Report
        The path and the findings.

    Raises
    ------
    CannotExplain, InvalidData, WrongTarget, UnknownName
        If model, rows, answers or options cannot be used; nothing is written then.

    Notes
    -----
    Cost: a few thousand evaluations per explained column for effects and importance; exact methods
    for shares where they exist, else 1024 coalitions for each of 60 rows.
    """
    started = time.perf_counter()
    writable(path)
    options = Options(
        target=target,
        scale=scale,
        rows=tuple(rows),
        threshold=threshold,
        schema=schema,
        splits=dict(splits or {}),
        origin=dict(origin or {}),
        seed=seed,
        progress=progress,
    )
    facts = gather(model, X, y, background, options)
    findings = headline(facts)
    seconds = time.perf_counter() - started
    text = render(
        title=title or f"What drives {facts.question.model.name}?",
        lead=_lead(facts),
        findings=findings,
        sections=sections(facts),
        seed=facts.question.seed,
        seconds=seconds,
        evaluations=facts.evaluations,
    )
    return Report(
        path=write(path, text),
        findings=tuple(finding.text for finding in findings),
        warnings=len(facts.evidence.failures),
        evaluations=facts.evaluations,
        seconds=time.perf_counter() - started,
    )


def sections(facts: Facts) -> tuple[Any, ...]:
    """The answers, in the order in which a careful reader asks."""
    parts = (origin, quality, drivers, effects, cases)
    return (*(part.section(facts) for part in parts), trust.trust(facts), trust.limits(facts))


def headline(facts: Facts) -> tuple[Finding, ...]:
    """Three findings: how good, what drives it, whether to believe it."""
    return (_how_good(facts), _what_drives(facts), _believable(facts))


def _how_good(facts: Facts) -> Finding:
    skill = facts.scores["skill"]
    main = facts.scores["roc_auc" if facts.classification else "r2"]
    if main.value != main.value:
        main = facts.scores["accuracy" if facts.classification else "mae"]
    return Finding(status="good" if skill.passed else "warn", text=main.text)


def _what_drives(facts: Facts) -> Finding:
    shares = drivers.mean_shares(facts.attribution)
    names = list(shares)[:3]
    total = sum(value for value, _, _ in shares.values())
    part = sum(shares[name][0] for name in names) / total if total else 0.0
    columns = "columns" if len(shares) > 1 else "column"
    return Finding(
        text=f"{listed(names)} move its predictions most: {percent(part)} of all that its "
        f"{len(shares)} {columns} move."
    )


def _believable(facts: Facts) -> Finding:
    checks = [row for row in facts.evidence if row.passed is not None]
    failures = facts.evidence.failures
    if failures:
        failed = listed(sorted({row.metric.replace("_", " ") for row in failures}))
        return Finding(
            status="warn",
            text=f"{len(failures)} of {len(checks)} checks of this explanation fail ({failed}): "
            "read the section on trust first.",
        )
    text = f"The explanation passes all {len(checks)} checks it was put to"
    row = facts.evidence["deletion"] if "deletion" in facts.evidence.metrics else None
    if row is not None and row.passed:
        text += (
            f"; the columns it calls important move {drivers.moves(facts.attribution)} by "
            f"{brief(row.value)} more than random ones (95 % interval {brief(row.low)} to "
            f"{brief(row.high)})"
        )
    return Finding(status="good", text=f"{text}.")


def _lead(facts: Facts) -> str:
    what = f"explained for {facts.focus}" if facts.classification else "explained"
    size = f"{len(facts.table):,} rows and {len(facts.table.names)} columns"
    error = number(float(np.max(facts.attribution.error)))
    return (
        f"{facts.question.model.name} on {size}, {what} on the scale {facts.question.scale!r}. "
        f"Largest sampling error of a share: {error}."
    )
