"""What is asked of a model: which rows, which outputs, on which scale, against which background.

Every method begins with the same work: recognise the model, read the table, settle target, scale
and seed. It is done once, here, so that a method is only its mathematics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.core.seeds import resolve_seed
from pellucid.data.schema import Schema
from pellucid.data.table import Table
from pellucid.engine.work import BATCH_ROWS, Work
from pellucid.explainers.asked import Asked
from pellucid.explainers.players import Players
from pellucid.explainers.tried import FEW_ROWS, Told, tried
from pellucid.models.adapter import Model
from pellucid.models.as_model import as_model

SCALES = ("probability", "logit", "log", "raw", "path length")
"""Every scale that some model speaks on."""


@dataclass(kw_only=True)
class Question(Asked):
    """A model, the rows of a table to explain, and how to speak of its output; see `Asked`.

    Parameters
    ----------
    table : Table
        The rows to explain.
    background : Table or None
        The reference rows, with the table's schema.
    columns : list of int
        Which columns of the model's prediction are explained.
    labels : tuple
        Their names: class labels, or output numbers.
    complement : bool
        Whether the explained class is the other one of a binary model.
    playing : Players
        The user's columns, or groups of them, between which the output is shared out.
    told : Told or None
        What the model has said already; it serves where it answers this very question.
    """

    kind: ClassVar[str] = "table"

    table: Table
    background: Table | None
    columns: list[int]
    labels: tuple[Label, ...]
    complement: bool
    playing: Players
    told: Told | None = None

    @property
    def size(self) -> int:
        return len(self.table)

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """The explained outputs, shape (row, output), for coded rows."""
        return self.work.predict(self._predict_batch, codes)

    def _predict_batch(self, codes: np.ndarray) -> np.ndarray:
        raw = self.model.predict(self.table.native(codes), self.scale)
        return self.level(raw[:, self.columns])

    def encode(self, codes: np.ndarray) -> np.ndarray:
        """What the last estimator sees for coded rows, shape (row, encoded column)."""
        with np.errstate(**self.work.numpy):
            return self.model.encode(self.table.native(codes))

    @property
    def player_names(self) -> tuple[str, ...]:
        """The players: the user's columns, or the groups of them."""
        return self.playing.names

    @property
    def player_of(self) -> np.ndarray:
        """The player that holds each of the user's columns, shape (feature,)."""
        return self.playing.of

    @property
    def origins(self) -> np.ndarray:
        """The user's column that each encoded column comes from, shape (encoded column,)."""
        origin = self.model.encoded_from
        if origin is None:
            raise CannotExplain(f"{self.model.name} mixes several columns into one")
        given = self.model.known_as(self.table.names)
        place = np.array([given.index(name) for name in self.model.columns or given])
        return place[origin]

    @property
    def players(self) -> np.ndarray:
        """The player that holds each encoded column, shape (encoded column,)."""
        return self.player_of[self.origins]

    @cached_property
    def output(self) -> np.ndarray:
        """The model's own prediction for the explained rows, shape (sample, output)."""
        told = self.told
        if told is None or not told.whole or self._differs(told):
            return self.predict(self.table.codes)
        self.work.spend(len(self.table))
        self.work.advance(len(self.table))
        return self.level(told.values[:, self.columns])

    def _differs(self, told: Told) -> bool:
        same = told.model is self.model and told.table is self.table
        return not same or told.scale != self.scale

    def level(self, raw: np.ndarray) -> np.ndarray:
        """Predictions of the model, said for the explained class."""
        if not self.complement:
            return raw
        return 1.0 - raw if self.scale == "probability" else -raw

    def shares(self, raw: np.ndarray) -> np.ndarray:
        """Shares of the model's prediction, said for the explained class."""
        return -raw if self.complement else raw

    def reference(self, most: int | None, *, covered: bool = False) -> np.ndarray:
        """Coded background rows, at most `most` of them; every cut is noted.

        Where the error or the band of the answer is that of drawing rows, it is `covered`.

        Raises
        ------
        InvalidSetting
            If there is no background and only one row to explain.
        """
        if self.background is not None:
            rows, whose = self.background.codes, "background rows"
        elif len(self.table) > 1:
            rows, whose = self.table.codes, "rows to explain, which serve as background,"
            self.note("No background was given: the rows to explain serve as the reference.")
        else:
            raise InvalidSetting(
                "One row cannot be explained against itself",
                got="no background",
                fix="Give background=, such as the training data",
            )
        if most is None or len(rows) <= most:
            return rows
        chosen = self.rng("background").choice(len(rows), most, replace=False)
        self.note(
            f"{most:,} of {len(rows):,} {whose} were drawn at random (seed {self.seed}) to bound "
            f"the cost; the {'error or band includes' if covered else 'error does not include'} "
            "this choice."
        )
        return rows[np.sort(chosen)]

    def reference_size(self, most: int | None) -> int:
        """How many rows `reference` gives."""
        rows = self.table if self.background is None else self.background
        return min(len(rows), most or len(rows))

    @property
    def many(self) -> bool:
        """Whether several outputs are explained, so that results have an axis for them."""
        return len(self.columns) > 1

    @property
    def output_axis(self) -> str:
        """What the axis of outputs is called."""
        return "class" if self.model.task == "classification" else "output"

    @property
    def target_name(self) -> str | None:
        """The explained output in words."""
        if self.many:
            return None
        return str(self.labels[0]) if self.model.task == "classification" else None

    def attribution(
        self, values: np.ndarray, base: np.ndarray, error: np.ndarray | None = None
    ) -> Attribution:
        """The explanation with the user's rows and columns.

        Parameters
        ----------
        values : array of shape (sample, player, output)
            The shares, already said for the explained class.
        base : array of shape (output,) or (sample, output)
            The output they start from.
        error : array of shape (sample, player, output), optional
            Standard errors; zero where exact.
        """
        finite = np.isfinite(values)
        if not finite.all() or not np.isfinite(self.output - base).all():
            raise CannotExplain(
                f"The shares of {self.model.name} are not finite numbers",
                got=f"{int((~finite).sum())} of {values.size}",
                fix="The model's outputs are too large to be averaged: scale or clip them",
            )
        dims: tuple[str, ...] = ("sample", "feature")
        coords: dict[str, Sequence[Label]] = {
            "sample": list(self.table.rows),
            "feature": self.player_names,
        }
        output, columns = self.output, self.table.columns()
        if self.many:
            dims = (*dims, self.output_axis)
            coords[self.output_axis] = self.labels
        else:
            values, output, base = values[..., 0], output[:, 0], base[..., 0]
            error = None if error is None else error[..., 0]
        return Attribution(
            values=values,
            dims=dims,
            coords=coords,
            base=np.broadcast_to(base, output.shape),
            output=output,
            error=error,  # type: ignore[arg-type]
            inputs={**columns, **self.playing.held(columns)},
            provenance=Provenance(method=""),
        )

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        return self.playing.groups

    @property
    def fingerprints(self) -> dict[str, str | None]:
        behind = self.background
        return {
            "data_fingerprint": self.table.fingerprint(),
            "background_fingerprint": None if behind is None else behind.fingerprint(),
        }


