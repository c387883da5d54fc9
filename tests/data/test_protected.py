"""Columns that may stand for a protected group are known by their names."""

import pytest

from pellucid.data.protected import may_be_protected


@pytest.mark.parametrize(
    "name", ["age", "Age", "age_years", "customerAge", "sex", "foreign_worker"]
)
def test_a_column_that_may_stand_for_a_protected_group_is_known(name: str) -> None:
    assert may_be_protected(name)


@pytest.mark.parametrize(
    "name", ["mortgage", "average_rooms", "housing_median_age", "vehicleAge", "usage", "embrace"]
)
def test_a_column_that_only_sounds_like_one_is_left_alone(name: str) -> None:
    assert not may_be_protected(name)
