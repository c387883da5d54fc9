"""One verb: the right picture for an explanation."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.curve import Curve
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.examples import Examples
from pellucid.core.explanation import Explanation
from pellucid.core.reasons import Reasons
from pellucid.core.registry import modules
from pellucid.core.rules import Rules
from pellucid.core.scores import Scores
from pellucid.core.terms import TIMES, members
from pellucid.display import figure
from pellucid.display.lines import strength
from pellucid.display.reading import check_top
from pellucid.display.theme import WIDTH

if TYPE_CHECKING:
    import altair as alt

PACKAGE = "pellucid.display.charts"

IMAGES = "attribution of images"
"""What `show` calls one attribution of images, or several of the same."""

COLUMNS = 2
"""Curves side by side in a grid."""

MOST_PANELS = 8
"""Curves in a grid, unless more are asked for."""


def show(
    explanation: Explanation | Sequence[Explanation],
    *,
    kind: str | None = None,
    class_: Label | None = None,
    row: Label | None = None,
    feature: Label | None = None,
    partner: Label | None = None,
    top: int | None = None,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    others: Sequence[Curve] | None = None,
    theme: str = "light",
    width: int = WIDTH,
) -> alt.TopLevelMixin:
    """Draw an explanation.

    Without `kind`, the picture follows from the axes: an attribution of many rows is a
    ``"beeswarm"``, or ``"interactions"`` where it has terms; of one row a ``"waterfall"``, without
    rows or with several classes a ``"bar"``; a curve along predicted probabilities is a
    ``"calibration"``, over two features a ``"surface"``, any other a ``"curve"``; scores of
    predicted against actual classes are a ``"confusion"``, those of `pellucid.compare` a
    ``"comparison"``, any others ``"scores"``;
    reasons are a picture of one row, or of how often each comes; attributions of images are
    ``"overlays"``, side by side on one scale, or by `kind` ``"regions"``, the strongest tenth that
    each names; examples that are images are a ``"gallery"``; two other attributions are an
    ``"agreement"``, several curves a grid of the eight that move the output most.

    Parameters
    ----------
    explanation : Attribution, Curve, Examples, Reasons, Scores, or a sequence of them
        What to draw.
    kind : str, optional
        The picture, by the name of its file in ``pellucid.display.charts``.
    class_ : label, optional
        The class to draw.
    row : label, optional
        The row to draw as a waterfall, or whose rule to draw.
    feature, partner : label, optional
        The feature of a dependence plot, and the one that colours it; of several curves or
        surfaces, those to draw.
    top : int, optional
        How many features, rules, scores or curves to draw.
    intervals : Mapping of feature to (low, high), optional
        Whiskers of a bar chart.
    others : sequence of Curve, optional
        Curves to draw in the same frame.
    theme : {"light", "dark"}
        Colours.
    width : int
        Pixels of the whole picture.

    Returns
    -------
    altair chart
        To be shown in a notebook, restyled, or saved with `pellucid.display.save`.

    Raises
    ------
    UnknownName
        If there is no such picture.
    InvalidSetting
        If the picture does not take this explanation, or not one of the settings given.
    """
    given = {
        "class_": class_,
        "row": row,
        "feature": feature,
        "partner": partner,
        "top": top,
        "intervals": intervals,
        "others": others,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if isinstance(explanation, Sequence) and (parts := tuple(explanation)):
        if len(parts) == 1:
            explanation = parts[0]
        elif all(isinstance(part, Attribution) and "row" in part.shared for part in parts):
            explanation = parts
        elif all(isinstance(part, Curve) for part in parts):
            return _curves([p for p in parts if isinstance(p, Curve)], kind, options, theme, width)
    what = _kind_of(explanation)
    name = kind or _natural(explanation, options)
    module = _picture(name)
    if what not in module.TAKES:
        raise InvalidSetting(
            f"The picture {name!r} does not draw this",
            got=f"{'an' if what[0] in 'aeiou' else 'a'} {what}",
            allowed=list(module.TAKES),
            fix=f"Pictures for it: {', '.join(kinds(what))}",
        )
    return _accepting(name, module.chart, options)(explanation, theme=theme, width=width, **options)


def kinds(what: str | None = None) -> tuple[str, ...]:
    """The names of all pictures that `show` draws, or of those for one kind of explanation.

    Parameters
    ----------
    what : {"attribution", "attribution pair", "attribution of images", "curve", "reasons", …}
        The kind of explanation.
    """
    found = {name: importlib.import_module(path).TAKES for name, path in modules(PACKAGE).items()}
    return tuple(
        sorted(n for n, takes in found.items() if (takes if what is None else what in takes))
    )


def _picture(name: str) -> Any:
    if name not in kinds():
        raise UnknownName.among("picture", str(name), kinds())
    return importlib.import_module(modules(PACKAGE)[name])


def _kind_of(explanation: Any) -> str:
    if isinstance(explanation, Attribution) and "row" in explanation.shared:
        return IMAGES
    if isinstance(explanation, Explanation):
        return explanation.kind
    if isinstance(explanation, Sequence) and not isinstance(explanation, str):
        parts = tuple(explanation)
        if parts and all(isinstance(p, Attribution) and "row" in p.shared for p in parts):
            return IMAGES
        if len(parts) == 2 and all(isinstance(part, Attribution) for part in parts):
            return "attribution pair"
    raise InvalidSetting(
        "This cannot be drawn",
        got=type(explanation).__name__,
        allowed="one explanation, two Attributions, or several Curves",
    )


def _natural(explanation: Any, options: Mapping[str, Any]) -> str:
    from pellucid.display.charts import calibration, comparison, confusion

    if _kind_of(explanation) == IMAGES:
        return "overlays"
    if isinstance(explanation, Curve):
        if explanation.other is not None:
            return "surface"
        return "calibration" if explanation.feature == calibration.FEATURE else "curve"
    if isinstance(explanation, Scores):
        if explanation.method == comparison.METHOD:
            return "comparison"
        return "confusion" if confusion.is_confusion(explanation) else "scores"
    if isinstance(explanation, Reasons):
        return "reasons"
    if isinstance(explanation, Rules):
        return "rules"
    if isinstance(explanation, Examples):
        return "gallery"
    if not isinstance(explanation, Attribution):
        return "agreement"
    if "intervals" in options:
        return "bar"
    if "feature" in options or "partner" in options:
        return "dependence"
    several = len(explanation.coords.get("class", ())) > 1 and "class_" not in options
    rows = len(explanation.coords.get("sample", ()))
    additive = explanation.base is not None and explanation.output is not None
    if "row" in options or (not several and (rows == 1 or (rows == 0 and additive))):
        return "waterfall"
    terms = explanation.features if explanation.player == "term" else ()
    joined = any(len(parts) > 1 for parts in members(terms))
    if terms and not several and (joined or not any(TIMES in str(term) for term in terms)):
        return "interactions"
    return "beeswarm" if rows and not several else "bar"


def _accepting(
    name: str, chart: Callable[..., Any], options: Mapping[str, Any]
) -> Callable[..., Any]:
    taken = set(inspect.signature(chart).parameters)
    for option in options:
        if option not in taken:
            own = sorted(taken - {"explanation", "theme", "width"})
            raise InvalidSetting(
                f"The picture {name!r} takes no {option}=", allowed=own or "theme and width"
            )
    return chart


def _curves(
    parts: Sequence[Curve], kind: str | None, options: Mapping[str, Any], theme: str, width: int
) -> Any:
    wanted = [options[name] for name in ("feature", "partner") if name in options]
    others = {k: v for k, v in options.items() if k not in ("feature", "partner", "top")}
    named = _named(parts, wanted) if wanted else list(parts)
    if len(named) == 1:
        return show(named[0], kind=kind, theme=theme, width=width, **others)
    most = check_top(options.get("top", MOST_PANELS))
    drawn, class_ = named, options.get("class_")
    if len(named) > most:
        strengths = [_strength(part, class_) for part in named]
        drawn = [named[i] for i in np.argsort(-np.array(strengths), kind="stable")[:most]]
    room = max(figure.check_width(width) // COLUMNS - 105, 200)
    charts = []
    for part in drawn:
        name = kind or _natural(part, others)
        chart = _accepting(name, _picture(name).chart, others)
        charts.append(chart(part, theme=theme, width=room, **others))
    said = _cut(named, drawn) if len(drawn) < len(named) else ()
    return figure.grid(charts, columns=COLUMNS, theme=theme, said=said)


def _named(parts: Sequence[Curve], wanted: Sequence[Label]) -> list[Curve]:
    """The curves along all of the features wanted."""
    there = dict.fromkeys(str(name) for p in parts for name in (p.feature, p.other) if name)
    for name in wanted:
        if str(name) not in there:
            raise UnknownName.among("feature", str(name), list(there))
    found = [p for p in parts if {str(name) for name in wanted} <= {p.feature, p.other}]
    if not found:
        raise InvalidSetting(
            "No curve runs along these features together",
            got=" and ".join(map(str, wanted)),
            allowed=[f"{p.feature} and {p.other}" if p.other else p.feature for p in parts],
        )
    return found


def _strength(part: Curve, class_: Label | None) -> float:
    chosen = part.sel(**{"class": class_}) if class_ is not None and "class" in part.dims else part
    return strength(chosen)


def _cut(parts: Sequence[Curve], drawn: Sequence[Curve]) -> tuple[str, str]:
    """That not all curves are drawn, which are, and how to see another."""
    what = "surfaces" if all(part.other for part in parts) else "curves"
    left = next(part for part in parts if not any(part is one for one in drawn))
    one = f"feature={left.feature!r}" + (f", partner={left.other!r}" if left.other else "")
    return (
        f"The {len(drawn)} strongest of {len(parts)} {what}",
        f"By how far each moves the output over the rows. Another one: show(…, {one}); "
        f"all of them: show(…, top={len(parts)}).",
    )
