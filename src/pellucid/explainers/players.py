"""Who plays: the user's columns, or groups of them that join and leave together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName


@dataclass(frozen=True, kw_only=True, eq=False)
class Players:
    """The players of an explanation and the columns that each of them holds.

    Parameters
    ----------
    names : tuple of str
        The players, in the order of their first columns.
    of : array of int of shape (feature,)
        The player that holds each of the user's columns.
    groups : Mapping of str to tuple of str
        Only the groups: their columns by name.
    """

    names: tuple[str, ...]
    of: np.ndarray
    groups: Mapping[str, tuple[str, ...]]

    @classmethod
    def among(cls, columns: Sequence[str], groups: Any = None) -> Players:
        """Players for a table's columns; those that no group names play for themselves.

        Raises
        ------
        UnknownName
            A group names a column that is not there.
        InvalidSetting
            A column is in two groups, a group is empty, or has the name of a column outside it.
        """
        checked = _checked(columns, groups)
        owner = {name: name for name in columns}
        owner.update({column: group for group, held in checked.items() for column in held})
        names = tuple(dict.fromkeys(owner[column] for column in columns))
        place = {name: number for number, name in enumerate(names)}
        return cls(names=names, of=np.array([place[owner[c]] for c in columns]), groups=checked)

    def held(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What each group holds, as text: ``"income 3000, savings 12"``, shape (sample,)."""
        found = {}
        for group, names in self.groups.items():
            rows = zip(*(columns[name].tolist() for name in names), strict=True)
            texts = [", ".join(map(_said, names, row)) for row in rows]
            found[group] = np.array(texts, dtype=object)
        return found


def _said(name: str, value: Any) -> str:
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _checked(columns: Sequence[str], groups: Any) -> dict[str, tuple[str, ...]]:
    if groups is None:
        return {}
    if not isinstance(groups, Mapping) or any(isinstance(held, str) for held in groups.values()):
        raise InvalidSetting(
            "groups says which columns belong together",
            got=repr(groups),
            allowed='{"name of the group": ["column", "column"]}',
        )
    checked = {str(group): tuple(map(str, held)) for group, held in groups.items()}
    seen: dict[str, str] = {}
    for group, held in checked.items():
        if not held:
            raise InvalidSetting("A group has no columns", got=group)
        for column in held:
            if column not in columns:
                raise UnknownName.among("column", column, columns)
            if column in seen:
                raise InvalidSetting(
                    "A column is in two groups", got=f"{column!r} in {seen[column]!r} and {group!r}"
                )
            seen[column] = group
    for group, held in checked.items():
        if group in columns and group not in held:
            raise InvalidSetting(
                "A group has the name of a column that is not in it",
                got=group,
                fix="Give the group another name",
            )
    return checked
