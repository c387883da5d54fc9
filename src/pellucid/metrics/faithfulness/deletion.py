"""Do the features called important move the prediction more than random ones?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.explanation import number
from pellucid.core.scores import Score
from pellucid.explainers.settings import whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.ranks import NEGLIGIBLE, rounded
from pellucid.metrics.resample import ENOUGH_ROWS, mean_interval, too_few
from pellucid.metrics.wording import amount, between, counted, sentence, warned


@dataclass(frozen=True, kw_only=True)
class Deletion(Metric):
    """Features replaced by background values, most important first, against random order.

    The features of each row are replaced one after another, up to `steps` of them and never more
    than half. The way that the prediction goes, up and down, is compared in the same row with the
    way it goes for as many features in random order. The value is the mean difference over rows,
    in units of the output; the check holds where its 95 % interval lies above zero. The order
    from the least important feature is told for comparison.

    Parameters
    ----------
    steps : int
        Most features replaced.
    orders : int
        Random orders per row; the same ones for every method that is judged with one seed.
    donors : int
        Background rows that each row takes values from; the prediction is averaged over them.
    budget : int
        Most model evaluations; fewer rows are taken where they would cost more.

    Notes
    -----
    Orders and background rows are drawn for each row anew, so the interval over rows covers
    both draws. The way is summed step by step, and not measured from end to end as in the papers,
    since large shares of opposite sign would cancel and a true explanation would look no better
    than chance. Replacing features one by one makes rows that may not occur; a model may behave
    oddly there, for the random order as for the other. A method that finds nearly equal shares
    everywhere can be right and still not beat random order.

    References
    ----------
    Samek et al. (2017), arXiv:1509.06321; Petsiuk et al. (2018), arXiv:1806.07421.
    """

    usual: ClassVar[frozenset[str]] = frozenset({"table"})
    needs: ClassVar[frozenset[str]] = frozenset({"reference", "features"})
    cost: ClassVar[str] = "steps · (orders + 2) · donors evaluations per row, up to `budget`"
    paper: ClassVar[str] = "arXiv:1509.06321"

    steps: int = 5
    orders: int = 10
    donors: int = 10
    budget: int = 500_000

    def __post_init__(self) -> None:
        for name in ("steps", "orders", "donors", "budget"):
            whole_number(name, getattr(self, name), 1)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """One score: how much further than random order."""
        steps = min(self.steps, max(1, len(evidence.features) // 2))
        per_row = steps * (self.orders + 2) * self.donors
        rows = evidence.some(max(1, self.budget // per_row), "the deletion test")
        moved = self._moved(evidence, rows, steps)
        if moved.max() <= NEGLIGIBLE * (evidence.spread or 1.0):
            return (self._no_signal(evidence, len(rows)),)
        first, last, random = moved[0], moved[1], moved[2:].mean(axis=0)
        ahead = first - random
        low, high = mean_interval(ahead, evidence.rng(self.name(), "interval"))
        passed = low > 0 if len(rows) >= ENOUGH_ROWS else None
        return (
            Score(
                metric=self.name(),
                group=evidence.group,
                value=float(ahead.mean()),
                low=low,
                high=high,
                n=len(rows),
                passed=passed,
                text=_sentence(evidence, steps, (first, last, random), (low, high), passed),
            ),
        )

    def _moved(self, evidence: Evidence, rows: np.ndarray, steps: int) -> np.ndarray:
        """How far each order moves the prediction of each row, step by step: (order, row).

        The explanation's own order comes first, then its reverse, then the random ones.
        """
        n, width = len(evidence), len(evidence.features)
        rng = evidence.rng("orders")
        random = rng.permuted(np.tile(np.arange(width), (self.orders, n, 1)), axis=2)
        size = np.abs(rounded(evidence.shares, evidence.spread))
        own = np.lexsort((rng.random(size.shape), -size), axis=1)  # ties in random order
        places = np.concatenate([own[None], own[None, :, ::-1], random])[:, rows]
        rank = np.argsort(places, axis=2)
        removed = rank[:, :, None, :] < np.arange(1, steps + 1)[:, None]
        start = np.broadcast_to(rows[:, None], removed.shape[:3]).ravel()
        kept = evidence.without(
            start, removed.reshape(-1, width), evidence.donors(self.donors)
        ).mean(axis=1)
        whole = np.broadcast_to(evidence.output[rows, None], (len(places), len(rows), 1))
        path = np.concatenate([whole, kept.reshape(len(places), len(rows), steps)], axis=2)
        return np.abs(np.diff(path, axis=2)).sum(axis=2)

    def _no_signal(self, evidence: Evidence, n: int) -> Score:
        return Score(
            metric=self.name(),
            group=evidence.group,
            value=0.0,
            n=n,
            text=f"Replacing {evidence.part}s moves the prediction of no {evidence.thing}, "
            "whichever they are, so there is nothing to test.",
        )


def _sentence(
    evidence: Evidence,
    steps: int,
    moved: tuple[np.ndarray, np.ndarray, np.ndarray],
    limits: tuple[float, float],
    passed: bool | None,
) -> str:
    first, last, random = (float(each.mean()) for each in moved)
    instead = next(iter(evidence.ways.values()))
    times = f", {first / random:.2g} times as far as" if random > 0 else ", further than"
    facts = (
        f"replacing the {counted(steps, evidence.part)} called most important by "
        f"{instead}, one by one, moves the prediction by {amount(first, evidence.scale)} in "
        f"all{times} random ones ({number(random)}); the "
        f"difference is {number(first - random)}{between(*limits)}, "
        f"and the least important ones move it by {number(last)}"
    )
    if passed is None:
        return sentence(f"{facts}; {too_few(evidence.thing + 's')}")
    if passed:
        return sentence(facts)
    verdict = "move the prediction less than" if limits[1] < 0 else "cannot be told from"
    return warned(f"the {evidence.part}s called important {verdict} random ones: {facts}")
