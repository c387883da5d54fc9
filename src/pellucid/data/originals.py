"""From the files as their authors published them to the readable CSV files that are checked.

Every result is compared with a checksum afterwards, so a changed original is noticed.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator

from pellucid.data.codebooks import SOUTH_GERMAN_LABELS

ADULT_HEADER = (
    "age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,"
    "sex,capital_gain,capital_loss,hours_per_week,native_country,income,split"
)
AUTO_HEADER = "mpg,cylinders,displacement,horsepower,weight,acceleration,model_year,origin,car_name"
AUTO_FLOATS = (0, 2, 3, 4, 5)
AUTO_ORIGINS = {"1": "USA", "2": "Europe", "3": "Japan"}
CHEST_PAIN = ("typical angina", "atypical angina", "non-anginal pain", "asymptomatic")
HEART_HEADER = (
    "age,sex,chest_pain,resting_bp,cholesterol,fasting_blood_sugar,rest_ecg,max_heart_rate,"
    "exercise_angina,st_depression,st_slope,vessels_coloured,thallium_test,severity_0_4,disease"
)
HEART_LABELS: dict[int, dict[str, str]] = {
    1: {"0": "female", "1": "male"},
    2: {
        "1": "typical angina",
        "2": "atypical angina",
        "3": "non-anginal pain",
        "4": "asymptomatic",
    },
    5: {"0": "<=120 mg/dl", "1": ">120 mg/dl"},
    6: {"0": "normal", "1": "ST-T abnormality", "2": "LV hypertrophy"},
    8: {"0": "no", "1": "yes"},
    10: {"1": "upsloping", "2": "flat", "3": "downsloping"},
    12: {"3": "normal", "6": "fixed defect", "7": "reversible defect"},
}


def as_lines(contents: list[bytes]) -> bytes:
    """The file as it is, with plain line ends."""
    return contents[0].replace(b"\r\n", b"\n")


def south_german(contents: list[bytes]) -> bytes:
    """South German Credit: codes between spaces become the labels of the code table."""
    labels = list(SOUTH_GERMAN_LABELS.values())
    rows = (line.split() for line in _lines(contents[0]))
    readable = (
        [label.get(int(code), code) for label, code in zip(labels, row, strict=True)]
        for row in rows
        if row[0].isdigit()
    )
    return _csv(",".join(SOUTH_GERMAN_LABELS), readable)


def adult(contents: list[bytes]) -> bytes:
    """Adult: training and test file in one, ``?`` empty, labels without the test file's dot."""
    rows = []
    for split, content in zip(("train", "test"), contents, strict=True):
        for line in _lines(content):
            values = [value.strip() for value in line.split(",")]
            if values[0].isdigit():
                *features, label = ["" if value == "?" else value for value in values]
                rows.append([*features, label.rstrip("."), split])
    return _csv(ADULT_HEADER, rows)


def heart(contents: list[bytes]) -> bytes:
    """Cleveland heart disease: codes become words, ``?`` empty, ``disease`` is severity > 0."""
    rows = []
    for line in _lines(contents[0]):
        values = ["" if value == "?" else value for value in line.split(",")]
        if values[0][:1].isdigit():
            for place, labels in HEART_LABELS.items():
                values[place] = labels.get(values[place].removesuffix(".0"), "")
            rows.append([*values, str(int(int(values[-1]) > 0))])
    return _csv(HEART_HEADER, rows)


def auto_mpg(contents: list[bytes]) -> bytes:
    """Auto MPG: values between spaces, the quoted name after a tab, origins by name."""
    rows = []
    for line in _lines(contents[0]):
        numbers, _, name = line.partition('"')
        values = numbers.split()
        if values and values[0][0].isdigit():
            for place in AUTO_FLOATS:
                values[place] = "" if values[place] == "?" else repr(float(values[place]))
            rows.append([*values[:7], AUTO_ORIGINS[values[7]], name.rstrip('"')])
    return _csv(AUTO_HEADER, rows)


ORIGINALS: dict[str, Callable[[list[bytes]], bytes]] = {
    "as_lines": as_lines,
    "south_german": south_german,
    "adult": adult,
    "heart": heart,
    "auto_mpg": auto_mpg,
}


def unzipped(content: bytes, member: str) -> bytes:
    """One file of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(member)


def _lines(content: bytes) -> Iterator[str]:
    return (line.strip() for line in content.decode("latin-1").splitlines() if line.strip())


def _csv(header: str, rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    text.write(f"{header}\n")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
