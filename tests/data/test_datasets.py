"""Data sets by name: the facts that are known about each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from pellucid.core.errors import InvalidSetting, UnknownName, Unreachable
from pellucid.data import fetch as fetching
from pellucid.data.datasets import datasets, load_dataset
from pellucid.data.registry import Source

SHAPES = {
    "breast_cancer": (569, 30),
    "diabetes": (442, 10),
    "iris": (150, 4),
    "wine": (178, 13),
    "digits": (1797, 64),
    "german_credit": (1000, 20),
    "adult": (48_842, 13),
    "heart_disease": (303, 13),
    "california_housing": (20_640, 9),
    "bike_sharing": (17_379, 12),
    "bike_sharing_day": (731, 11),
    "auto_mpg": (398, 7),
    "penguins": (344, 7),
}
MISSING = {
    "adult": {"workclass": 2799, "occupation": 2809, "native_country": 857},
    "heart_disease": {"vessels_coloured": 4, "thallium_test": 2},
    "auto_mpg": {"horsepower": 6},
    "california_housing": {"total_bedrooms": 207},
}
BUNDLED = tuple(name for name, record in datasets().items() if isinstance(record.source, str))
SHARES = {
    "german_credit": ("bad", 300),
    "heart_disease": (1, 139),
    "adult": (">50K", 11_687),
    "breast_cancer": ("malignant", 212),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_data_set_has_the_rows_columns_and_gaps_it_is_known_for(name, request) -> None:
    if name not in BUNDLED:
        request.getfixturevalue("data_folder")
    data = load_dataset(name)
    record = datasets()[name]
    assert data.X.shape == SHAPES[name]
    assert data.y.shape == (SHAPES[name][0],)
    assert not set(data.X.names) & {record.target, *record.drop}
    assert set(record.columns) <= set(data.X.names)
    gaps = {
        n: int(count) for n, count in zip(data.X.names, np.isnan(data.X.codes).sum(0), strict=True)
    }
    if name != "penguins":
        assert {n: count for n, count in gaps.items() if count} == MISSING.get(name, {})
    else:
        assert sum(gaps.values()) == 19
    if name in SHARES:
        label, count = SHARES[name]
        assert data.positive == label
        assert (data.y == label).sum() == count
    assert data.licence
    assert data.citation
    assert data.fingerprint.startswith("sha256:")


def test_every_data_set_is_checked_here() -> None:
    assert set(datasets()) == set(SHAPES)


def test_the_orders_of_german_credit_go_up(data_folder: Path) -> None:
    schema = load_dataset("german_credit").X.schema
    ordinal = [column.name for column in schema.values() if column.kind == "ordinal"]
    assert ordinal == [
        "status",
        "savings",
        "employment_duration",
        "installment_rate",
        "present_residence",
        "property",
        "number_credits",
        "job",
        "people_liable",
    ]
    assert schema["installment_rate"].categories == (
        "< 20",
        "20 <= ... < 25",
        "25 <= ... < 35",
        ">= 35",
    )
    assert schema["people_liable"].categories == ("0 to 2", "3 or more")
    assert schema["employment_duration"].categories[0] == "unemployed"
    assert schema["age"].immutable
    assert (schema["age"].unit, schema["amount"].unit) == ("years", "DM")


def test_education_is_ordered_as_its_number_says(data_folder: Path) -> None:
    X = load_dataset("adult").X
    education = X.codes[:, X.position("education")] + 1
    np.testing.assert_array_equal(education, X.codes[:, X.position("education_num")])


def test_adult_keeps_the_published_split(data_folder: Path) -> None:
    split = load_dataset("adult").split
    assert split is not None
    assert (split == "train").sum() == 32_561


def test_bikes_of_the_hours_add_up_to_the_bikes_of_the_days(data_folder: Path) -> None:
    assert load_dataset("bike_sharing").y.sum() == load_dataset("bike_sharing_day").y.sum()


def test_bundled_data_equal_the_ones_of_scikit_learn() -> None:
    from sklearn.datasets import load_breast_cancer, load_diabetes

    known = load_breast_cancer()
    data = load_dataset("breast_cancer")
    np.testing.assert_array_equal(data.X.codes, known.data)
    np.testing.assert_array_equal(data.y == "benign", known.target == 1)
    np.testing.assert_array_equal(load_dataset("diabetes").y, load_diabetes().target)


def test_the_table_is_of_the_kind_asked_for(data_folder: Path) -> None:
    plain = load_dataset("penguins").X
    pandas = load_dataset("penguins", frame="pandas").X
    polars = load_dataset("penguins", frame="polars").X
    assert isinstance(pandas.native(), pd.DataFrame)
    assert isinstance(polars.native(), pl.DataFrame)
    assert polars.fingerprint() == pandas.fingerprint() == plain.fingerprint()
    with pytest.raises(InvalidSetting, match="numpy"):
        load_dataset("penguins", frame="numpy")


def test_a_mistyped_name_is_met_with_the_right_one() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'german_credit'"):
        load_dataset("german_credits")


def test_without_folder_cache_and_network_the_way_out_is_said(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def offline(url, timeout):
        raise fetching.urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(fetching.urllib.request, "urlopen", offline)
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)
    with pytest.raises(Unreachable, match="Name or service not known") as caught:
        load_dataset("heart_disease")
    assert "set PELLUCID_DATA to a folder that holds heart_disease/" in str(caught.value)


def test_the_checksums_are_those_of_the_files(data_folder: Path) -> None:
    for record in datasets().values():
        if isinstance(record.source, Source):
            content = (data_folder / record.source.path).read_bytes()
            assert hashlib.sha256(content).hexdigest() == record.source.sha256
            assert (
                hashlib.sha256(fetching.fetch(record.source)).hexdigest() == record.source.content
            )
