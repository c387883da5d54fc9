"""``pellucid explain`` in parts, as a user runs it: killed, stopped, run again, and verified."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost

import pellucid

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(pellucid.__file__).parents[1])}
CALL = [sys.executable, "-c", "from pellucid.cli import main; main()"]
ROWS, PARTS = 12_288, 12
NAMES = ["a", "b", "c"]

SLOW = """
import os, time

def model(X):
    time.sleep(float(os.environ.get("SECONDS", "0")))
    return X["a"].to_numpy() * X["b"].to_numpy() + X["c"].to_numpy()
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "slow.py").write_text(SLOW)
    table = pa.table(dict(zip(NAMES, np.random.default_rng(0).normal(size=(3, ROWS)), strict=True)))
    pq.write_table(table, folder / "rows.parquet", row_group_size=4096)
    pq.write_table(table.slice(0, 4), folder / "few.parquet")
    return folder


@pytest.fixture(scope="module")
def undisturbed(bench: Path) -> str:
    ran = finished(bench, bench / "undisturbed", "--engine", "threads")
    assert ran["parts"] == ran["parts_computed"] == PARTS
    return digest(bench / "undisturbed")


def command(bench: Path, output: Path, *more: object) -> list[str]:
    given = ["explain", "slow:model", bench / "rows.parquet", "--background", bench / "few.parquet"]
    settings = ["--trust", "--workers", 2, "--json", "-o", output]
    return [*CALL, *map(str, [*given, *settings, *more])]