def ask(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    y: Any = None,
    target: Any = None,
    scale: str = "auto",
    groups: Mapping[str, Sequence[str]] | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    seed: int | None = None,
    batch_size: int = BATCH_ROWS,
    threads: int | None = None,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
) -> Question:
    """The question in its settled form; see `pellucid.explain` for the parameters.

    Raises
    ------
    CannotExplain, UnknownName, InvalidData
        If the model, its output or the rows cannot be used as asked.
    """
    adapter = as_model(model)
    reference = None
    if background is not None:
        reference = Table.of(background, schema=schema, names=_names_for(background, adapter))
    table = Table.of(
        X,
        like=reference,
        schema=schema if reference is None else None,
        names=_names_for(X, adapter),
        own_order=True,
    )
    if reference is not None and reference.schema != table.schema:
        reference = Table.of(reference, like=table)
    work = Work(batch_size=batch_size, limit=max_evaluations, seconds=max_seconds)
    known = table if reference is None else reference.take(range(min(len(reference), FEW_ROWS)))
    arranged = adapter.greet(known.native())  # a bare function shows only now what it answers
    chosen = _scale(adapter, scale)
    told = tried(adapter, table, reference, chosen, work)
    notes = [*adapter.notes_on(chosen), *arranged, *table.notes, *_constant(table)]
    columns, labels, complement = _outputs(adapter, told.values.shape[1], target)
    return Question(
        model=adapter,
        table=table,
        background=reference,
        y=None if y is None else _answers(y, len(table)),
        scale=chosen,
        columns=columns,
        labels=labels,
        complement=complement,
        seed=resolve_seed(seed),
        work=work,
        threads=_threads(threads),
        playing=Players.among(table.names, groups),
        notes=notes,
        told=told,
    )


def _names_for(X: Any, model: Model) -> tuple[str, ...] | None:
    """The names the model remembers, for an array that has none of its own."""
    bare = isinstance(X, np.ndarray) and X.dtype.names is None and X.ndim == 2
    fits = bare and model.columns is not None and X.shape[1] == len(model.columns)
    return model.columns if fits else None


def _constant(table: Table) -> list[str]:
    """A note on columns that do not vary."""
    first = table.codes[0]
    same = ((table.codes == first) | (np.isnan(table.codes) & np.isnan(first))).all(axis=0)
    if len(table) < 2 or not same.any():
        return []
    names = ", ".join(name for name, found in zip(table.names, same, strict=True) if found)
    return [f"The same value in every row explained: {names}."]


def _scale(model: Model, scale: str) -> str:
    if scale == "auto":
        return model.scales[0]
    if scale not in model.scales:
        if scale not in SCALES:
            raise UnknownName.among("scale", str(scale), ("auto", *model.scales))
        raise CannotExplain(
            f"{model.name} has no output on the scale {scale!r}", allowed=list(model.scales)
        )
    return scale


def _outputs(model: Model, width: int, target: Any) -> tuple[list[int], tuple[Label, ...], bool]:
    """Which of the model's outputs are explained, their names, and whether as the other class."""
    if model.task != "classification" or model.classes is None:
        if target is None:
            return list(range(width)), tuple(range(width)), False
        known = [str(i) for i in range(width)]
        if str(target) not in known:
            raise UnknownName.among("output", str(target), known)
        return [int(target)], (int(target),), False
    classes = [c.item() if isinstance(c, np.generic) else c for c in model.classes]
    if target is None:
        return (
            (list(range(width)), tuple(classes), False)
            if width > 1
            else ([0], (classes[-1],), False)
        )
    if target not in classes:
        found = [c for c in classes if str(c) == str(target)]
        if not found:
            raise UnknownName.among("class", str(target), [str(c) for c in classes])
        target = found[0]
    place = classes.index(target)
    if width > 1:
        return [place], (target,), False
    return [0], (target,), place == 0 and len(classes) == 2


def _answers(y: Any, rows: int) -> np.ndarray:
    answers = np.asarray(y)
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if answers.shape != (rows,):
        raise InvalidSetting(
            "y needs one answer for each row", got=f"shape {answers.shape}", allowed=f"({rows},)"
        )
    return answers


def _threads(threads: int | None) -> int:
    import os

    if threads is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InvalidSetting("threads is a number of threads", got=repr(threads), allowed="≥ 1")
    return int(threads)
