"""What is asked of a model of images: which of them, which output, on which scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import CannotExplain, InvalidData, InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.seeds import resolve_seed
from pellucid.data.images import Images
from pellucid.engine.work import Work, slices
from pellucid.explainers.asked import Asked
from pellucid.explainers.image_model import fitted, reference
from pellucid.explainers.image_target import chosen_outputs, in_words, numbered_outputs
from pellucid.explainers.question import _scale, _threads
from pellucid.models.image_callable import ImageCallable
from pellucid.models.onnx import OnnxModel
from pellucid.models.torch import Call, TorchModel
from pellucid.perturb.segments import cut

if TYPE_CHECKING:
    import torch

BATCH_IMAGES, BATCH_NUMBERS = 32, 1 << 21
"""Most images given to a model at once, and most numbers in them: 13 images of 224 × 224 pixels.

On one core 32 of these take 1.1 to 1.8 times as long as 13, image by image, since what they
activate no longer stays in the cache; 32 of 32 × 32 pixels take a third of what they take alone."""

DIFFERENTIATED_NUMBERS = 1 << 19
"""Most numbers in images that go through a network and back at once; the graph takes memory."""

KEPT = 256
"""Most images whose begun answers are kept, where little is kept of each."""

NOTHING = (
    "The values are zero everywhere for {} of {} images: there the method finds nothing that "
    "speaks for the output explained."
)
"""The note on empty maps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Opening:
    """How a method wants to have the network asked, so that it can go on from the answers.

    Parameters
    ----------
    run : callable
        From the model, the network as a function, and inputs that need gradients, to raw scores
        with a graph, and whatever the method has seen on the way.
    light : bool
        Whether what is kept is small, so that it may be kept for all batches, not only for one.
    """

    run: Callable[[TorchModel, Call, torch.Tensor], tuple[torch.Tensor, Any]]
    light: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Begun:
    """A batch of images that the network was asked about by an `Opening`.

    Parameters
    ----------
    x : tensor of shape (sample, channel, row, column)
        The images, a leaf of the graph.
    raw : tensor of shape (sample, output)
        Raw scores.
    seen : object
        What the method has seen.
    """

    x: torch.Tensor
    raw: torch.Tensor
    seen: Any


