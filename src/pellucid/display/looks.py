"""How several curves in one frame are told apart: by name, colour and dashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.core.curve import Curve
from pellucid.display.theme import Palette
from pellucid.display.words import method_name, unique

DASHES = ([1, 0], [8, 3], [2, 2], [8, 2, 2, 2])
"""How several curves in one frame are told apart, beside their names."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How each named curve is drawn: its name, colour and dashes."""

    name: list[str]
    paint: list[str]
    dash: list[list[int]]

    @classmethod
    def of(cls, curves: Sequence[Curve], colours: Palette) -> Looks:
        """The looks of curves that are named by their methods."""
        return cls(
            name=unique([method_name(one.method) for one in curves], 24),
            paint=list(colours.series[: len(curves)]),
            dash=list(DASHES[: len(curves)]),
        )

    def encoded(self) -> dict[str, Any]:
        """Colour and dashes by name, with a legend where there is more than one."""
        import altair as alt

        if len(self.name) < 2:
            return {"color": alt.value(self.paint[0])}
        legend = alt.Legend(title=None, symbolType="stroke", symbolSize=400, symbolStrokeWidth=2.5)
        hue = alt.Scale(domain=self.name, range=self.paint)
        dashes = alt.Scale(domain=self.name, range=self.dash)
        return {
            "color": alt.Color("method:N", scale=hue, legend=legend),
            "strokeDash": alt.StrokeDash("method:N", scale=dashes, legend=legend),
        }


def context(curves: Sequence[Curve]) -> list[Curve]:
    """Curves with a line for each row that stand behind others, unnamed."""
    single = [one for one in curves if "sample" in one.dims]
    return single if len(single) < len(curves) else []
