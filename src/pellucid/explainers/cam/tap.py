"""Reading the activation at a site, and the gradient with respect to it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.network.differentiable import Differentiable, Network
from pellucid.explainers.network.site import Site, first_tensor, with_first

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, eq=False)
class Tap:
    """A network that is asked about a batch of images, and the site that is watched.

    Parameters
    ----------
    door : Differentiable
        The question.
    call : callable
        The network, held still.
    site : Site
        The site.
    x : tensor of shape (sample, channel, row, column)
        The images.
    pick : int array of shape (sample,)
        The output explained of each.
    places : slice
        Where they stand among all images.
    """

    door: Differentiable
    call: Network
    site: Site
    x: torch.Tensor
    pick: np.ndarray
    places: slice

    @property
    def begun(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Raw scores of this batch and the leaf at the site, if they came with the question."""
        known = self.door.begun.get(self.places.start)
        leaf = None if known is None else known.seen.leaf(self.site.address)
        return None if known is None or leaf is None else (known.raw, leaf)

    @property
    def whole(self) -> np.ndarray:
        """The output explained of each image, (sample,)."""
        question = self.door.question
        assert isinstance(question, ImageQuestion)
        return question.output[self.places]

    def gradient(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The maps (sample, channel, row, column), and the score's gradient at each cell.

        Nothing before the site, and no parameter, takes part in the backward pass.

        Raises
        ------
        CannotExplain
            If the score does not depend on the site by differentiable operations.
        """
        import torch

        score, activation, leaf = self._scored()
        if not score.requires_grad:
            raise self._apart("a score without a gradient")
        (found,) = torch.autograd.grad(score.sum(), leaf, allow_unused=True)
        if found is None:
            raise self._apart("a score that does not use it")
        maps, slopes = self.site.maps(activation), self.site.maps(found)
        finite = torch.isfinite(slopes.sum())  # quick, but a sum may overflow
        if not (finite or torch.isfinite(slopes).all()):
            raise CannotExplain(
                f"The gradient at {self.site.address!r} is not finite",
                fix="Look for divisions by zero, or roots of zero, behind that site",
            )
        self._refuse_unread(slopes)
        return maps, slopes

    def _scored(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The output explained, (sample,), the activation, and the leaf that stands for it."""
        import torch

        with torch.enable_grad():
            if self.begun is not None:
                raw, leaf = self.begun
                return self.door.picked(raw, self.pick), leaf.detach(), leaf
            leaves: list[torch.Tensor] = []

            def watched(activation: torch.Tensor) -> torch.Tensor:
                leaves.append(activation.detach().clone().requires_grad_(True))
                return leaves[-1].clone()

            with changed(self.site, watched):
                score = self.door.score(self.call, self.x, self.pick)
        return score, leaves[-1].detach(), leaves[-1]

    def activation(self) -> torch.Tensor:
        """The activation as the module returns it; the network is stopped there."""
        import torch

        if self.begun is not None:
            return self.begun[1].detach()
        self.door.question.work.spend(len(self.x))
        with torch.no_grad():
            return stopped(self.call, self.site, self.x)

    def maps(self) -> torch.Tensor:
        """The activation as maps (sample, channel, row, column)."""
        return self.site.maps(self.activation())

    def _apart(self, got: str) -> CannotExplain:
        return CannotExplain(
            f"The score of {self.door.model.name} has no gradient at {self.site.address!r}",
            got=got,
            fix="Choose another site, or 'score_cam', which needs no gradient",
        )

    def _refuse_unread(self, slopes: torch.Tensor) -> None:
        if slopes.any():
            return
        if self.site.tokens:
            raise CannotExplain(
                f"The score does not depend on the patches at {self.site.address!r}",
                got="a gradient of zero: behind the last attention only the class token is read",
                fix="Leave site out, or choose one before the last attention",
            )
        self.door.question.note(
            f"The gradient at {self.site.address!r} is zero for some images: so are their maps."
        )


class _Stop(Exception):
    """The network has reached the site."""


def stopped(call: Network, site: Site, x: torch.Tensor) -> torch.Tensor:
    """The activation at a site, without running what comes behind it."""
    held: list[torch.Tensor] = []

    def reached(activation: torch.Tensor) -> torch.Tensor:
        held.append(activation.detach().clone())
        if len(held) == site.calls:
            raise _Stop
        return activation

    with changed(site, reached):
        try:
            call(x)
        except _Stop:
            return held[-1]
    raise CannotExplain(
        f"{site.address!r} is called {len(held)} times, and {site.calls} times before",
        fix="Choose a site that is always called equally often",
    )


@contextmanager
def changed(site: Site, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """While the context lasts, the site returns `change` of its activation."""

    def hook(part: Any, inputs: Any, output: Any) -> Any:
        found = first_tensor(output)
        assert found is not None
        return with_first(output, change(found))

    handle = site.module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
