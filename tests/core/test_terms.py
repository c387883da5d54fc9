"""Terms on an axis: which players are in them, and what becomes of their values."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.attribution import Attribution
from pellucid.core.errors import AxisError
from pellucid.core.provenance import Provenance
from pellucid.core.terms import folded, interaction_matrix, members, term


def attribution(terms: list[str], values: list[list[float]]) -> Attribution:
    return Attribution(
        values=np.array(values),
        dims=("sample", "term"),
        coords={"sample": range(len(values)), "term": terms},
        base=0.5,
        output=np.array(values).sum(axis=1) + 0.5,
        provenance=Provenance(method="m"),
    )


def test_terms_are_read_by_the_names_that_are_there() -> None:
    assert members(["a", "b", "a × b"]) == [(0,), (1,), (0, 1)]
    assert members(["a", "b", "c", "c × a × b"]) == [(0,), (1,), (2,), (2, 0, 1)]
    assert members(["a × b", "c", "a × b × c"]) == [(0,), (1,), (0, 1)]
    assert members(["width × height"]) == [(0,)]


def test_half_of_a_pair_is_on_either_side_of_the_matrix() -> None:
    found = interaction_matrix(attribution(["a", "b", "a × b"], [[1.0, 2.0, 4.0]]))
    np.testing.assert_array_equal(found, [[[1.0, 2.0], [2.0, 2.0]]])


def test_folding_shares_a_term_out_evenly() -> None:
    terms = ["a", "b", "c", "a × b", "a × b × c"]
    found = folded(attribution(terms, [[1.0, 2.0, 3.0, 4.0, 6.0]]))
    assert found.features == ("a", "b", "c")
    np.testing.assert_allclose(found.values, [[5.0, 6.0, 5.0]])
    np.testing.assert_allclose(found.gap(), 0.0)


def test_triples_and_features_have_no_matrix() -> None:
    terms = ["a", "b", "c", "a × b × c"]
    with pytest.raises(AxisError, match="three players"):
        interaction_matrix(attribution(terms, [[1.0, 2.0, 3.0, 4.0]]))
    with pytest.raises(AxisError, match="Only terms"):
        folded(folded(attribution(["a", "b", "a × b"], [[1.0, 2.0, 3.0]])))


def test_a_sum_stands_in_brackets_within_a_product() -> None:
    assert term("a + b", "c") == "(a + b) × c"
    assert term("a + b") == "a + b"
    assert term("a × b", "c + d") == "(a × b) × (c + d)"
    assert members(["a + b", "c", "(a + b) × c"]) == [(0,), (1,), (0, 1)]
    assert members(["a × b", "c", "(a × b) × c"]) == [(0,), (1,), (0, 1)]
    assert members(["a + b", "c", "a + b × c"]) == [(0,), (1,), (0, 1)]
