"""Ctrl-C: the exit code of a stopped program, one sentence, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pellucid

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(pellucid.__file__).parents[1])}
"""So that the package under test is found from any folder."""

SLOW = """
import sys, time
import numpy as np

def model(X):
    print("working", file=sys.stderr, flush=True)
    time.sleep(0.05)
    return np.asarray(X, dtype=float).sum(axis=1)
"""

STOP_WHILE_WRITING = """
import os, signal
from pellucid.cli import main

def interrupted(descriptor):
    os.kill(os.getpid(), signal.SIGINT)

os.fsync = interrupted  # just before the new file would take its place
main()
"""


def stopped(arguments: list[str], folder: Path, signalled_at: str) -> tuple[int, str, str, float]:
    code = "from pellucid.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    heard = ""
    while signalled_at not in heard:
        line = process.stderr.readline()
        assert line, f"ended without saying {signalled_at!r}: {heard}"
        heard += line
    process.send_signal(signal.SIGINT)
    started = time.perf_counter()
    out, err = process.communicate(timeout=60)
    return process.returncode, out, heard + err, time.perf_counter() - started


@pytest.fixture
def desk(shelf, tmp_path) -> Path:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "older.pel").write_bytes(b"older")
    return tmp_path


COMMANDS = {
    "explain": "explain slow:model {rows} --trust -o out/older.pel --method exact_shap",
    "report": "report slow:model {numbers} --trust --target risk -o out/r.html",
    "demo": "demo -o out/r.html",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_stopping_leaves_nothing_and_exits_with_130(command, desk, shelf) -> None:
    words = COMMANDS[command].format(rows=shelf / "features.csv", numbers=shelf / "numbers.csv")
    signalled_at = "Explaining it" if command == "demo" else "working"
    code, out, err, seconds = stopped(words.split(), desk, signalled_at)
    assert code == 130
    assert out == ""
    assert err.endswith("Stopped. Nothing was half-written.\n")
    assert "Traceback" not in err
    assert seconds < 10
    assert [path.name for path in (desk / "out").iterdir()] == ["older.pel"]
    assert (desk / "out" / "older.pel").read_bytes() == b"older"


@pytest.mark.parametrize("suffix", ["pel", "parquet"])
def test_stopping_in_the_middle_of_writing_keeps_the_older_file(desk, shelf, suffix) -> None:
    older = desk / "out" / f"older.{suffix}"
    older.write_bytes(b"older")
    before = sorted(os.listdir(desk / "out"))
    arguments = ["explain", shelf / "boosted.json", shelf / "features.csv", "-o", older]
    ran = subprocess.run(
        [sys.executable, "-c", STOP_WHILE_WRITING, *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 130, ran.stderr
    assert ran.stderr.splitlines()[-1] == "Stopped. Nothing was half-written."
    assert older.read_bytes() == b"older"
    assert sorted(os.listdir(desk / "out")) == before
