"""Does the ranking of columns depend on how those that go together are counted?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.display.charts import bar
from pellucid.display.report.blocks import BARS, WIDE, Figure, drawn, table
from pellucid.display.report.facts import Facts
from pellucid.display.words import counted, listed

COMPARED = 5
"""Places of the ranking that are compared."""

TOLD = 3
"""Groups whose places are told in words."""


def figure(facts: Facts) -> Figure | None:
    """The shares of columns that go together, counted as one; `None` where none do."""
    grouped = facts.grouped
    if grouped is None:
        return None
    single, together = ranked(facts.attribution), ranked(grouped)
    groups = grouped.provenance.groups
    shares = dict(zip(grouped.features, np.abs(grouped.values).mean(axis=0), strict=True))
    rows = [
        (name, float(shares[name]), ", ".join(str(single[c]) for c in groups.get(name, (name,))))
        for name in together
    ]
    return Figure(
        id="grouped",
        question="Does the ranking depend on columns that go together?",
        chart=bar.chart(grouped, top=BARS, width=WIDE),
        reading=f"{verdict(single, together, groups)} Here columns with a mean association of at "
        "least 0.7 are explained as one, so that credit is not split between them."
        f"{drawn(BARS, len(rows))}",
        certainty="The association is a rank correlation, Cramér's V or a correlation ratio, "
        f"measured on {'the reference rows' if facts.question.background else 'these rows'}; "
        "groups are found by average linkage.",
        table=table(
            "Mean magnitude of the shares, columns that go together as one",
            ("column or group", "mean magnitude", "place of each column alone"),
            rows,
        ),
    )


def ranked(attribution: Attribution) -> dict[str, int]:
    """Place of each player by mean magnitude, the first first."""
    order = np.argsort(-np.abs(attribution.values).mean(axis=0), kind="stable")
    return {str(attribution.features[i]): place for place, i in enumerate(order, 1)}


def verdict(
    single: dict[str, int], together: dict[str, int], groups: Mapping[str, tuple[str, ...]]
) -> str:
    """Whether the order changes, and where the groups stand in each."""
    owner = {column: name for name, held in groups.items() for column in held}
    alone = list(dict.fromkeys(owner.get(column, column) for column in single))
    same = alone[:COMPARED] == list(together)[:COMPARED]
    moved = sorted(groups, key=lambda name: together[name])[:TOLD]
    places = [
        f"{name} stands at place {together[name]} together, its columns alone "
        f"{_alone(sorted(single[column] for column in groups[name]))}"
        for name in moved
    ]
    rest = len(groups) - len(moved)
    more = f"; {counted(rest, 'more group')} in the table" if rest else ""
    first = (
        "The first places keep their order whichever way it is counted"
        if same
        else "The ranking depends on it"
    )
    return f"{first}: {'; '.join(places)}{more}."


def _alone(places: list[int]) -> str:
    if len(places) > TOLD:
        return f"from place {places[0]} to {places[-1]}"
    return f"at {listed([str(place) for place in places])}"
