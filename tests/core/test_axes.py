"""Labels of axes: found, and named when they are not."""

import pytest

from pellucid.core import axes
from pellucid.core.errors import AxisError


def test_a_name_close_by_is_offered_and_no_number_for_a_number() -> None:
    with pytest.raises(AxisError, match=r"Did you mean 'income'\?"):
        axes.places("feature", ("age", "income"), "incom")
    with pytest.raises(AxisError, match="has no label '37'") as met:
        axes.places("sample", (371, 37, 5), "37")
    assert "Did you mean 37?" in str(met.value)
    with pytest.raises(AxisError, match="has no label 3") as met:
        axes.places("sample", (37, 5), 3)
    assert "Did you mean" not in str(met.value)
