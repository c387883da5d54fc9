"""The table of removals by name."""

from __future__ import annotations

from pellucid.perturb.baseline import Baseline
from pellucid.perturb.causal import Causal
from pellucid.perturb.copula import Copula
from pellucid.perturb.gaussian import Gaussian
from pellucid.perturb.marginal import Marginal
from pellucid.perturb.neighbours import Neighbours
from pellucid.perturb.removal import Removal
from pellucid.perturb.tree import Tree

REMOVALS: dict[str, type[Removal]] = {
    "marginal": Marginal,
    "baseline": Baseline,
    "gaussian": Gaussian,
    "copula": Copula,
    "neighbours": Neighbours,
    "tree": Tree,
}
"""For any game."""

CHAINED: dict[str, type[Removal]] = {**REMOVALS, "causal": Causal}
"""For games with an order of causes."""
