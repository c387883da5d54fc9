"""The labels of a network's classes, as a file holds them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from pellucid.core.errors import InvalidData, InvalidSetting, UnreadableFile
from pellucid.data.images import Images
from pellucid.explainers.image_model import fitted

KINDS = 'text with one label per line; or .json, ["cat", "dog"] or {"0": "cat", "1": "dog"}'


def named(model: Any, images: Images, path: Path) -> Any:
    """The model, asked about images, with the labels in the file for its classes.

    Raises
    ------
    UnreadableFile, InvalidData
        If the file is absent, or holds no labels that differ.
    InvalidSetting
        If the model has no classes, or another number of them.
    """
    labels = labels_from(path)
    adapter, images = fitted(model, images)
    adapter.settle(images.values[:2])
    if adapter.classes is None:
        raise InvalidSetting(
            "--names is for a network with an output for each class",
            got=f"{adapter.name}, which has one output",
            fix="Leave --names out",
        )
    if len(labels) != len(adapter.classes):
        raise InvalidSetting(
            f"{path.name} has not one label for each output of {adapter.name}",
            got=f"{len(labels)} labels",
            allowed=f"{len(adapter.classes)}, in the order of the outputs",
        )
    adapter.classes = labels
    return adapter


def labels_from(path: Path) -> tuple[str, ...]:
    """The labels in a file, in the order of the outputs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read", got=error.strerror, fix="Check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f"{path} cannot be read", got="bytes that are not UTF-8", fix="Save it as UTF-8"
        ) from error
    found = _of_json(path, text) if path.suffix.lower() == ".json" else text.strip().splitlines()
    labels = [label.strip() for label in found]
    if not labels or not all(labels):
        raise InvalidData(
            f"A label is missing in {path.name}",
            got=f"nothing at place {labels.index('')}" if labels else "an empty file",
            allowed=KINDS,
        )
    twice = [label for label, times in Counter(labels).items() if times > 1]
    if twice:
        raise InvalidData(
            f"Labels stand twice in {path.name}", got=twice[:8], fix="Tell them apart"
        )
    return tuple(labels)


def _of_json(path: Path, text: str) -> list[str]:
    try:
        found = json.loads(text, object_pairs_hook=_Pairs)
    except ValueError as error:
        raise UnreadableFile(f"{path} is no JSON", got=str(error), allowed=KINDS) from error
    if isinstance(found, _Pairs):
        places = [str(place) for place in range(len(found))]
        if sorted(key for key, _ in found) != sorted(places):
            raise InvalidData(
                f"The keys of {path.name} are not the numbers of the outputs",
                got=[key for key, _ in found][:8],
                allowed='"0", "1", … each once',
            )
        found = [label for _, label in sorted(found, key=lambda pair: int(pair[0]))]
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise InvalidData(f"{path.name} holds something else than labels", allowed=KINDS)
    return found


class _Pairs(list[tuple[str, Any]]):
    """What a JSON object holds, with keys that stand twice."""
