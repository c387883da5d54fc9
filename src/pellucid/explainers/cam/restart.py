"""A forward pass that begins at a site: what comes before is computed once and then recalled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.explainers.cam.tap import Tap, changed, stopped
from pellucid.explainers.network.intercept import intercepted
from pellucid.explainers.network.site import Site

if TYPE_CHECKING:
    import torch


class Diverged(Exception):
    """The network called other operations than when it was written down."""


class Restart:
    """The tail of a network for one image, for any activation at the site.

    Parameters
    ----------
    tap : Tap
        The network and its site.
    place : int
        The image's place in the batch.

    Attributes
    ----------
    activation : tensor of shape (1, …)
        What the site returns, as the module lays it out.

    Notes
    -----
    The operations up to the site are written down once, with their results. A restart runs the
    module's own code, where each of them returns what it returned then, spread over the rows
    without a copy; behind the site, operations run. So it serves any module whose operations do
    not depend on the numbers, skip connections past the site included.
    """

    def __init__(self, tap: Tap, place: int) -> None:
        self.tap = tap
        self.pick = tap.pick[place : place + 1]
        self.x = tap.x[place : place + 1]
        self._written: list[tuple[Any, Any]] = []
        with intercepted(self._write):
            self.activation = stopped(tap.call, tap.site, self.x)

    def scores(self, activation: torch.Tensor) -> torch.Tensor:
        """The output explained, (row,), for changed activations (row, …) at the site.

        Raises
        ------
        Diverged
            If the network calls other operations than before.
        """
        recall = _Recall(self._written, len(activation))

        def resumed(x: torch.Tensor, of: torch.Tensor | None = None) -> torch.Tensor:
            with intercepted(recall):
                return self.tap.call(x)

        with changed(self.tap.site, _swap(self.tap.site, activation, recall.end)):
            return self.tap.door.score(resumed, *self._rows(len(activation)))

    def scores_of_whole(self, activation: torch.Tensor) -> torch.Tensor:
        """As `scores`, with the layers before the site run for every row."""
        with changed(self.tap.site, _swap(self.tap.site, activation, lambda: None)):
            return self.tap.door.score(self.tap.call, *self._rows(len(activation)))

    def _rows(self, rows: int) -> tuple[torch.Tensor, np.ndarray]:
        """The image and its output, once for each row."""
        return self.x.expand(rows, *self.x.shape[1:]), np.repeat(self.pick, rows)

    def _write(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        found = func(*args, **kwargs)
        self._written.append((func, found))
        return found


class _Recall:
    """Answers operations with what was written down, until its end."""

    def __init__(self, written: list[tuple[Any, Any]], rows: int) -> None:
        self._left = iter(written)
        self._rows = rows
        self._ended = False

    def end(self) -> None:
        self._ended = True

    def __call__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self._ended:
            return func(*args, **kwargs)
        known, found = next(self._left, (None, None))
        if known != func:
            raise Diverged
        spread = _spread(found, self._rows)
        return func(*args, **kwargs) if spread is None else spread


def _spread(found: Any, rows: int) -> Any:
    """Tensors of one sample as those of several; None for what is no tensor."""
    import torch

    if isinstance(found, torch.Tensor):
        if not found.ndim or len(found) != 1:
            return found
        return found.clone() if rows == 1 else found.expand(rows, *found.shape[1:])
    if isinstance(found, (tuple, list)) and any(isinstance(part, torch.Tensor) for part in found):
        parts = [_spread(part, rows) for part in found]
        return type(found)(parts) if type(found) in (tuple, list) else None
    return None


def _swap(
    site: Site, activation: torch.Tensor, reached: Callable[[], None]
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A change that puts `activation` in place of the last call's."""
    calls = 0

    def change(own: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls < site.calls:
            return own
        reached()
        return activation

    return change
