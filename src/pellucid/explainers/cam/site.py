"""The place inside a network whose activation is drawn as a map: found, or checked, and read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.core.errors import CannotExplain
from pellucid.explainers.cam.grids import Grid, token_grid
from pellucid.explainers.gradient.differentiable import Differentiable, Network

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What modules returned for one sample, in the order in which they finished."""

    outputs: list[tuple[str, Any, torch.Tensor]]
    score: torch.Tensor | None
    image: Grid

    @property
    def maps(self) -> list[Grid]:
        """The sizes of all maps that are no tables of tokens by tokens."""
        lengths = {out.shape[1] for _, _, out in self.outputs if out.ndim == 3}
        shapes = [out.shape[2:] for _, _, out in self.outputs if out.ndim == 4]
        return [(r, c) for r, c in shapes if r not in lengths and min(r, c) > 1]

    def read(self, address: str) -> Site | None:
        """A module as a site, if its output lies on the image."""
        of_it = [(module, out) for name, module, out in self.outputs if name == address]
        if not of_it:
            return None
        module, output = of_it[-1]
        lies = self._lies(tuple(output.shape))
        if lies is None:
            return None
        axis, grid, extra = lies
        return Site(
            address=address, module=module, calls=len(of_it), axis=axis, grid=grid, extra=extra
        )

    def _lies(self, shape: tuple[int, ...]) -> tuple[int, Grid, int] | None:
        """The axis of channels, the grid, and the tokens before it."""
        if shape[0] != 1:
            return None
        if len(shape) == 3:
            found = token_grid(shape[1], self.image, self.maps)
            return None if found is None else (2, *found)
        if len(shape) != 4:
            return None
        first, last = shape[2:4], shape[1:3]
        convolved = {
            tuple(out.shape[2:])
            for _, module, out in self.outputs
            if type(module).__module__ == CONVOLUTION
        }
        fits = self._misfit(last) + CLEARLY < self._misfit(first)
        if fits or (last in convolved and first not in convolved and self._misfit(last) < CLEARLY):
            return 3, (last[0], last[1]), 0
        return 1, (first[0], first[1]), 0

    def _misfit(self, grid: tuple[int, ...]) -> float:
        """How far the cells of a grid are from those of the image in shape."""
        return abs(math.log(self.image[0] * grid[1] / (self.image[1] * grid[0])))


def find_site(door: Differentiable, call: Network, address: str | None) -> Site:
    """The site at an address; without one, the last that lies on the image before it is pooled.

    Of tokens it is the last whose patches the score still depends on: behind the last attention
    a network often reads its class token alone. Costs one evaluation, and of transformers another.

    Raises
    ------
    UnknownName
        If there is no such address.
    CannotExplain
        If its output does not lie on the image, or no module's does.
    """
    if address is not None:
        door.model.site(address)
    seen = look(door, call)
    if address is None:
        return _last(door, call, seen)
    site = seen.read(address)
    if site is None:
        shapes = [tuple(out.shape) for name, _, out in seen.outputs if name == address]
        raise CannotExplain(
            f"The output of {address!r} does not lie on the image",
            got=f"{shapes[-1]} for one sample" if shapes else "no tensor, or it is never called",
            allowed="(sample, channel, row, column), or (sample, token, channel) with a grid of "
            "patches among the tokens",
            fix="Choose another site; without one it is looked for",
        )
    return site


def _last(door: Differentiable, call: Network, seen: Seen) -> Site:
    pooled = {id(out) for _, module, out in seen.outputs if type(module).__module__ == POOLING}
    modules = dict(door.model.module.named_modules())
    for address, module, output in reversed(seen.outputs):
        if id(output) in pooled or _in_attention(address, modules):
            continue
        if type(module).__name__ in ("Flatten", "Unflatten") or _is_table(seen, output):
            continue
        site = seen.read(address)
        if site is None or min(site.grid) < 2:
            continue
        if site.tokens and seen.score is None:
            return _last(door, call, look(door, call, slopes=True))
        if not site.tokens or _is_read(seen.score, output, site):
            return site
    raise CannotExplain(
        f"{door.model.name} has no activation that lies on the image",
        allowed="a convolutional network or a vision transformer",
        fix="Choose a method that explains the input itself, such as 'integrated_gradients'",
    )


def _is_table(seen: Seen, output: torch.Tensor) -> bool:
    """Whether this is (sample, head, token, …), inside an attention."""
    lengths = {out.shape[1] for _, _, out in seen.outputs if out.ndim == 3}
    return output.ndim == 4 and output.shape[2] in lengths


def _in_attention(address: str, modules: dict[str, Any]) -> bool:
    parts = address.split(".")
    above = (".".join(parts[:depth]) for depth in range(1, len(parts)))
    names = [f"{name} {type(modules[name]).__name__}".lower() for name in above]
    return any("attention" in name or "attn" in name for name in names)


def _is_read(score: torch.Tensor | None, output: torch.Tensor, site: Site) -> bool:
    """Whether the score depends on the patches of an output."""
    import torch

    if score is None or not (score.requires_grad and output.requires_grad):
        return False
    (found,) = torch.autograd.grad(score.sum(), output, retain_graph=True, allow_unused=True)
    return found is not None and bool(site.maps(found).any())


def look(door: Differentiable, call: Network, *, slopes: bool = False) -> Seen:
    """What the parts of a network return for the first sample, with `slopes` with their gradients.

    Costs one evaluation.
    """
    import torch

    outputs: list[tuple[str, Any, torch.Tensor]] = []
    with listening(door.model.module, outputs), torch.set_grad_enabled(slopes):
        x = door.model.tensor(door.values[:1]).requires_grad_(slopes).clone()
        score = door.score(call, x, door.picks[0][:1])
    rows, columns = door.values.shape[-2:]
    return Seen(outputs=outputs, score=score if slopes else None, image=(rows, columns))


@contextmanager
def listening(module: Any, outputs: list[tuple[str, Any, torch.Tensor]]) -> Iterator[None]:
    """Write down what each part of a module returns, in the order in which they finish."""

    def heard(address: str) -> Any:
        def hook(part: Any, inputs: Any, output: Any) -> None:
            found = first_tensor(output)
            if found is not None:
                outputs.append((address, part, found))

        return hook

    handles = [
        part.register_forward_hook(heard(address))
        for address, part in module.named_modules()
        if address
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


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
