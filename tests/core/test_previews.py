"""What an explanation prints: it says what it leaves out, and shows no rounding as a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core.attribution import Attribution
from pellucid.core.curve import Curve
from pellucid.core.provenance import Provenance
from pellucid.core.reasons import Reasons

MADE = Provenance(method="kernel_shap")


def row(values: Any, error: Any = 0.0, **made: Any) -> Attribution:
    values = np.asarray(values, dtype=float)
    return Attribution(
        values=values,
        dims=("feature",),
        coords={"feature": [f"c{i}" for i in range(len(values))]},
        base=1.0,
        error=np.broadcast_to(error, values.shape),
        provenance=Provenance(**{"method": "kernel_shap", **made}),
    )


def test_what_is_left_out_is_counted() -> None:
    assert "… and 23 more" in repr(row(np.arange(33.0)))
    assert "… and 23 more" in row(np.arange(33.0))._repr_html_()
    assert "more" not in repr(row(np.arange(10.0)))
    assert "… and 1,190 more" in repr(
        Attribution(
            values=np.ones(1200),
            dims=("sample",),
            coords={"sample": range(1200)},
            provenance=MADE,
        )
    )


def test_a_curve_counts_the_points_between() -> None:
    made = Curve(feature="x", grid=np.arange(50.0), values=np.arange(50.0), provenance=MADE)
    assert "… and 40 more between them" in repr(made)


def test_reasons_count_their_rows() -> None:
    names = np.full((8, 1), "age", dtype=object)
    made = Reasons(
        samples=range(8),
        names=names,
        shares=np.ones((8, 1)),
        held=names,
        typical=names,
        output=np.ones(8),
        base=0.5,
        population=9,
        fingerprint="f",
        provenance=MADE,
    )
    assert "… and 3 more" in repr(made)
    assert repr(made.isel(0)).startswith("Reasons: 1 row,")


def test_rounding_is_shown_as_nothing() -> None:
    said = repr(row([2.0, 3e-15], error=1e-14))
    assert "e-1" not in said
    assert ", exact\n" in said
    curve = Curve(feature="x", grid=[0, 1], values=[5.0, 1e-15], provenance=MADE)
    assert "e-1" not in repr(curve)


def test_small_numbers_that_are_all_there_is_are_shown() -> None:
    small = Curve(feature="x", grid=[0, 1], values=[3e-15, 1e-15], provenance=MADE)
    assert "3e-15" in repr(small)


def test_exact_values_say_what_they_are_exact_for() -> None:
    drawn = "100 of 442 background rows were drawn; the error does not include this choice."
    order = "Where columns act together, values would be others in another order."
    assert ", exact\n" in repr(row([1.0]))
    assert "exact for the background rows drawn" in repr(row([1.0], notes=(drawn,)))
    both = row([1.0], notes=(order, drawn))
    assert "exact for the background rows drawn and the order taken" in repr(both)
    assert "standard error up to 0.5" in repr(row([1.0], error=0.5, notes=(drawn,)))


@pytest.mark.parametrize(
    ("scale", "word", "shown"), [("loss", "mean", "0.5"), ("raw", "mean magnitude", "2.5")]
)
def test_what_rows_lose_is_averaged_with_its_sign(scale: str, word: str, shown: str) -> None:
    made = Attribution(
        values=[[3.0], [-2.0]],
        dims=("sample", "feature"),
        coords={"sample": [0, 1], "feature": ["age"]},
        provenance=Provenance(method="loco", scale=scale),
    )
    lines = repr(made).splitlines()
    assert lines[1].split("  ")[1:] != []
    assert word in lines[1]
    assert lines[2].split()[1] == shown
