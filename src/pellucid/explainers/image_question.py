"""What is asked of a model of images: which of them, which output, on which scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.core.seeds import resolve_seed
from pellucid.data.images import Images
from pellucid.engine.work import Work
from pellucid.explainers.asked import Asked
from pellucid.explainers.question import _scale, _threads
from pellucid.models.adapter import Model
from pellucid.models.as_model import as_model
from pellucid.models.image_callable import ImageCallable
from pellucid.models.torch import TorchModel, tensor
from pellucid.perturb.segments import cut

BATCH_IMAGES = 32
"""Images given to a model at once: more are no quicker on a processor, and take memory."""

PREDICTED = "the class predicted"
"""What is explained where no target is named."""


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
        assert isinstance(self.model, (TorchModel, ImageCallable))
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
        return Attribution(
            values=values,
            dims=dims,
            coords=coords,
            base=base,
            output=self.output,
            error=error,  # type: ignore[arg-type]
            inputs={"pixels": self.images.pixels, "target": told, **(inputs or {})},
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
) -> ImageQuestion:
    """The question about a batch of images in its settled form; see `pellucid.explain`.

    Raises
    ------
    CannotExplain, UnknownName, InvalidData
        If the model, its output or the images cannot be used as asked.
    """
    images = Images.of(X)
    reference = None if background is None else Images.of(background)
    if reference is not None and reference.values.shape[1:] != images.values.shape[1:]:
        raise InvalidSetting(
            "The background has images of the same size",
            got=reference.values.shape[1:],
            allowed=images.values.shape[1:],
        )
    adapter = _adapter(model, images)
    adapter.settle(images.values[:2])
    chosen = _scale(adapter, scale)
    work = Work(
        batch_size=BATCH_IMAGES if batch_size is None else batch_size,
        limit=max_evaluations,
        seconds=max_seconds,
    )
    question = ImageQuestion(
        model=adapter,
        images=images,
        background=reference,
        chosen=np.zeros(len(images), dtype=int),
        labels=(),
        named=None,
        cut=segments,
        scale=chosen,
        seed=resolve_seed(seed),
        work=work,
        threads=_threads(threads),
        notes=list(adapter.notes_on(chosen)),
    )
    scores = work.predict(question.scores, images.values)
    classes = adapter.classes if adapter.task == "classification" else None
    question.labels = tuple(range(scores.shape[1])) if classes is None else tuple(classes)
    question.chosen = _chosen(target, question.labels, scores)
    question.output = np.take_along_axis(scores, question.chosen[:, None], axis=1)[:, 0]
    if len(set(question.chosen.tolist())) == 1:
        question.named = str(question.labels[int(question.chosen[0])])
    else:
        question.named = PREDICTED
    return question


def _adapter(model: Any, images: Images) -> TorchModel | ImageCallable:
    """The model as one that is asked about images: a network, or any function of them."""
    if callable(model) and not isinstance(model, Model) and not hasattr(model, "named_modules"):
        return ImageCallable(model, _laid(images))
    found = as_model(model)
    if not isinstance(found, TorchModel):
        raise CannotExplain(
            f"{found.name} is a model of tables, not of images",
            allowed="a torch.nn.Module, or a function from a batch of images to scores",
            fix="Pass a function that flattens the images",
        )
    return found


def _laid(images: Images) -> Callable[[np.ndarray], Any]:
    """From channels first to the user's own kind and layout."""
    if images.kind != "torch":
        return images.laid
    return lambda values: tensor(images.laid(values))


def _chosen(target: Any, labels: tuple[Label, ...], scores: np.ndarray) -> np.ndarray:
    """The output of each image: the one named, one for each image, or the greatest."""
    if target is None:
        return np.asarray(scores.argmax(axis=1))
    wanted = list(target) if isinstance(target, (list, tuple, np.ndarray)) else [target]
    if len(wanted) not in (1, len(scores)):
        raise InvalidSetting(
            "target names one class, or one for each image",
            got=f"{len(wanted)} targets",
            allowed=f"1 or {len(scores)}",
        )
    spelled = {str(label): place for place, label in enumerate(labels)}
    places = []
    for one in wanted:
        if str(one) not in spelled:
            raise UnknownName.among("class", str(one), list(spelled))
        places.append(spelled[str(one)])
    return np.array(places * len(scores) if len(places) == 1 else places)
