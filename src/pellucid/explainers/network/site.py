"""The place inside a network whose activation is drawn as a map: found, or checked, and read."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pellucid.core.errors import CannotExplain
from pellucid.explainers.network.differentiable import Differentiable, Network
from pellucid.explainers.network.grids import Grid, token_grid
from pellucid.models.held import named_parts

if TYPE_CHECKING:
    import torch

CLEARLY = 0.5
"""How much better, in log units, the first two axes must fit the image to be rows and columns."""

CONVOLUTION, POOLING = "torch.nn.modules.conv", "torch.nn.modules.pooling"
"""Where torch keeps its modules that convolve, with channels first, and those that pool."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Site:
    """A module inside a network, and how its output lies on the image.

    Parameters
    ----------
    address : str
        Such as ``"layer4.1"``.
    module : torch.nn.Module
        The module.
    calls : int
        How often a forward pass calls it; the last call is read.
    axis : int
        Its axis of channels.
    grid : (row, column)
        Its rows and columns.
    extra : int
        Tokens that stand before the patches, or 0.
    """

    address: str
    module: Any
    calls: int
    axis: int
    grid: Grid
    extra: int = 0

    @property
    def tokens(self) -> bool:
        """Whether it holds tokens, (sample, token, channel)."""
        return self.axis == 2

    def maps(self, activation: torch.Tensor) -> torch.Tensor:
        """An activation, or its gradient, as float32 (sample, channel, row, column)."""
        found = activation.float()
        if self.tokens:
            found = found[:, self.extra :].transpose(1, 2)
            return found.reshape(*found.shape[:2], *self.grid)
        return found if self.axis == 1 else found.permute(0, 3, 1, 2)

    def told(self) -> str:
        """What a reader must know of it."""
        rows, columns = self.grid
        words = f"The activation of {self.address!r} is drawn, a map of {rows} × {columns}"
        if self.extra:
            words += f" patches after {self.extra} other token{'s' * (self.extra > 1)}"
        if self.calls > 1:
            words += f", of the last of its {self.calls} calls"
        return words + "."


