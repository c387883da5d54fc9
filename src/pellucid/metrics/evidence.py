"""What a metric judges: an explanation, its model and samples, and how to make it again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.core.seeds import generator
from pellucid.explainers.asked import Asked
from pellucid.explainers.explainer import Explainer
from pellucid.models.adapter import Model


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence(ABC):
    """One explained output per sample, with everything that is needed to check it.

    Units are what is removed together: the features of a row, the cells of an image.

    Parameters
    ----------
    question : Asked
        The model, the samples judged and the outputs explained.
    values, error : array of shape (sample, unit, output)
        The explanation and its standard errors.
    base : array of shape (sample, output) or None
        What the values start from.
    chosen : int array of shape (sample,)
        Which of these outputs is judged.
    group : str
        What that output is called; empty where there is only one.
    recipe : Explainer or None
        The method that made the explanation, if it is known.
    first : Asked
        The question as it was asked when the explanation was made.
    unrepeatable : str
        Why the explanation cannot be made again; empty where it can.
    drawn : bool
        Whether random numbers were drawn for the explanation, as far as it is known.
    cost : float
        Model evaluations that the explanation of one sample took.
    seed : int
        The seed of the checks.
    gold : array of bool of the shape of one output's finest values, optional
        What people hold responsible (`finest`).
    known : dict
        What the model has answered already (`once`), shared by all methods that are compared.
    """

    thing: ClassVar[str]
    """What a sample is called: ``"row"``, ``"image"``."""

    one: ClassVar[str]
    """A sample with its article: ``"a row"``, ``"an image"``."""

    part: ClassVar[str]
    """What a unit is called: ``"feature"``, ``"cell"``."""

    number: ClassVar[str]
    """What of a sample can be changed a little: ``"number"``, ``"pixel"``."""

    step: ClassVar[str]
    """What `unit` is called: ``"standard deviation"``."""

    unmoved: ClassVar[str]
    """Why a little noise may change nothing at all."""

    evaluations: ClassVar[int]
    """Most that a check spends on explanations unless it is told otherwise."""

    ways: ClassVar[Mapping[str, str]]
    """How units can be removed, and what takes their place in words; the two usual ways first."""

    question: Asked
    values: np.ndarray
    error: np.ndarray
    base: np.ndarray | None
    chosen: np.ndarray
    group: str = ""
    recipe: Explainer | None
    first: Asked
    unrepeatable: str = ""
    drawn: bool = True
    cost: float
    seed: int
    gold: np.ndarray | None = None
    known: dict[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """The names of the units."""

    @property
    @abstractmethod
    def names(self) -> tuple[Any, ...]:
        """The names of the samples."""

    @property
    @abstractmethod
    def inputs(self) -> np.ndarray:
        """What the model is given: (sample, …)."""

    @property
    @abstractmethod
    def outputs(self) -> np.ndarray:
        """The model's own answers for all outputs explained: (sample, output)."""

    @property
    @abstractmethod
    def classes(self) -> np.ndarray:
        """The class whose output is judged, in words: (sample,); all alike where there is none."""

    @property
    @abstractmethod
    def spread(self) -> float:
        """How far the prediction ranges over the samples judged and what can replace them."""

    @property
    @abstractmethod
    def unit(self) -> np.ndarray:
        """What changes of `inputs` are measured in: (…); infinite where nothing can change."""

    @property
    @abstractmethod
    def told(self) -> np.ndarray:
        """The values of the output judged as the method tells them: (sample, …)."""

    @property
    @abstractmethod
    def doubt(self) -> np.ndarray:
        """Their standard errors, as `told`."""

    @property
    def own_part(self) -> str | None:
        """What `in_parts` gives values of; `None` where parts are too fine to be put in order."""
        return self.part

    @property
    @abstractmethod
    def has_reference(self) -> bool:
        """Whether there is something to take the place of a removed unit from."""

    @property
    def immovable(self) -> str | None:
        """Why no sample can be changed a little, or `None`."""
        return None

    @property
    def there(self) -> np.ndarray:
        """Which units a sample has: (sample, unit)."""
        return np.ones((len(self), len(self.features)), dtype=bool)

    @property
    def finest(self) -> np.ndarray:
        """The values of the output judged as fine as they are told: (sample, …), as `gold`."""
        return self.shares

    @property
    def foreground(self) -> np.ndarray:
        """What of a sample is not its plain background, as `finest`."""
        return np.ones(self.finest.shape, dtype=bool)

    @property
    @abstractmethod
    def picked(self) -> np.ndarray:
        """The place of the class judged among all classes of the model: (sample,)."""

    @property
    @abstractmethod
    def class_count(self) -> int:
        """How many classes the model tells apart, each with an output of its own; else 1."""

    @property
    def golden(self) -> np.ndarray | None:
        """Which part of each unit is gold: (sample, unit), between 0 and 1."""
        return None if self.gold is None else np.asarray(self.gold, dtype=float)

    @property
    def scale(self) -> str:
        """What the output is measured in."""
        return self.question.scale

    @property
    def shares(self) -> np.ndarray:
        """The values of the output judged, shape (sample, unit)."""
        return self.pick(self.values, np.arange(len(self)))

    @property
    def importance(self) -> np.ndarray:
        """What units are put in order by, shape (sample, unit): shares, for their size."""
        return self.shares

    @property
    def output(self) -> np.ndarray:
        """The model's own prediction of the output judged, shape (sample,)."""
        return np.take_along_axis(self.outputs, self.chosen[:, None], axis=1)[:, 0]

    def pick(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The output judged out of `values` (row, unit, output) made for these samples."""
        return np.take_along_axis(values, self.chosen[rows][:, None, None], axis=2)[:, :, 0]

    @abstractmethod
    def predict(self, changed: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The output judged, shape (row,), of changed copies of `rows`."""

    @abstractmethod
    def answers(self, changed: np.ndarray) -> np.ndarray:
        """All outputs of the model, (row, output), for changed inputs, on the scale judged."""

    def encoded(self, changed: np.ndarray) -> np.ndarray:
        """What the last part of the model is given for changed inputs."""
        return changed

    @abstractmethod
    def donors(self, most: int, way: str | None = None) -> Any:
        """What takes the place of removed units, at most so many for each sample."""

    @abstractmethod
    def without(self, rows: np.ndarray, removed: np.ndarray, given: Any) -> np.ndarray:
        """Predictions of samples whose removed units come from each donor in turn.

        Parameters
        ----------
        rows : int array of shape (case,)
            Which sample each case starts from.
        removed : bool array of shape (case, unit)
            Which units are replaced.
        given : object
            What `donors` gave.

        Returns
        -------
        array of shape (case, donor)
            The output judged. One evaluation for each number; memory is bounded by a batch.
        """

    @abstractmethod
    def blanked(self, removed: np.ndarray, way: str) -> np.ndarray:
        """All samples, as `inputs`, with removed units (sample, unit) replaced in one way."""

    @abstractmethod
    def native(self, changed: np.ndarray) -> Any:
        """Changed inputs in the user's own kind and layout, such as a model is trained on."""

    @abstractmethod
    def classified(self, model: Model, changed: np.ndarray) -> np.ndarray:
        """The class that another model sees in changed inputs, in words: (row,)."""

    @abstractmethod
    def nudged(self, rows: np.ndarray, noise: float, *purpose: str | int) -> np.ndarray:
        """Copies of samples whose numbers have moved by `noise` of their spread, at random."""

    @abstractmethod
    def explained(
        self, rows: np.ndarray, changed: np.ndarray | None, seed: int | None
    ) -> np.ndarray | None:
        """Values made once more, as `told`, or `None` if they are of another kind."""

    @abstractmethod
    def adapted(self, model: Any) -> Model:
        """Anything that `explain` takes, as a model to be asked about these samples."""

    @abstractmethod
    def otherwise(
        self,
        rows: np.ndarray,
        *,
        model: Model | None = None,
        classes: np.ndarray | None = None,
        changed: np.ndarray | None = None,
    ) -> np.ndarray:
        """Values, as `told`, for another model, for other classes, or for changed samples.

        Parameters
        ----------
        rows : int array of shape (row,)
            Which of the samples judged.
        model : Model, optional
            In place of the model that was explained; with the same outputs.
        classes : int array of shape (row,), optional
            Places among the model's classes (`picked`), in place of those explained.
        changed : array of shape (row, …), optional
            Inputs in place of those samples.

        Raises
        ------
        CannotExplain
            If the method gives something else than values for these samples and units.
        """

    def in_units(self, told: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Values of these samples as the method tells them, for each unit: (row, unit)."""
        return told

    def in_finest(self, told: np.ndarray) -> np.ndarray:
        """Values as the method tells them, as `finest`."""
        return told

    def in_parts(self, told: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Values, or standard errors, of what the method tells apart: (row, part)."""
        return told.reshape(len(told), -1)

    def again(
        self, rows: np.ndarray, *, changed: np.ndarray | None = None, seed: int | None = None
    ) -> np.ndarray:
        """Values of the output judged, explained once more, for each unit; as `told_again`."""
        return self.in_units(self.told_again(rows, changed=changed, seed=seed), rows)

    def told_again(
        self, rows: np.ndarray, *, changed: np.ndarray | None = None, seed: int | None = None
    ) -> np.ndarray:
        """Values of the output judged, as `told`, explained once more.

        Parameters
        ----------
        rows : int array of shape (row,)
            Which of the samples judged.
        changed : array of shape (row, …), optional
            Changed copies of them, to be explained in their place.
        seed : int, optional
            Another seed than the explanation's own.

        Raises
        ------
        CannotExplain
            If the method gives something else than values for these samples and units.
        """
        if self.recipe is None:
            raise CannotExplain("The explanation cannot be made again", got=self.unrepeatable)
        found = self.explained(rows, changed, seed)
        if found is None:
            raise CannotExplain(
                f"{self.recipe.name()} gave no attribution of these samples when it was run again"
            )
        return found

    def once(self, key: Any, found: Callable[[], Any]) -> Any:
        """What `found` gives, asked for only the first time."""
        if key not in self.known:
            self.known[key] = found()
        return self.known[key]

    def affordable(self, runs: int, budget: int | None) -> np.ndarray:
        """Which samples can be explained `runs` times for `budget` evaluations; at least one."""
        most = int((self.evaluations if budget is None else budget) / max(runs * self.cost, 1))
        return self.some(max(most, 1), f"{runs} more explanations of each")

    def some(self, most: int, why: str) -> np.ndarray:
        """At most `most` of the samples judged, drawn at random; a cut is noted."""
        n = len(self)
        if n <= most:
            return np.arange(n)
        self.question.note(f"For {why}, {most} of {n} {self.thing}s were drawn to bound the cost.")
        return np.sort(self.rng("rows").choice(n, most, replace=False))

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """A random stream for one purpose."""
        return generator(self.seed, *purpose)