def begun(bench: Path, output: Path, *more: object) -> subprocess.Popen:
    return subprocess.Popen(
        command(bench, output, *more),
        cwd=bench,
        env={**ENVIRONMENT, "SECONDS": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(bench: Path, output: Path, *more: object) -> dict:
    ran = subprocess.run(
        command(bench, output, *more), cwd=bench, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def receipts(folder: Path) -> set[str]:
    return {path.name for path in (folder / "_receipts").glob("0*.json")}


def wait_for(folder: Path, count: int, process: subprocess.Popen) -> None:
    until = time.monotonic() + 60
    while len(receipts(folder)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted((folder / "data").glob("part-*")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def alive(group: int) -> list[int]:
    """Processes of a group that are neither gone nor waiting to be buried."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgid = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgid) == group and state != "Z":
            found.append(int(folder.name))
    return found


def gone(group: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while alive(group) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(group)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize(("engine", "moments"), [("threads", (1, 4, 8)), ("processes", (6,))])
def test_after_kill_9_only_what_is_missing_is_made_and_the_bytes_are_the_same(
    bench, undisturbed, tmp_path, engine, moments
) -> None:
    output = tmp_path / "out"
    for moment in moments:
        process = begun(bench, output, "--engine", engine)
        wait_for(output, moment, process)
        process.kill()
        process.communicate()
        assert gone(process.pid, 5)
    (output / "data" / ".part-000011.parquet.dead").write_bytes(b"half")
    kept = receipts(output)
    times = {n: (output / "data" / f"part-{n[:6]}.parquet").stat().st_mtime_ns for n in kept}
    assert moments[-1] <= len(kept) < PARTS
    facts = finished(bench, output, "--engine", engine)
    assert facts["parts_computed"] == PARTS - len(kept)
    for name, before in times.items():
        assert (output / "data" / f"part-{name[:6]}.parquet").stat().st_mtime_ns == before
    assert digest(output) == undisturbed
    rows = pd.read_parquet(output / "data")["row"]
    assert rows.tolist() == list(range(ROWS))
    assert not list(output.rglob(".*"))
    assert json.loads((output / "_SUCCESS.json").read_text())["rows"] == ROWS


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_ctrl_c_ends_within_seconds_without_orphans_and_the_next_run_goes_on(
    bench, undisturbed, tmp_path, engine
) -> None:
    output = tmp_path / "out"
    process = begun(bench, output, "--engine", engine)
    wait_for(output, 3, process)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to all of them
    started = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert process.returncode == 130
    assert out == ""
    assert "parts are kept: the same command goes on from there." in err
    assert err.endswith("Stopped. Nothing was half-written.\n")
    assert "Traceback" not in err
    assert gone(process.pid, 1)
    assert not list(output.rglob(".*"))
    kept = len(receipts(output))
    assert 3 <= kept < PARTS
    assert finished(bench, output, "--engine", "threads")["parts_computed"] == PARTS - kept
    assert digest(output) == undisturbed


def test_one_file_appears_whole_after_a_kill_and_nothing_stays_beside_it(bench, tmp_path) -> None:
    whole, output = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    finished(bench, whole, "--engine", "threads")
    process = begun(bench, output, "--engine", "threads")
    wait_for(tmp_path / ".out.parquet.parts", 5, process)
    process.kill()
    process.communicate()
    assert not output.exists()
    assert 0 < finished(bench, output, "--engine", "threads")["parts_computed"] < PARTS
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "whole.parquet"]


def test_another_model_or_input_is_refused_until_it_is_asked_to_start_over(cli, tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(900, 3)), columns=NAMES)
    for number, rounds in enumerate((3, 4)):
        model = xgboost.XGBRegressor(n_estimators=rounds, max_depth=2).fit(X, X["a"])
        model.save_model(tmp_path / f"{number}.json")
    X.to_parquet(tmp_path / "rows.parquet")
    X.assign(a=0.0).to_parquet(tmp_path / "other.parquet")
    given = ["-o", tmp_path / "out", "--top", 2, "--float32"]
    assert cli("explain", tmp_path / "0.json", tmp_path / "rows.parquet", *given).code == 0
    before = digest(tmp_path / "out")
    for model, rows, what in (("1", "rows", "model"), ("0", "other", "input")):
        ran = cli("explain", tmp_path / f"{model}.json", tmp_path / f"{rows}.parquet", *given)
        assert ran.code == 2
        assert f"Got another {what}." in ran.err
        assert "--fresh" in ran.err
        assert digest(tmp_path / "out") == before
    ran = cli("explain", tmp_path / "1.json", tmp_path / "rows.parquet", *given, "--fresh")
    assert ran.code == 0
    assert digest(tmp_path / "out") != before


def test_verify_says_what_holds(cli, shelf, tmp_path) -> None:
    command = [shelf / "boosted.json", shelf / "numbers.csv", "--target", "risk"]
    asked = ["--summary", "mean_abs", "--summary", "fairness:risk", "--id", "age"]
    ran = cli("explain", *command, "-o", tmp_path / "out", *asked)
    assert ran.code == 3  # without its age the model is not itself
    ran = cli("explain", *command, "-o", tmp_path / "out", *asked[:-2])
    assert ran.code == 0, ran.err
    assert "Rows per second and worker: read " in ran.err
    saved = sorted(path.name for path in (tmp_path / "out" / "_summaries").iterdir())
    assert saved == ["fairness.pel", "mean_abs.pel"]
    assert cli("show", tmp_path / "out" / "_summaries" / "mean_abs.pel").code == 0
    ran = cli("verify", tmp_path / "out", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["ok"] is True
    part = tmp_path / "out" / "data" / "part-000000.parquet"
    part.write_bytes(part.read_bytes()[:-9])
    ran = cli("verify", tmp_path / "out")
    assert ran.code == 1
    assert "Warning: 0 of 1 files are as their receipts say." in ran.out
    assert cli("verify", tmp_path).code == 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "out", "--max-evaluations", 9], "needs one file"),
        (["-o", "out.parquet", "--summary", "mean_abs"], "written into a folder"),
        (["-o", "out.pel", "--top", 2], "Got --top"),
        (["-o", "out", "--summary", "mean"], "Did you mean 'mean_abs'"),
        (["-o", "out", "--engine", "dask"], "threads, processes"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    cli, shelf, tmp_path, monkeypatch, more, words
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("explain", shelf / "boosted.json", shelf / "features.csv", *more)
    assert ran.code == 2, ran.err
    assert words in ran.err
    assert not list(tmp_path.iterdir())


def test_a_time_limit_keeps_the_parts_of_a_folder(bench, tmp_path) -> None:
    ran = subprocess.run(
        command(bench, tmp_path / "out", "--engine", "threads", "--max-seconds", 0.01),
        cwd=bench, env={**ENVIRONMENT, "SECONDS": "0.1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 5, ran.stderr
    kept = len(receipts(tmp_path / "out"))
    assert 0 < kept < PARTS
    assert finished(bench, tmp_path / "out", "--engine", "threads")["parts_computed"] < PARTS


PEAK = """
import resource, sys
from pellucid.cli import app
try:
    app.run(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_memory_does_not_grow_with_the_table(tmp_path) -> None:
    """Eight times the rows, 112 MB of numbers more, and no more than 40 MB of memory more."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 20)).astype(np.float32)
    names = [f"f{j}" for j in range(20)]
    model = xgboost.XGBRegressor(n_estimators=3, max_depth=2).fit(X[:500], X[:500, 0])
    model.get_booster().feature_names = names
    model.save_model(tmp_path / "model.json")
    table = pa.table(dict(zip(names, X.T, strict=True)))
    peaks = []
    for times in (1, 8):
        folder = tmp_path / f"{times}"
        folder.mkdir()
        for number in range(times):
            pq.write_table(table, folder / f"{number}.parquet", row_group_size=50_000)
        given = ["explain", tmp_path / "model.json", folder, "--workers", 2, "--float32"]
        ran = subprocess.run(
            [sys.executable, "-c", PEAK, *map(str, [*given, "-o", tmp_path / f"{times}.parquet"])],
            env=ENVIRONMENT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(float(ran.stdout.splitlines()[-1]))
    assert peaks[1] - peaks[0] < 40, peaks


def test_a_folder_of_parts_is_not_shown_but_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pellucid.cli import app

    with pytest.raises(SystemExit) as stop:
        app.run(["show", str(tmp_path)])
    assert stop.value.code == 3
    assert "pellucid verify" in capsys.readouterr().err
