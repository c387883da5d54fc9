"""Summaries that compare predictions with the true answers: importance and fairness."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy import special

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidSetting, WrongTarget
from pellucid.core.scores import Score, Scores
from pellucid.explainers.effect.judged import Asked, metric_for
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.explainers.streamed.summaries import (
    ALE,
    PDP,
    Batch,
    MeanAbs,
    Prepared,
    Summary,
    counted,
    in_share,
    made_by,
    share_of,
)
from pellucid.maths.losses import METRICS, Metric
from pellucid.maths.summaries import Counts, Moments, dice, folded

BLOCK_CELLS = 2000
MOST_BLOCKS, FEWEST_BLOCKS = 100, 10
"""Random blocks of the reservoir, between which its own share of the error is read off."""

PLAIN_MEANS = ("log_loss", "brier", "accuracy", "mse", "mae")
"""Metrics that are means over rows, so that parts of them merge."""

RATES = {
    "selection_rate": ("are predicted positive", lambda c: (c[:, 1].sum(), c.sum())),
    "true_positive_rate": ("of the positive are found", lambda c: (c[1, 1], c[1].sum())),
    "false_positive_rate": ("of the negative are called positive", lambda c: (c[0, 1], c[0].sum())),
    "accuracy": ("are judged rightly", lambda c: (c[0, 0] + c[1, 1], c.sum())),
}
"""From a confusion matrix (true class, predicted class) of one group: hits and how many."""


@dataclass(frozen=True, kw_only=True)
class Permutation(Summary):
    """Permutation importance with values from a reservoir that all parts share.

    Shuffling within a part would leave a sorted column nearly as it is, and call it useless.

    Parameters
    ----------
    metric : str
        One of those that are means over rows; ``"auto"`` as in `PermutationImportance`.
    repeats : int
        Values drawn for each row.
    rows : int, optional
        About how many rows to judge; `None` for all.
    """

    name: ClassVar[str] = "permutation_importance"
    asks_model: ClassVar[bool] = True

    metric: str = "auto"
    repeats: int = 2
    rows: int | None = 20_000

    def __post_init__(self) -> None:
        whole_number("repeats", self.repeats, 1)
        whole_number("rows", self.rows, 2, optional=True)
        if self.metric not in ("auto", *PLAIN_MEANS):
            raise InvalidSetting(
                "This metric does not merge", got=self.metric, allowed=("auto", *PLAIN_MEANS)
            )

    def columns(self, y: str | None) -> tuple[str, ...]:
        return (_answers(y, self.name),)

    def prepared(self, question: Question, rows: int, y: str | None) -> Prepared:

        metric = metric_for(self.metric, question)
        name = next(name for name, each in METRICS.items() if each is metric)
        reservoir = question.table.codes
        if len(reservoir) < 2:
            raise InvalidSetting("Shuffling needs at least two rows", got="one row")
        numbers = np.asarray(question.table.rows, np.int64)
        share = share_of(self.rows, rows)
        answers = _answers(y, self.name)
        blocks = BLOCK_CELLS // len(question.player_names)
        blocks = min(max(blocks, FEWEST_BLOCKS), MOST_BLOCKS, len(reservoir))
        return _Permutation(
            self, name, reservoir, numbers, share, question.seed, answers, blocks, rows
        )


@dataclass(frozen=True)
class _Permutation(Prepared):
    summary: Permutation
    metric: str
    reservoir: np.ndarray
    numbers: np.ndarray
    share: float
    seed: int
    y: str
    blocks: int
    rows: int

    def of_part(self, batch: Batch) -> bytes:
        from pellucid.explainers.effect.judged import Asked

        players = len(batch.question.player_names)
        rows = np.flatnonzero(in_share(batch.question, self.share, self.seed))
        if not len(rows):
            return b""
        table = batch.question.table.take(rows)
        about = replace(batch.question, table=table, y=batch.extra[self.y][rows])
        metric = METRICS[self.metric]
        asked = Asked.of(about, metric)
        own = asked.predict(table.codes)
        answer = asked.answers(own)
        base = metric.terms(answer, asked.judged(own))
        changed = np.empty((len(rows), self.summary.repeats, players))
        donors = self._donors(table.rows)
        for turn in range(self.summary.repeats):
            given = self.reservoir[donors[:, turn]]
            for player in range(players):
                moved = np.where(about.player_of == player, given, table.codes)
                judged = asked.judged(asked.predict(moved))
                changed[:, turn, player] = metric.terms(answer, judged) - base
        return self._state(-changed if metric.rising else changed, base[:, None], donors)

    def _donors(self, numbers: np.ndarray) -> np.ndarray:
        """For each row and turn a row of the reservoir, never the row itself."""
        turns = range(self.summary.repeats)
        bits = np.stack([dice(numbers, self.seed, 2, turn) for turn in turns], axis=1)
        drawn = (bits % np.uint64(len(self.reservoir))).astype(np.int64)
        itself = self.numbers[drawn] == np.asarray(numbers)[:, None]
        return np.where(itself, (drawn + 1) % len(self.reservoir), drawn)

    def _state(self, changed: np.ndarray, base: np.ndarray, donors: np.ndarray) -> bytes:
        """Over rows; over pairs in each block of the reservoir; of the loss itself."""
        flat = changed.reshape(-1, changed.shape[2])
        block = dice(donors.ravel(), self.seed, 3) % np.uint64(self.blocks)
        pairs = Moments.by_place(flat, block.astype(np.int64), self.blocks)
        return Moments.of(changed.mean(axis=1)).state() + pairs.state() + Moments.of(base).state()

    def result(self, states: Iterable[bytes], question: Question) -> Attribution:
        players = len(question.player_names)
        shapes = [(players,), (self.blocks, players), (1,)]
        ends = np.cumsum([0, *(24 * int(np.prod(shape)) for shape in shapes)])
        kept = counted(states, self.summary)
        rows, pairs, base = (
            folded(Moments.from_state(s[ends[k] : ends[k + 1]], shapes[k]) for s in kept)
            for k in range(3)
        )
        error = self._error(rows, pairs)
        made = made_by(question, self.summary, rows.count.max())
        return Attribution(
            values=rows.mean,
            dims=("feature",),
            coords={"feature": question.player_names},
            base=base.mean[0],
            error=error,
            provenance=replace(made, scale="loss", target=None),
        )

    def _error(self, rows: Moments, pairs: Moments) -> np.ndarray:
        """Over other rows and other reservoirs, and what the two share where rows are in both."""
        used = pairs.count[:, 0] > 0
        drawn, blocks = pairs.count[:, 0].sum(), max(int(used.sum()), 2)
        between = pairs.mean[used].var(axis=0) * blocks / (blocks - 1)
        within = pairs.squares.sum(axis=0) / max(drawn - blocks, 1.0)
        of_donors = np.maximum(between / blocks - within / drawn, 0.0)
        overlap = np.sqrt(rows.count * len(self.reservoir)) / self.rows
        found: np.ndarray = np.sqrt(
            rows.error**2 + of_donors + 2.0 * overlap * rows.error * np.sqrt(of_donors)
        )
        return found


@dataclass(frozen=True, kw_only=True)
class Fairness(Summary):
    """Decisions by group: who is predicted positive, who is found, who is wronged; over all rows.

    Parameters
    ----------
    group : str
        The column that says which group a row belongs to; it need not be a feature.
    threshold : float
        The probability from which the explained class is predicted.
    """

    name: ClassVar[str] = "fairness"

    group: str
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InvalidSetting("The threshold", got=self.threshold, allowed="0 to 1")

    def columns(self, y: str | None) -> tuple[str, ...]:
        return (_answers(y, self.name), self.group)

    def prepared(self, question: Question, rows: int, y: str | None) -> Prepared:
        if question.many or question.model.task != "classification":
            raise CannotExplain(
                "Decisions are counted for one class of a classifier",
                got=f"{len(question.columns)} outputs",
                fix="Choose a class with target=",
            )
        levels = {"probability": self.threshold, "logit": float(special.logit(self.threshold))}
        if question.scale not in levels:
            raise CannotExplain("There is no threshold on this scale", got=question.scale)
        return _Fairness(self, levels[question.scale], _answers(y, self.name))


@dataclass(frozen=True)
class _Fairness(Prepared):
    summary: Fairness
    level: float
    y: str

    def of_part(self, batch: Batch) -> bytes:
        label = str(batch.question.labels[0])
        actual = _texts(batch.extra[self.y]) == label
        said = batch.output[:, 0] >= self.level
        groups, place = np.unique(_texts(batch.extra[self.summary.group]), return_inverse=True)
        cells = np.bincount(4 * place + 2 * actual + said, minlength=4 * len(groups))
        named = zip(groups.tolist(), cells.reshape(-1, 2, 2), strict=True)
        return Counts(dict(named)).state()

    def result(self, states: Iterable[bytes], question: Question) -> Scores:
        from pellucid.maths.intervals import wilson

        whole = Counts({})
        for state in states:
            whole.merge(Counts.from_state(state))
        total = sum(whole.cells.values())
        if not np.asarray(total).sum(axis=1).all():
            raise WrongTarget(
                "All answers are of one class, or none is a class of the model",
                got=f"column {self.y!r}",
                allowed=[str(each) for each in question.model.classes or ()],
            )
        rows = []
        for group, cells in sorted(whole.cells.items()):
            for metric, (words, of) in RATES.items():
                hits, n = of(cells)
                low, high = wilson(hits, n)
                share = hits / n if n else float("nan")
                text = f"{self.summary.group} {group}: {hits} of {n} {words}."
                found = Score(
                    metric=metric, value=float(share), group=group, low=float(low),
                    high=float(high), n=int(n), text=text,
                )  # fmt: skip
                rows.append(found)
        return Scores(rows=tuple(rows), provenance=made_by(question, self.summary, 0))


def _answers(y: str | None, name: str) -> str:
    if y is None:
        raise InvalidSetting(
            f"{name} compares predictions with the true answers", fix="Name their column: y="
        )
    return y


def _terms(metric: Metric, asked: Asked, answer: np.ndarray, own: np.ndarray) -> np.ndarray:
    assert metric.terms is not None
    return metric.terms(answer, own if asked.classes else own[:, 0])


def _texts(values: np.ndarray) -> np.ndarray:
    """Values as texts, so that 1, 1.0 and "1" are one class, and True is 1."""
    if values.dtype.kind == "b":
        values = values.astype(int)
    if values.dtype.kind == "f" and np.all(values == np.floor(values)):
        values = values.astype(np.int64)
    return np.array([str(value) for value in values])


SUMMARIES: dict[str, type[Summary]] = {each.name: each for each in (MeanAbs, PDP, ALE, Permutation)}
"""Those that need no further word, by name."""
