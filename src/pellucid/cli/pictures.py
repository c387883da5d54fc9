"""Images as the command line takes them: how they are read, and what images do not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.cli.app import say
from pellucid.core.errors import InvalidSetting, UnreadableFile
from pellucid.data.image_files import ImageFiles, holds_images, read_images


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a command was given about reading images; see `options`."""

    size: str | None = None
    mean: str | None = None
    std: str | None = None
    segments: str | None = None
    names: Path | None = None

    @property
    def given(self) -> list[str]:
        """The options that were given, as they are typed."""
        return [f"--{name}" for name, value in vars(self).items() if value is not None]

    @property
    def cut(self) -> int | str | None:
        """What images are cut into, as `pellucid.explain` takes it."""
        text = self.segments
        return int(text) if text is not None and text.isdecimal() else text

    def images(self, path: Path, *, most: int | None = None, seed: int = 0) -> ImageFiles:
        """The images at a path; what was left out is said on standard error."""
        found = read_images(
            path,
            size=_sides(self.size),
            mean=_numbers("mean", self.mean),
            std=_numbers("std", self.std),
            most=most,
            seed=seed,
        )
        if found.found > len(found.images):
            say(
                f"Note: {len(found.images):,} of {found.found:,} images were drawn at random "
                f"(seed {seed})."
            )
        return found

    def named(self, model: Any, images: Any) -> Any:
        """The model, with the labels of its classes if a file with them was given."""
        if self.names is None:
            return model
        from pellucid.cli.class_names import named

        return named(model, images, self.names)

    def background(self, path: Path | None, seed: int) -> Any:
        """The images to compare with, if any; they are read as those explained are."""
        return None if path is None else self.images(path, seed=seed).images


def are_pictures(data: Path, reading: Reading) -> bool:
    """Whether DATA holds images; options for images with a table are refused.

    Raises
    ------
    InvalidSetting
        Naming the options.
    UnreadableFile
        If nothing is there.
    """
    if not data.exists() and not set("*?[") & set(str(data)):
        kind, where = "file" if data.suffix else "file or folder", data.absolute().parent
        raise UnreadableFile(f"There is no {kind} {data.name} in {where}", fix="Check the path")
    if holds_images(data) or (data.is_dir() and reading.given):
        return True
    if reading.given and data.exists():
        raise InvalidSetting("These options are for images, and DATA is a table", got=reading.given)
    return False


def refuse_for_images(given: Mapping[str, Any]) -> None:
    """Raise where an option for tables came with images.

    Raises
    ------
    InvalidSetting
        Naming the options.
    """
    told = [f"--{name}" for name, value in given.items() if value is not None]
    if told:
        raise InvalidSetting("These options are for tables, and DATA is images", got=told)


def _sides(text: str | None) -> int | tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise InvalidSetting("--size cannot be used", got=text, allowed="such as 224 or 240x320")
    rows, *columns = map(int, parts)
    return (rows, columns[0]) if columns else rows


def _numbers(name: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InvalidSetting(
            f"--{name} cannot be used", got=text, allowed="such as 0.5 or 0.485,0.456,0.406"
        ) from None
