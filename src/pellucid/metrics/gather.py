"""From what the user hands in to evidence: the explanation is matched with its model and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.core import registry
from pellucid.core.attribution import Attribution
from pellucid.core.errors import AxisError, InvalidData, InvalidSetting, UnknownName
from pellucid.core.seeds import generator
from pellucid.data.table import Table
from pellucid.explainers.choose import PACKAGE
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question, ask
from pellucid.metrics.table_evidence import TableEvidence, repeat

OUTPUT_AXES = ("class", "output")
PREDICTED = "predicted class"

OTHER = (
    "Agreement and deletion replace features by values of other rows than the explanation did: {}."
)

SAME = 1e-6
"""Largest relative difference between predictions of one model: rounding of float32."""


def gather(
    attribution: Any,
    model: Any,
    X: Any,
    *,
    background: Any,
    method: Explainer | None,
    target: Any,
    schema: Any,
    gold: Any = None,
    rows: int,
    seed: int,
    batch_size: int,
    threads: int | None,
) -> tuple[TableEvidence, ...]:
    """The evidence for each output judged; see `pellucid.evaluate` for the parameters."""
    attribution = _judgeable(attribution)
    question = ask(
        model,
        X,
        background=background,
        target=_target(attribution, target),
        scale=attribution.scale,
        groups=attribution.provenance.groups or None,
        schema=schema,
        seed=attribution.seed if attribution.seed is not None else seed,
        batch_size=batch_size,
        threads=threads,
    )
    question = _outputs(question, attribution)
    attribution = _in_order(attribution, question.player_names)
    _match(attribution, question)
    recipe, unrepeatable = recipe_of(attribution, method)
    first = question
    if attribution.provenance.background_fingerprint is None:
        first = replace(question, background=None)
    other = _other_reference(attribution, first)
    if other or (question.background is not None and first.background is None):
        first.note(OTHER.format(other or "it was explained without a background"))
    cost = attribution.evaluations / len(question.table)
    golden = None if gold is None else marked(gold, question)
    question, attribution, place = _some(question, attribution, rows, seed)
    return each_output(
        question,
        attribution,
        recipe=recipe,
        first=first,
        unrepeatable=unrepeatable or other,
        cost=cost,
        seed=seed,
        gold=None if golden is None else golden[place],
    )


def _judgeable(attribution: Any) -> Attribution:
    if not isinstance(attribution, Attribution):
        raise InvalidSetting(
            "Only attributions can be evaluated",
            got=type(attribution).__name__,
            allowed="Attribution",
        )
    extra = [dim for dim in attribution.dims if dim not in ("sample", "feature", *OUTPUT_AXES)]
    if attribution.dims[:2] != ("sample", "feature") or extra or len(attribution.dims) > 3:
        raise AxisError(
            "This attribution has no value for each row and feature",
            got=f"axes {attribution.dims}",
            allowed=[("sample", "feature"), ("sample", "feature", "class")],
            fix="Evaluate the attribution as explain() returned it, before means or sums",
        )
    return attribution


def _target(attribution: Attribution, target: Any) -> Any:
    if len(attribution.dims) == 3:
        if target is not None:
            raise InvalidSetting(
                "This attribution explains several outputs, each judged by itself",
                got=f"target={target!r}",
                fix=f"Leave target out, or take one: attribution.sel({attribution.dims[2]}=...)",
            )
        return None
    return attribution.target if target is None else target


def _outputs(question: Question, attribution: Attribution) -> Question:
    """The question about just the outputs that the attribution explains."""
    if len(attribution.dims) == 2:
        if question.many:
            raise InvalidSetting(
                "The attribution does not say which output it explains",
                got=f"{len(question.columns)} outputs",
                allowed=list(question.labels),
                fix="Give target=, as it was given to explain()",
            )
        return question
    known = [str(label) for label in question.labels]
    wanted = [str(label) for label in attribution.coords[attribution.dims[2]]]
    for label in wanted:
        if label not in known:
            raise UnknownName.among("output of the model", label, known)
    places = [known.index(label) for label in wanted]
    return replace(
        question,
        columns=[question.columns[i] for i in places],
        labels=tuple(question.labels[i] for i in places),
    )


def _in_order(attribution: Attribution, players: tuple[str, ...]) -> Attribution:
    """The attribution with its features in the order of the question's players."""
    given = attribution.features
    if sorted(map(str, given)) != sorted(players):
        raise InvalidData(
            "The attribution and the table have other features",
            got=list(given),
            allowed=list(players),
            fix="Evaluate all features of the explanation, on the table that was explained",
        )
    return attribution.isel(feature=[given.index(name) for name in players])


def _match(attribution: Attribution, question: Question) -> None:
    """Raise unless these rows and this model are the ones explained."""
    _match_rows(attribution, question.table)
    made, model = attribution.provenance, question.model
    if made.model_fingerprint in ("", model.fingerprint()):
        return
    if attribution.output is not None:
        then = attribution.output.reshape(question.output.shape)
        if np.allclose(then, question.output, rtol=SAME, atol=SAME * np.ptp(question.output)):
            question.note("The model is not the same object inside, but predicts the same.")
            return
    raise InvalidData(
        "The attribution explains another model",
        got=f"{model.name}, fingerprint {model.fingerprint()}, with other predictions",
        allowed=f"{made.model}, fingerprint {made.model_fingerprint}",
        fix="Give the model that was explained, or explain this one",
    )