@dataclass(kw_only=True)
class ImageQuestion(Asked):
    """A model and the images to explain, one output of each; see `Asked`.

    Parameters
    ----------
    images : Images
        The images to explain.
    background : Images or None
        Images to compare with, for methods that take them.
    chosen : int array of shape (sample,)
        The output that is explained of each image.
    labels : tuple
        The names of all outputs.
    cut : Segments, str, int, array or None
        How images are cut into segments, for methods that remove them; see
        `pellucid.perturb.segments.cut`.
    begun : dict
        Batches that a method can go on with, by where they begin.
    """

    kind: ClassVar[str] = "image"
    things: ClassVar[str] = "images"
    parts: ClassVar[str] = "segments"

    images: Images
    background: Images | None
    chosen: np.ndarray
    labels: tuple[Label, ...]
    named: str | None
    cut: Any = None
    begun: dict[int, Begun] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.images)

    @property
    def target_name(self) -> str | None:
        return self.named

    @property
    def fingerprints(self) -> dict[str, str | None]:
        behind = self.background
        return {
            "data_fingerprint": self.images.fingerprint(),
            "background_fingerprint": None if behind is None else behind.fingerprint(),
        }

    def predict(self, values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The output explained, (sample,), for changed images: `chosen` says which of each."""
        found = self.work.predict(self.scores, values)
        return np.take_along_axis(found, chosen[:, None], axis=1)[:, 0]

    def scores(self, values: np.ndarray) -> np.ndarray:
        """All outputs, (sample, output), on the question's scale."""
        assert isinstance(self.model, (TorchModel, OnnxModel, ImageCallable))
        return self.model.scores(values, self.scale)

    @cached_property
    def output(self) -> np.ndarray:
        """The model's own answer for the output explained, (sample,)."""
        return self.predict(self.images.values, self.chosen)

    @cached_property
    def segment(self) -> np.ndarray:
        """The segment of each pixel, from 0 in each image: (sample, row, column)."""
        return cut(self.images, self.cut)

    def provenance(self, method: str, params: Mapping[str, Any]) -> Provenance:
        if self.cut is not None and "segment" not in self.__dict__:
            self.note("segments= was not used: this method does not remove segments.")
        return super().provenance(method, params)

    def attribution(
        self,
        values: np.ndarray,
        *,
        base: np.ndarray | None = None,
        error: np.ndarray | None = None,
        inputs: dict[str, np.ndarray] | None = None,
    ) -> Attribution:
        """The explanation on the images' own grid.

        Parameters
        ----------
        values : array of shape (sample, channel, row, column) or (sample, row, column)
        base : array of shape (sample,), optional
            The output that the values start from, where they add up.
        error : array, as `values`, optional
        inputs : mapping of str to arrays of shape (sample, …), optional
            More to be kept beside the pixels, such as ``"segment"``.
        """
        if not np.isfinite(values).all():
            raise CannotExplain(
                f"The values for {self.model.name} are not finite numbers",
                got=f"{int((~np.isfinite(values)).sum())} of {values.size}",
                fix="Look for infinite or missing activations inside the network",
            )
        dims = ("sample", "channel", "row", "column") if values.ndim == 4 else _FLAT
        coords: dict[str, Sequence[Label]] = {
            dim: range(size) for dim, size in zip(dims, values.shape, strict=True)
        }
        coords["sample"] = self.images.names
        told = np.array([str(self.labels[place]) for place in self.chosen], dtype=object)
        dead = int((~values.reshape(len(values), -1).any(axis=1)).sum())
        if dead:
            self.note(NOTHING.format(dead, len(values)))
        return Attribution(
            values=values,
            dims=dims,
            coords=coords,
            base=base,
            output=self.output,
            error=error,  # type: ignore[arg-type]
            inputs={
                "pixels": self.images.pixels,
                "target": told,
                "output": self.chosen,
                **(inputs or {}),
            },
            provenance=Provenance(method=""),
        )


_FLAT = ("sample", "row", "column")


def ask_images(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    target: Any = None,
    scale: str = "auto",
    segments: Any = None,
    seed: int | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    opening: Opening | None = None,
    outputs: Sequence[int] | None = None,
) -> ImageQuestion:
    """The question about a batch of images in its settled form; see `pellucid.explain`.

    The model is asked about all images; with an `opening`, in the way of the method that goes on.
    `outputs` are the numbers of the outputs to explain, one for each image, in place of `target`.

    Raises
    ------
    CannotExplain, UnknownName, InvalidData
        If the model, its output or the images cannot be used as asked.
    """
    adapter, images = fitted(model, Images.of(X))
    behind = reference(background, images)
    work = Work(
        batch_size=usual_batch(images.values) if batch_size is None else batch_size,
        limit=max_evaluations,
        seconds=max_seconds,
    )
    begun = _begun(adapter, images.values, work, opening or ASKED)
    if not begun:
        adapter.settle(images.values[:2])
    chosen = _scale(adapter, scale)
    question = ImageQuestion(
        model=adapter,
        images=images,
        background=behind,
        chosen=np.zeros(len(images), dtype=int),
        labels=(),
        named=None,
        cut=segments,
        begun={} if opening is None else begun,
        scale=chosen,
        seed=resolve_seed(seed),
        work=work,
        threads=_threads(threads),
        notes=[*adapter.notes_on(chosen), *images.notes],
    )
    scores = _scores(question, begun)
    classes = adapter.classes if adapter.task == "classification" else None
    question.labels = tuple(range(scores.shape[1])) if classes is None else tuple(classes)
    if outputs is None:
        question.chosen = chosen_outputs(target, question.labels, scores)
    else:
        question.chosen = numbered_outputs(outputs, scores)
    question.output = np.take_along_axis(scores, question.chosen[:, None], axis=1)[:, 0]
    question.named = in_words(
        question.chosen.tolist(),
        question.labels,
        given=target is not None or outputs is not None,
    )
    return question


def _like(images: Images, background: Images) -> Images:
    """The background with as many channels as the images.

    Raises
    ------
    InvalidSetting
        If it is of another size.
    """
    found = background.single() if images.values.shape[1] == 1 else background
    if found.values.shape[1:] != images.values.shape[1:]:
        raise InvalidSetting(
            "The background has images of the same size",
            got=found.values.shape[1:],
            allowed=images.values.shape[1:],
        )
    return found


def usual_batch(values: np.ndarray) -> int:
    """Images given to a model at once where the user names no number."""
    return max(1, min(BATCH_IMAGES, BATCH_NUMBERS // values[0].size))


def differentiated_batch(values: np.ndarray, batch_size: int) -> int:
    """Inputs that go through a network and back at once."""
    each = max(1, int(np.prod(values.shape[1:])))
    return max(1, min(BATCH_IMAGES, batch_size, DIFFERENTIATED_NUMBERS // each))


def _asked(model: TorchModel, call: Call, x: torch.Tensor) -> tuple[torch.Tensor, Any]:
    import torch

    with torch.no_grad():
        return call(x), None


ASKED = Opening(run=_asked)
"""For methods that go on from nothing: the model is settled by its first answers."""


def _scores(question: ImageQuestion, begun: dict[int, Begun]) -> np.ndarray:
    """All outputs of all images, (sample, output), those that were not begun asked for now."""
    found = []
    if isinstance(question.model, TorchModel):
        raw = (each.raw.detach() for each in begun.values())
        found = [question.model.scored(each, question.scale) for each in raw]
    rest = question.images.values[sum(map(len, found)) :]
    if len(rest):
        found.append(question.work.predict(question.scores, rest))
    return np.concatenate(found)


def _begun(adapter: Any, values: np.ndarray, work: Work, opening: Opening) -> dict[int, Begun]:
    """Batches begun as the method wants; none where that fails, for whatever reason."""
    found: dict[int, Begun] = {}
    if not isinstance(adapter, TorchModel):
        return found
    most = differentiated_batch(values, work.batch_size)
    for some in slices(min(len(values), KEPT if opening.light else most), most):
        seen: list[Any] = []

        def run(call: Call, x: torch.Tensor, seen: list[Any] = seen) -> torch.Tensor:
            raw, told = opening.run(adapter, call, x)
            seen.append(told)
            return raw

        work.spend(some.stop - some.start)
        try:
            x, raw = adapter.begin(values[some], run)
        except (CannotExplain, InvalidData):  # asked in the plain way, the model says what it is
            return {}
        found[some.start] = Begun(x=x, raw=raw, seen=seen[0])
    return found
