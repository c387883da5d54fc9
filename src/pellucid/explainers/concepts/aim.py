"""What an image is to excite: an output, a channel, one place in it, or a direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.explainers.concepts.painting import channels_first
from pellucid.explainers.network.site import first_tensor
from pellucid.models.torch import Call, TorchModel

if TYPE_CHECKING:
    import torch

Read = Callable[["torch.Tensor"], "torch.Tensor"]
"""From an activation, or from all outputs, to one number for each image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Aim:
    """One number that a network has for each image.

    Parameters
    ----------
    name : str
        In words.
    read : callable
        From what the network gives to the number, (image,).
    """

    name: str
    read: Read


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaze:
    """A network that is looked into.

    Parameters
    ----------
    model : TorchModel
        Held still.
    call : callable
        The network.
    site : str or None
        Where the aim lies; `None` for the outputs.
    beside : str or None
        Where likeness is measured, if not at `site`.
    scale : str
        The scale of the outputs.
    """

    model: TorchModel
    call: Call
    site: str | None
    beside: str | None
    scale: str

    def at(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What the aim is read from, and the activation for likeness."""
        like = next((p for p in self.model.module.parameters() if p.is_floating_point()), images)
        x = images.to(like.device, like.dtype)
        if self.site is not None:
            found = self._stopped(x)
            return found, found
        if self.beside is None:
            return self.model.on(self.call(x), self.scale), None
        held: list[torch.Tensor] = []
        with _heard(self.model.site(self.beside), held.append):
            raw = self.call(x)
        return self.model.on(raw, self.scale), held[-1]

    def _stopped(self, x: torch.Tensor) -> torch.Tensor:
        """The activation at the site, without what comes behind it."""
        assert self.site is not None
        held: list[torch.Tensor] = []

        def reached(activation: torch.Tensor) -> None:
            held.append(activation)
            raise _Reached

        with _heard(self.model.site(self.site), reached):
            try:
                self.call(x)
            except _Reached:
                return held[0]
        raise CannotExplain(
            f"The site {self.site!r} gives no activation",
            got="a part that is never called",
            fix="Choose another site",
        )


class _Reached(Exception):
    """The network has reached the site."""


@contextmanager
def _heard(part: Any, told: Callable[[torch.Tensor], None]) -> Iterator[None]:
    def hook(module: Any, inputs: Any, output: Any) -> None:
        found = first_tensor(output)
        if found is not None:
            told(found)

    handle = part.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def output_aim(label: str, place: int, *, classes: bool) -> Aim:
    """The output at one place."""
    name = f"class {label}" if classes else f"output {label}"
    return Aim(name=name, read=lambda outputs: outputs[:, place])


def unit_aim(site: str, unit: int | tuple[int, ...], shape: tuple[int, ...]) -> Aim:
    """The mean of a channel, or the number at one place, of activations of a shape."""
    if isinstance(unit, tuple):
        if len(unit) != len(shape) - 1 or any(i >= n for i, n in zip(unit, shape[1:], strict=True)):
            raise _outside(site, unit, f"a place in {shape[1:]}")
        place: Any = (slice(None), *unit)
        return Aim(name=f"unit {unit} of {site!r}", read=lambda seen: seen[place])
    channels = shape[2] if len(shape) == 3 else shape[1]
    if unit >= channels:
        raise _outside(site, unit, f"0 to {channels - 1}")
    return Aim(
        name=f"unit {unit} of {site!r}",
        read=lambda seen: channels_first(seen)[:, unit].mean(dim=1),
    )


def direction_aim(site: str, direction: tuple[float, ...], shape: tuple[int, ...]) -> Aim:
    """How far activations reach along a direction: of channels, or of all their numbers."""
    import torch

    channels = shape[2] if len(shape) == 3 else shape[1]
    whole = int(torch.Size(shape[1:]).numel())
    if len(direction) not in (channels, whole):
        raise _outside(site, f"{len(direction)} numbers", f"{channels} or {whole} numbers")
    arrow = torch.nn.functional.normalize(torch.tensor(direction, dtype=torch.float64), dim=0)

    def read(seen: torch.Tensor) -> torch.Tensor:
        along = arrow.to(seen.device, seen.dtype)
        if len(direction) == whole:
            return seen.flatten(1) @ along
        return torch.einsum("c,ncp->np", along, channels_first(seen)).mean(dim=1)

    return Aim(name=f"a direction of {site!r}", read=read)


def _outside(site: str, got: Any, allowed: str) -> InvalidSetting:
    return InvalidSetting(f"There is no such unit at {site!r}", got=str(got), allowed=allowed)
