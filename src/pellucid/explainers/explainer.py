"""The base of all methods that explain: one verb around the mathematics of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.core.explanation import Explanation
from pellucid.core.recipe import Recipe
from pellucid.data.schema import Schema
from pellucid.engine.progress import progress as show_progress
from pellucid.explainers.asked import Asked
from pellucid.explainers.asking import asking
from pellucid.explainers.image_question import Opening
from pellucid.models.adapter import Model
from pellucid.models.graphs import graphs, refuse_inference_mode


class Explainer(Recipe, ABC):
    """A recipe that explains a model's output.

    A subclass is a frozen, keyword-only dataclass with its settings as fields, and one method,
    `compute`.
    """

    natural_scale: ClassVar[bool] = False
    """Whether the method works only on the first of `Model.scales`, where the model is a sum."""

    labels: ClassVar[bool] = False
    """Whether the method needs the true answers, ``y``."""

    takes: ClassVar[frozenset[str]] = frozenset({"table"})
    """What the method explains: ``"table"``, ``"image"``, or both."""

    takes_groups: ClassVar[bool] = False
    """Whether columns may be explained as groups: values then stand for `Question.player_names`."""

    measures: ClassVar[str | None] = None
    """What the values are measured in, such as ``"loss"``; by default the scale of the output."""

    @abstractmethod
    def compute(self, question: Any) -> Explanation | tuple[Explanation, ...]:
        """The explanation; provenance is filled in afterwards."""

    def obstacle(self, model: Model, scale: str) -> str | None:
        """Why this method cannot serve this model on this scale, or `None` if it can."""
        lacking = self.needs - model.can
        if lacking:
            why = f", and {model.limits}" if model.limits else ""
            return f"it needs a model with {' and '.join(sorted(lacking))}{why}"
        if self.natural_scale and scale != model.scales[0]:
            return f"it works on the scale {model.scales[0]!r} of this model, not on {scale!r}"
        return None

    def opening(self) -> Opening | None:
        """How images are to be asked about so that `compute` can go on from the answers."""
        return None

    def work(self, question: Any) -> int:
        """Rows that the model will be asked to predict, as an estimate for the progress bar."""
        return int(question.size)

    def explain(
        self,
        model: Any,
        X: Any,
        *,
        background: Any = None,
        y: Any = None,
        target: Any = None,
        scale: str = "auto",
        groups: Mapping[str, Sequence[str]] | None = None,
        segments: Any = None,
        schema: Schema | Mapping[str, Any] | None = None,
        seed: int | None = None,
        batch_size: int | None = None,
        threads: int | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Explain the model's output for the rows of `X`.

        See `pellucid.explain` for the parameters.
        """
        question = asking(
            model,
            X,
            background=background,
            y=y,
            target=target,
            scale=scale,
            groups=groups,
            segments=segments,
            schema=schema,
            seed=seed,
            batch_size=batch_size,
            threads=threads,
            opening=self.opening(),
        )
        return self.answer(question, progress=progress)

    def answer(self, question: Asked, *, progress: bool | None = None) -> Any:
        """Explain a question that is already settled."""
        if question.kind not in self.takes:
            raise CannotExplain(
                f"{type(self).__name__} cannot explain {question.kind}s",
                allowed=" and ".join(sorted(f"{kind}s" for kind in self.takes)),
                fix="pellucid.methods(model) says what each method explains",
            )
        reason = self.obstacle(question.model, question.scale)
        if reason is not None:
            from pellucid.explainers.choose import fitting

            raise CannotExplain(
                f"{type(self).__name__} cannot explain {question.model.name}: {reason}",
                got=f"can: {', '.join(sorted(question.model.can))}",
                allowed=fitting(question.model, question.scale, question.kind),
            )
        if question.groups and not self.takes_groups:
            raise InvalidSetting(
                f"{type(self).__name__} explains single columns",
                got=f"groups={list(question.groups)}",
                fix="Leave groups out, or choose Shapley values or permutation importance",
            )
        if self.labels and question.y is None:
            raise CannotExplain(
                f"{type(self).__name__} compares predictions with the true answers",
                got="no y",
                fix="Give y=, one answer for each row",
            )
        with show_progress(self.name(), self.work(question), progress) as advance:
            question.work.advance = advance
            if "gradient" in self.needs:
                refuse_inference_mode(question.model)
            with within_float64(type(self).__name__, question.model), graphs(question.model):
                found = self.compute(question)
        made = question.provenance(self.name(), self.params())
        if self.measures is not None:
            whole = self.measures == "loss"  # the whole model is judged, whatever the target
            made = replace(
                made,
                scale=self.measures,
                output_scale=made.scale,
                target=None if whole else made.target,
            )
        if isinstance(found, tuple):
            return tuple(_made(each, made) for each in found)
        return _made(found, made)


@contextmanager
def within_float64(method: str, model: Model) -> Iterator[None]:
    """Refuse numbers that grow beyond what float64 holds, instead of going on with infinity.

    Raises
    ------
    CannotExplain
    """
    try:
        with np.errstate(over="raise"):
            yield
    except FloatingPointError as error:
        raise CannotExplain(
            f"The numbers are too large for {method} of {model.name}",
            got=str(error),
            fix="Scale the columns or the output, such as by their standard deviation",
        ) from error


def _made(explanation: Explanation, made: Any) -> Explanation:
    return replace(explanation, provenance=made.note(*explanation.notes))
