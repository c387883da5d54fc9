"""``pellucid reasons``: from files to reasons, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost

import pellucid as pel
from pellucid.cli import app


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        app.run(arguments)
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reasons")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=["debt", "late", "income"])
    X["arrears"] = X.late + 0.1 * rng.normal(size=300)
    y = (2 * X.debt + X.late - X.income > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(X, y)
    model.save_model(folder / "m.json")
    X.to_csv(folder / "all.csv", index=False)
    X[:5].assign(answer=1).to_csv(folder / "refused.csv", index=False)
    return folder


def test_reasons_from_files_equal_those_from_python(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = files / "why.parquet"
    call = ["reasons", str(files / "m.json"), str(files / "refused.csv"), "--target", "answer"]
    call += ["--reference", str(files / "all.csv"), "--cutoff", "0.5", "--nearest", "60"]
    call += ["--correlated", "0.8", "-k", "2", "-o", str(out)]
    code, said, notes = run(call, capsys)
    assert code == 0
    assert "usually" in said
    assert "60 of 300" in notes
    X = pd.read_csv(files / "all.csv")
    booster = xgboost.XGBClassifier()
    booster.load_model(files / "m.json")
    groups = pel.correlated_groups(X, threshold=0.8)
    assert groups == {"late + arrears": ("late", "arrears")}
    found = pel.reason_codes(
        booster, X[:5], reference=X, cutoff=0.5, nearest=60, groups=groups, k=2
    )
    written = pd.read_parquet(out)
    assert written.reason.tolist() == found.to_frame().reason.tolist()
    assert written.share.to_numpy() == pytest.approx(found.to_frame().share.to_numpy())


def test_a_saved_file_is_shown_and_printed_as_json(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = files / "why.pel"
    call = ["reasons", str(files / "m.json"), str(files / "all.csv"), "-o", str(out)]
    call += ["--reference", str(files / "all.csv"), "--group", "late=late,arrears", "--json"]
    code, said, _ = run(call, capsys)
    assert code == 0
    assert json.loads(said)["population"] == 300
    for extra in ([], ["--row", "3"]):
        picture = files / "why.svg"
        code, _, _ = run(["show", str(out), "-o", str(picture), *extra], capsys)
        assert code == 0
        assert "<svg" in picture.read_text()


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        (["--group", "late"], 2, "NAME=A,B"),
        (["--group", "a=late,arrears", "--correlated", "0.9"], 2, "--group or --correlated"),
        (["--adverse", "up"], 2, "higher"),
        (["--cutoff", "7"], 0, ""),
        (["--cutoff", "-1"], 2, "good side"),
        (["--group", "a=nobody"], 2, "nobody"),
        (["-o", "why.txt"], 2, "*.parquet"),
    ],
)
def test_what_cannot_be_is_said_in_one_paragraph(
    extra: list[str], code: int, words: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["reasons", str(files / "m.json"), str(files / "refused.csv"), "--target", "answer"]
    call += ["--reference", str(files / "all.csv"), "-o", str(files / "x.parquet"), *extra]
    found, _, error = run(call, capsys)
    assert found == code
    assert words in error


def test_the_target_may_stand_in_either_table(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.read_csv(files / "all.csv").assign(answer=0).to_csv(files / "judged.csv", index=False)
    pd.read_csv(files / "all.csv")[:3].to_csv(files / "new.csv", index=False)
    call = ["reasons", str(files / "m.json"), str(files / "new.csv"), "--target", "answer"]
    call += ["-o", str(files / "x.parquet"), "--reference"]
    assert run([*call, str(files / "judged.csv")], capsys)[0] == 0
    code, _, error = run([*call, str(files / "all.csv")], capsys)
    assert code == 3
    assert "answer" in error
