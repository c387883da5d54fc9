"""The principal reasons for a decision, against a fixed reference population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.core.reasons import Reasons
from pellucid.data.protected import may_be_protected
from pellucid.data.schema import Schema
from pellucid.data.table import Table, describe
from pellucid.engine.work import BATCH_ROWS
from pellucid.explainers.choose import best_method
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question, ask
from pellucid.explainers.settings import whole_number

SIDES = {"higher": 1.0, "lower": -1.0}
"""Which way an answer is adverse, and its sign."""

ROUNDING = 1e-9
"""Differences smaller than this part of all shares of a row are rounding."""


def reason_codes(
    model: Any,
    X: Any,
    *,
    reference: Any,
    cutoff: float | None = None,
    nearest: int | None = None,
    k: int = 4,
    adverse: str = "higher",
    target: Any = None,
    scale: str = "auto",
    groups: Mapping[str, Sequence[str]] | None = None,
    resamples: int = 50,
    seed: int | None = 0,
    schema: Schema | Mapping[str, Any] | None = None,
    batch_size: int = BATCH_ROWS,
    threads: int | None = None,
) -> Reasons:
    """Why the model decided against each row: its few greatest reasons, in order.

    Parameters
    ----------
    model : object
        Anything that `explain` explains exactly: trees, weighted sums, or any model of few
        columns or groups.
    X : table of shape (sample, feature)
        The rows decided on, such as the refused applicants.
    reference : table of shape (row, feature)
        Whom they are compared with. All of these rows are used, never a sample, so the reasons are
        the same each time.
    cutoff : float, optional
        Keep only reference rows whose answer is on the good side of this value: a probability
        where the model gives probabilities, else the model's own unit.
    nearest : int, optional
        With `cutoff`: only this many of them, those nearest to it, such as the applicants who were
        just accepted. Ties are decided by the order of rows.
    k : int
        Most reasons for each row. US lenders state up to four.
    adverse : {"higher", "lower"}
        Which answers are adverse: ``"higher"`` where the output is a risk.
    target, scale, schema, batch_size, threads
        As for `explain`; one output.
    groups : Mapping of str to columns, optional
        Columns that are one reason together; see `pellucid.correlated_groups`. One-hot columns of
        a pipeline always are.
    resamples : int
        How often the reference population is redrawn (with replacement) to see whether the same
        reasons come in the same order; 0 for not at all.
    seed : int, optional
        Of these redraws; the reasons do not depend on it.

    Returns
    -------
    Reasons
        A feature that moved the answer to the good side is never among them.

    Raises
    ------
    CannotExplain
        If no exact method serves this model.
    InvalidSetting
        If several outputs are left to choose from, or no reference row is on the good side.

    Notes
    -----
    Shares are interventional Shapley values with the whole reference population as background:
    exact, so their order has no sampling noise. `Reasons.stability` says how much the order owes to
    who happens to be in that population. A reason is what the model used; it is no advice on what
    to change.

    Cost: as the exact method, 1 + `resamples` times.

    References
    ----------
    Regulation B (Equal Credit Opportunity Act), 12 CFR 1002.9(b)(2): principal reasons. Lundberg
    et al. (2020), doi:10.1038/s42256-019-0138-9.

    Examples
    --------
    >>> import pellucid as pel
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> found = pel.reason_codes(model, X.head(3), reference=X, cutoff=0.5, adverse="lower", k=2)
    >>> found.names.shape
    (3, 2)
    """
    whole_number("k", k, 1)
    whole_number("resamples", resamples, 0)
    whole_number("nearest", nearest, 1, optional=True)
    if adverse not in SIDES:
        raise InvalidSetting("adverse is a side", got=repr(adverse), allowed=tuple(SIDES))
    question = ask(
        model,
        X,
        background=reference,
        target=target,
        scale=scale,
        groups=groups,
        schema=schema,
        seed=seed,
        batch_size=batch_size,
        threads=threads,
    )
    if question.many:
        raise InvalidSetting(
            "Reasons are given for one output", got=f"{len(question.columns)} outputs",
            allowed=list(question.labels), fix="Give target=",
        )  # fmt: skip
    question = _against(question, cutoff, nearest, adverse)
    recipe = _exact(question)
    found = _answer(recipe, question)
    _look_at_sides(question, found, adverse)
    places = _order(SIDES[adverse] * found.values, k)
    _look_at_protected(question, places)
    return _reasons(question, found, places, SIDES[adverse], _stability(
        recipe, question, places, SIDES[adverse], resamples
    ))  # fmt: skip


def _against(
    question: Question, cutoff: float | None, nearest: int | None, adverse: str
) -> Question:
    """The question with its reference population, the rows on the good side of the cut-off."""
    population = question.background
    assert population is not None
    if cutoff is None:
        if nearest is not None:
            raise InvalidSetting("nearest needs a cut-off to be near to", fix="Give cutoff=")
        return question
    scale = "probability" if "probability" in question.model.scales else question.scale
    answer = replace(question, scale=scale).predict(population.codes)[:, 0]
    above = SIDES[adverse] * (cutoff - answer)
    good = np.flatnonzero(above >= 0)
    if not len(good):
        raise InvalidSetting(
            "No reference row is on the good side of the cut-off",
            got=f"cutoff={cutoff:g}, answers from {answer.min():.3g} to {answer.max():.3g}",
            fix="Move the cut-off, or exchange adverse='higher' and 'lower'",
        )
    if nearest is not None:
        good = np.sort(good[np.argsort(above[good], kind="stable")[:nearest]])
    question.note(
        f"The reference population is {len(good):,} of {len(population):,} reference rows: those "
        f"on the good side of {cutoff:g}" + (", nearest to it." if nearest is not None else ".")
    )
    return replace(question, background=population.take(good))


def _look_at_sides(question: Question, found: Attribution, adverse: str) -> None:
    """Note where the rows stand on the good side of the reference, as if sides were exchanged."""
    assert found.output is not None
    assert found.base is not None
    better = SIDES[adverse] * (found.output - found.base) < 0
    if 2 * int(better.sum()) <= len(better):
        return
    what = "" if question.target_name is None else f" of {question.target_name}"
    question.note(
        f"{int(better.sum())} of {len(better)} rows have a better output{what} than the reference "
        f"on average, with adverse={adverse!r}: if they were decided against, exchange adverse= or "
        "give target=."
    )


def _look_at_protected(question: Question, places: np.ndarray) -> None:
    """Note reasons that may stand for a protected group."""
    named = [question.player_names[i] for i in np.unique(places[places >= 0])]
    held = [name for name in named if may_be_protected(name)]
    if held:
        question.note(
            f"Among the reasons: {', '.join(held)}, which may stand for a protected group. Lending "
            "law may forbid it as a reason, and the model to use it."
        )


def _exact(question: Question) -> Explainer:
    """The exact method, told to use the whole background."""
    recipe = best_method(question)
    if not recipe.exact:
        raise CannotExplain(
            f"No exact method serves {question.model.name} with {len(question.player_names)} "
            "columns, and sampled reasons may change their order from one run to the next",
            fix="Give groups=, so that at most 12 columns and groups remain",
        )
    if any(field.name == "max_background" for field in fields(recipe)):  # type: ignore[arg-type]
        recipe = replace(recipe, max_background=None)  # type: ignore[type-var]
    return recipe


def _answer(recipe: Explainer, question: Question) -> Attribution:
    found = recipe.answer(question, progress=False)
    assert isinstance(found, Attribution)
    return found


def _order(adverse: np.ndarray, k: int) -> np.ndarray:
    """Players by adverse share, greatest first, (sample, place); -1 where there is no reason.

    Shares that differ by rounding only are equal, and then the order of columns decides.
    """
    size = np.abs(adverse).sum(axis=1, keepdims=True)
    steps = np.round(adverse / np.where(size > 0, ROUNDING * size, 1.0))
    real = steps > 0
    places = np.argsort(np.where(real, -steps, np.inf), axis=1, kind="stable")[:, :k]
    return np.where(np.take_along_axis(real, places, axis=1), places, -1)


def _stability(
    recipe: Explainer, question: Question, places: np.ndarray, side: float, resamples: int
) -> np.ndarray | None:
    """How often the reasons are the same, in the same order, against redrawn populations."""
    if resamples == 0:
        return None
    rng, population = question.rng("populations"), question.background
    assert population is not None
    same = np.zeros(len(places))
    for _ in range(resamples):
        drawn = population.take(np.sort(rng.integers(len(population), size=len(population))))
        found = _answer(recipe, replace(question, background=drawn, notes=[]))
        same += (_order(side * found.values, places.shape[1]) == places).all(axis=1)
    return same / resamples


def _reasons(
    question: Question,
    found: Attribution,
    places: np.ndarray,
    side: float,
    stability: np.ndarray | None,
) -> Reasons:
    population, table = question.background, question.table
    assert population is not None
    assert found.base is not None
    assert found.output is not None
    names = np.array([*question.player_names, ""], dtype=object)
    usual = np.array([*_by_player(question, _usual(population)), ""], dtype=object)
    columns = tuple(table.schema.values())
    held = np.array(
        [[*_by_player(question, list(map(describe, columns, row))), ""] for row in table.codes],
        dtype=object,
    )
    shares = np.take_along_axis(side * found.values, places, axis=1)
    return Reasons(
        samples=list(table.rows),
        names=names[places],
        shares=np.where(places < 0, 0.0, shares),
        held=np.take_along_axis(held, places, axis=1),
        typical=usual[places],
        output=found.output,
        base=float(found.base.flat[0]),
        stability=stability,
        population=len(population),
        fingerprint=population.fingerprint(),
        provenance=replace(found.provenance, method="reason_codes").note(*question.notes),
    )


def _usual(population: Table) -> list[str]:
    """The median of each number; the commonest category, and how common it is."""
    found = []
    for column, codes in zip(population.schema.values(), population.codes.T, strict=True):
        codes = codes[~np.isnan(codes)]
        if not len(codes):
            found.append("missing")
        elif column.kind in ("numeric", "date"):
            found.append(describe(column, float(np.quantile(codes, 0.5, method="inverted_cdf"))))
        else:
            values, counts = np.unique(codes, return_counts=True)
            common = counts.argmax()
            part = counts[common] / len(population)
            found.append(f"{describe(column, float(values[common]))} ({part:.0%})")
    return found


def _by_player(question: Question, texts: list[str]) -> list[str]:
    """What each player holds, from what its columns hold; a group names its columns."""
    columns, held = question.table.names, [[] for _ in question.player_names]  # type: ignore[var-annotated]
    for j, player in enumerate(question.player_of):
        held[player].append(j)
    return [
        texts[own[0]] if len(own) == 1 else ", ".join(f"{columns[j]} {texts[j]}" for j in own)
        for own in held
    ]
