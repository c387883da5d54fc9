"""Sets of images that show a concept, as a user gives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.core.errors import EmptyData, InvalidData, InvalidSetting
from pellucid.data.images import Images

FEWEST = 10
"""Images of a concept, half of which train a direction and half of which judge it."""

RANDOM = "random"
"""What the images that show nothing in common are called."""


def checked_concepts(given: Any) -> None:
    """Refuse what is neither named sets of images nor a folder of them; no image is read yet."""
    if given is None or (isinstance(given, str) and given):
        return
    named = isinstance(given, Mapping) and all(isinstance(name, str) and name for name in given)
    if not named or not given:
        raise InvalidSetting(
            "concepts are named sets of images",
            got=type(given).__name__ if given else repr(given),
            allowed="{'stripes': images, …}, or a folder with one folder of images for each",
        )
    if RANDOM in given:
        raise InvalidSetting(
            f"A concept is not called {RANDOM!r}", fix="Give random images as background="
        )


def concept_images(given: Any, like: Images) -> dict[str, Images]:
    """The images of each concept, as the network takes them.

    Parameters
    ----------
    given : Mapping of str to images, or str
        Anything that `Images.of` takes by name, or a folder with a folder for each.
    like : Images
        The images explained: files are resized and normalised as they were.

    Raises
    ------
    InvalidSetting, EmptyData, InvalidData
        If there are no concepts, or images of another size, or too few.
    """
    if given is None:
        raise InvalidSetting(
            "There are no concepts",
            got="concepts=None",
            fix="Give concepts={'stripes': images, …}",
        )
    named = _folders(Path(given)) if isinstance(given, str) else given
    return {name: _read(name, images, like) for name, images in named.items()}


def told(given: Any) -> str:
    """A set of images in a few words: where they are, or how many and their fingerprint."""
    if _are_files(given):
        return str(given) if isinstance(given, (str, Path)) else f"{len(given)} images"
    images = Images.of(given)
    return f"{len(images)} images {images.fingerprint()}"


def _folders(root: Path) -> dict[str, Path]:
    found = {p.name: p for p in sorted(root.iterdir()) if p.is_dir()} if root.is_dir() else {}
    if not found:
        raise EmptyData(
            "There are no concepts in this folder",
            got=str(root),
            allowed="a folder of images for each concept, called like it",
        )
    return found


def _read(name: str, given: Any, like: Images) -> Images:
    wanted = like.values.shape[1:]
    found = (
        Images.of(given, size=(wanted[1], wanted[2]), mean=_list(like.mean), std=_list(like.std))
        if _are_files(given)
        else Images.of(given)
    )
    found = found.single() if wanted[0] == 1 else found
    if found.values.shape[1:] != wanted:
        raise InvalidData(
            f"The images of {name!r} have another size than those explained",
            got=found.values.shape[1:],
            allowed=wanted,
        )
    if len(found) < FEWEST:
        raise InvalidData(
            f"There are too few images of {name!r} to tell them from others",
            got=len(found),
            allowed=f"{FEWEST} or more",
        )
    return found


def _are_files(given: Any) -> bool:
    if isinstance(given, (list, tuple)):
        return bool(given) and not hasattr(given[0], "shape")
    return isinstance(given, (str, Path))


def _list(numbers: Any) -> Any:
    return None if numbers is None else numbers.tolist()
