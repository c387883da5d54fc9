"""ONNX graphs as models: asked through onnxruntime, never differentiated."""

from __future__ import annotations

import os
from copy import copy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import (
    CannotExplain,
    InvalidData,
    InvalidSetting,
    MissingExtra,
    UnknownName,
    UnreadableFile,
    WrongType,
)
from pellucid.models import fingerprints, frames, layouts
from pellucid.models.adapter import Model
from pellucid.models.image_callable import SUM_TO_ONE

SUFFIX = ".onnx"

FLOATS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
"""What an answer may be made of, and its name in NumPy."""

NUMBERS = FLOATS | {
    f"tensor({kind})": kind
    for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
}
"""What an input may be made of."""

ROUNDED = "The graph takes whole numbers: changed inputs were rounded before it was asked."


def adapt(obj: Any) -> Model:
    """The adapter for a path, the bytes of a file, a ModelProto or an InferenceSession."""
    return OnnxModel(obj)


class OnnxModel(Model):
    """One ONNX graph, from a batch of inputs to one score for each output.

    Parameters
    ----------
    source : path, bytes, onnx.ModelProto or onnxruntime.InferenceSession
        The graph. All but a session are run on the processor; a session says where it runs.
    output : str, optional
        Which of the graph's outputs is explained; by default the only one of floating point.
    classes : sequence, optional
        Labels of the columns of that output; by default numbers.
    returns : {"logit", "probability", "raw"}, optional
        What the output is. By default several columns are logits, whose softmax is the
        probability, or probabilities where every row of the first answer adds up to 1; a single
        column is ``"raw"``.
    channels_last : bool, optional
        How the graph takes images. By default as it declares; where that does not tell, as they
        are given, or the other way round if it only runs so.

    Raises
    ------
    MissingExtra
        If onnxruntime is not installed.
    UnreadableFile
        If the graph is absent or damaged, or uses what onnxruntime does not know.
    CannotExplain, UnknownName, InvalidSetting
        If the graph has several inputs or outputs that could be meant; if a setting is wrong.

    Notes
    -----
    Batches of a graph that is fixed to a number of samples are filled up with copies, which cost
    time and are not counted as evaluations. Only methods that change the input and look at the
    answer fit.
    """

    by_name = False
    limits: ClassVar[str] = "an ONNX graph only runs forwards; give the network it was made from"

    def __init__(
        self,
        source: Any,
        *,
        output: str | None = None,
        classes: Any = None,
        returns: str | None = None,
        channels_last: bool | None = None,
    ) -> None:
        if returns not in (None, "logit", "probability", "raw"):
            raise InvalidSetting(
                "A graph returns logits, probabilities or raw scores", got=repr(returns),
                allowed=("logit", "probability", "raw"),
            )  # fmt: skip
        self.source, self.session = source, _session(source)
        self.name = _name(source, self.session)
        self.input = self._only_input()
        self.output = self._chosen(output)
        self.last = channels_last
        self.columns = None
        self.classes = None if classes is None else tuple(classes)
        self._returns = returns
        self._become(returns or "logit")
        self._settled = False
        self.notes = () if self.input.type in FLOATS else (ROUNDED,)

    @property
    def can(self) -> frozenset[str]:
        return frozenset({"predict", "proba"} if self.task == "classification" else {"predict"})

    @property
    def encoded_from(self) -> np.ndarray | None:
        return None

    @property
    def width(self) -> int | None:
        shape: list[Any] = self.input.shape or []
        return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else None

    def sees(self) -> bool:
        """Whether the input could be images: it has four axes, or does not say how many."""
        return not self.input.shape or len(self.input.shape) == 4

    def fingerprint(self) -> str:
        return fingerprints.of_bytes(_content(self.source), self.output.encode())

    def greet(self, X: Any) -> tuple[str, ...]:
        if isinstance(X, np.ndarray) and X.ndim > 2:
            self.settle(X[:2])
            return ()
        notes = super().greet(X)
        self.settle(frames.matrix(self._arrange(X)[0])[:2])
        return notes

    def settle(self, values: np.ndarray) -> None:
        """Find out, from a few inputs, what the graph answers."""
        if self._settled:
            return
        if self.input.type not in FLOATS and (values != np.rint(values)).any():
            raise InvalidData(
                f"{self.name} takes whole numbers",
                got=f"values such as {float(values[values != np.rint(values)][0]):.4g}",
                allowed=NUMBERS[self.input.type],
                fix="Give the input as the graph takes it, such as pixels from 0 to 255",
            )
        raw = layouts.first_answer(self, values)
        self._settled = True
        if self._returns is None:
            sums = (raw >= 0).all() and np.abs(raw.sum(axis=1) - 1).max() <= SUM_TO_ONE
            several = raw.shape[1] > 1
            self._become("raw" if not several else "probability" if sums else "logit")
        if self.task != "classification":
            self.classes = None
        elif self.classes is None:
            self.classes = tuple(range(raw.shape[1]))
        elif len(self.classes) != raw.shape[1]:
            raise InvalidSetting(
                "classes has one label for each output", got=len(self.classes), allowed=raw.shape[1]
            )

    def scores(self, values: np.ndarray, scale: str) -> np.ndarray:
        """One score for each output on a scale, also of two classes: float64 (sample, output)."""
        self.settle(values[:2])
        return self._on(self.raw(values), scale)

    def predict(self, X: Any, scale: str) -> np.ndarray:
        whole = isinstance(X, np.ndarray) and X.ndim != 2
        values = X if whole else frames.matrix(self._arrange(X)[0])
        self.settle(values[:2])
        if scale not in self.scales:
            raise InvalidSetting(
                f"{self.name} does not predict on this scale", got=scale, allowed=self.scales
            )
        return self._outputs(values, scale)

    def _outputs(self, X: Any, scale: str) -> np.ndarray:
        found = self._on(self.raw(frames.matrix(X) if np.ndim(X) == 2 else X), scale)
        if self.classes is None or found.shape[1] != 2:
            return found
        return found[:, 1:] - found[:, :1] if scale == "logit" else found[:, 1:]

    def laid_out(self, last: bool) -> OnnxModel:
        """The same graph, given images with the channels last or first."""
        found = copy(self)
        found.last, found._settled = last, False
        return found

    def _become(self, returns: str) -> None:
        self._returns_now = returns
        self.task = "regression" if returns == "raw" else "classification"
        others = {"logit": ("logit", "probability"), "probability": ("probability", "logit")}
        self.scales = others.get(returns, ("raw",))

    def _on(self, raw: np.ndarray, scale: str) -> np.ndarray:
        """Raw scores (sample, output) on a scale."""
        if scale in (self._returns_now, "raw"):
            return raw
        if scale == "probability":
            powers = np.exp(raw - raw.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        return np.log(np.maximum(raw, np.finfo(np.float32).tiny))

    def raw(self, values: np.ndarray) -> np.ndarray:
        """Raw scores float64 (sample, output), also from a graph of fixed batches."""
        laid = self._laid(values)
        fixed = (self.input.shape or (None,))[0]
        size = fixed if isinstance(fixed, int) and fixed > 0 else len(laid)
        parts = []
        for start in range(0, len(laid), size):
            batch = laid[start : start + size]
            filled = batch[np.minimum(np.arange(size), len(batch) - 1)]
            found = self._ask(self.session.run, [self.output], {self.input.name: filled})[0]
            if found.ndim > 2 and found[0].size == found.shape[1]:  # such as (sample, class, 1, 1)
                found = found.reshape(found.shape[:2])
            parts.append(self._finish(found, size)[: len(batch)])
        return np.concatenate(parts)

    def _laid(self, values: np.ndarray) -> np.ndarray:
        """Inputs in the graph's own layout and type."""
        shape, axes = self.input.shape or (), tuple(range(values.ndim))
        last = (0, 2, 3, 1)
        ways = [last] if self.last else [axes]
        if values.ndim == 4 and self.last is None:
            ways = [axes, last]
        for way in ways:
            if _agrees(shape, tuple(values.shape[axis] for axis in way)):
                return _as(NUMBERS[self.input.type], values.transpose(way))
        raise InvalidData(
            f"{self.name} takes inputs of another shape",
            got=f"{values.shape[1:]} for each sample",
            allowed="(" + ", ".join(map(str, shape)) + "), the samples first",
            fix="Resize the images" if values.ndim == 4 else None,
        )

    def _only_input(self) -> Any:
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            raise CannotExplain(
                f"{self.name} has several inputs",
                got=[each.name for each in inputs],
                allowed="one input of shape (sample, …)",
                fix="Pass a function of images that runs the session with the others held fixed",
            )
        if inputs[0].type not in NUMBERS:
            raise CannotExplain(
                f"{self.name} takes inputs that cannot be made here",
                got=f"{inputs[0].name}: {inputs[0].type}",
                allowed=", ".join(NUMBERS.values()),
            )
        return inputs[0]

    def _chosen(self, output: str | None) -> str:
        """The name of the output to explain."""
        kinds = {each.name: each.type for each in self.session.get_outputs()}
        scores = [name for name, kind in kinds.items() if kind in FLOATS]
        if output is not None:
            if output not in kinds:
                raise UnknownName.among("output", str(output), kinds)
            scores = [name for name in scores if name == output]
        if len(scores) == 1:
            return scores[0]
        raise CannotExplain(
            f"{self.name} has {'several outputs that could be' if scores else 'no'} scores",
            got=", ".join(f"{name}: {kind}" for name, kind in kinds.items()),
            allowed="one output of floating point, (sample,) or (sample, output)",
            fix="Name one: pellucid.models.onnx.OnnxModel(path, output=…)"
            if scores
            else "Export it with scores as a tensor, such as with zipmap=False",
        )


def _session(source: Any) -> Any:
    """A session for a graph; a session itself."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra.of("onnxruntime", "onnx", "An ONNX graph") from error
    if isinstance(source, onnxruntime.InferenceSession):
        return source
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    given = os.fspath(_file(source)) if isinstance(source, (str, os.PathLike)) else _content(source)
    try:
        return onnxruntime.InferenceSession(given, quiet, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no class in common
        raise UnreadableFile(
            "This is not an ONNX graph that onnxruntime can run",
            got=str(error).strip().split("\n")[0] or type(error).__name__,
            fix="Export it again, for an opset that this onnxruntime knows",
        ) from error


def _file(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    if not path.is_file():
        raise UnreadableFile(f"{path} cannot be read", got="no such file", fix="Check the path")
    return path


def _content(source: Any) -> bytes:
    """The bytes of a graph; of a session that does not keep them, what it says of itself."""
    if isinstance(source, (bytes, bytearray)):
        return bytes(source)
    if hasattr(source, "SerializeToString"):
        return bytes(source.SerializeToString())
    if isinstance(source, (str, os.PathLike)):
        return _file(source).read_bytes()
    if not hasattr(source, "get_inputs"):
        raise WrongType(
            "This is not an ONNX graph",
            got=type(source).__name__,
            allowed="a path, bytes, an onnx.ModelProto or an onnxruntime.InferenceSession",
        )
    kept, path = getattr(source, "_model_bytes", None), getattr(source, "_model_path", None)
    if kept:
        return bytes(kept)
    if path and Path(path).is_file():
        return Path(path).read_bytes()
    ends = [*source.get_inputs(), *source.get_outputs()]
    said = [(each.name, each.type, each.shape) for each in ends]
    return repr((source.get_modelmeta().graph_name, said)).encode()


def _name(source: Any, session: Any) -> str:
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    return session.get_modelmeta().graph_name or "ONNX graph"


def _agrees(declared: Any, shape: tuple[int, ...]) -> bool:
    """Whether inputs have the declared sizes, where they are numbers; samples are not counted."""
    if not declared:
        return True
    sizes = zip(declared[1:], shape[1:], strict=False)
    same = all(not isinstance(size, int) or size == found for size, found in sizes)
    return len(declared) == len(shape) and same


def _as(kind: str, values: np.ndarray) -> np.ndarray:
    """Values in a type, whole numbers rounded and kept within its range."""
    if not kind.startswith("float"):
        limits = np.iinfo(kind)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return np.ascontiguousarray(values, dtype=kind)
