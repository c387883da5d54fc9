"""Bad input at the command line: one paragraph, the right exit code, and nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

USAGE, UNREADABLE, UNTRUSTED, BUDGET = 2, 3, 4, 5

REPORT = "report {boosted.json} {numbers.csv} --target risk -o {OUT}/r.html"
EXPLAIN = "explain {boosted.json} {features.csv} -o {OUT}/e.parquet"

WRONG: dict[str, tuple[str, int, str]] = {
    # files
    "an empty table": (
        "report {boosted.json} {empty.csv} --target risk -o {OUT}/r.html", UNREADABLE, "is empty"),
    "a header without rows": (
        "explain {boosted.json} {header.csv} -o {OUT}/e.parquet", UNREADABLE, "no rows"),
    "an absent table": (
        "report {boosted.json} {gone.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "no file gone.csv"),
    "a folder for a table": (
        "explain {boosted.json} {folder} -o {OUT}/e.parquet", UNREADABLE, "directory"),
    "bytes for a table": (
        "explain {boosted.json} {noise.bin} -o {OUT}/e.parquet", UNREADABLE, "noise.bin"),
    "a damaged table": (
        "explain {boosted.json} {cut.parquet} -o {OUT}/e.parquet", UNREADABLE, "damaged"),
    "an absent model": (
        "report {gone.json} {numbers.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "gone.json cannot be read"),
    "a folder for a model": (
        "explain {folder} {features.csv} -o {OUT}/e.parquet", UNREADABLE, "a folder"),
    "a letter for a model": (
        "explain {note.txt} {features.csv} -o {OUT}/e.parquet",
        UNREADABLE, "not a model file"),
    "a table for a model": ("methods {rows.csv}", UNREADABLE, "not a model file"),
    "a damaged model": ("methods {cut.json}", UNREADABLE, "damaged"),
    "an absent explanation": ("show {gone.pel}", UNREADABLE, "gone.pel"),
    "a model for an explanation": ("show {boosted.json}", UNREADABLE, "not a saved explanation"),
    "a pickle without trust": (
        "explain {forest.joblib} {features.csv} -o {OUT}/e.parquet",
        UNTRUSTED, "RandomForestClassifier"),
    "a function without trust": (
        "explain wild:parity {features.csv} -o {OUT}/e.parquet", UNTRUSTED, "--trust"),
    # outputs
    "a report in no folder": (
        "report {boosted.json} {numbers.csv} --target risk -o {OUT}/none/r.html",
        USAGE, "There is no folder"),
    "an explanation in no folder": (
        "explain {boosted.json} {features.csv} -o {OUT}/none/e.parquet", USAGE, "no folder"),
    "a file for a folder": (
        "explain {boosted.json} {features.csv} -o {note.txt}/e.parquet", USAGE, "no folder"),
    "a folder for an output": (
        "explain {boosted.json} {features.csv} -o {OUT}/taken.parquet", USAGE, "is a folder"),
    "an unknown kind of report": (
        "report {boosted.json} {numbers.csv} --target risk -o {OUT}/r.pdf", USAGE, "*.html"),
    "an unknown kind of table": (
        "explain {boosted.json} {features.csv} -o {OUT}/e.csv", USAGE, "*.parquet, *.pel"),
    "no suffix": ("demo -o {OUT}/report", USAGE, "*.html"),
    "the input as output": (
        "explain {boosted.json} {three.parquet} -o {three.parquet}", USAGE, "would be lost"),
    # targets and classes
    "a misspelt target": (
        "report {boosted.json} {numbers.csv} --target rsk -o {OUT}/r.html",
        UNREADABLE, "Did you mean 'risk'?"),
    "a misspelt target to explain": (
        "explain {boosted.json} {numbers.csv} --target rsk -o {OUT}/e.parquet",
        UNREADABLE, "Did you mean 'risk'?"),
    "the target left in": (
        "explain {boosted.json} {numbers.csv} -o {OUT}/e.parquet",
        UNREADABLE, "leave it out: --target COLUMN"),
    "the same answer in every row": (
        "report {linear.skops} {one_answer.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "same in every row"),
    "one row to report": (
        "report {linear.skops} {one_row.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "same in every row"),
    "answers that are missing": (
        "report {linear.skops} {no_answer.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "missing values"),
    "answers the model never saw": (
        "report {linear.skops} {unknown_class.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "Got ugly"),
    "a target of another kind": (
        "report {amount.skops} {rows.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "must be numbers"),
    "an unknown class": (f"{REPORT} --class goood", USAGE, "no class 'goood'"),
    "a class that is a misspelling": (
        "report {linear.skops} {rows.csv} --target risk -o {OUT}/r.html --class goood",
        USAGE, "Did you mean 'good'?"),
    "a class for a regression": (
        "explain {amount.skops} {rows.csv} --target risk -o {OUT}/e.parquet --class good",
        USAGE, "no output 'good'"),
    "a model of a single class": (
        "report {one_class.joblib} {numbers.csv} --target risk --trust -o {OUT}/r.html",
        UNREADABLE, "single class"),
    # columns
    "text where numbers were": (
        "explain {boosted.json} {text.csv} --target risk -o {OUT}/e.parquet",
        UNREADABLE, "'income'"),
    "missing values the model refuses": (
        "report {linear.skops} {missing.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "refuses missing values. Got income (1 rows)"),
    "missing values in the background": (
        "explain {linear.skops} {rows.csv} --target risk --background {missing.csv} "
        "-o {OUT}/e.parquet", UNREADABLE, "refuses missing values. Got income (1 rows)"),
    "a column that is missing": (
        "explain {boosted.json} {no_age.csv} --target risk -o {OUT}/e.parquet",
        UNREADABLE, "missing age"),
    "other columns": (
        "report {boosted.json} {renamed.csv} --target risk -o {OUT}/r.html",
        UNREADABLE, "missing age; not known years"),
    "another background": (
        "explain {boosted.json} {rows.csv} --target risk --background {renamed.csv} "
        "-o {OUT}/e.parquet", UNREADABLE, "years"),
    "one row without a background": (
        "explain {linear.skops} {one_row.csv} --target risk -o {OUT}/e.parquet",
        USAGE, "Give background="),
    # settings
    "a misspelt method": (f"{EXPLAIN} --method tree_shp", USAGE, "Did you mean 'tree_shap'?"),
    "a method that does not fit": (f"{EXPLAIN} --method linear_shap", UNREADABLE, "tree_shap"),
    "a method that explains no rows": (f"{EXPLAIN} --method ale", USAGE, "share for each row"),
    "a method that needs answers": (
        f"{EXPLAIN} --method permutation_importance", USAGE, "share for each row"),
    "a misspelt scale": (f"{EXPLAIN} --scale logits", USAGE, "Did you mean 'logit'?"),
    "a scale it does not have": (f"{EXPLAIN} --scale raw", UNREADABLE, "logit, probability"),
    "a negative budget": (
        f"{EXPLAIN} --method kernel_shap --budget -5", USAGE, "Got -5"),
    "a budget for an exact method": (
        f"{EXPLAIN} --method tree_shap --budget 50", USAGE, "takes no budget"),
    "a negative time": (f"{EXPLAIN} --max-seconds -1", USAGE, "max_seconds"),
    "no evaluations": (f"{EXPLAIN} --max-evaluations 0", USAGE, "max_evaluations"),
    "too few evaluations for any row": (
        f"{EXPLAIN} --method kernel_shap --max-evaluations 3", BUDGET, "Allowed: 3"),
    "a negative seed": (f"{EXPLAIN} --seed -1", USAGE, "seed"),
    "a threshold above one": (f"{REPORT} --threshold 7", USAGE, "0 to 1"),
    "a row that is not there": (f"{REPORT} --rows 3,999", USAGE, "no row '999'"),
    "an unknown data set": (
        "demo --data brest_cancer -o {OUT}/r.html", USAGE, "Did you mean 'breast_cancer'?"),
    # the command line itself
    "an unknown command": ("reprot", USAGE, "Did you mean 'report'?"),
    "an unknown option": (f"{EXPLAIN} --sed 3", USAGE, "--sed"),
    "a word for a number": (f"{EXPLAIN} --seed three", USAGE, "--seed"),
    "nothing to explain": ("explain", USAGE, "Try: pellucid explain --help"),
    "no output": ("explain {boosted.json} {features.csv}", USAGE, "--output"),
}  # fmt: skip


def listing(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and time of change."""
    files = [path for folder in folders for path in folder.rglob("*") if "pycache" not in str(path)]
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in files if p.is_file()}


