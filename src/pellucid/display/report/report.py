"""``pellucid.report``: one page that answers, in order, what a reader must know."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting, WrongTarget
from pellucid.core.files import writable
from pellucid.core.scores import Score
from pellucid.data.images import are_images
from pellucid.data.schema import Schema
from pellucid.display.report import cases, drivers, effects, origin, quality, trust
from pellucid.display.report.blocks import Finding, Tile
from pellucid.display.report.facts import Facts, Options, gather
from pellucid.display.report.images.facts import Options as ImageOptions
from pellucid.display.report.images.report import report_on_images
from pellucid.display.report.made import Report
from pellucid.display.report.page import write
from pellucid.display.words import (
    brief,
    capital,
    counted,
    listed,
    measured,
    method_name,
    metric_name,
    percent,
    shorten,
)
from pellucid.explainers.explainer import Explainer


def report(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    path: str | os.PathLike[str] = "report.html",
    background: Any = None,
    target: Any = None,
    scale: str = "auto",
    rows: Any = (),
    methods: Sequence[str | Explainer] | None = None,
    segments: Any = None,
    gold: Any = None,
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
    X : table of shape (sample, feature), or images (sample, channel, row, column)
        Rows, or images, that the model has not seen in training.
    y : array of shape (sample,)
        Their true answers; of images they may be left out.
    path : path
        The file to write; it appears whole or not at all.
    background : table of shape (row, feature), optional
        The reference that explanations start from, such as the training data.
    target : class label, optional
        The class that the charts speak of; by default class 1 of two, the most frequent of more.
    scale : str
        As in `pellucid.explain`.
    rows : row label or sequence of row labels
        Rows, or images by name, to explain one by one, beside those the report chooses.
    methods : sequence of str or Explainer, optional
        For images: what is drawn side by side and judged; by default up to eight that fit.
    segments, gold : optional
        For images: as in `pellucid.compare`.
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
    for shares where they exist, else 1024 coalitions for each of 60 rows. Images are all predicted
    once; six are shown with every method, and 10 to 24, fewer the larger they are, drawn at random
    to judge the methods: some seconds for small images, some minutes for those of 224 × 224 pixels.
    """
    writable(path)
    wanted = tuple(rows) if isinstance(rows, (list, tuple, np.ndarray)) else (rows,)
    common: dict[str, Any] = {
        "target": target, "scale": scale, "rows": wanted, "splits": dict(splits or {}),
        "origin": dict(origin or {}), "seed": seed, "progress": progress,
    }  # fmt: skip
    where: dict[str, Any] = {"path": path, "background": background, "title": title}
    if are_images(X):
        _only("tables", "images", {"schema": schema is not None, "threshold": threshold != 0.5})
        asked = ImageOptions(methods=methods, segments=segments, gold=gold, **common)
        return report_on_images(model, X, y, options=asked, **where)
    given = {"methods": methods, "segments": segments, "gold": gold}
    _only("images", "a table", {name: each is not None for name, each in given.items()})
    if y is None:
        raise WrongTarget("A report on a table needs the true answers", fix="Give y")
    options = Options(threshold=threshold, schema=schema, **common)
    return _report_on_table(model, X, y, options=options, **where)


def _report_on_table(
    model: Any,
    X: Any,
    y: Any,
    *,
    path: str | os.PathLike[str],
    background: Any,
    options: Options,
    title: str | None,
) -> Report:
    """Measure and write."""
    started = time.perf_counter()
    facts = gather(model, X, y, background, options)
    return write(
        path,
        title=title or f"What drives {_short(facts.question.model.name)}?",
        lead=_lead(facts),
        findings=headline(facts),
        tiles=tiles(facts),
        sections=sections(facts),
        seed=facts.question.seed,
        started=started,
        evaluations=facts.evaluations,
        warnings=len(facts.evidence.failures),
    )


def _only(of: str, given: str, options: Mapping[str, bool]) -> None:
    """Raise where an option for one kind of data was given with another."""
    for name, there in options.items():
        if there:
            raise InvalidSetting(f"{name} is for {of}", got=f"{name}= and {given}")


