"""What all maps of attention share: the weights of all layers, the grid of patches, the image."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain
from pellucid.explainers.asked import Asked
from pellucid.explainers.attention.weights import attended
from pellucid.explainers.attention.worth import tell_worth
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.network.differentiable import Network, differentiable
from pellucid.explainers.network.grids import MOST_EXTRA, Grid, token_grid, upsampled
from pellucid.explainers.network.site import look

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class AttentionMap(Explainer):
    """The base of maps of attention."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    needs: ClassVar[frozenset[str]] = frozenset({"sites"})
    exact: ClassVar[bool] = True
    cost: ClassVar[str] = "5 rows forwarded for each image, and one"
    differentiates: ClassVar[bool] = False
    """Whether the gradient at the weights is needed."""

    def compute(self, question: Asked) -> Attribution:
        import torch

        door = differentiable(question)
        assert isinstance(question, ImageQuestion)
        with door.model.still() as call:
            maps = look(door, lambda x, of=None: call(x)).maps

        def drawn(net: Network, x: torch.Tensor, pick: np.ndarray, places: slice) -> torch.Tensor:
            with torch.set_grad_enabled(self.differentiates):
                inputs = x.requires_grad_(self.differentiates).clone()
                layers, score = attended(door, net, inputs, pick, question.output[places])
            grid, extra = _grid(question, maps, layers)
            shares = self.shares(layers, score, extra)[:, extra:]
            return upsampled(shares.reshape(len(x), *grid), tuple(x.shape))

        values = door.each(drawn)
        tell_worth(question, values[0])
        return door.attribution(values)

    @abstractmethod
    def shares(self, layers: list[torch.Tensor], score: torch.Tensor, extra: int) -> Any:
        """What is attended of each token, tensor (sample, token).

        Parameters
        ----------
        layers : list of tensor of shape (sample, head, token, token)
            Attention weights, the first layer first.
        score : tensor of shape (sample,)
            The output explained.
        extra : int
            Tokens before the patches: with any, the first is read by the network, else all are.
        """


def _grid(
    question: ImageQuestion, maps: list[Grid], layers: list[torch.Tensor]
) -> tuple[Grid, int]:
    """Rows and columns of patches, and the tokens before them; both are noted."""
    tokens, image = layers[0].shape[-1], question.images.values.shape[-2:]
    found = token_grid(tokens, (image[0], image[1]), maps)
    if found is None:
        raise CannotExplain(
            f"The {tokens} tokens of {question.model.name} do not lie on the image",
            got=f"an image of {image[0]} × {image[1]}",
            allowed=f"a grid of square patches after at most {MOST_EXTRA} other tokens",
        )
    (rows, columns), extra = found
    reader = "what the first of them attends to" if extra else "the mean over all tokens"
    before = f" after {extra} other token{'s' * (extra > 1)}" if extra else ""
    question.note(f"{len(layers)} layers of {rows} × {columns} patches{before}; {reader}.")
    return (rows, columns), extra


def read(between: torch.Tensor, extra: int) -> torch.Tensor:
    """The row of the class token, or the mean of all rows where there is none: (sample, token)."""
    return between[:, 0] if extra else between.mean(dim=1)


def mixed(weights: torch.Tensor) -> torch.Tensor:
    """The mean over heads, half of it the residual connection: float64 (sample, token, token)."""
    import torch

    mean = weights.detach().double().mean(dim=1)
    return 0.5 * mean + 0.5 * torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)
