"""``pellucid report`` and ``demo`` as a user runs them: files in, a page about their columns."""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

SECONDS = 60
"""What a report on a thousand rows may take; it takes a tenth of that on a quiet machine."""


@dataclass(frozen=True)
class Credit:
    """The loan data as files, and what the test knows about them."""

    folder: Path
    rows: pd.DataFrame
    predicted: np.ndarray
    one_hot: list[str]

    @property
    def refused(self) -> list[int]:
        return np.flatnonzero(self.predicted == "bad").tolist()


@pytest.fixture(scope="module")
def credit(real_data, tmp_path_factory) -> Credit:
    folder = tmp_path_factory.mktemp("credit")
    frame = pd.read_csv(real_data / "german_credit" / "south_german_credit.csv")
    train, rows = train_test_split(
        frame, test_size=0.3, random_state=0, stratify=frame["credit_risk"]
    )
    answers = train.drop(columns="credit_risk")
    text = list(answers.select_dtypes(exclude="number"))
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), text), remainder="passthrough"
    )
    model = make_pipeline(
        encoder, RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
    ).fit(answers, train["credit_risk"])
    skops.io.dump(model, folder / "credit.skops")
    joblib.dump(model, folder / "credit.joblib")
    rows.to_csv(folder / "new.csv", index=False)
    rows.to_parquet(folder / "new.parquet", index=False)
    train.to_csv(folder / "train.csv", index=False)
    rows = rows.reset_index(drop=True)
    return Credit(
        folder,
        rows,
        model.predict(rows.drop(columns="credit_risk")),
        [name for long in model[0].get_feature_names_out() for name in (long, short(long))],
    )


def short(name: str) -> str:
    """A one-hot name without its step; of a column that is passed on, only the long name."""
    return name.removeprefix("onehotencoder__")


def page_text(path: Path) -> str:
    """What a reader reads: no scripts, no tags."""
    page = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", path.read_text(encoding="utf-8"))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def case(path: Path, row: int) -> str:
    """The words about one row."""
    page = path.read_text(encoding="utf-8")
    found = re.search(rf"(?s)<h3 [^>]*>Row {row}</h3>(.*?)<figure", page)
    assert found, f"row {row} is not among the cases"
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split())


def reasons(text: str) -> dict[str, str]:
    """Column and value of each reason, as they are told."""
    told = re.findall(r"(\w+) = (.+?) \((?:typically|most often|[\d.<>]+ % of|not in)", text)
    return dict(told)


def as_told(value: object) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    return f"{value:g}" if value < 1000 else f"{value}"


@pytest.mark.parametrize(
    ("model", "data", "tier"),
    [("credit.skops", "new.csv", "reviewed"), ("credit.joblib", "new.parquet", "trusted")],
)
def test_the_reasons_for_a_refused_loan_name_the_applicants_own_columns(
    cli, credit, tmp_path, model, data, tier
) -> None:
    output = tmp_path / "report.html"
    asked = credit.refused[:4]
    started = time.perf_counter()
    ran = cli(
        *("report", credit.folder / model, credit.folder / data, "--target", "credit_risk"),
        *("--background", credit.folder / "train.csv", "--class", "bad"),
        *("--rows", ",".join(map(str, asked)), "-o", output, "--json"),
        *(["--trust"] if tier == "trusted" else []),
    )
    assert ran.code == 0, ran.err
    assert time.perf_counter() - started < SECONDS
    assert re.search(rf"Trust\W+{tier}", page_text(output))
    for row in asked:
        words = case(output, row)
        assert "The model predicts bad" in words
        told = reasons(words)
        assert len(told) >= 4, words
        for column, value in told.items():
            assert value == as_told(credit.rows.loc[row, column])
    page = html.unescape(output.read_text(encoding="utf-8"))
    assert len(credit.one_hot) > 60
    assert not [name for name in credit.one_hot if name in page]
    assert "20 columns" in page_text(output)
    assert any("status" in reasons(case(output, row)) for row in asked)
    assert any("duration" in reasons(case(output, row)) for row in asked)


def test_a_heart_report_from_xgboost_json(cli, real_data, tmp_path) -> None:
    frame = pd.read_csv(real_data / "heart_disease" / "heart_cleveland.csv")
    frame["disease"] = (frame.pop("num") > 0).astype(int)
    train, rows = train_test_split(frame, test_size=0.3, random_state=0)
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=3, random_state=0)
    model.fit(train.drop(columns="disease"), train["disease"]).save_model(tmp_path / "heart.json")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    train.to_parquet(tmp_path / "train.parquet", index=False)
    started = time.perf_counter()
    ran = cli(
        *("report", tmp_path / "heart.json", tmp_path / "rows.csv", "--target", "disease"),
        *("--background", tmp_path / "train.parquet", "--rows", 3, "-o", tmp_path / "heart.html"),
        "--json",
    )
    assert ran.code == 0, ran.err
    assert time.perf_counter() - started < SECONDS
    facts = json.loads(ran.out)
    assert facts["report"] == str(tmp_path / "heart.html")
    assert len(facts["findings"]) == 3
    assert facts["failed_checks"] == 0
    told = reasons(case(tmp_path / "heart.html", 3))
    assert told
    for column, value in told.items():
        assert value == as_told(rows.iloc[3][column])


def test_a_report_on_a_constant_column_says_so(cli, shelf, tmp_path) -> None:
    output = tmp_path / "report.html"
    command = [shelf / "linear.skops", shelf / "constant.csv", "--target", "risk", "-o", output]
    assert cli("report", *command).code == 0
    assert "The same value in every row explained: income." in page_text(output)


def test_strict_exits_with_1_when_a_check_fails_and_keeps_the_page(
    cli, shelf, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(shelf)
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(40, 13))).add_prefix("x")
    rows.assign(y=rows["x0"]).to_csv(tmp_path / "rows.csv", index=False)
    output = tmp_path / "report.html"
    command = ["wild:parity", tmp_path / "rows.csv", "--target", "y", "--trust", "-o", output]
    ran = cli("report", *command, "--strict")
    assert ran.code == 1, ran.err
    assert "checks of this explanation fail" in ran.err
    assert "checks of this explanation fail" in page_text(output)


def test_the_demo_prints_three_findings_and_where_the_report_is(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("demo", "--data", "iris")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "The three findings that matter:"
    assert [line[:5] for line in lines[1:4]] == ["  1. ", "  2. ", "  3. "]
    assert lines[4] == f"The report: {tmp_path / 'report.html'}"
    assert len(lines) == 5
    for line in lines[1:4]:
        assert line[5:] in page_text(tmp_path / "report.html")


def test_the_demo_tells_json(cli, tmp_path) -> None:
    output = tmp_path / "diabetes.html"
    ran = cli("demo", "--data", "diabetes", "-o", output, "--json")
    assert ran.code == 0, ran.err
    facts = json.loads(ran.out)
    assert facts["report"] == str(output)
    assert len(facts["findings"]) == 3
    assert "R²" in facts["findings"][0]
