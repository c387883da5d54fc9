"""The door of gradient methods to a network, whether it sees images or the numbers of a table.

What is explained is the input, or the activation of a part of the network: the network is then what
follows that part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import CannotExplain
from pellucid.core.provenance import Provenance
from pellucid.engine.work import slices
from pellucid.explainers.asked import Asked
from pellucid.explainers.image_question import (
    BATCH_IMAGES,
    DIFFERENTIATED_NUMBERS,
    Begun,
    ImageQuestion,
    Opening,
    differentiated_batch,
)
from pellucid.explainers.question import Question
from pellucid.models.torch import Call, TorchModel

if TYPE_CHECKING:
    import torch

AXES = {
    2: ("sample", "unit"),
    3: ("sample", "token", "unit"),
    4: ("sample", "channel", "row", "column"),
}
"""The axes of an activation, by how many it has."""

Network = Callable[..., "torch.Tensor"]
"""From inputs, and which sample of the batch each of them comes from, to raw scores."""

Explain = Callable[[Network, "torch.Tensor", np.ndarray, slice], "torch.Tensor"]
"""From the network, a batch, its picks and its places among the samples to values like it."""


@dataclass(kw_only=True, eq=False)
class Differentiable:
    """A network, its inputs and the outputs explained.

    Parameters
    ----------
    question : Question or ImageQuestion
    model : TorchModel
    values : array of shape (sample, …)
        The inputs of the network.
    picks : list of int array of shape (sample,)
        The outputs explained, one after another: which one of each sample.
    site : str, optional
        The part of the network whose activation is explained in place of the inputs.
    """

    question: Asked
    model: TorchModel
    values: np.ndarray
    picks: list[np.ndarray]
    site: str | None = None
    _going_on: tuple[torch.Tensor, Begun] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return tuple(self.values.shape[1:])

    def fits(self, x: torch.Tensor) -> int:
        """How many rows like those of `x` go through the network at once."""
        each, most = max(1, x[:1].numel()), self.question.work.batch_size
        return int(max(1, min(BATCH_IMAGES, most, DIFFERENTIATED_NUMBERS // each)))

    def score(
        self, call: Network, x: torch.Tensor, pick: np.ndarray, of: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The output explained on the question's scale, (sample,); books the evaluations.

        Parameters
        ----------
        call : callable
            The network.
        x : tensor of shape (row, …)
        pick : int array of shape (row,)
        of : int tensor of shape (row,), optional
            Which sample of the batch each row comes from; by default all in turn, once or more.
        """
        self.question.work.spend(len(x))
        return self.picked(call(x, of), pick)

    def picked(self, raw: torch.Tensor, pick: np.ndarray) -> torch.Tensor:
        """Raw scores of the outputs explained on the question's scale."""
        import torch

        told = self.model.told if isinstance(self.question, Question) else self.model.on
        found = told(raw, self.question.scale)
        index = torch.as_tensor(pick, device=found.device)
        return self._levelled(found.gather(1, index[:, None])[:, 0])

    def gradient(
        self, call: Network, x: torch.Tensor, pick: np.ndarray, of: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient of the output explained, like `x`, and the output (sample,); as `score`.

        Raises
        ------
        CannotExplain
            If the output does not depend on the input through operations that have a gradient, or
            the gradient is not finite.
        """
        import torch

        going_on = self._going_on is not None and x is self._going_on[0]
        with torch.enable_grad():
            if self._going_on is not None and going_on:
                x = self._going_on[1].x
                score = self.picked(self._going_on[1].raw, pick)
            else:
                x = x.detach().requires_grad_(True)
                score = self.score(call, x, pick, of)
            if not score.requires_grad:
                raise CannotExplain(
                    f"{self.model.name} has no gradient",
                    got="an output that does not depend on the input by differentiable operations",
                    fix="Choose a method that only asks for predictions, such as 'occlusion'",
                )
            (found,) = torch.autograd.grad(score.sum(), x, allow_unused=True)
        if found is None:
            found = torch.zeros_like(x)
        finite = torch.isfinite(found.sum())  # quick, but a sum may overflow
        if not (finite or torch.isfinite(found).all()):
            raise CannotExplain(
                f"The gradient of {self.model.name} is not finite",
                got="missing or infinite values",
                fix="Look for divisions by zero, or roots of zero, inside the network",
            )
        return found.detach(), score.detach()

    def at(self, values: np.ndarray) -> torch.Tensor:
        """What stands for other inputs where the network begins: themselves, or activations.

        To be asked within `each`.
        """
        x = self.model.tensor(values)
        if self.site is None:
            return x
        return self._activation(self.model.scores_of, x)

    def each(self, explain: Explain, *, often: bool = False) -> list[np.ndarray]:
        """Values of all samples for each pick, batch by batch.

        Where the network is asked `often` it pays to find out how images are quickest laid out.
        Batches that were begun with the question are gone on with: the network then works in place
        where it does so by itself. Where the way back does not allow that, all is done anew.
        """
        begun = self.begun
        try:
            return self._each(explain, begun, often)
        except RuntimeError:  # torch's error for numbers that were overwritten
            if not begun:
                raise
            begun.clear()
            return self._each(explain, begun, often)

    def _each(self, explain: Explain, begun: dict[int, Begun], often: bool) -> list[np.ndarray]:
        found = []
        with self._asked(begun) as call:
            call = self.model.quickest(call) if often and self.site is None else call
            for pick in self.picks:
                parts = []
                for some in self._batches():
                    known = begun.get(some.start)
                    x = self.model.tensor(self.values[some]) if known is None else known.x.detach()
                    self._going_on = None if known is None else (x, known)
                    with self._network(call, x) as (network, seen):
                        values = explain(network, seen, pick[some], some)
                    parts.append(values.detach().double().cpu().numpy())
                    self.question.work.advance(some.stop - some.start)
                found.append(np.concatenate(parts))
        self._going_on = None
        return found

    @contextmanager
    def _asked(self, begun: dict[int, Begun]) -> Iterator[Call]:
        """The network held still; from the first call on, if all batches are begun."""
        if len(begun) < len(list(self._batches())):
            with self.model.still(as_it_is=bool(begun)) as call:
                yield call
            return
        with ExitStack() as late:
            known: list[Call] = []

            def call(x: torch.Tensor) -> torch.Tensor:
                if not known:
                    known.append(late.enter_context(self.model.still(as_it_is=True)))
                return known[0](x)

            yield call

    @property
    def begun(self) -> dict[int, Begun]:
        """Batches of images that the network has been asked about as the method wants it."""
        return self.question.begun if isinstance(self.question, ImageQuestion) else {}

    def attribution(
        self,
        values: Sequence[np.ndarray],
        *,
        base: Sequence[np.ndarray] | None = None,
        error: Sequence[np.ndarray] | None = None,
    ) -> Attribution:
        """The explanation from what was found for each pick.

        Parameters
        ----------
        values, error : sequence of array of shape (sample, …)
        base : sequence of array of shape (sample,), optional
            The output that values start from, where they add up.
        """
        question = self.question
        first = None if base is None else base[0], None if error is None else error[0]
        if self.site is not None:
            return self._of_activations(values, base, error)
        if isinstance(question, ImageQuestion):
            return question.attribution(values[0], base=first[0], error=first[1])
        assert isinstance(question, Question)
        starts = question.output if base is None else np.stack(base, axis=-1)
        made = question.attribution(
            np.stack(values, axis=-1), starts, None if error is None else np.stack(error, axis=-1)
        )
        return made if base is not None else replace(made, base=None)

    def _batches(self) -> Iterator[slice]:
        most = differentiated_batch(self.values, self.question.work.batch_size)
        return slices(len(self.values), most)

    @contextmanager
    def _network(self, call: Call, x: torch.Tensor) -> Iterator[tuple[Network, torch.Tensor]]:
        """The network from what is explained on, and that of the batch `x`."""
        if self.site is None:
            yield lambda inputs, of=None: call(inputs), x
            return
        import torch

        part = self.model.site(self.site)
        seen = self._activation(call, x)

        def tail(activation: torch.Tensor, of: torch.Tensor | None = None) -> torch.Tensor:
            place = torch.arange(len(activation)) % len(x) if of is None else of
            with _hooked(part, lambda out: activation):
                return call(x[place.to(x.device)])

        yield tail, seen

    def _activation(self, call: Call, x: torch.Tensor) -> torch.Tensor:
        """What the site gives for a batch."""
        import torch

        assert self.site is not None
        seen: list[torch.Tensor] = []
        with torch.no_grad(), _hooked(self.model.site(self.site), seen.append):
            self.question.work.spend(len(x))
            call(x)
        if len(seen) != 1 or not isinstance(seen[0], torch.Tensor) or len(seen[0]) != len(x):
            raise CannotExplain(
                f"The site {self.site!r} has no single activation",
                got=f"{len(seen)} outputs" if len(seen) != 1 else type(seen[0]).__name__,
                fix="Choose a part of the network that is called once and returns one tensor",
            )
        return seen[0]

    def _of_activations(
        self,
        values: Sequence[np.ndarray],
        base: Sequence[np.ndarray] | None,
        error: Sequence[np.ndarray] | None,
    ) -> Attribution:
        question, shape = self.question, values[0].shape
        dims = AXES.get(len(shape))
        if dims is None:
            raise CannotExplain(
                f"The activation of {self.site!r} has too many axes", got=shape, allowed="2 to 4"
            )
        coords: dict[str, Sequence[Label]] = {
            dim: range(size) for dim, size in zip(dims, shape, strict=True)
        }
        several = len(self.picks) > 1
        if isinstance(question, ImageQuestion):
            coords["sample"], output = question.images.names, question.output
            inputs = {"pixels": question.images.pixels}
        else:
            assert isinstance(question, Question)
            coords["sample"], inputs = list(question.table.rows), question.table.columns()
            output = question.output if several else question.output[:, 0]
            if several:
                dims, coords = (*dims, question.output_axis), {
                    **coords, question.output_axis: question.labels,
                }  # fmt: skip

        def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
            return np.stack(parts, axis=-1) if several else parts[0]

        return Attribution(
            values=joined(values),
            dims=dims,
            coords=coords,
            base=None if base is None else joined(base),
            output=output,
            error=None if error is None else joined(error),  # type: ignore[arg-type]
            inputs=inputs,
            provenance=Provenance(method=""),
        )

    def _levelled(self, score: torch.Tensor) -> torch.Tensor:
        """Scores of a table, said for the explained class."""
        question = self.question
        if not isinstance(question, Question) or not question.complement:
            return score
        return 1 - score if question.scale == "probability" else -score


@contextmanager
def _hooked(part: Any, told: Callable[[Any], Any]) -> Iterator[None]:
    """While the output of a part goes through `told`; what that returns takes its place."""
    handle = part.register_forward_hook(lambda module, given, out: told(out))
    try:
        yield
    finally:
        handle.remove()


def _asked(model: TorchModel, call: Call, x: torch.Tensor) -> tuple[torch.Tensor, None]:
    return call(x), None


AT_THE_INPUTS = Opening(run=_asked)
"""For methods that need the gradient at the inputs themselves, whatever else."""


def differentiable(question: Asked, site: str | None = None) -> Differentiable:
    """The door of a question to its network.

    Raises
    ------
    CannotExplain
        If the model is none, or a table holds something else than numbers.
    UnknownName
        If the network has no such site.
    """
    model = question.model
    if not isinstance(model, TorchModel):
        raise CannotExplain(f"{model.name} has no gradient", allowed="a torch.nn.Module")
    if site is not None:
        model.site(site)
    if isinstance(question, ImageQuestion):
        values, picks = question.images.values, [question.chosen]
    else:
        assert isinstance(question, Question)
        values = question.encode(question.table.codes)
        picks = [np.full(len(values), place) for place in question.columns]
    return Differentiable(question=question, model=model, values=values, picks=picks, site=site)