def sections(facts: Facts) -> tuple[Any, ...]:
    """The answers, in the order in which a careful reader asks."""
    parts = (origin, quality, drivers, effects, cases)
    return (*(part.section(facts) for part in parts), trust.trust(facts), trust.limits(facts))


def headline(facts: Facts) -> tuple[Finding, ...]:
    """Three findings: how good, what drives it, whether to believe it."""
    return (_how_good(facts), _what_drives(facts), _believable(facts))


def tiles(facts: Facts) -> tuple[Tile, ...]:
    """The numbers to see at a glance."""
    main, checks = _main(facts), _checks(facts)
    held = len(checks) - len(facts.evidence.failures)
    known = main.low == main.low
    between = f"95 % interval {brief(main.low)} to {brief(main.high)}" if known else "no interval"
    shares = drivers.mean_shares(facts.attribution)
    total = sum(value for value, _, _ in shares.values())
    name, (size, _, _) = next(iter(shares.items()))
    columns = counted(len(facts.table.names), "column")
    return (
        Tile(name=capital(metric_name(main.metric)), value=brief(main.value), note=between),
        Tile(name="Rows judged", value=f"{len(facts.table):,}", note=f"with {columns}"),
        Tile(
            name="Strongest column",
            value=shorten(name, 24) if total else "none",
            note=f"{percent(size / total)} of all movement" if total else "nothing moves",
        ),
        Tile(
            name="Checks passed",
            value=f"{held} of {len(checks)}",
            note="tests of this explanation",
        ),
    )


def _main(facts: Facts) -> Score:
    """The score that a reader asks for first."""
    main = facts.scores["roc_auc" if facts.classification else "r2"]
    if main.value != main.value:
        main = facts.scores["accuracy" if facts.classification else "mae"]
    return main


def _checks(facts: Facts) -> list[Score]:
    return [row for row in facts.evidence if row.passed is not None]


def _how_good(facts: Facts) -> Finding:
    skill = facts.scores["skill"]
    if skill.passed:
        return Finding(status="good", text=_main(facts).text)
    return Finding(status="warn", text=f"{_main(facts).text} {skill.text}")


def _what_drives(facts: Facts) -> Finding:
    shares = drivers.mean_shares(facts.attribution)
    total = sum(value for value, _, _ in shares.values())
    if not total:
        return Finding(status="warn", text="No column moves any of the predictions explained.")
    names = [name for name in list(shares)[:3] if shares[name][0]]
    if len(shares) == 1:
        return Finding(text=f"{names[0]} is its only column, and moves its predictions.")
    part = sum(shares[name][0] for name in names) / total
    verb = "moves" if len(names) == 1 else "move"
    return Finding(
        text=f"{listed(names)} {verb} its predictions most: {percent(part)} of all that its "
        f"{len(shares)} columns move."
    )


def _believable(facts: Facts) -> Finding:
    checks, failures = _checks(facts), facts.evidence.failures
    if not checks:
        return Finding(status="warn", text="No check of this explanation could be made.")
    if failures:
        failed = listed(sorted({metric_name(row.metric) for row in failures}))
        verb = "fails" if len(failures) == 1 else "fail"
        return Finding(
            status="warn",
            text=f"{len(failures)} of {len(checks)} checks of this explanation {verb} ({failed}): "
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


def _short(model: str) -> str:
    """Of a pipeline, its last step."""
    return model.rpartition("→")[2].strip(" )") if "→" in model else model


def _lead(facts: Facts) -> str:
    attribution = facts.attribution
    size = f"{counted(len(facts.table), 'row')} and {counted(len(facts.table.names), 'column')}"
    error = brief(float(np.max(attribution.error)))
    exact = attribution.provenance.exactness
    sure = exact if attribution.exact else f"sampled, with an error of at most {error}"
    return (
        f"{facts.question.model.name} on {size}, explained by {method_name(attribution.method)} in "
        f"{measured(attribution)}; the shares are {sure}."
    )
