"""ExactSHAP: Shapley values of any model, from all coalitions of its columns."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.explainers.shapley.game import (
    evaluations,
    played_on,
    settle_removal,
    shared_out,
)
from pellucid.explainers.shapley.stages import played
from pellucid.perturb.game import Plan, enumerated

MOST_PLAYERS = 20
"""Columns that can be enumerated: 2^20 coalitions are a million worths for each row."""


@dataclass(frozen=True, kw_only=True)
class ExactSHAP(Explainer):
    """Shapley values without sampling, for models with few columns, or images of few segments.

    Parameters
    ----------
    max_background : int, optional
        Most background rows to use, or `None` for all. Values are exact for the rows used.
    removal : {"marginal", "baseline", "gaussian", "copula", "neighbours", "tree"}
        What stands in for removed columns: background rows whatever the known columns are, one
        reference row, or what the background says of them given the known ones. For segments of
        images ``"marginal"`` is background images, ``"baseline"`` their mean, and without a
        background both are ``"mean"``, the mean colour of the image; or ``"zero"``, or ``"blur"``.

    Raises
    ------
    InvalidSetting
        If more than 20 columns of a row differ from the background.

    Notes
    -----
    Laws: efficiency, symmetry, linearity, and dummy unless removal depends on the known columns.
    Cost: 2^columns × background rows for each row (1 row for ``"baseline"``). Columns on which a
    row equals every background row are left out before enumerating, and coalitions that say the
    same of two rows are evaluated once.

    References
    ----------
    Shapley (1953), A value for n-person games, doi:10.1515/9781400881970-018.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True
    takes = frozenset({"table", "image"})
    takes_groups = True
    paper = "doi:10.1515/9781400881970-018"
    cost = "2^columns × background rows, per row"

    max_background: int | None = 100
    removal: str = "marginal"

    def __post_init__(self) -> None:
        whole_number("max_background", self.max_background, 1, optional=True)
        settle_removal(self, self.removal)

    def work(self, question: Question | ImageQuestion) -> int:
        if isinstance(question, ImageQuestion):
            here = int(question.segment.max()) + 1
        else:
            here = len(question.player_names)
        players = min(here, MOST_PLAYERS)
        return evaluations(question, 1 << players, self.max_background, self.removal)

    def compute(self, question: Question | ImageQuestion) -> Attribution:
        game = played_on(question, self.removal, self.max_background)
        values, *_ = played(game, lambda players: _all_coalitions(players, question.parts))
        return shared_out(question, game, values)


def _all_coalitions(players: int, parts: str) -> Plan:
    if players > MOST_PLAYERS:
        raise InvalidSetting(
            f"The coalitions of so many {parts} cannot be enumerated",
            got=f"{players} {parts} that differ from what stands in for them",
            allowed=f"at most {MOST_PLAYERS}",
            fix="Use method='kernel_shap', which samples coalitions and says its error",
        )
    return enumerated(players)
