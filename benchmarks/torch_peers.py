"""Peers that explain networks, found in the peers' own environment.

They import torchvision for parts that are not compared here, and it does not go with the torch
without CUDA. So empty modules stand for it; everything else, torch itself too, is that of this
environment.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
WANTED = {
    "": (), ".models": (), ".models.resnet": ("BasicBlock", "Bottleneck"), ".ops": ("box_iou",),
    ".transforms": ("Compose", "Normalize", "ToTensor"), ".transforms.functional": ("resize",),
}  # fmt: skip
"""What they import from torchvision."""


def peer(name: str) -> Any:
    """A peer's package, or None with the reason printed."""
    for place in HERE.parent.glob(".venv-peers/lib/python*/site-packages"):
        if str(place) not in sys.path:
            sys.path.append(str(place))
    stand_in()
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"Left out: {name} cannot be imported ({error}); `make bench` installs it.")
        return None


def stand_in() -> None:
    """Empty modules and classes in the place of torchvision."""
    if "torchvision" in sys.modules:
        return
    for part, names in WANTED.items():
        made = ModuleType(f"torchvision{part}")
        made.__spec__, made.__path__ = ModuleSpec(made.__name__, None), []
        for name in names:
            setattr(made, name, type(name, (), {}))
        sys.modules[made.__name__] = made
        if part:
            above, _, own = made.__name__.rpartition(".")
            setattr(sys.modules[above], own, made)


def real_networks() -> Any:
    """The networks and photos of the tests, or None with the reason printed."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from twins import real_networks

    folder = real_networks.folder()
    if (folder / "weights_mobilenet").is_dir():
        return real_networks
    print(f"Left out: there are no weights in {folder}; PELLUCID_DATA names another folder.")
    return None


def in_turn(runs: list[Callable[[], Any]], turns: int, clock: Callable[[], float]) -> list[float]:
    """The least time of each, one after another in every turn; the first turn is not counted."""
    least = [float("inf")] * len(runs)
    for turn in range(turns + 1):
        for place, run in enumerate(runs):
            started = clock()
            run()
            if turn:
                least[place] = min(least[place], clock() - started)
    return least
