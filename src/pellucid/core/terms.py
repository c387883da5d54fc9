"""Terms: players and pairs of players, as they stand on the axis of an interaction explanation.

The term of one player has its name, that of several their names joined by ``" × "``; there a name
that is itself a sum or a product, such as that of a group, stands in brackets: ``"(a + b) × c"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import AxisError

TIMES = " × "

PLUS = " + "


def term(*players: Label) -> str:
    """The label of players taken together."""
    return TIMES.join(map(_factor, map(str, players))) if len(players) > 1 else str(players[0])


def _factor(name: str) -> str:
    """A name as it stands in a product."""
    return f"({name})" if PLUS in name or TIMES in name else name


def members(labels: Sequence[Label]) -> list[tuple[int, ...]]:
    """For each term the terms of its single players, by number; of a single player its own.

    A label that cannot be read as other labels joined is a player, whatever is in its name.
    """
    place = {str(label): number for number, label in enumerate(labels)}
    place = {_factor(name): number for name, number in place.items()} | place
    return [_parts(str(label), place) or (number,) for number, label in enumerate(labels)]


def _parts(label: str, place: dict[str, int]) -> tuple[int, ...]:
    """The labels that, joined, read like this one; nothing if there are none."""
    pieces = label.split(TIMES)
    for cut in range(1, len(pieces)):
        head, tail = TIMES.join(pieces[:cut]), TIMES.join(pieces[cut:])
        if head in place and (rest := _parts(tail, place) or _own(tail, place)):
            return place[head], *rest
    return ()


def _own(label: str, place: dict[str, int]) -> tuple[int, ...]:
    return (place[label],) if label in place else ()


def folded(explanation: Attribution) -> Attribution:
    """Each interaction handed out to its players in equal parts, one share per player.

    Parameters
    ----------
    explanation : Attribution
        With an axis ``term`` that holds all single players.

    Returns
    -------
    Attribution
        Axis ``feature`` in place of ``term``; base and sum are as before. For interactions of
        index k-SII these are the players' Shapley values. Errors add up, an upper bound.

    Raises
    ------
    AxisError
        If there is no axis ``term``.
    """
    axis, parts = _terms(explanation)
    players = [number for number, own in enumerate(parts) if own == (number,)]
    where = {number: place for place, number in enumerate(players)}
    weight = np.zeros((len(parts), len(players)))
    for number, own in enumerate(parts):
        weight[number, [where[player] for player in own]] = 1.0 / len(own)

    def handed_out(values: np.ndarray) -> np.ndarray:
        return np.moveaxis(np.tensordot(values, weight, axes=(axis, 0)), -1, axis)

    coords = dict(explanation.coords)
    labels = coords.pop("term")
    return replace(
        explanation,
        values=handed_out(explanation.values),
        error=handed_out(np.asarray(explanation.error)),
        dims=tuple("feature" if dim == "term" else dim for dim in explanation.dims),
        coords={**coords, "feature": [labels[number] for number in players]},
    )


def interaction_matrix(explanation: Attribution) -> np.ndarray:
    """Main effects on the diagonal, half of each pair's interaction on both sides of it.

    Parameters
    ----------
    explanation : Attribution
        With an axis ``term`` that holds all single players and pairs of them.

    Returns
    -------
    array of shape (sample, feature, feature), or (sample, feature, feature, class)
        Players in the order of their terms. All entries of a row and its base add up to the
        output, and for interactions of index k-SII a line to the player's Shapley value. This is
        the layout of ``shap_interaction_values``.

    Raises
    ------
    AxisError
        If there is no axis ``term``, or a term of more than two players.
    """
    axis, parts = _terms(explanation)
    if max(map(len, parts)) > 2:
        raise AxisError(
            "Terms of three players have no place in a matrix",
            got=str(explanation.coords["term"][int(np.argmax([len(own) for own in parts]))]),
            fix="Choose single players and pairs with .sel(term=[…])",
        )
    players = [number for number, own in enumerate(parts) if own == (number,)]
    where = {number: place for place, number in enumerate(players)}
    values = np.moveaxis(explanation.values, axis, 0)
    result = np.zeros((len(players), len(players), *values.shape[1:]))
    for number, own in enumerate(parts):
        one, other = where[own[0]], where[own[-1]]
        result[one, other] += values[number] / 2
        result[other, one] += values[number] / 2
    return np.moveaxis(result, (0, 1), (axis, axis + 1))


def _terms(explanation: Attribution) -> tuple[int, list[tuple[int, ...]]]:
    if "term" not in explanation.dims:
        raise AxisError(
            "Only terms have interactions", got=f"axes {explanation.dims}", allowed="an axis 'term'"
        )
    return explanation.dims.index("term"), members(explanation.coords["term"])
