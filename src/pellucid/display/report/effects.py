"""Section 4: how does each driver act?"""

from __future__ import annotations

import numpy as np

from pellucid.core.curve import Curve
from pellucid.display.charts import curve as curve_chart
from pellucid.display.charts import dependence
from pellucid.display.report.blocks import (
    HALF,
    DataTable,
    Figure,
    Finding,
    Findings,
    Section,
    Side,
    table,
)
from pellucid.display.report.drivers import sureness
from pellucid.display.report.facts import Effect, Facts
from pellucid.display.words import counted, shorten


def section(facts: Facts) -> Section:
    """For each of the strongest features: its curve, and its shares over the rows."""
    several = len(facts.attribution.values) > 1
    pairs = [
        Side(figures=(_curve(i, effect), *([_dependence(i, effect, facts)] if several else [])))
        for i, effect in enumerate(facts.effects)
    ]
    nothing = Finding(text="No column moves any of the predictions explained.")
    return Section(
        id="effects",
        short="How drivers act",
        title="How does each driver act?",
        lead="For the strongest columns: what the model would say if only that column changed, and "
        "what it did count in the rows at hand.",
        blocks=tuple(pairs) or (Findings(findings=(nothing,)),),
    )


def _curve(i: int, effect: Effect) -> Figure:
    others = [effect.single] + ([effect.local] if effect.local is not None else [])
    rows = counted(len(effect.single.values), "single row")
    categorical = effect.dependence.categorical
    behind = (
        f"Pale: the middle 80 % of {rows}; in brackets: rows."
        if categorical
        else f"Thin lines: {rows}."
    )
    doubtful = "Hollow" if categorical else "Pale and dashed"
    return Figure(
        id=f"effect{i}",
        question=f"How does {shorten(effect.feature)} act?",
        chart=curve_chart.chart(effect.dependence, others=others, width=HALF),
        reading=f"Partial dependence: the mean prediction with {shorten(effect.feature)} set to "
        f"each value; ALE: the same from small changes that do occur. {behind} Where the two "
        "part, columns hang together: trust ALE.",
        certainty=f"{effect.dependence.band_meaning.removesuffix('.')}. {doubtful}: few rows, "
        "or a value that such rows do not have: a guess.",
        table=_numbers(effect.dependence, effect.local),
    )


def _numbers(curve: Curve, local: Curve | None) -> DataTable:
    band = curve.band if curve.band is not None else np.full((2, len(curve.grid)), np.nan)
    weight = curve.weight if curve.weight is not None else np.full(len(curve.grid), np.nan)
    rows = list(zip(curve.grid, curve.values, band[0], band[1], weight, strict=True))
    return table(
        f"Partial dependence on {curve.feature}",
        (curve.feature, "mean prediction", "low", "high", "rows nearby"),
        rows,
    )


def _dependence(i: int, effect: Effect, facts: Facts) -> Figure:
    attribution = facts.attribution
    place = [str(name) for name in attribution.features].index(effect.feature)
    assert attribution.inputs is not None
    given = attribution.inputs[effect.feature]
    rows = [
        (label, value if not isinstance(value, np.generic) else value.item(), float(share))
        for label, value, share in zip(
            attribution.coords["sample"], given, attribution.values[:, place], strict=True
        )
    ][:200]
    return Figure(
        id=f"dependence{i}",
        question=f"What did {shorten(effect.feature)} count, row by row?",
        chart=dependence.chart(attribution, feature=effect.feature, width=HALF),
        reading=f"Each dot is a row: its {shorten(effect.feature)} and the share it got. Dots "
        "above one another in different shades: a second column changes the effect.",
        certainty=sureness(attribution),
        table=table(
            f"Shares of {effect.feature} (at most 200 rows)", ("row", effect.feature, "share"), rows
        ),
    )
