"""Models from files, by tiers of trust: data, reviewed types, and only then code."""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pellucid.core.errors import MissingExtra, UnreadableFile, UntrustedFile
from pellucid.models.file_kinds import LIMIT, kind_of, unpacked
from pellucid.models.pickle_scan import scan
from pellucid.models.skops_reviewed import REVIEWED_TYPES
from pellucid.models.torch_files import PROGRAMS, load_torch, torch_imports

Tier = Literal["data", "reviewed", "trusted"]
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
OLDEST_SKOPS = (0, 16)  # older ones could be made to run code
TRUST = "Only if you know who made it, say so: trust=True, or --trust on the command line"
FAILURES = (
    ImportError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """Where a model came from and how far it had to be trusted.

    Parameters
    ----------
    path : str
    tier : {"data", "reviewed", "trusted"}
        Data only; types that were reviewed; or code that ran at the user's word.
    kind : str
        "xgboost-json", "xgboost-ubj", "lightgbm", "catboost-cbm", "catboost-json", "skops",
        "onnx", "torch", "torchscript", "torch-export", "pickle" or "function".
    sha256 : str
        Of the whole file; of the module's file for a function.
    imports : tuple of str
        What loading it imports beyond the library itself, found without loading.
    notes : tuple of str
        Warnings given while loading, such as another version of the library.
    """

    path: str
    tier: Tier
    kind: str
    sha256: str
    imports: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_model(path: str | os.PathLike[str], *, trust: bool = False) -> tuple[Any, ModelFile]:
    """Load a model from a file.

    Parameters
    ----------
    path : str or path
        An XGBoost file (JSON, UBJ), a LightGBM text file, a CatBoost file (CBM, JSON), a skops
        file, an ONNX file that holds its weights; with `trust` also a pickle or joblib file, a
        module that torch saved whole, a TorchScript or torch.export program, or
        ``"module:function"``.
    trust : bool
        The user's word that the file may run code.

    Returns
    -------
    model : object
        For `as_model`. XGBoost files come back as the wrapper that wrote them, or as a Booster;
        CatBoost files as a CatBoost; ONNX files as an `OnnxModel`; what torch saved as a module.
    file : ModelFile

    Raises
    ------
    UnreadableFile
        The file is absent, damaged, too big, or no model.
    UntrustedFile
        Loading could run code, and `trust` was not given. Names what would be imported.
    MissingExtra
        The library that reads this kind is not installed.

    Notes
    -----
    The kind is told by the content alone; the name of the file decides nothing, and a file that
    fails as one kind is never tried as another. The bytes that are hashed are the bytes loaded.
    """
    if _is_function(path):
        return _load_function(os.fspath(path), trust)
    file, data = _look(Path(path))
    if file.tier == "trusted" and not trust:
        raise _untrusted(file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LOADERS[file.kind](data, file)
    notes = tuple(dict.fromkeys(str(warning.message).split("\n")[0] for warning in caught))
    return model, _with(file, notes)


def describe_file(path: str | os.PathLike[str]) -> ModelFile:
    """What `load_model` would do with a file, without loading it.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    UnreadableFile
        The file is absent, damaged, too big, or no model.
    """
    if _is_function(path):
        return ModelFile(
            path=os.fspath(path), tier="trusted", kind="function", sha256="", imports=(str(path),)
        )
    return _look(Path(path))[0]


def _is_function(path: str | os.PathLike[str]) -> bool:
    text = os.fspath(path)
    return bool(FUNCTION.fullmatch(text)) and not Path(text).exists()


def _look(path: Path) -> tuple[ModelFile, bytes]:
    """The file's bytes, and what they are."""
    data = _read(path)
    kind = kind_of(data, path.name)
    tier: Tier = "data"
    imports: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if kind == "pickle":
        found = scan(unpacked(data, path.name))
        tier, imports = "trusted", found.imports
        notes = () if found.complete else ("The list of imports may be incomplete.",)
    elif kind in PROGRAMS:
        tier, imports = "trusted", torch_imports(data, kind, path.name)
    elif kind == "skops":
        imports = _skops_types(data, path.name)
        tier = "reviewed" if REVIEWED_TYPES.issuperset(imports) else "trusted"
    digest = hashlib.sha256(data).hexdigest()
    return ModelFile(
        path=str(path), tier=tier, kind=kind, sha256=digest, imports=imports, notes=notes
    ), data


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size <= LIMIT and path.is_file():
            return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read", got=error.strerror, fix="Check the path"
        ) from error
    kind = "a folder" if path.is_dir() else "no ordinary file"
    what = f"{size >> 20} MiB" if path.is_file() else kind
    raise UnreadableFile(
        f"{path} cannot be read", got=what, allowed=f"a file of at most {LIMIT >> 20} MiB"
    )


def _untrusted(file: ModelFile) -> UntrustedFile:
    if file.kind == "skops":
        extra = [name for name in file.imports if name not in REVIEWED_TYPES]
        return UntrustedFile(f"{file.path} holds types that nobody reviewed", got=extra, fix=TRUST)
    if file.kind in PROGRAMS:
        better = "An ONNX file needs no such word, but has no gradient"
        raise UntrustedFile(
            f"{file.path} {PROGRAMS[file.kind]}", got=file.imports or None, fix=f"{TRUST}. {better}"
        )
    listed = file.imports or ("nothing by name",)
    return UntrustedFile(
        f"{file.path} is a pickle, and loading a pickle runs the code in it",
        got=[f"imports of {listed[0]}", *listed[1:]],
        allowed="XGBoost, LightGBM, CatBoost, ONNX and skops files",
        fix=f"{TRUST}. Better: save it with skops",
    )


def _with(file: ModelFile, notes: tuple[str, ...]) -> ModelFile:
    from dataclasses import replace

    return replace(file, notes=file.notes + notes)


def _load_xgboost(data: bytes, file: ModelFile) -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtra.of("xgboost", "trees", "This model file") from error
    wrappers = {
        "classifier": xgboost.XGBClassifier,
        "regressor": xgboost.XGBRegressor,
        "ranker": xgboost.XGBRanker,
    }
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(data))
        written = re.search(r'"_estimator_type": "(\w+)"', booster.attr("scikit_learn") or "")
        if written is None:
            return booster
        model = wrappers[written[1]]()
        model.load_model(bytearray(data))
    except (xgboost.core.XGBoostError, *FAILURES) as error:
        raise _damaged(file, error) from error
    return model


