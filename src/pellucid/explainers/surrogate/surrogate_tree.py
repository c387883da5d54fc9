"""A small tree that says what the model says, as far as a small tree can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.provenance import Provenance
from pellucid.core.rules import Condition, Rules
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import positive, whole_number
from pellucid.explainers.surrogate.model_answers import Answers
from pellucid.explainers.surrogate.predicates import Bins
from pellucid.explainers.surrogate.surrogacy import Asked, Tested, learn_and_test, note_size
from pellucid.maths.binned_tree import Leaf, grow, place


@dataclass(frozen=True, kw_only=True)
class SurrogateTree(Explainer):
    """A decision tree fitted to the model's outputs, its leaves given as rules.

    Parameters
    ----------
    leaves : int
        Most leaves.
    bins : int
        Numbers and dates are cut at their quantiles, this many bins.
    smallest : float
        Fewest rows in a leaf, as a share of all.
    within : float, optional
        For models that answer with numbers: answers this near to a leaf's count as the same. By
        default half a standard deviation of the model's answers.

    Notes
    -----
    Rows: those of the background, and those to explain that are not among them. The tree learns
    from 70 % of them; the other 30 % say how faithful it is (`Rules.fidelity`: R² of the outputs
    and share of equal classes, with bootstrap intervals) and how precise each leaf is. A leaf
    answers with the class that the model gives most of its rows, or with their mean.

    The tree is fitted to the outputs on the scale explained, so that it tells likely from unlikely
    also where the class is the same. Categories go left or right in any grouping, missing values
    to either side.

    Cost: one evaluation for each row.

    References
    ----------
    Craven and Shavlik (1995), Extracting tree-structured representations of trained networks;
    Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> found = SurrogateTree(leaves=3).explain(model, X, seed=0)
    >>> [rule.prediction for rule in found]
    [0, 1, 2]
    """

    paper: ClassVar[str] = "Craven and Shavlik (1995)"
    cost: ClassVar[str] = "one for each row"

    leaves: int = 8
    bins: int = 32
    smallest: float = 0.01
    within: float | None = None

    def __post_init__(self) -> None:
        whole_number("leaves", self.leaves, 1)
        whole_number("bins", self.bins, 2)
        positive("smallest", self.smallest)
        positive("within", self.within, optional=True)

    def work(self, question: Question) -> int:
        rows = question.background
        return len(question.table) + (0 if rows is None else len(rows))

    def compute(self, question: Question) -> Rules:
        answers = Answers.to(question)
        learn, test = learn_and_test(question, answers)
        bins = Bins.of(learn.codes, list(question.table.schema.values()), self.bins)
        leaves = grow(
            bins.place(learn.codes),
            learn.outputs,
            bins.counts,
            [not bins.named(j) for j in range(len(bins.columns))],
            leaves=self.leaves,
            least=max(1, round(self.smallest * len(learn.codes))),
        )
        tested = Tested(
            answers=answers,
            within=answers.within(learn.answers, self.within),
            test=test,
            rule=place(bins.place(test.codes), leaves),
            said=np.array([_said(learn, leaf, answers) for leaf in leaves]),
            means=np.stack([learn.outputs[leaf.rows].mean(axis=0) for leaf in leaves]),
        )
        conditions = [_conditions(leaf, bins) for leaf in leaves]
        note_size(question, len(leaves), [len(each) for each in conditions])
        return Rules(
            rules=tested.rules(conditions),
            dims=("rule",),
            coords={"rule": range(1, len(leaves) + 1)},
            arranged="leaves",
            fidelity=tested.fidelity(question),
            provenance=Provenance(method=""),
        )


def _said(learn: Asked, leaf: Leaf, answers: Answers) -> float:
    """The class most often given in a leaf, or the mean of its numbers."""
    here = learn.answers[leaf.rows]
    return float(np.bincount(here.astype(int)).argmax() if answers.labels else here.mean())


def _conditions(leaf: Leaf, bins: Bins) -> list[Condition]:
    """What was asked on the way to a leaf, column by column."""
    return [bins.condition(column, sorted(leaf.allowed[column])) for column in leaf.path]
