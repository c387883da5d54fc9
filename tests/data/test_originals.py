"""The files as their authors published them become the readable files, byte for byte.

The published files are rebuilt here from the code tables of their documentation, apart from the
code that reads them.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path

import pytest

from pellucid.data.originals import ORIGINALS, adult, auto_mpg, heart, south_german, unzipped


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


@pytest.mark.parametrize("header", [b"", b"laufkont laufzeit moral verw hoehe\n"])
def test_south_german_credit(data_folder: Path, header: bytes) -> None:
    folder = data_folder / "german_credit"
    codes = rows_of((folder / "south_german_credit_codes.csv").read_bytes())[1:]
    published = header + "\n".join(" ".join(row) for row in codes).encode() + b"\n"
    assert south_german([published]) == (folder / "south_german_credit.csv").read_bytes()


def test_heart_disease(data_folder: Path) -> None:
    folder = data_folder / "heart_disease"
    codes = (folder / "heart_cleveland.csv").read_bytes()
    published = "\r\n".join(",".join(v or "?" for v in row) for row in rows_of(codes)).encode()
    without_header = published.split(b"\n", 1)[1]
    expected = (folder / "heart_cleveland_readable.csv").read_bytes()
    assert heart([published]) == heart([without_header]) == expected


def test_adult(data_folder: Path) -> None:
    plain = gzip.decompress((data_folder / "adult" / "adult.csv.gz").read_bytes())
    train, test = [], ["|1x3 Cross validator"]
    for *values, split in rows_of(plain)[1:]:
        line = ", ".join(value or "?" for value in values)
        train.append(line) if split == "train" else test.append(f"{line}.")
    published = ["\n".join([*lines, "", ""]).encode() for lines in (train, test)]
    assert adult(published) == plain


def test_auto_mpg(data_folder: Path) -> None:
    plain = (data_folder / "auto_mpg" / "auto_mpg.csv").read_bytes()
    origins = {"USA": "1", "Europe": "2", "Japan": "3"}
    lines = []
    for row in rows_of(plain)[1:]:
        numbers = [value.removesuffix("0") if "." in value else value for value in row[:7]]
        left = "   ".join(value or "?" for value in numbers)
        lines.append(f'{left}  {origins[row[7]]}\t"{row[8]}"')
    assert auto_mpg(["\n".join(lines).encode()]) == plain


def test_the_published_auto_mpg_lines_are_read() -> None:
    published = (
        b'38.0   6   262.0      85.00      3015.      17.0   82  1\t"oldsmobile (diesel)"\n'
        b'22.0   6   232.0      112.0      2835       14.7   82  1\t"ford granada l"\n'
    )
    assert auto_mpg([published]).splitlines()[1:] == [
        b"38.0,6,262.0,85.0,3015.0,17.0,82,USA,oldsmobile (diesel)",
        b"22.0,6,232.0,112.0,2835.0,14.7,82,USA,ford granada l",
    ]


def test_a_file_is_taken_out_of_a_zip_with_plain_line_ends() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("day.csv", "a,b\r\n1,2\r\n")
    content = unzipped(packed.getvalue(), "day.csv")
    assert ORIGINALS["as_lines"]([content]) == b"a,b\n1,2\n"
