"""Each command as a user calls it: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

import pellucid as pel
from pellucid import __version__
from pellucid.cli import explain

CALL = [sys.executable, "-c", "from pellucid.cli import main; main()"]


def features(shelf, name: str) -> pel.Table:
    table = pel.read_table(shelf / name)
    return table.select([column for column in table.names if column != "risk"])


# --- help and version


def test_no_command_and_help_say_the_same(cli) -> None:
    bare, asked, short = cli(), cli("--help"), cli("-h")
    assert bare.code == asked.code == short.code == 0
    assert bare.out.strip() == asked.out.strip() == short.out.strip()
    assert bare.err == ""
    for command in ("demo", "report", "explain", "methods", "show"):
        assert command in bare.out
    for code in (0, 1, 2, 3, 4, 5, 70, 130):
        assert re.search(rf"• {code} \w", bare.out), f"exit code {code} is not explained"


@pytest.mark.parametrize("command", ["demo", "report", "explain", "methods", "show"])
def test_the_help_of_a_command_has_an_example(cli, command) -> None:
    ran = cli(command, "--help")
    assert ran.code == 0
    assert f"Example: pellucid {command}" in " ".join(ran.out.split())
    assert "--json" in ran.out


def test_the_version(cli) -> None:
    ran = cli("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"pellucid {__version__}\n", "")


def test_help_takes_less_than_half_a_second() -> None:
    def cpu_seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*CALL, "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # processor time: a busy machine must not decide
    assert min(cpu_seconds() for _ in range(4)) < 0.5


# --- explain


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_explain_writes_what_the_library_says(cli, shelf, tmp_path, kind) -> None:
    output = tmp_path / "shares.parquet"
    data = shelf / "numbers.csv"
    if kind == "parquet":
        data = tmp_path / "numbers.parquet"
        pd.read_csv(shelf / "numbers.csv").to_parquet(data)
    ran = cli("explain", shelf / "boosted.json", data, "--target", "risk", "-o", output)
    assert ran.code == 0
    assert ran.out == ""
    assert "Wrote 60 of 60 rows" in ran.err
    written = pd.read_parquet(output)
    said = pel.explain(pel.load_model(shelf / "boosted.json")[0], features(shelf, "numbers.csv"))
    shares = ["age", "income", "base (feature)", "debt"]
    assert list(written) == ["row", "prediction", "base", "error", *shares]
    np.testing.assert_array_equal(written[shares], said.values)
    np.testing.assert_array_equal(written["prediction"], said.output)
    np.testing.assert_array_equal(written["base"], said.base)
    np.testing.assert_allclose(
        written["base"] + written[shares].sum(axis=1), written["prediction"], rtol=0, atol=1e-6
    )
    assert written["row"].tolist() == list(range(60))
    assert not written["error"].any()


def test_a_sampler_gives_the_same_numbers_as_the_library_in_parts_too(cli, shelf, tmp_path) -> None:
    """With a limit the rows are explained in parts; the reference must not depend on the cut."""
    arguments = [shelf / "linear.skops", shelf / "rows.csv", "--target", "risk", "--seed", 3]
    asked = ["--method", "lime", "--budget", 40]
    whole, parts = tmp_path / "whole.pel", tmp_path / "parts.pel"
    assert cli("explain", *arguments, *asked, "-o", whole).code == 0
    limit = ["--max-evaluations", 10**7]
    assert cli("explain", *arguments, *asked, *limit, "-o", parts).code == 0
    said = pel.explain(
        pel.load_model(shelf / "linear.skops")[0],
        features(shelf, "rows.csv"),
        method="lime",
        budget=40,
        seed=3,
    )
    for path in (whole, parts):
        written = pel.Attribution.load(path)
        np.testing.assert_allclose(written.values, said.values, rtol=0, atol=1e-12)
        np.testing.assert_allclose(written.error, said.error, rtol=0, atol=1e-12)
        assert written.provenance.data_fingerprint == said.provenance.data_fingerprint
        assert written.seed == 3
        assert said.error.all()
        assert written.notes[0] == said.notes[0]
    assert pel.Attribution.load(whole).notes == said.notes


@pytest.mark.parametrize("name", [None, "customer"])
def test_the_index_that_pandas_saved_is_no_feature(cli, shelf, tmp_path, name) -> None:
    frame = pd.read_csv(shelf / "numbers.csv").sample(40, random_state=0).rename_axis(name)
    frame.to_parquet(tmp_path / "rows.parquet")
    command = [shelf / "boosted.json", tmp_path / "rows.parquet", "--target", "risk"]
    output = tmp_path / "shares.parquet"
    ran = cli("explain", *command, "-o", output)
    assert ran.code == 0, ran.err
    assert f"Note: The pandas index is left out: {name or '__index_level_0__'}." in ran.err
    model = pel.load_model(shelf / "boosted.json")[0]
    said = pel.explain(model, frame.drop(columns="risk"))
    np.testing.assert_array_equal(pd.read_parquet(output)["age"], said.sel(feature="age").values)


def test_the_seed_of_a_drawn_background_is_recorded(cli, shelf, tmp_path) -> None:
    train = pd.read_parquet(shelf / "train.parquet")
    pd.concat([train, train]).to_parquet(tmp_path / "many.parquet")
    output = tmp_path / "shares.pel"
    command = [shelf / "linear.skops", shelf / "rows.csv", "--target", "risk", "-o", output]
    asked = ["--method", "exact_shap", "--background", tmp_path / "many.parquet", "--seed", 8]
    ran = cli("explain", *command, *asked)
    assert ran.code == 0, ran.err
    assert "100 of 200 background rows were drawn at random (seed 8)" in ran.err
    assert pel.Attribution.load(output).seed == 8
    assert cli("explain", *command, "--method", "linear_shap").code == 0
    assert pel.Attribution.load(output).seed is None


def test_several_classes_are_one_line_for_each_row_and_class(cli, shelf, tmp_path) -> None:
    output = tmp_path / "shares.parquet"
    command = [shelf / "three.skops", shelf / "three.parquet", "--target", "risk", "-o", output]
    assert cli("explain", *command).code == 0
    written = pd.read_parquet(output)
    assert len(written) == 180
    assert written["class"].tolist()[:4] == ["0", "1", "2", "0"]
    assert written["row"].tolist()[:4] == [0, 0, 0, 1]
    sums = written.groupby("row")["prediction"].sum()
    np.testing.assert_allclose(sums, 1, rtol=0, atol=1e-12)
    shares = written.columns[5:]
    np.testing.assert_allclose(
        written["base"] + written[shares].sum(axis=1), written["prediction"], rtol=0, atol=1e-12
    )
    assert cli("explain", *command, "--class", 1).code == 0
    one = pd.read_parquet(output)
    np.testing.assert_allclose(
        one["age"], written.loc[written["class"] == "1", "age"], rtol=0, atol=1e-15
    )


def test_one_row_and_a_constant_answer_can_be_explained(cli, shelf, tmp_path) -> None:
    for name, rows in (("one_row.csv", 1), ("one_answer.csv", 60)):
        output = tmp_path / "shares.parquet"
        ran = cli("explain", shelf / "boosted.json", shelf / name, "--target", "risk", "-o", output)
        assert ran.code == 0, ran.err
        assert len(pd.read_parquet(output)) == rows


def test_a_constant_column_works_and_is_noted(cli, shelf, tmp_path) -> None:
    command = [shelf / "boosted.json", shelf / "constant.csv", "--target", "risk"]
    ran = cli("explain", *command, "-o", tmp_path / "shares.pel")
    assert ran.code == 0
    assert "Note: The same value in every row explained: income." in ran.err


def test_rows_done_before_a_limit_are_kept(cli, shelf, tmp_path) -> None:
    output = tmp_path / "shares.parquet"
    command = [shelf / "boosted.json", shelf / "features.csv", "-o", output, "--json"]
    ran = cli("explain", *command, "--max-evaluations", 50)
    assert ran.code == 5
    assert "Stopped early: " in ran.err
    facts = json.loads(ran.out)
    assert (facts["rows"], facts["of"], facts["complete"]) == (50, 60, False)
    assert len(pd.read_parquet(output)) == 50
    stored = json.loads(pyarrow.parquet.read_schema(output).metadata[b"pellucid"])
    assert stored["complete"] is False


@pytest.mark.parametrize(("method", "parts"), [("tree_shap", 1), ("lime", 3)])
def test_a_method_that_asks_the_model_takes_fewer_rows_at_once(
    cli, shelf, tmp_path, monkeypatch, method, parts
) -> None:
    done = []
    monkeypatch.setitem(explain.MOST_ROWS, "samples", 25)
    monkeypatch.setattr(explain, "progress", lambda *_: contextlib.nullcontext(done.append))
    command = [shelf / "boosted.json", shelf / "features.csv", "-o", tmp_path / "shares.pel"]
    assert cli("explain", *command, "--method", method).code == 0
    assert (len(done), sum(done)) == (parts, 60)


def test_a_limit_that_is_met_among_the_first_rows_keeps_them(cli, shelf, tmp_path) -> None:
    """Ten rows take 14 coalitions × 20 reference rows each, more than the limit by far."""
    reference = tmp_path / "few.csv"
    pd.read_csv(shelf / "features.csv").head(20).to_csv(reference, index=False)
    command = [shelf / "boosted.json", shelf / "features.csv", "--background", reference, "--json"]
    asked = ["--method", "kernel_shap", "--budget", 16, "--max-evaluations", 1500]
    ran = cli("explain", *command, *asked, "-o", tmp_path / "shares.parquet")
    assert ran.code == 5
    assert 0 < json.loads(ran.out)["rows"] < 6
    assert len(pd.read_parquet(tmp_path / "shares.parquet")) == json.loads(ran.out)["rows"]


def test_explain_tells_json_on_standard_output_only(cli, shelf, tmp_path) -> None:
    output = tmp_path / "shares.pel"
    command = [shelf / "boosted.json", shelf / "features.csv", "-o", output]
    facts = json.loads(cli("explain", *command, "--json").out)
    assert facts["method"] == "tree_shap"
    assert facts["rows"] == facts["of"] == facts["evaluations"] == 60
    assert facts["largest_error"] == 0
    assert facts["complete"] is True


def test_a_trusted_pickle_is_explained(cli, shelf, tmp_path) -> None:
    command = [shelf / "forest.joblib", shelf / "features.csv", "--trust", "--class", "bad"]
    assert cli("explain", *command, "-o", tmp_path / "shares.pel").code == 0
    assert pel.Attribution.load(tmp_path / "shares.pel").target == "bad"


def test_checks_that_hold_exit_with_0_and_are_told(cli, shelf, tmp_path) -> None:
    command = [shelf / "boosted.json", shelf / "rows.csv", "--target", "risk"]
    reference = ["--background", shelf / "train.parquet"]
    ran = cli("explain", *command, *reference, "-o", tmp_path / "e.pel", "--check", "--json")
    assert ran.code == 0, ran.err
    facts = json.loads(ran.out)
    assert facts["failed_checks"] == 0
    assert any("add up" in sentence for sentence in facts["checks"])
    assert "add up" in ran.err


def test_a_check_that_fails_exits_with_1_and_keeps_the_output(
    cli, shelf, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(shelf)
    output = tmp_path / "shares.pel"
    command = ["wild:parity", shelf / "features.csv", "--trust", "-o", output, "--json"]
    asked = ["--method", "lime", "--budget", 40, "--check"]
    ran = cli("explain", *command, *asked)
    assert ran.code == 1, ran.err
    assert json.loads(ran.out)["failed_checks"] > 0
    assert "Warning: " in ran.err
    assert len(pel.Attribution.load(output).coords["sample"]) == 60
    assert cli("explain", *command, *asked[:-1]).code == 0


# --- methods


def test_methods_lists_all_or_says_why_not(cli, shelf) -> None:
    every = json.loads(cli("methods", "--json").out)["methods"]
    names = [row["name"] for row in every]
    assert {"tree_shap", "kernel_shap", "lime", "ale"} <= set(names)
    fitting = json.loads(cli("methods", shelf / "linear.skops", "--json").out)["methods"]
    why = {row["name"]: row["why_not"] for row in fitting}
    assert list(why) == names
    assert why["linear_shap"] is None
    assert "trees" in why["tree_shap"]


def test_the_list_of_methods_has_one_line_for_each(cli) -> None:
    lines = cli("methods").out.splitlines()
    assert len(lines) == 1 + len(json.loads(cli("methods", "--json").out)["methods"])


# --- show


@pytest.fixture
def saved(cli, shelf, tmp_path):
    output = tmp_path / "shares.pel"
    assert cli("explain", shelf / "boosted.json", shelf / "features.csv", "-o", output).code == 0
    return output


def test_show_prints_an_explanation(cli, saved) -> None:
    ran = cli("show", saved)
    assert (ran.code, ran.err) == (0, "")
    assert "Attribution: tree_shap, 60 sample × 4 feature" in ran.out
    one = cli("show", saved, "--row", 7)
    assert "tree_shap, 4 feature" in one.out


def test_show_prints_json_that_holds_everything(cli, saved) -> None:
    told = json.loads(cli("show", saved, "--json").out)
    np.testing.assert_array_equal(told["values"], pel.Attribution.load(saved).values)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!DOCTYPE html>"), (".json", b"{")],
)
def test_show_draws_it(cli, saved, suffix, start) -> None:
    picture = saved.with_suffix(suffix)
    ran = cli("show", saved, "-o", picture, "--row", 7)
    assert (ran.code, ran.out) == (0, "")
    assert picture.read_bytes().startswith(start)
    assert cli("show", saved, "-o", picture, "--kind", "bar").code == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--kind", "waterfal"], "Did you mean 'waterfall'?"),
        (["--row", "700"], "no row '700'"),
        (["--class", "good"], "no axis 'class'"),
        (["-o", "picture.gif"], "*.svg"),
    ],
)
def test_show_refuses_what_it_cannot_draw(cli, saved, tmp_path, monkeypatch, wrong, words) -> None:
    monkeypatch.chdir(tmp_path)
    output = [] if "-o" in wrong else ["-o", "picture.svg"]
    ran = cli("show", saved, *output, *wrong)
    assert ran.code == 2
    assert words in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["shares.pel"]


# --- as a process


def test_without_a_terminal_nothing_but_the_answer_is_printed(shelf, tmp_path) -> None:
    command = ["explain", str(shelf / "boosted.json"), str(shelf / "features.csv")]
    ran = subprocess.run(
        [*CALL, *command, "-o", str(tmp_path / "shares.parquet"), "--json"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["rows"] == 60
    assert all(line.startswith(("Wrote ", "Note: ")) for line in ran.stderr.splitlines())
    assert "\x1b" not in ran.stdout + ran.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_on_a_terminal_progress_goes_to_standard_error(shelf, tmp_path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = ["explain", str(shelf / "boosted.json"), str(shelf / "features.csv")]
    command += ["-o", str(tmp_path / "shares.parquet"), "--json"]
    ran = subprocess.run(
        [*CALL, *command],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    told = os.read(ours, 100_000).decode()
    os.close(ours)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["rows"] == 60
    assert "explaining" in told


def test_output_files_can_be_read_by_others_as_the_system_says(cli, shelf, tmp_path) -> None:
    mask = os.umask(0o022)
    try:
        output = tmp_path / "shares.parquet"
        cli("explain", shelf / "boosted.json", shelf / "features.csv", "-o", output)
    finally:
        os.umask(mask)
    assert output.stat().st_mode & 0o777 == 0o644


def test_python_m_pellucid_is_the_command() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pellucid", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"pellucid {pel.__version__}"
