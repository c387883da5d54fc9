"""Model: one face for every library, so that a method asks a model and never a library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pellucid.core.errors import (
    CannotExplain,
    ColumnMismatch,
    EmptyData,
    InvalidData,
    InvalidSetting,
    MissingValues,
    PellucidError,
    WrongType,
)
from pellucid.models import frames
from pellucid.models.scales import CLIPPED

if TYPE_CHECKING:
    from pellucid.models.linear import Linear
    from pellucid.models.trees import Trees

Task = Literal["classification", "regression", "outlier"]
REFUSALS = (ValueError, TypeError, IndexError, KeyError, AttributeError)


class Model(ABC):
    """What a model can do, whoever made it.

    Attributes
    ----------
    source : object
        The user's own object, never changed.
    name : str
        Readable, such as ``"Pipeline(OneHotEncoder → RandomForestClassifier)"``.
    task : {"classification", "regression", "outlier"}
    classes : tuple or None
        Class labels in the model's own order; of two classes the second is the one explained.
    columns : tuple of str or None
        The columns it was fitted on, when it remembers them.
    scales : tuple of str
        What `predict` can be asked for, the natural one first: the scale on which trees add up,
        or on which coefficients do. ``"probability"``; ``"logit"``, which is log(p / (1 − p)) for
        two classes and for more the model's own margin where its softmax is p, otherwise log p;
        ``"log"``, the logarithm of the prediction of a model with a log link; ``"path length"``,
        the mean depth at which an isolation forest isolates a row; ``"raw"``, the unit of the
        target or the model's own score.
    can : frozenset of str
        ``"predict"`` always; ``"proba"``, ``"trees"``, ``"linear"``; ``"linear leaves"`` for trees
        whose leaves hold linear models.
    encoded_from : ndarray of int (encoded column,) or None
        The user's column that each encoded column comes from; None where an encoded column mixes
        several, and then the model claims neither trees nor coefficients.
    limits : str
        Why it cannot do more, in words; empty where that goes without saying.
    notes : tuple of str
        What a reader of an explanation must know about this model.

    Notes
    -----
    Cost: one evaluation per row of `predict`; `check` predicts one row, plus one row for each
    column that holds missing or infinite values.
    """

    by_name: ClassVar[bool] = True
    limits: ClassVar[str] = ""

    source: Any
    name: str
    task: Task
    classes: tuple[Any, ...] | None
    columns: tuple[str, ...] | None
    scales: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    @abstractmethod
    def can(self) -> frozenset[str]: ...

    @property
    @abstractmethod
    def encoded_from(self) -> np.ndarray | None: ...

    @property
    @abstractmethod
    def width(self) -> int | None:
        """The number of columns it was fitted on, or None where it does not remember."""

    @abstractmethod
    def fingerprint(self) -> str:
        """``"sha256:"`` and 16 hexadecimal digits of what the model has learnt."""

    @abstractmethod
    def _outputs(self, X: Any, scale: str) -> Any:
        """The library's answer, `(sample,)` or `(sample, output)`, for arranged columns."""

    def known_as(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """How the model spells these column names."""
        return names

    def notes_on(self, scale: str) -> tuple[str, ...]:
        """The notes that matter for an explanation on this scale."""
        return tuple(note for note in self.notes if note != CLIPPED or scale == "logit")

    def predict(self, X: Any, scale: str) -> np.ndarray:
        """What the model says about each row.

        Parameters
        ----------
        X : frame or array (sample, column)
            In the user's own kind. Columns in another order are put in the model's by name.
        scale : str
            One of `scales`.

        Returns
        -------
        ndarray of float64 (sample, output)
            One output for regression and for two classes (the second class), otherwise one for
            each class.

        Raises
        ------
        InvalidSetting
            The scale is not one of `scales`.
        ColumnMismatch, MissingValues, WrongType, InvalidData
            The model refuses the data.
        CannotExplain
            The model answers with the wrong shape, text, or values that are not finite.
        """
        if scale not in self.scales:
            raise InvalidSetting(
                f"{self.name} does not predict on this scale", got=scale, allowed=self.scales
            )
        X, _ = self._arrange(X)
        return self._finish(self._ask(self._outputs, X, scale), frames.height(X))

    def encode(self, X: Any) -> np.ndarray:
        """What the last estimator really sees.

        Returns
        -------
        ndarray of float64 (sample, encoded column)
            After every transform of a pipeline; native categories as their codes; missing as NaN.
        """
        X, _ = self._arrange(X)
        return np.ascontiguousarray(self._ask(self._encoded, X), dtype=np.float64)

    def trees(self, scale: str) -> Trees:
        """The additive ensemble of trees whose sum is `predict(X, scale)`.

        Raises
        ------
        CannotExplain
            The model has no trees, or they do not add up on this scale.
        """
        raise CannotExplain(f"{self.name} has no readable trees", got=f"scale {scale!r}")

    def linear(self, scale: str) -> Linear:
        """The coefficients on the encoded matrix whose sum is `predict(X, scale)`.

        Raises
        ------
        CannotExplain
            The model is not linear, or not on this scale.
        """
        raise CannotExplain(f"{self.name} has no coefficients", got=f"scale {scale!r}")

    def greet(self, X: Any) -> tuple[str, ...]:
        """Get to know the table; a function that told nothing about itself is asked.

        Returns
        -------
        tuple of str
            What is done to the table on its way in, such as putting columns in order.

        Raises
        ------
        EmptyData, ColumnMismatch, WrongType
            Naming the columns.
        """
        return self._arrange(X)[1]

    def check(self, X: Any) -> tuple[str, ...]:
        """Whether the model accepts these rows, found by asking it about the doubtful ones.

        Returns
        -------
        tuple of str
            What is done to the table on its way in, such as putting columns in order.

        Raises
        ------
        EmptyData, ColumnMismatch, WrongType, MissingValues, InvalidData
            Naming the columns.
        """
        X, notes = self._arrange(X)
        doubtful = frames.first_rows_with(X, "missing") | frames.first_rows_with(X, "infinite")
        try:
            self._answers(X, sorted({0, *doubtful.values()}))
        except WrongType:
            raise
        except InvalidData as error:
            self._blame(X, error)
            raise
        return notes

    def check_provenance(self, X: Any, rows: int = 100) -> None:
        """Hold `encoded_from` against the model: change one column, see what moves.

        Parameters
        ----------
        X : frame or array (sample, column)
            Real rows; each column in turn takes the values of another row.
        rows : int
            At most this many rows are used.

        Raises
        ------
        CannotExplain
            An encoded column moved with a column it is not said to come from.
        """
        origin = self.encoded_from
        if origin is None:
            return
        X, _ = self._arrange(X)
        kept = np.arange(min(rows, frames.height(X)))
        X, other = frames.take(X, kept), frames.take(X, np.roll(kept, 1))
        before = self.encode(X)
        names = self.columns or frames.names(X) or tuple(map(str, range(frames.width(X))))
        for column in range(frames.width(X)):
            after = self.encode(frames.swap(X, column, other))
            moved = ((before != after) & ~(np.isnan(before) & np.isnan(after))).any(axis=0)
            if strays := np.flatnonzero(moved & (origin != column)).tolist():
                raise CannotExplain(
                    f"Column {names[column]!r} moves encoded columns said to come from others",
                    got=strays,
                    fix="Use a method that needs only predictions",
                )

    def _encoded(self, X: Any) -> Any:
        return frames.matrix(X)

    def _arrange(self, X: Any) -> tuple[Any, tuple[str, ...]]:
        """The columns in the model's order, and what had to be done for it."""
        X = frames.framed(X)
        if not frames.height(X) or not frames.width(X):
            raise EmptyData(f"{self.name} was given no rows or no columns")
        given = frames.names(X)
        if self.by_name and self.columns and given is not None and given != self.columns:
            X = frames.pick(X, positions(self.columns, given, self.name))
            return X, ("The columns were put in the model's order, by name.",)
        if self.width is not None and frames.width(X) != self.width:
            raise ColumnMismatch(
                f"{self.name} was fitted on {self.width} columns", got=f"{frames.width(X)} columns"
            )
        if self.columns and given is None:
            return X, ("The columns have no names and were matched by position.",)
        if self.by_name and not self.columns and self.width is not None and given is not None:
            return X, ("The model remembers no column names: they were matched by position.",)
        return X, ()

    def _ask(self, what: Callable[..., Any], *args: Any) -> Any:
        """Call the library; its refusals become ours."""
        try:
            return what(*args)
        except PellucidError:
            raise
        except REFUSALS as error:
            text = _first_line(error)
            kind: type[InvalidData] = InvalidData
            if "NaN" in text or "infinity" in text:
                kind = MissingValues
            elif "could not convert string" in text:
                kind = WrongType
            raise kind(f"{self.name} refused the data", got=text) from error
        except Exception as error:  # whatever a model raises
            raise CannotExplain(
                f"{self.name} failed while it was asked",
                got=f"{type(error).__name__}: {_first_line(error)}",
                fix="The error above, which is the model's own, says where",
            ) from error

    def _finish(self, out: Any, height: int) -> np.ndarray:
        """The answer as float64 `(sample, output)`, or the error that says what came back."""
        out = np.asarray(out)
        if out.dtype.kind not in "biuf":
            raise CannotExplain(
                f"{self.name} answers with values that are not numbers",
                got=f"an array of {out.dtype}",
                fix="Pass a function that returns probabilities or numbers",
            )
        if out.ndim not in (1, 2) or len(out) != height:
            raise CannotExplain(
                f"{self.name} answers with the wrong shape",
                got=f"{out.shape} for {height} rows",
                allowed="(sample,) or (sample, output)",
            )
        if not np.isfinite(out).all():
            bad = int((~np.isfinite(out)).sum())
            raise CannotExplain(
                f"{self.name} answers with values that are not finite", got=f"{bad} of {out.size}"
            )
        return np.ascontiguousarray(out.reshape(height, -1), dtype=np.float64)

    def _answers(self, X: Any, rows: list[int]) -> None:
        few = frames.take(X, np.asarray(rows))
        self._ask(self._outputs, few, self.scales[0])

    def _blame(self, X: Any, error: InvalidData) -> None:
        """Raise the error that names the columns whose gaps the model refuses, if they do it."""
        found: dict[str, list[str]] = {"missing": [], "infinite": []}
        names = self.columns or frames.names(X) or tuple(map(str, range(frames.width(X))))
        for what, bad in found.items():
            counts = frames.counts(X, what)
            for column, row in frames.first_rows_with(X, what).items():
                try:
                    self._answers(X, [row])
                except InvalidData:
                    bad.append(f"{names[column]} ({counts[column]} rows)")
        for what, bad in found.items():
            if bad:
                raise MissingValues(
                    f"{self.name} refuses {what} values",
                    got=bad,
                    fix="Fill them in, drop those rows, or put an imputer in the pipeline",
                ) from error


def positions(wanted: tuple[str, ...], given: tuple[str, ...], name: str) -> list[int]:
    """Where each wanted column stands among the given ones.

    Raises
    ------
    ColumnMismatch
        Columns are missing, or there are more than wanted.
    """
    missing = [column for column in wanted if column not in given]
    extra = [column for column in given if column not in wanted]
    if missing or extra:
        found = [f"missing {', '.join(missing)}"] * bool(missing)
        found += [f"not known {', '.join(extra)}"] * bool(extra)
        raise ColumnMismatch(
            f"The table has other columns than {name} was fitted on",
            got="; ".join(found),
            allowed=wanted,
            fix="Drop the columns that are not known (the target among them), add the missing ones",
        )
    return [given.index(column) for column in wanted]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