def _match_rows(attribution: Attribution, table: Table) -> None:
    made = attribution.provenance
    fix = "Give the rows that were explained, in the same order"
    count = len(attribution.coords["sample"])
    if count != len(table):
        raise InvalidData(
            "The attribution explains another number of rows",
            got=f"{len(table)} rows",
            allowed=f"{count} rows",
            fix=fix,
        )
    if made.data_fingerprint in (None, table.fingerprint()):
        return
    inputs = attribution.inputs
    column = next(iter(table.names), None) if inputs is None else _differing(inputs, table)
    if column is not None:
        raise InvalidData(
            "The attribution explains other rows", got=f"other values in {column!r}", fix=fix
        )


def _differing(inputs: Mapping[str, np.ndarray], table: Table) -> str | None:
    """The first column whose values are not those that were explained."""
    for name, now in table.columns().items():
        then = inputs.get(name)
        same = then is not None and all(
            a == b or (a != a and b != b) for a, b in zip(then.tolist(), now.tolist(), strict=True)
        )
        if not same:
            return name
    return None


def recipe_of(attribution: Attribution, method: Explainer | None) -> tuple[Explainer | None, str]:
    """The recipe that made the attribution, or why it is not known."""
    name = attribution.method
    if method is not None:
        if not isinstance(method, Explainer):
            raise InvalidSetting("method is the recipe that was run", got=repr(method))
        if name and method.name() != name:
            raise InvalidSetting(
                "The attribution was made by another method", got=method.name(), allowed=name
            )
        return method, ""
    try:
        kind = registry.find(PACKAGE, name)
    except UnknownName:
        return None, f"the method {name!r} is none of this library's; give it as method="
    params = {k: tuple(v) if isinstance(v, list) else v for k, v in attribution.params.items()}
    try:
        recipe = kind(**params)
    except (TypeError, InvalidSetting) as reason:
        return None, f"the settings of {name!r} cannot be used again ({reason})"
    if not isinstance(recipe, Explainer):
        return None, f"{name!r} does not explain"
    return recipe, ""


def _other_reference(attribution: Attribution, first: Question) -> str:
    """Why the reference rows at hand are not those of the explanation; empty if they are."""
    made = attribution.provenance
    if made.background_fingerprint is None:
        if made.data_fingerprint in (None, first.table.fingerprint()):
            return ""
        return "it was explained without a background among other rows, which are not at hand"
    if first.background is None:
        return "the background that it was explained with was not given"
    if first.background.fingerprint() != made.background_fingerprint:
        return "the background given is not the one that it was explained with"
    return ""


def _some(
    question: Question, attribution: Attribution, rows: int, seed: int
) -> tuple[Question, Attribution, np.ndarray]:
    """At most `rows` of the rows, drawn at random, and which they are."""
    n = len(question.table)
    if n <= rows:
        return repeat(question, question), attribution, np.arange(n)
    index = np.sort(generator(seed, "rows judged").choice(n, rows, replace=False))
    shorter = repeat(question, question, table=question.table.take(index))
    shorter.note(f"{rows:,} of {n:,} rows were drawn at random to be judged (seed {seed}).")
    return shorter, attribution.isel(sample=index), index


def marked(gold: Any, question: Question) -> np.ndarray:
    """Features that are responsible, as booleans (sample, feature).

    Raises
    ------
    InvalidData
        If they have another shape.
    """
    found = np.asarray(gold)
    wanted = (len(question.table), len(question.player_names))
    if found.shape not in (wanted, wanted[1:]) or found.dtype.kind not in "biu":
        raise InvalidData(
            "gold marks features of each row",
            got=f"shape {found.shape} of {found.dtype}",
            allowed=f"yes or no, shape {wanted}, or {wanted[1:]} for all rows alike",
        )
    return np.broadcast_to(found != 0, wanted)


def each_output(
    question: Question,
    attribution: Attribution,
    *,
    recipe: Explainer | None,
    first: Question,
    unrepeatable: str,
    cost: float,
    seed: int,
    gold: np.ndarray | None = None,
) -> tuple[TableEvidence, ...]:
    """One piece of evidence for each output; for classes one, on the class predicted."""
    shape = (len(question.table), len(question.player_names), len(question.columns))
    values, error = (np.reshape(each, shape) for each in (attribution.values, attribution.error))
    base = None if attribution.base is None else attribution.base.reshape(shape[0], shape[2])
    one = TableEvidence(
        question=question,
        values=values,
        error=error,
        base=base,
        chosen=np.zeros(shape[0], dtype=np.intp),
        recipe=recipe,
        first=first,
        unrepeatable=unrepeatable,
        cost=cost,
        seed=seed,
        gold=gold,
    )
    if not question.many:
        return (one,)
    if question.output_axis == "class":
        return (replace(one, chosen=question.output.argmax(axis=1), group=PREDICTED),)
    return tuple(
        replace(
            one,
            question=replace(question, columns=[column], labels=(label,)),
            values=values[:, :, i : i + 1],
            error=error[:, :, i : i + 1],
            base=None if base is None else base[:, i : i + 1],
            group=str(label),
            known={},
        )
        for i, (column, label) in enumerate(zip(question.columns, question.labels, strict=True))
    )
