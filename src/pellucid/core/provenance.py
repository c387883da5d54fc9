"""Where an explanation comes from: enough to make it again, and nothing that leaks the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

EXACT_FOR = {
    "the error does not include this choice": "the background rows drawn",
    "in another order": "the order taken",
    "is trained, on other rows,": "the models as trained",
}
"""What exact values are exact for, by the words of a note that limits them."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How, from what and at what cost an explanation was made.

    Parameters
    ----------
    method : str
        The recipe's name in snake case, such as ``"tree_shap"``.
    params : Mapping
        The recipe's settings, JSON-able.
    target : str or None
        The output that was explained: a class label, the name of the target, or `None`.
    scale : str
        What the values are measured in: ``"probability"``, ``"logit"``, ``"raw"`` (the model's
        own unit), ``"loss"``, ``"path length"``.
    output_scale : str or None
        The scale of the output that was explained, where values are measured in something else.
    model, model_fingerprint : str
        The model's readable name and the hash of its content.
    data_fingerprint, background_fingerprint : str or None
        Hashes of the rows explained and of the reference rows; never the rows themselves.
    evaluations : int
        Rows that the model was asked to predict.
    seconds : float
        Wall-clock time in seconds.
    seed : int or None
        The seed used, also when none was given; `None` for methods that draw no random numbers.
    version : str
        The version of Pellucid.
    groups : Mapping of str to tuple of str
        Groups of columns that were explained as one, if there are any.
    notes : tuple of str
        What a reader must know: every guard that changed the answer, every assumption.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None
    scale: str = "raw"
    output_scale: str | None = None
    model: str = ""
    model_fingerprint: str = ""
    data_fingerprint: str | None = None
    background_fingerprint: str | None = None
    evaluations: int = 0
    seconds: float = 0.0
    seed: int | None = None
    version: str = ""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def note(self, *sentences: str) -> Provenance:
        """The same provenance with further notes."""
        fresh = tuple(s for s in sentences if s not in self.notes)
        return replace(self, notes=self.notes + fresh)

    @property
    def exactness(self) -> str:
        """What stands for the error of exact values: ``exact``, or what they are exact for."""
        limits = [what for said, what in EXACT_FOR.items() if any(said in n for n in self.notes)]
        return f"exact for {' and '.join(limits)}" if limits else "exact"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dictionary."""
        groups = {name: list(columns) for name, columns in self.groups.items()}
        plain = {"params": dict(self.params), "groups": groups, "notes": list(self.notes)}
        return {**asdict(self), **plain}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Provenance:
        """The inverse of `to_dict`."""
        groups = {name: tuple(columns) for name, columns in given.get("groups", {}).items()}
        return cls(**{**given, "groups": groups, "notes": tuple(given["notes"])})
