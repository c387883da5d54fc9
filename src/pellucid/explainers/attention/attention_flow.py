"""Attention flow: the most that can flow from each patch through the attention of all layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pellucid.core.errors import BudgetExceeded
from pellucid.explainers.attention.attention_map import AttentionMap, mixed

if TYPE_CHECKING:
    import torch

MOST_WORK = 20_000_000
"""Most layers × tokens³ of an image: about a minute."""

UNITS = 10**8
"""Into how many a capacity of 1 is cut, as flows are counted in whole numbers."""


@dataclass(frozen=True, kw_only=True)
class AttentionFlow(AttentionMap):
    """The maximum flow from each patch to the token that is read; for few tokens only.

    Notes
    -----
    A note holds it against random parts of the image (`explainers.attention.worth`): it looks at
    neither the class nor the values that are attended to. Attention, averaged over heads and half
    of it the residual connection as in `AttentionRollout`, is the capacity of the pipes between the
    tokens of neighbouring layers; the value of a patch is the most that can flow between it and the
    class token behind the last layer, or all tokens with an equal share in networks without one.
    Each patch is a problem of its own, so flows do not add up. Capacities are rounded to 1e-8.

    Cost: one evaluation for each image, and one to find the grid; and a maximum flow for each
    patch, over layers × tokens² edges. More than 20 million layers × tokens³ are refused: 118
    tokens of 12 layers.

    Raises ------ BudgetExceeded If there are too many tokens.

    References
    ----------
    Abnar and Zuidema (2020), arXiv:2005.00928.
    """

    paper: ClassVar[str] = "arXiv:2005.00928"

    def shares(self, layers: list[torch.Tensor], score: torch.Tensor, extra: int) -> torch.Tensor:
        import torch

        depth, tokens = len(layers), layers[0].shape[-1]
        if depth * tokens**3 > MOST_WORK:
            raise BudgetExceeded(
                "The maximum flow is only feasible for few tokens",
                got=f"{tokens} tokens in {depth} layers",
                allowed=f"layers × tokens³ up to {MOST_WORK:,}",
                fix="Choose 'attention_rollout' or 'gradient_attention'",
            )
        pipes = torch.stack([mixed(each) for each in layers], dim=1).cpu().numpy()
        return torch.from_numpy(np.stack([_flows(each, extra) for each in pipes]))


def _flows(pipes: np.ndarray, extra: int) -> np.ndarray:
    """The maximum flow from the token read to each token, pipes (layer, token, token): (token,)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    depth, tokens, _ = pipes.shape
    source = (depth + 1) * tokens
    layer, to, at = np.indices(pipes.shape)
    start = ((layer + 1) * tokens + to).ravel()
    end = (layer * tokens + at).ravel()
    entry = np.zeros(tokens)
    entry[: 1 if extra else tokens] = 1 if extra else 1 / tokens
    start = np.concatenate([start, np.full(tokens, source)])
    end = np.concatenate([end, depth * tokens + np.arange(tokens)])
    capacity = np.rint(np.concatenate([pipes.ravel(), entry]) * UNITS).astype(np.int32)
    open_ = capacity > 0
    edges = (capacity[open_], (start[open_], end[open_]))
    graph = csr_array(edges, shape=(source + 1, source + 1))
    flows = [maximum_flow(graph, source, token).flow_value for token in range(tokens)]
    return np.array(flows) / UNITS