def _load_lightgbm(data: bytes, file: ModelFile) -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtra.of("lightgbm", "trees", "This model file") from error
    try:
        return lightgbm.Booster(model_str=data.decode())
    except (lightgbm.basic.LightGBMError, *FAILURES) as error:
        raise _damaged(file, error) from error


def _load_catboost(data: bytes, file: ModelFile) -> Any:
    """CatBoost parses a flat buffer, or JSON: nothing in it names code to run."""
    try:
        import catboost
    except ImportError as error:
        raise MissingExtra.of("catboost", "trees", "This model file") from error
    try:
        if file.kind == "catboost-cbm":
            return catboost.CatBoost().load_model(blob=data)
        with tempfile.TemporaryDirectory() as folder:  # it reads JSON from files only
            copy = Path(folder) / "model.json"
            copy.write_bytes(data)
            return catboost.CatBoost().load_model(str(copy), format="json")
    except (catboost.CatBoostError, *FAILURES) as error:
        raise _damaged(file, error) from error


def _load_onnx(data: bytes, file: ModelFile) -> Any:
    """A graph names operations that onnxruntime knows: nothing in it is code to run."""
    from pellucid.models.onnx import OnnxModel

    model = OnnxModel(data)
    model.name = Path(file.path).name
    return model


def _load_torch(data: bytes, file: ModelFile) -> Any:
    try:
        return load_torch(data, file.kind, file.path)
    except MissingExtra:
        raise
    except FAILURES as error:
        raise _damaged(file, error) from error


def _skops() -> Any:
    try:
        import skops
        import skops.io
    except ImportError as error:
        raise MissingExtra.of("skops", "skops", "This model file") from error
    version = tuple(int(part) for part in re.findall(r"\d+", skops.__version__)[:2])
    if version < OLDEST_SKOPS:
        raise UntrustedFile(
            "This skops can be made to run code by a file",
            got=f"skops {skops.__version__}",
            allowed="skops 0.16 or later",
            fix="Run: pip install -U skops",
        )
    return skops.io


def _skops_types(data: bytes, name: str) -> tuple[str, ...]:
    """What a skops file holds beyond skops' own list, found without loading it."""
    try:
        return tuple(sorted(_skops().get_untrusted_types(data=data)))
    except FAILURES as error:
        raise UnreadableFile(
            f"{name} is damaged", got=str(error), allowed="a skops file"
        ) from error


def _load_skops(data: bytes, file: ModelFile) -> Any:
    try:
        return _skops().loads(data, trusted=list(file.imports))
    except FAILURES as error:
        raise _damaged(file, error) from error


def _load_pickle(data: bytes, file: ModelFile) -> Any:
    import pickle

    import joblib

    try:
        return joblib.load(io.BytesIO(data))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise UnreadableFile(
            f"{file.path} needs {package}, which is not installed",
            fix=f"Install {package}, in the version the model was saved with",
        ) from error
    except (pickle.UnpicklingError, *FAILURES) as error:
        raise _damaged(file, error) from error


def _damaged(file: ModelFile, error: Exception) -> UnreadableFile:
    text = str(error).strip().split("\n")[0] or type(error).__name__
    return UnreadableFile(
        f"{file.path} cannot be loaded as {file.kind}",
        got=text,
        fix="Save the model again, with the versions of the libraries that are installed here",
    )


def _load_function(path: str, trust: bool) -> tuple[Any, ModelFile]:
    module_name, _, attribute = path.partition(":")
    if not trust:
        raise UntrustedFile(f"{path} names a function, and importing it runs its module", fix=TRUST)
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
        function: Any = module
        for part in attribute.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError) as error:
        raise UnreadableFile(f"{path} cannot be imported", got=str(error)) from error
    finally:
        sys.path.remove(os.getcwd())
    source = Path(getattr(module, "__file__", None) or "")
    digest = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""
    return function, ModelFile(
        path=path, tier="trusted", kind="function", sha256=digest, imports=(path,)
    )


LOADERS: dict[str, Callable[[bytes, ModelFile], Any]] = {
    "xgboost-json": _load_xgboost,
    "xgboost-ubj": _load_xgboost,
    "lightgbm": _load_lightgbm,
    "catboost-cbm": _load_catboost,
    "catboost-json": _load_catboost,
    "skops": _load_skops,
    "onnx": _load_onnx,
    **dict.fromkeys(PROGRAMS, _load_torch),
    "pickle": _load_pickle,
}
