"""What may be said about columns."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pellucid.core.errors import InvalidData, InvalidSetting, UnknownName
from pellucid.data.schema import Column, Schema

AGE = Column(name="age", kind="numeric", unit="years", low=0, high=120, integer=True)
JOB = Column(name="job", kind="ordinal", categories=("low", "high"), immutable=True)


def test_a_schema_survives_json() -> None:
    schema = Schema([AGE, JOB, Column(name="on", kind="boolean", description="switched on")])
    plain = json.loads(json.dumps(schema.to_dict()))
    assert Schema.from_dict(plain) == schema
    assert plain["on"] == {"kind": "boolean", "description": "switched on"}


def test_a_schema_is_an_ordered_mapping() -> None:
    schema = Schema([JOB, AGE])
    assert schema.names == ("job", "age") == tuple(schema)
    assert schema["age"] is AGE
    assert "pay" not in schema
    assert hash(schema) == hash(Schema([JOB, AGE]))
    assert schema != Schema([AGE, JOB])


def test_an_override_changes_what_is_said_and_nothing_else() -> None:
    before = Schema([AGE, JOB])
    after = before.override({"age": {"immutable": True, "unit": "months"}})
    assert (after["age"].unit, after["age"].immutable, after["age"].high) == ("months", True, 120)
    assert after["job"] is not None
    assert after["job"] == JOB
    assert before["age"].unit == "years"


@pytest.mark.parametrize(
    ("changes", "hint"),
    [({"agee": {"unit": "years"}}, "'age'"), ({"age": {"units": "years"}}, "'unit'")],
)
def test_a_mistyped_column_or_property_is_met_with_the_right_one(changes, hint) -> None:
    with pytest.raises(UnknownName, match=f"Did you mean {hint}"):
        Schema([AGE, JOB]).override(changes)


@pytest.mark.parametrize(
    "properties",
    [
        {"kind": "number"},
        {"kind": "numeric", "categories": ("a",)},
        {"kind": "categorical", "categories": ("a", "a")},
        {"kind": "categorical", "categories": "ab"},
        {"kind": "categorical", "categories": (None,)},
        {"kind": "categorical", "categories": ([1],)},
        {"kind": "numeric", "low": 2, "high": 1},
        {"kind": "numeric", "low": float("nan"), "high": 1},
        {"kind": "numeric", "low": "0"},
        {"kind": "boolean", "low": 0},
    ],
)
def test_a_contradiction_is_refused(properties) -> None:
    with pytest.raises(InvalidSetting):
        Column(name="x", **properties)


def test_numpy_categories_become_plain_values() -> None:
    column = Column(name="x", kind="ordinal", categories=tuple(np.arange(3)))
    assert [type(value) for value in column.categories] == [int] * 3


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidData, match="share a name"):
        Schema([AGE, AGE])