def filled(command: str, shelf: Path, out: Path) -> list[str]:
    names = [*(path.name for path in shelf.iterdir()), "gone.csv", "gone.json", "gone.pel"]
    known = {name: str(shelf / name) for name in names}
    words = []
    for word in command.split():
        for name, path in known.items():
            word = word.replace("{" + name + "}", path)
        words.append(word.replace("{OUT}", str(out)))
    return words


@pytest.mark.parametrize("what", WRONG)
def test_it_is_refused_in_one_paragraph_and_nothing_is_written(
    what, cli, shelf, tmp_path, monkeypatch
) -> None:
    command, code, words = WRONG[what]
    (tmp_path / "taken.parquet").mkdir()
    monkeypatch.chdir(shelf)
    before = listing(shelf, tmp_path)
    ran = cli(*filled(command, shelf, tmp_path))
    assert ran.code == code, ran.err
    assert ran.out == ""
    lines = [line for line in ran.err.splitlines() if not line.startswith("Note: ")]
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("Error: ")
    assert words in lines[0]
    assert listing(shelf, tmp_path) == before


def test_a_folder_closed_to_writing_is_refused(cli, shelf, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # a superuser may write everywhere
    ran = cli("explain", shelf / "boosted.json", shelf / "features.csv", "-o", tmp_path / "e.pel")
    assert ran.code == USAGE
    assert "Nothing may be written" in ran.err


def test_a_full_disk_is_said_and_leaves_nothing(cli, shelf, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "e.pel"))

    monkeypatch.setattr(os, "fsync", full)
    ran = cli("explain", shelf / "boosted.json", shelf / "features.csv", "-o", tmp_path / "e.pel")
    assert ran.code == UNREADABLE
    assert "No space left on device" in ran.err
    assert not list(tmp_path.iterdir())


