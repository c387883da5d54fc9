"""What every question has, whatever is explained: a model, a scale, a seed, a meter and notes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pellucid.core.provenance import Provenance
from pellucid.core.seeds import generator
from pellucid.engine.work import Work
from pellucid.models.adapter import Model


@dataclass(kw_only=True)
class Asked(ABC):
    """A model, and how to speak of its output.

    Parameters
    ----------
    model : Model
        The adapter.
    scale : str
        The scale of the output.
    y : array of shape (sample,) or None
        The true answers, for methods that need them.
    seed : int
        The seed.
    work : Work
        The meter and the batches.
    threads : int
        Threads for compiled kernels.
    notes : list of str
        What a reader must know about the answer.
    drawn : bool
        Whether random numbers were drawn.
    """

    kind: ClassVar[str]
    """What is explained: ``"table"`` or ``"image"``."""

    things: ClassVar[str] = "rows"
    """What the samples are, in words."""

    parts: ClassVar[str] = "columns"
    """What of a sample is kept or removed, in words."""

    model: Model
    scale: str
    y: np.ndarray | None = None
    seed: int
    work: Work
    threads: int
    notes: list[str] = field(default_factory=list)
    drawn: bool = False

    @property
    @abstractmethod
    def size(self) -> int:
        """How many samples are explained."""

    @property
    @abstractmethod
    def target_name(self) -> str | None:
        """The explained output in words."""

    @property
    @abstractmethod
    def fingerprints(self) -> dict[str, str | None]:
        """Of the data and of the background, as `Provenance` calls them."""

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Groups of columns that are explained as one."""
        return {}

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """A random stream for one purpose; the seed is then part of the provenance."""
        self.drawn = True
        return generator(self.seed, *purpose)

    def note(self, sentence: str) -> None:
        """Tell the reader something about the answer."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def provenance(self, method: str, params: Mapping[str, Any]) -> Provenance:
        """What every explanation of this question carries."""
        from pellucid import __version__

        return Provenance(
            method=method,
            params=params,
            target=self.target_name,
            scale=self.scale,
            model=self.model.name,
            model_fingerprint=self.model.fingerprint(),
            **self.fingerprints,
            evaluations=self.work.evaluations,
            seconds=self.work.elapsed,
            seed=self.seed if self.drawn else None,
            version=__version__,
            groups=self.groups,
            notes=tuple(self.notes),
        )
