"""The data sets that Pellucid knows: where each comes from, and what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pellucid.data.codebooks import (
    ADULT,
    AUTO_MPG,
    BIKE,
    CALIFORNIA,
    DIABETES,
    DIGITS,
    GERMAN_CREDIT,
    HEART,
    IRIS,
    PENGUINS,
)

Task: TypeAlias = Literal["classification", "regression"]
RAW = "https://raw.githubusercontent.com"
UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"
UCI_ZIP = "https://archive.ics.uci.edu/static/public"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One public place of the data, and how what is published there becomes our file.

    `convert` names a function of `pellucid.data.originals`; `member` is the file inside a zip.
    """

    urls: tuple[str, ...]
    convert: str = "as_lines"
    member: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file: its path in a data folder, its checksums, and where to fetch it.

    `sha256` is of the stored file; `content` of what is in it once unzipped (the same where the
    file is plain).
    """

    path: str
    sha256: str
    content: str
    origins: tuple[Origin, ...]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known about one data set.

    `source` is a file to find or fetch, or the name of a loader in scikit-learn, which brings
    the data along. `drop` names columns that repeat or leak the target, or mean nothing.
    """

    name: str
    source: Source | str
    target: str
    task: Task
    description: str
    licence: str
    citation: str
    positive: Any = None
    unit: str | None = None
    drop: tuple[str, ...] = ()
    split: str | None = None
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


UCI_LICENCE = "CC BY 4.0"

GERMAN_FILE = Source(
    path="german_credit/south_german_credit.csv",
    sha256="102cf41e00a57858798dae47373debf90b99ac869f55355aac2e038213edf049",
    content="102cf41e00a57858798dae47373debf90b99ac869f55355aac2e038213edf049",
    origins=(
        Origin(
            urls=(f"{RAW}/SAzzerPlayer/StudyFiles/d07f8c0f0e66/SouthGermanCredit.asc",),
            convert="south_german",
        ),
        Origin(
            urls=(f"{UCI_ZIP}/573/south+german+credit+update.zip",),
            member="SouthGermanCredit.asc",
            convert="south_german",
        ),
    ),
)
ADULT_FILE = Source(
    path="adult/adult.csv.gz",
    sha256="7cbc928f063e7dcf58990246873ed4e652a4fe233e7e0ab1378b3361d1314560",
    content="d6362d8cb6d5ececd0b8bffc9db874989768ec3d10f2e9fb0df602f598cafb3f",
    origins=(
        Origin(
            urls=(
                f"{RAW}/jbrownlee/Datasets/d20fcb6402ae/adult-train.csv",
                f"{RAW}/jbrownlee/Datasets/d20fcb6402ae/adult-test.csv",
            ),
            convert="adult",
        ),
        Origin(urls=(f"{UCI}/adult/adult.data", f"{UCI}/adult/adult.test"), convert="adult"),
    ),
)
HEART_FILE = Source(
    path="heart_disease/heart_cleveland_readable.csv",
    sha256="05721fc09d88c5997f1f42ec75001452187d10ac165fc4146fdc2279247ccc5e",
    content="05721fc09d88c5997f1f42ec75001452187d10ac165fc4146fdc2279247ccc5e",
    origins=(
        Origin(
            urls=(
                f"{RAW}/abheetkansal/STAT-301-Dataset/a4e9c6e472ae/processed.cleveland%20(1).data",
            ),
            convert="heart",
        ),
        Origin(urls=(f"{UCI}/heart-disease/processed.cleveland.data",), convert="heart"),
    ),
)
CALIFORNIA_FILE = Source(
    path="california_housing/housing.csv.gz",
    sha256="b2e79251d5497489c09db2cb6b7771e5cb0b1065198c2611c4f2f3c63403d30c",
    content="8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
    origins=(
        Origin(urls=(f"{RAW}/ageron/handson-ml2/1e2115277b50/datasets/housing/housing.csv",)),
        Origin(urls=(f"{RAW}/ageron/handson-ml2/master/datasets/housing/housing.csv",)),
    ),
)
HOUR_FILE = Source(
    path="bike_sharing/hour.csv.gz",
    sha256="1138c97ce5e90fba259e99977162db981aa4186777e0b501d9ac07f6ed00ccc9",
    content="b03a2d02e8c10f435c43c7f0b358b7e34a003afea53dbc37f0183f2763295133",
    origins=(
        Origin(urls=(f"{RAW}/Razha90/Dicoding-Bike-sharing-dataset/71eaece1d6e8/data/hour.csv",)),
        Origin(urls=(f"{UCI_ZIP}/275/bike+sharing+dataset.zip",), member="hour.csv"),
    ),
)
DAY_FILE = Source(
    path="bike_sharing/day.csv",
    sha256="75c2c56f116c9ebbd9bcb06087c2b7fffc7b8f8225dd37d388aa7e1996cf19dc",
    content="75c2c56f116c9ebbd9bcb06087c2b7fffc7b8f8225dd37d388aa7e1996cf19dc",
    origins=(
        Origin(
            urls=(
                f"{RAW}/christophM/interpretable-ml-book/c3b7569830af/data/bike-sharing-daily.csv",
            )
        ),
        Origin(urls=(f"{UCI_ZIP}/275/bike+sharing+dataset.zip",), member="day.csv"),
    ),
)
AUTO_FILE = Source(
    path="auto_mpg/auto_mpg.csv",
    sha256="1983ec55bdf7b0f45fc87788f08712ee5fbecefede1bb097ba65ee67b3587c01",
    content="1983ec55bdf7b0f45fc87788f08712ee5fbecefede1bb097ba65ee67b3587c01",
    origins=(
        Origin(urls=(f"{RAW}/edwibedi/Auto-MPG/92fb6b4cd49c/auto-mpg.data",), convert="auto_mpg"),
        Origin(urls=(f"{UCI}/auto-mpg/auto-mpg.data",), convert="auto_mpg"),
    ),
)
PENGUINS_FILE = Source(
    path="penguins/penguins.csv",
    sha256="f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
    content="f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
    origins=(
        Origin(urls=(f"{RAW}/allisonhorst/palmerpenguins/8957207b78d6/inst/extdata/penguins.csv",)),
        Origin(urls=(f"{RAW}/allisonhorst/palmerpenguins/main/inst/extdata/penguins.csv",)),
    ),
)

