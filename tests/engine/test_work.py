"""Work is cut into batches, counted before it is done, and stopped at its limits."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import BudgetExceeded, CannotExplain, InvalidSetting
from pellucid.engine.progress import progress
from pellucid.engine.work import Work, slices


def test_no_batch_is_larger_than_asked_and_none_is_lost() -> None:
    seen = []

    def model(X: np.ndarray) -> np.ndarray:
        seen.append(len(X))
        return X[:, :1] * 2

    rows = np.arange(10.0).reshape(-1, 1)
    work = Work(batch_size=4)
    np.testing.assert_array_equal(work.predict(model, rows), rows * 2)
    assert seen == [4, 4, 2]
    assert work.evaluations == 10


@pytest.mark.parametrize(("total", "size", "count"), [(10, 4, 3), (4, 4, 1), (0, 4, 1), (1, 9, 1)])
def test_slices_cover_everything_once(total: int, size: int, count: int) -> None:
    parts = list(slices(total, size))
    assert len(parts) == count
    assert [i for part in parts for i in range(total)[part]] == list(range(total))


def test_a_limit_is_checked_before_the_model_is_asked() -> None:
    asked = []
    work = Work(batch_size=4, limit=7)
    with pytest.raises(BudgetExceeded, match="Allowed: 7"):
        work.predict(lambda X: asked.append(len(X)) or X, np.zeros((10, 1)))  # type: ignore[func-returns-value]
    assert asked == [4]
    assert work.evaluations == 4


def test_a_time_limit_stops_the_work() -> None:
    work = Work(batch_size=1, seconds=0.05)

    def slow(X: np.ndarray) -> np.ndarray:
        time.sleep(0.03)
        return X

    with pytest.raises(BudgetExceeded, match="takes longer"):
        work.predict(slow, np.zeros((100, 1)))


def test_a_prediction_that_is_no_number_names_its_row() -> None:
    with pytest.raises(CannotExplain, match="row 5"):
        Work(batch_size=3).predict(lambda X: np.where(X == 5, np.nan, X), np.arange(8.0)[:, None])


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_a_batch_size_is_a_number_of_rows(size: object) -> None:
    with pytest.raises(InvalidSetting, match="batch_size"):
        Work(batch_size=size)  # type: ignore[arg-type]


def test_an_explanation_obeys_its_limit_and_its_batch_size() -> None:
    sizes = []

    def model(X: np.ndarray) -> np.ndarray:
        sizes.append(len(X))
        return X.sum(axis=1)

    X = np.random.default_rng(0).normal(size=(20, 8))
    given = {"background": X, "method": "kernel_shap", "budget": 40, "seed": 0}
    whole = pel.explain(model, X[:3], **given)
    sizes.clear()
    cut = pel.explain(model, X[:3], batch_size=17, **given)
    assert max(sizes) <= 17
    np.testing.assert_allclose(cut.values, whole.values, atol=1e-12)
    with pytest.raises(BudgetExceeded):
        pel.explain(model, X[:3], max_evaluations=100, **given)


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("counting", 3) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_progress_goes_to_the_terminal_and_never_to_standard_output(tmp_path: Path) -> None:
    code = (
        "import time\nfrom pellucid.engine.progress import progress\n"
        "with progress('counting', 3) as advance:\n"
        "    for _ in range(3): advance(1); time.sleep(.2)\n"
        "print('data')"
    )
    ours, theirs = pty.openpty()
    run = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        check=True,
    )
    os.close(theirs)
    assert run.stdout == b"data\n"
    assert b"counting" in os.read(ours, 100_000)


def test_ctrl_c_ends_the_work_within_seconds() -> None:
    code = (
        "import numpy as np, time, pellucid as pel\n"
        "X = np.random.default_rng(0).normal(size=(50, 8))\n"
        "def slow(X): time.sleep(.05); return X.sum(axis=1)\n"
        "print('ready', flush=True)\n"
        "pel.explain(slow, X, background=X, method='kernel_shap', batch_size=200)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert run.stdout is not None
    assert run.stdout.readline() == b"ready\n"
    time.sleep(1.0)
    run.send_signal(signal.SIGINT)
    started = time.perf_counter()
    _, said = run.communicate(timeout=20)
    assert time.perf_counter() - started < 5
    assert b"KeyboardInterrupt" in said
    assert run.returncode != 0
