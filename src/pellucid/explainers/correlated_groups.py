"""Groups of columns that say much the same, to be explained as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting, MissingValues, UnknownName
from pellucid.core.seeds import generator
from pellucid.data.schema import Schema
from pellucid.data.table import Table
from pellucid.maths.association import association, clustered

MEASURES = ("spearman", "pearson")

NAMED_AT_LENGTH = 3
"""A group's name lists this many of its columns."""

ROWS = 20_000
"""Most rows that are looked at: the error of a correlation is then below 0.01."""


def correlated_groups(
    X: Any,
    *,
    measure: str = "spearman",
    threshold: float = 0.7,
    schema: Schema | Mapping[str, Any] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Groups of columns that go together, for ``groups=`` of `explain`.

    Shapley values, permutation importance and their kin share credit between columns that say the
    same partly by convention, and ask the model about rows that cannot occur. Explained as one
    group, such columns get the credit that they have together.

    Parameters
    ----------
    X : table of shape (row, feature)
        Such as the training data. Of more than 20 000 rows, that many are drawn (always the same).
    measure : {"spearman", "pearson"}
        How two numbers are compared. Two categories are compared by Cramér's V, a number and a
        category by the correlation ratio of the ranks, both corrected for chance.
    threshold : float
        Between 0 and 1: groups merge (average linkage) while the mean association between their
        columns is at least this.
    schema : Schema or Mapping, optional
        As for `explain`.

    Returns
    -------
    dict of str to tuple of str
        Only groups of two columns or more; empty where no columns go together.

    Raises
    ------
    UnknownName, InvalidSetting
        If the measure or the threshold cannot be used.
    MissingValues
        If there are infinite values, and the measure is Pearson's.

    Notes
    -----
    Cost: no model evaluations; rows × columns² for the association.

    References
    ----------
    Hierarchical clustering by average linkage: Sokal and Michener (1958). Why groups: Aas, Jullum
    and Løland (2021), doi:10.1016/j.artint.2021.103502; Jullum, Redelmeier and Aas (2021),
    groupShapley, arXiv:2106.12228.

    Examples
    --------
    >>> import numpy as np
    >>> import pellucid as pel
    >>> x = np.linspace(0, 1, 50)
    >>> pel.correlated_groups({"a": x, "b": x**2, "c": np.cos(40 * x)})
    {'a + b': ('a', 'b')}
    """
    if measure not in MEASURES:
        raise UnknownName.among("measure", str(measure), MEASURES)
    number = isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool)
    if not number or not 0 < threshold <= 1:
        raise InvalidSetting(
            "threshold is a strength of association", got=repr(threshold), allowed="0 < t ≤ 1"
        )
    table = Table.of(X, schema=schema)
    codes = table.codes
    infinite = np.isinf(codes).any(axis=0)
    if measure == "pearson" and infinite.any():
        raise MissingValues(
            "Infinite values have no linear correlation",
            got=[table.names[j] for j in np.flatnonzero(infinite)],
            fix="Use measure='spearman', which compares ranks",
        )
    if len(codes) > ROWS:
        codes = codes[np.sort(generator(0, "association").choice(len(codes), ROWS, replace=False))]
    named = np.array(
        [column.kind in ("categorical", "boolean") for column in table.schema.values()]
    )
    group = clustered(association(codes, named, ranks=measure == "spearman"), float(threshold))
    members = [
        tuple(table.names[i] for i in np.flatnonzero(group == number))
        for number in range(int(group.max(initial=-1)) + 1)
    ]
    return {_name(held): held for held in members if len(held) > 1}


def _name(columns: tuple[str, ...]) -> str:
    if len(columns) <= NAMED_AT_LENGTH:
        return " + ".join(columns)
    rest = len(columns) - NAMED_AT_LENGTH + 1
    return " + ".join(columns[: NAMED_AT_LENGTH - 1]) + f" + {rest} more"
