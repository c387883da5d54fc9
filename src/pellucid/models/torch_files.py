"""What torch saves: whole modules, TorchScript and torch.export programs. All of them run code."""

from __future__ import annotations

import io
import os
import sys
import warnings
import zipfile
from typing import Any

from pellucid.core.errors import MissingExtra, UnreadableFile
from pellucid.models.pickle_scan import scan

PROGRAMS = {
    "torch": "holds a pickle, and loading a pickle runs the code in it",
    "torchscript": "is a TorchScript program, and loading it may run what is written in it",
    "torch-export": "is a torch.export program, and torch evaluates what is written in it",
}
"""The kinds of files, and why none is loaded without the user's word."""

OF_TENSORS = ("collections.OrderedDict", "torch._utils._rebuild_", "torch.", "builtins.")
"""How names begin that a file of weights alone imports."""

MODULES = ("torch.nn.", "torch.fx.", "torch.jit.")
"""How names begin that a file with a network imports."""

SAVE_WHOLE = (
    "Save the whole module: torch.save(net, …), torch.jit.script(net).save(…), or "
    "torch.onnx.export; or name a function that makes it: module:function"
)


def torch_imports(data: bytes, kind: str, name: str) -> tuple[str, ...]:
    """What loading a whole module imports; nothing is known of programs.

    Raises
    ------
    UnreadableFile
        If the file holds weights alone.
    """
    if kind != "torch":
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = next(each for each in archive.namelist() if each.endswith("data.pkl"))
            imports = scan(archive.read(inside)).imports
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise UnreadableFile(f"{name} is damaged", got=str(error)) from error
    if imports and all(_of_tensors(each) for each in imports):
        raise _no_network(name, "weights alone")
    return imports


def _of_tensors(name: str) -> bool:
    return name.startswith(OF_TENSORS) and not name.startswith(MODULES)


def load_torch(data: bytes, kind: str, name: str) -> Any:
    """The module in a file that the user trusts, on the processor.

    Raises
    ------
    MissingExtra
        If torch is not installed.
    UnreadableFile
        If there is no network in the file, or a library that it needs is missing.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra.of("torch", "torch", "This model file") from error
    held = io.BytesIO(data)
    try:
        if kind == "torchscript":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # torch's, not the user's
                return torch.jit.load(held, map_location="cpu")
        if kind == "torch-export":
            return torch.export.load(held).module()
        sys.path.insert(0, os.getcwd())
        try:
            found = torch.load(held, map_location="cpu", weights_only=False)
        finally:
            sys.path.remove(os.getcwd())
    except (ModuleNotFoundError, AttributeError) as error:
        raise UnreadableFile(
            f"{name} needs code that is not here",
            got=str(error).split("\n")[0],
            fix="Run in the folder of that code, name a function that makes the network "
            "(module:function), or save it as TorchScript",
        ) from error
    if not isinstance(found, torch.nn.Module):
        raise _no_network(name, f"a {type(found).__name__}")
    return found


def _no_network(name: str, got: str) -> UnreadableFile:
    return UnreadableFile(f"{name} holds no network", got=got, fix=SAVE_WHOLE)
