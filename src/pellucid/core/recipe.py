"""Recipe: a method as a small frozen object that holds its settings and nothing else."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, ClassVar


class Recipe:
    """A method: settings with defaults, and what the method needs and promises.

    A recipe is a frozen, keyword-only dataclass. It holds no data, no model and no state, so it
    can be printed, compared, hashed and made again: ``eval(repr(recipe)) == recipe``. One recipe
    lives in one file, called like the class in snake case; the folder is the registry.

    Attributes
    ----------
    needs : frozenset of str
        Capabilities that the model must have (`Model.can`).
    laws : frozenset of str
        Axioms that the method obeys, each checked by `pellucid.testing`: ``"efficiency"``,
        ``"dummy"``, ``"symmetry"``, ``"linearity"``; and ``"completeness"``, which is efficiency up
        to a gap that the method tells.
    exact : bool
        Whether the values carry no sampling error.
    paper : str
        DOI or arXiv id of the source.
    cost : str
        Model evaluations, in words.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"predict"})
    laws: ClassVar[frozenset[str]] = frozenset()
    exact: ClassVar[bool] = False
    paper: ClassVar[str] = ""
    cost: ClassVar[str] = ""

    @classmethod
    def name(cls) -> str:
        """The name in snake case: `KernelSHAP` is ``"kernel_shap"``."""
        return snake_case(cls.__name__)

    def params(self) -> dict[str, Any]:
        """The settings by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


def snake_case(name: str) -> str:
    """`KernelSHAP` to ``kernel_shap``, `LIME` to ``lime``, `TreeSHAP` to ``tree_shap``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return words.lower()