def test_debug_shows_the_traceback_and_keeps_the_exit_code(cli, shelf, tmp_path) -> None:
    command = ["explain", shelf / "gone.json", shelf / "rows.csv", "-o", tmp_path / "e.pel"]
    for ran in (cli("--debug", *command), cli(*command, "--debug")):
        assert ran.code == UNREADABLE
        assert "Traceback (most recent call last)" in ran.err
        assert "UnreadableFile" in ran.err
        assert ran.err.splitlines()[-1].startswith("Error: ")


def test_a_fault_of_our_own_is_one_paragraph_too(cli, monkeypatch) -> None:
    from pellucid.cli import methods

    def broken() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(methods, "all_methods", broken)
    ran = cli("methods")
    assert ran.code == 70
    assert "Traceback" not in ran.err
    assert "ZeroDivisionError: oh" in ran.err
    assert "--debug" in ran.err
    assert "Traceback" in cli("methods", "--debug").err


def test_a_model_that_fails_is_one_paragraph_too(cli, shelf, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(shelf)
    rows, output = shelf / "features.csv", tmp_path / "e.pel"
    ran = cli("explain", "wild:broken", rows, "--trust", "-o", output)
    assert ran.code == UNREADABLE
    assert ran.err.count("\n") == 1
    assert "RuntimeError: the model broke. The error above, which is the model's own" in ran.err
    assert not output.exists()


def test_a_table_is_not_lost_when_its_explanation_fails(cli, shelf, tmp_path) -> None:
    output = tmp_path / "e.parquet"
    output.write_bytes(b"older")
    ran = cli("explain", shelf / "boosted.json", shelf / "text.csv", "-o", output)
    assert ran.code == UNREADABLE
    assert output.read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir()] == ["e.parquet"]