RECORDS: tuple[Record, ...] = (
    Record(
        name="breast_cancer",
        source="load_breast_cancer",
        target="diagnosis",
        task="classification",
        positive="malignant",
        description="Cell nuclei of 569 breast masses in 30 numbers: malignant or benign?",
        licence=UCI_LICENCE,
        citation="Wolberg et al. (1995), DOI 10.24432/C5DW2B",
    ),
    Record(
        name="diabetes",
        source="load_diabetes",
        target="progression",
        task="regression",
        description="Ten measurements of 442 diabetes patients: how far is the disease a year on?",
        licence="none stated by the authors",
        citation="Efron et al. (2004), Least Angle Regression, DOI 10.1214/009053604000000067",
        columns=DIABETES,
    ),
    Record(
        name="iris",
        source="load_iris",
        target="species",
        task="classification",
        description="Petals and sepals of 150 irises of three species.",
        licence=UCI_LICENCE,
        citation="Fisher (1936), DOI 10.24432/C56C76",
        columns=IRIS,
    ),
    Record(
        name="wine",
        source="load_wine",
        target="cultivar",
        task="classification",
        description="Chemistry of 178 Italian wines from three cultivars.",
        licence=UCI_LICENCE,
        citation="Aeberhard and Forina (1992), DOI 10.24432/C5PC7J",
    ),
    Record(
        name="digits",
        source="load_digits",
        target="digit",
        task="classification",
        description="1797 handwritten digits as 8 × 8 grey values, one column per pixel.",
        licence=UCI_LICENCE,
        citation="Alpaydin and Kaynak (1998), DOI 10.24432/C50P49",
        columns=DIGITS,
    ),
    Record(
        name="german_credit",
        source=GERMAN_FILE,
        target="credit_risk",
        task="classification",
        positive="bad",
        description=(
            "1000 loans of a South German bank, 1973 to 1975, in Grömping's corrected coding: "
            "was the loan paid back (good) or not (bad)? Bad loans were oversampled."
        ),
        licence=UCI_LICENCE,
        citation="Grömping (2019), South German Credit, DOI 10.24432/C5QG8F",
        columns=GERMAN_CREDIT,
    ),
    Record(
        name="adult",
        source=ADULT_FILE,
        target="income",
        task="classification",
        positive=">50K",
        drop=("fnlwgt",),
        split="split",
        description=(
            "48 842 people of the 1994 US census: do they earn more than 50 000 dollars a year? "
            "The sampling weight fnlwgt is left out."
        ),
        licence=UCI_LICENCE,
        citation="Becker and Kohavi (1996), DOI 10.24432/C5XW20",
        columns=ADULT,
    ),
    Record(
        name="heart_disease",
        source=HEART_FILE,
        target="disease",
        task="classification",
        positive=1,
        drop=("severity_0_4",),
        description=(
            "303 patients of the Cleveland Clinic: is a coronary vessel narrowed (1) or not (0)? "
            "The severity from which the target was made is left out."
        ),
        licence=UCI_LICENCE,
        citation="Janosi et al. (1989), DOI 10.24432/C52P4X",
        columns=HEART,
    ),
    Record(
        name="california_housing",
        source=CALIFORNIA_FILE,
        target="median_house_value",
        task="regression",
        unit="USD",
        description="20 640 districts of California in the 1990 census: the median house value.",
        licence="Apache-2.0 (the file); US census data",
        citation="Pace and Barry (1997), Sparse Spatial Autoregressions",
        columns=CALIFORNIA,
    ),
    Record(
        name="bike_sharing",
        source=HOUR_FILE,
        target="cnt",
        task="regression",
        unit="bikes per hour",
        drop=("instant", "dteday", "casual", "registered"),
        description=(
            "Bikes rented in Washington, D.C., in each of 17 379 hours of 2011 and 2012. The two "
            "counts that add up to the target are left out, and so are row number and date."
        ),
        licence=UCI_LICENCE,
        citation="Fanaee-T and Gama (2013), DOI 10.24432/C5W894",
        columns=BIKE | {"hr": {"low": 0, "high": 23, "unit": "hour of the day"}},
    ),
    Record(
        name="bike_sharing_day",
        source=DAY_FILE,
        target="cnt",
        task="regression",
        unit="bikes per day",
        drop=("instant", "dteday", "casual", "registered"),
        description=(
            "Bikes rented in Washington, D.C., on each of 731 days of 2011 and 2012. The two "
            "counts that add up to the target are left out, and so are row number and date."
        ),
        licence=UCI_LICENCE,
        citation="Fanaee-T and Gama (2013), DOI 10.24432/C5W894",
        columns=BIKE,
    ),
    Record(
        name="auto_mpg",
        source=AUTO_FILE,
        target="mpg",
        task="regression",
        unit="miles per gallon",
        drop=("car_name",),
        description="398 cars of 1970 to 1982: how far do they go on a gallon? Names are left out.",
        licence=UCI_LICENCE,
        citation="Quinlan (1993), DOI 10.24432/C5859H",
        columns=AUTO_MPG,
    ),
    Record(
        name="penguins",
        source=PENGUINS_FILE,
        target="species",
        task="classification",
        description="344 penguins of three species on three islands of Antarctica.",
        licence="CC0",
        citation="Horst, Hill and Gorman (2020), DOI 10.5281/zenodo.3960218",
        columns=PENGUINS,
    ),
)