class Output(NamedTuple):
    """What one call of a module returned.

    Parameters
    ----------
    address : str
    module : torch.nn.Module
    shape : tuple of int
    pooled : bool
        Whether it comes from a module that pools, as it is.
    tensor : tensor or None
        Itself, where it was kept.
    """

    address: str
    module: Any
    shape: tuple[int, ...]
    pooled: bool
    tensor: torch.Tensor | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What modules returned for some samples, in the order in which they finished."""

    outputs: list[Output]
    score: torch.Tensor | None
    image: Grid
    samples: int = 1

    @property
    def lengths(self) -> set[int]:
        """How many tokens there are."""
        return {out.shape[1] for out in self.outputs if len(out.shape) == 3}

    @property
    def maps(self) -> list[Grid]:
        """The sizes of all maps that are no tables of tokens by tokens."""
        lengths = self.lengths
        shapes = [out.shape[2:] for out in self.outputs if len(out.shape) == 4]
        return [(r, c) for r, c in shapes if r not in lengths and min(r, c) > 1]

    def read(self, address: str) -> Site | None:
        """A module as a site, if its output lies on the image."""
        of_it = [out for out in self.outputs if out.address == address]
        if not of_it:
            return None
        lies = self._lies(of_it[-1].shape)
        if lies is None:
            return None
        axis, grid, extra = lies
        return Site(
            address=address, module=of_it[-1].module, calls=len(of_it), axis=axis, grid=grid,
            extra=extra,
        )  # fmt: skip

    def _lies(self, shape: tuple[int, ...]) -> tuple[int, Grid, int] | None:
        """The axis of channels, the grid, and the tokens before it."""
        if shape[:1] != (self.samples,):
            return None
        if len(shape) == 3:
            found = token_grid(shape[1], self.image, self.maps)
            return None if found is None else (2, *found)
        if len(shape) != 4:
            return None
        first, last = shape[2:4], shape[1:3]
        convolved = {
            out.shape[2:] for out in self.outputs if type(out.module).__module__ == CONVOLUTION
        }
        fits = self._misfit(last) + CLEARLY < self._misfit(first)
        if fits or (last in convolved and first not in convolved and self._misfit(last) < CLEARLY):
            return 3, (last[0], last[1]), 0
        return 1, (first[0], first[1]), 0

    def _misfit(self, grid: tuple[int, ...]) -> float:
        """How far the cells of a grid are from those of the image in shape."""
        return abs(math.log(self.image[0] * grid[1] / (self.image[1] * grid[0])))


def find_site(
    door: Differentiable, call: Network, address: str | None, seen: Seen | None = None
) -> Site:
    """The site at an address; without one, the last that lies on the image before it is pooled.

    Of tokens it is the last whose patches the score still depends on: behind the last attention
    a network often reads its class token alone. Costs one evaluation where nothing was `seen`, and
    of transformers another.

    Raises
    ------
    UnknownName
        If there is no such address.
    CannotExplain
        If its output does not lie on the image, or no module's does.
    """
    seen = look(door, call) if seen is None else seen
    return site_seen(door, seen, address) or _last(door, look(door, call, slopes=True))


def site_seen(door: Differentiable, seen: Seen, address: str | None) -> Site | None:
    """As `find_site`, without asking the network; `None` where its gradients must be looked at."""
    if address is None:
        return _last(door, seen) if seen.score is not None or not seen.lengths else None
    door.model.site(address)
    site = seen.read(address)
    if site is None:
        shapes = [out.shape for out in seen.outputs if out.address == address]
        raise CannotExplain(
            f"The output of {address!r} does not lie on the image",
            got=f"{shapes[-1]} for one sample" if shapes else "no tensor, or it is never called",
            allowed="(sample, channel, row, column), or (sample, token, channel) with a grid of "
            "patches among the tokens",
            fix="Choose another site; without one it is looked for",
        )
    return site


def _last(door: Differentiable, seen: Seen) -> Site:
    for out in reversed(seen.outputs):
        if out.pooled or _in_attention(out.address, door.model.module):
            continue
        if type(out.module).__name__ in ("Flatten", "Unflatten") or _is_table(seen, out):
            continue
        site = seen.read(out.address)
        if site is None or min(site.grid) < 2:
            continue
        if not site.tokens or _is_read(seen.score, out.tensor, site):
            return site
    raise CannotExplain(
        f"{door.model.name} has no activation that lies on the image",
        allowed="a convolutional network or a vision transformer",
        fix="Choose a method that explains the input itself, such as 'integrated_gradients'",
    )


def _is_table(seen: Seen, out: Output) -> bool:
    """Whether this is (sample, head, token, …), inside an attention."""
    return len(out.shape) == 4 and out.shape[2] in seen.lengths


def _in_attention(address: str, module: Any) -> bool:
    above = address.split(".")[:-1]
    for part in above:
        module = getattr(module, part)
        name = f"{part} {type(module).__name__}".lower()
        if "attention" in name or "attn" in name:
            return True
    return False


def _is_read(score: torch.Tensor | None, output: torch.Tensor | None, site: Site) -> bool:
    """Whether the score depends on the patches of an output."""
    import torch

    if score is None or output is None or not (score.requires_grad and output.requires_grad):
        return False
    (found,) = torch.autograd.grad(score.sum(), output, retain_graph=True, allow_unused=True)
    return found is not None and bool(site.maps(found).any())


def look(door: Differentiable, call: Network, *, slopes: bool = False) -> Seen:
    """What the parts of a network return for the first sample, with `slopes` with their gradients.

    Costs one evaluation.
    """
    import torch

    outputs: list[Output] = []
    with listening(door.model.module, outputs, kept=slopes), torch.set_grad_enabled(slopes):
        x = door.model.tensor(door.values[:1]).requires_grad_(slopes).clone()
        score = door.score(call, x, door.picks[0][:1])
    rows, columns = door.values.shape[-2:]
    return Seen(outputs=outputs, score=score if slopes else None, image=(rows, columns))


Change = Callable[[Output, "torch.Tensor"], "torch.Tensor"]
"""From what a module returned, and its tensor, to the one that the network goes on with."""


@contextmanager
def listening(
    module: Any, outputs: list[Output], *, kept: bool = False, change: Change | None = None
) -> Iterator[None]:
    """Write down what each part of a module returns, in the order in which they finish."""
    import torch
    from torch.utils.hooks import RemovableHandle

    pooled: dict[int, torch.Tensor] = {}  # held, so that no other takes their place in memory

    def heard(address: str, part: Any) -> Any:
        pooling = type(part).__module__ == POOLING

        def hook(part: Any, inputs: Any, output: Any) -> Any:
            found = output if isinstance(output, torch.Tensor) else first_tensor(output)
            if found is None:
                return None
            pools = pooling or id(found) in pooled
            if pools:
                pooled[id(found)] = found
            out = Output(address, part, tuple(found.shape), pools, found if kept else None)
            outputs.append(out)
            other = found if change is None else change(out, found)
            return None if other is found else with_first(output, other)

        return hook

    parts = named_parts(module)[1:]
    key = RemovableHandle(OrderedDict()).id  # a number that no other hook has
    for address, part in parts:
        part._forward_hooks[key] = heard(address, part)
    try:
        yield
    finally:
        for _, part in parts:
            part._forward_hooks.pop(key, None)


def first_tensor(output: Any) -> torch.Tensor | None:
    """A module's output, or the first of several."""
    import torch

    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


def with_first(output: Any, tensor: torch.Tensor) -> Any:
    """A module's output with another first tensor."""
    if not isinstance(output, (tuple, list)):
        return tensor
    parts = (tensor, *output[1:])
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
