"""Every error Pellucid raises on purpose, drawn as a tree.

::

    PellucidError
    ├── CannotExplain        the model cannot do what the method needs
    ├── NotAdditive          an explanation does not add up to the model's own prediction
    ├── AxisError            an axis or label that the explanation does not have   (LookupError)
    ├── UnknownName          a method, data set or class nobody registered         (LookupError)
    ├── InvalidSetting       a setting outside what is allowed                     (ValueError)
    ├── InvalidData          the table cannot be used as given                     (ValueError)
    │   ├── EmptyData            no rows or no columns
    │   ├── ColumnMismatch       other columns than the model was fitted on
    │   ├── WrongType            text where numbers are needed, and the like
    │   ├── MissingValues        missing values where the model refuses them
    │   └── WrongTarget          the target column is absent, constant or of the wrong kind
    ├── NotFitted            the model was never fitted
    ├── MissingExtra         an optional library is not installed                  (ImportError)
    ├── UnreadableFile       a file that is damaged, or not what its name says
    ├── UntrustedFile        a file that could run code when it is loaded
    ├── Unreachable          a data set that is neither cached nor downloadable
    └── BudgetExceeded       the work asked for needs more than the budget allows

Each message has four parts: what failed, what we got, what is allowed, what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PellucidError(Exception):
    """The root of all errors raised on purpose.

    Parameters
    ----------
    problem : str
        What failed, as one sentence without its full stop.
    got : object, optional
        What was found instead of what was needed.
    allowed : object, optional
        What would have been accepted.
    fix : str, optional
        What to do next.

    Attributes
    ----------
    exit_code : int
        What the command line exits with: 2 usage, 3 unreadable or unsupported input,
        4 refused as untrusted, 5 budget exceeded.
    """

    exit_code = 3

    def __init__(
        self,
        problem: str,
        *,
        got: object = None,
        allowed: object = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem.rstrip(".")
        self.got, self.allowed, self.fix = got, allowed, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [f"{self.problem}."]
        if self.got is not None:
            parts.append(f"Got {_phrase(self.got)}.")
        if self.allowed is not None:
            parts.append(f"Allowed: {_phrase(self.allowed)}.")
        if self.fix:
            parts.append(self.fix if self.fix[-1] in ".?!" else f"{self.fix}.")
        return " ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.problem, self.got, self.allowed, self.fix)


class CannotExplain(PellucidError):
    """The model cannot do what the method needs."""


class NotAdditive(PellucidError):
    """An explanation that claims to be exact does not add up to the model's own prediction."""


class AxisError(PellucidError, LookupError):
    """An axis, or a label on an axis, that the explanation does not have."""

    exit_code = 2


class UnknownName(PellucidError, LookupError):
    """A name that nobody registered; says which names are close."""

    exit_code = 2

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownName:
        """The error for `name`, with the nearest of the `known` names as a suggestion."""
        names = sorted(known)
        close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        fix = f"Did you mean {close[0]!r}?" if close else None
        return cls(f"There is no {kind} {name!r}", allowed=names or "none is registered", fix=fix)


class InvalidSetting(PellucidError, ValueError):
    """A setting outside what is allowed."""

    exit_code = 2


class InvalidData(PellucidError, ValueError):
    """The table cannot be used as given."""


class EmptyData(InvalidData):
    """No rows, or no columns."""


class ColumnMismatch(InvalidData):
    """Other columns than the model was fitted on."""


class WrongType(InvalidData):
    """A column holds values of the wrong type, such as text where numbers are needed."""


class MissingValues(InvalidData):
    """Missing or infinite values where the model or the method refuses them."""


class WrongTarget(InvalidData):
    """The target column is absent, constant, or of the wrong kind."""


class NotFitted(PellucidError):
    """The model was never fitted."""


class MissingExtra(PellucidError, ImportError):
    """An optional library is not installed; says which extra brings it."""

    @classmethod
    def of(cls, library: str, extra: str | None, what: str) -> MissingExtra:
        """The error for `what`, which needs `library`, which `pellucid[extra]` brings."""
        install = f"pip install 'pellucid[{extra}]'" if extra else f"pip install {library}"
        return cls(f"{what} needs {library}, which is not installed", fix=f"Run: {install}")


class UnreadableFile(PellucidError):
    """A file that is absent, damaged, or not what its name says."""


class UntrustedFile(PellucidError):
    """A file that could run code when it is loaded, refused without the user's word."""

    exit_code = 4


class Unreachable(PellucidError):
    """A data set that is neither in the cache nor downloadable now."""


class BudgetExceeded(PellucidError):
    """The work asked for needs more model evaluations, or more time, than the budget allows."""

    exit_code = 5


def _phrase(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [str(item) for item in value]
        shown = ", ".join(items[:12])
        return shown if len(items) <= 12 else f"{shown} and {len(items) - 12} more"
    return repr(value)


def _rebuild(
    kind: type[PellucidError], problem: str, got: object, allowed: object, fix: str | None
) -> PellucidError:
    return kind(problem, got=got, allowed=allowed, fix=fix)
