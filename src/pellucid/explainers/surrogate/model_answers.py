"""What a rule says of a model: the class it chooses, or the number it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.core.axes import Label, as_label
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.question import Question


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The model's answers as single words or numbers.

    Parameters
    ----------
    question : Question
        The model, and which of its outputs is explained.
    labels : tuple of labels
        The classes, by the code that `ask` gives; empty where answers are numbers.
    """

    question: Question
    labels: tuple[Label, ...]

    @classmethod
    def to(cls, question: Question) -> Answers:
        """The answers to a question.

        Raises
        ------
        InvalidSetting
            If the model answers with several numbers and none was chosen.
        """
        model = question.model
        if model.task != "classification" or model.classes is None:
            if question.many:
                raise InvalidSetting(
                    "A rule speaks of one number",
                    got=f"{len(question.columns)} outputs",
                    fix="Choose one with target=",
                )
            return cls(question=question, labels=())
        classes = tuple(as_label(label) for label in model.classes)
        if len(classes) > 2 and not question.many:
            own = as_label(question.labels[0])
            return cls(question=question, labels=(f"not {own}", own))
        return cls(question=question, labels=classes)

    def ask(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Answers (row,) as codes of classes or as numbers, and outputs (row, output)."""
        found = self.question.work.predict(self._both, codes)
        return found[:, 0], found[:, 1:]

    def _both(self, codes: np.ndarray) -> np.ndarray:
        question = self.question
        raw = question.model.predict(question.table.native(codes), question.scale)
        outputs = question.level(raw[:, question.columns])
        return np.column_stack([self._answer(raw, outputs), outputs])

    def _answer(self, raw: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        if not self.labels:
            return outputs[:, 0]
        if raw.shape[1] == 1:
            return raw[:, 0] > (0.5 if self.question.scale == "probability" else 0.0)
        chosen = np.argmax(raw, axis=1)
        return chosen if self.question.many else chosen == self.question.columns[0]

    def label(self, answer: float) -> Label:
        """The answer as a reader wants it."""
        return self.labels[int(answer)] if self.labels else float(answer)

    def value(self, answer: float, outputs: np.ndarray) -> float:
        """The output of the class answered, or the number, from outputs of shape (output,).

        NaN for all classes but one where the scale does not tell it.
        """
        if not self.labels or self.question.many:
            return float(outputs[int(answer) if self.labels else 0])
        explained = 0 if self.question.complement else 1
        if int(answer) == explained:
            return float(outputs[0])
        if self.question.scale == "probability":
            return 1.0 - float(outputs[0])
        return -float(outputs[0]) if len(self.question.model.classes or ()) == 2 else float("nan")

    def within(self, answers: np.ndarray, asked: float | None) -> float | None:
        """How far numbers may lie apart and count as one answer: as asked, or half their spread."""
        if self.labels:
            return None
        if asked is not None:
            return asked
        chosen = float(answers.std()) / 2
        self.question.note(
            f"Answers within ± {chosen:.4g} count as the same: half a standard deviation of the "
            "model's answers. Choose another distance with within=."
        )
        return chosen

    def same(self, answers: np.ndarray, own: float, within: float | None) -> np.ndarray:
        """Which answers count as `own`."""
        return answers == own if within is None else np.abs(answers - own) <= within
