"""Examples: what they hold, what is picked from them, what is kept in a file."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import AxisError, UnknownName
from pellucid.core.examples import Examples
from pellucid.core.provenance import Provenance


def examples(count: int = 4, **changes: object) -> Examples:
    given = {
        "inputs": {
            "pixels": np.linspace(0, 1, count * 12).reshape(count, 2, 2, 3),
            "word": np.array([f"w{i}" for i in range(count)]),
        },
        "names": [f"made {i}" for i in range(count)],
        "role": ["optimised", "data"] * (count // 2),
        "group": ["class 0"] * 2 + ["class 1"] * (count - 2),
        "score": np.arange(count),
        "provenance": Provenance(method="feature_visualisation", scale="logit", target="0"),
        **changes,
    }
    return Examples(**given)  # type: ignore[arg-type]


def test_examples_are_picked_by_place_role_and_group() -> None:
    found = examples()
    assert len(found) == 4
    assert found.sel(role="data").names == ("made 1", "made 3")
    assert found.sel(role="data", group="class 1").score.tolist() == [3]
    assert found.isel([2, 0]).names == ("made 2", "made 0")
    one = found.isel(-1)
    assert (one.names, one.inputs["pixels"].shape) == (("made 3",), (1, 2, 2, 3))
    with pytest.raises(UnknownName, match=r"no role 'dat'.*Did you mean 'data'"):
        found.sel(role="dat")
    with pytest.raises(UnknownName, match="no group"):
        found.sel(group="class 2")
    with pytest.raises(AxisError):
        found.isel(4)


def test_they_cannot_be_changed_and_their_lengths_agree() -> None:
    found = examples()
    with pytest.raises(ValueError, match="read-only"):
        found.inputs["pixels"][0] = 0
    for name, given in (("role", ["data"]), ("group", ["a"] * 5), ("score", [1.0])):
        with pytest.raises(AxisError, match=f"{name} does not fit"):
            examples(**{name: given})
    with pytest.raises(AxisError, match="word does not fit"):
        examples(inputs={"word": np.array(["a"])})


def test_a_file_gives_back_the_same_and_a_frame_has_a_row_for_each(tmp_path) -> None:
    found = examples()
    back = pel.Explanation.load(found.save(tmp_path / "found.pel"))
    assert isinstance(back, pel.Examples)
    for name in ("names", "role", "group", "provenance"):
        assert getattr(back, name) == getattr(found, name)
    np.testing.assert_array_equal(back.score, found.score)
    np.testing.assert_array_equal(back.inputs["pixels"], found.inputs["pixels"])
    assert back.inputs["word"].tolist() == ["w0", "w1", "w2", "w3"]
    table = found.to_frame(backend="pyarrow")
    assert table.column_names == ["example", "group", "role", "score"]
    assert found.to_dict()["kind"] == "examples"


def test_what_is_printed_says_how_many_of_each_and_what_it_leaves_out() -> None:
    assert "2 optimised, 2 data, logit of 0" in repr(examples())
    assert "… and 8 more" in repr(examples(20))
    assert "made 0" in examples()._repr_html_()
