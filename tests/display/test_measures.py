"""Bars of losses and interactions: the harmful ones are there, and the whiskers say of what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from display.closed_forms import rows_of
from pellucid.core.attribution import Attribution
from pellucid.core.provenance import Provenance
from pellucid.display import show

RISE = "Each value is the rise of the log loss, of chances held at 1e-06 or above, when shuffled."


def measured(method: str, values: Any, scale: str = "loss", **fields: Any) -> Attribution:
    values = np.asarray(values, dtype=float)
    names = [f"c{i}" for i in range(values.shape[-1])]
    return Attribution(
        values=values,
        dims=("sample", "feature")[-values.ndim :],
        coords={"sample": range(len(values)), "feature": names}
        if values.ndim == 2
        else {"feature": names},
        error=fields.get("error", np.full(values.shape, 0.01)),
        provenance=Provenance(method=method, scale=scale, notes=fields.get("notes", ())),
    )


def words(spec: dict[str, Any]) -> str:
    return " ".join(spec["title"]["subtitle"])


def test_columns_that_hurt_are_among_the_greatest_and_stand_last() -> None:
    spec = show(measured("sage", [0.01] * 15 + [-0.5, 0.3, -0.2]), top=4).to_dict()
    drawn = [(row["feature"], row["value"]) for row in rows_of(spec)]
    assert drawn == [("c16", 0.3), ("c0", 0.01), ("c17", -0.2), ("c15", -0.5)]
    assert "Left of 0: on these rows the model is better without it." in words(spec)
    assert "The 4 greatest of 18; the other 14 lie between 0.01 and 0.01." in words(spec)


def test_without_harmful_columns_nothing_is_said_of_them() -> None:
    assert "Left of 0" not in words(show(measured("sage", [0.1, 0.2])).to_dict())


@pytest.mark.parametrize(
    ("method", "over"),
    [
        ("permutation_importance", "for other rows and other shuffles"),
        ("sage", "for other orders of the columns, but the same rows"),
        ("drop_column", "for other rows to judge by"),
    ],
)
def test_whiskers_say_what_they_are_an_interval_over(method: str, over: str) -> None:
    assert f"Whiskers: 95 % interval {over}." in words(show(measured(method, [0.1])).to_dict())


def test_chance_is_named_only_where_the_whiskers_tell_of_it() -> None:
    chance = "or by chance where a whisker holds 0"
    made = measured("permutation_importance", [0.1, -0.1])
    assert chance in words(show(made).to_dict())
    assert chance not in words(show(measured("sage", [0.1, -0.1])).to_dict())
    exact = measured("permutation_importance", [0.1, -0.1], error=np.zeros(2))
    assert chance not in words(show(exact).to_dict())


def test_the_note_of_a_loss_says_what_the_bars_are() -> None:
    made = measured("permutation_importance", [0.1], notes=(RISE,))
    said = words(show(made).to_dict())
    assert said.startswith("Each value is the rise of the log loss when shuffled.")


def test_losses_of_single_rows_are_averaged_with_their_signs() -> None:
    made = measured("loco", [[0.4, -0.3], [-0.2, -0.1], [0.1, 0.1]])
    spec = show(made, kind="bar").to_dict()
    drawn = {row["feature"]: row for row in rows_of(spec)}
    assert drawn["c0"]["value"] == pytest.approx(0.1)
    assert drawn["c1"]["value"] == pytest.approx(-0.1)
    spread = np.std([-0.3, -0.1, 0.1], ddof=1) / np.sqrt(3)
    half = 1.96 * np.hypot(spread, 0.01)
    assert drawn["c1"]["low"] == pytest.approx(-0.1 - half)
    swarm = show(made).to_dict()
    assert " ".join(swarm["title"]["text"]).startswith("How much worse is each row")


def test_a_share_of_an_effect_has_no_unit_of_the_output() -> None:
    made = measured("h_statistic", [0.4, 0.1], scale="share of the effect")
    spec = show(made).to_dict()
    assert "own unit" not in str(spec)
    assert "0: nothing of the effect is interaction; 1: all of it." in words(spec)


def test_rounding_has_no_whiskers() -> None:
    made = measured("kernel_shap", [1.0, 2.0], scale="logit", error=np.full(2, 1e-14))
    assert "Whiskers" not in words(show(made).to_dict())
