"""Parts are done by threads or processes, tried again, given up one by one, and never lost."""

from __future__ import annotations

import importlib
import threading
import time
from pathlib import Path

import pytest

from pellucid.core.errors import CannotExplain, InvalidSetting, MissingValues
from pellucid.engine.workers import ATTEMPTS, in_processes, in_threads

CREW = """
import os, signal
from pathlib import Path
from pellucid.core.errors import MissingValues

class Built:
    "Built in each worker process from its setting: a folder for marks, and who misbehaves."

    def __init__(self, setting: dict[str, object]) -> None:
        self.setting = setting
        if setting.get("stillborn"):
            os._exit(1)
        if setting.get("refuses"):
            raise MissingValues("No worker can be built")

    def __call__(self, part: int, attempt: int) -> str:
        tries = Path(str(self.setting["folder"])) / f"{part}"
        with tries.open("a") as file:
            file.write("x")
        count = len(tries.read_text())
        if part == self.setting.get("kills_always"):
            os.kill(os.getpid(), signal.SIGKILL)
        if part == self.setting.get("kills_once") and count == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if part == self.setting.get("raises"):
            raise RuntimeError("poison")
        return f"{part} done"
"""
"""A module that worker processes can import."""


@pytest.fixture
def built(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> type:
    folder = tmp_path_factory.mktemp("crew")
    (folder / "pellucid_test_crew.py").write_text(CREW)
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module("pellucid_test_crew").Built


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_do_every_part_once(workers: int) -> None:
    seen = []

    def run(part: int, attempt: int) -> int:
        seen.append(part)
        return part * 2

    found = list(in_threads(run, range(20), workers, threading.Event()))
    assert sorted(seen) == list(range(20))
    assert sorted((each.part, each.result) for each in found) == [(p, 2 * p) for p in range(20)]


def test_a_part_that_fails_is_tried_three_times_and_the_rest_goes_on() -> None:
    tries: dict[int, int] = {}

    def run(part: int, attempt: int) -> None:
        tries[part] = attempt
        if part == 3 or (part == 5 and attempt < 3):
            raise RuntimeError("poison")

    found = {each.part: each for each in in_threads(run, range(8), 2, threading.Event())}
    assert len(found) == 8
    assert isinstance(found[3].error, RuntimeError)
    assert found[3].attempts == ATTEMPTS
    assert found[5].error is None
    assert tries[5] == 3


def test_a_refusal_is_not_tried_again() -> None:
    def run(part: int, attempt: int) -> None:
        raise MissingValues("There are gaps")

    (found,) = in_threads(run, [0], 1, threading.Event())
    assert (found.attempts, type(found.error)) == (1, MissingValues)


def test_only_a_few_parts_are_taken_ahead() -> None:
    """Whoever stops reading outcomes stops the work soon after."""
    begun = []

    def endless():
        for part in range(10**9):
            begun.append(part)
            yield part

    halt = threading.Event()
    outcomes = in_threads(lambda part, attempt: part, endless(), 2, halt)
    for _ in range(5):
        next(outcomes)
    outcomes.close()
    assert halt.is_set()
    assert len(begun) <= 5 + 3


def test_closing_does_not_wait_for_a_part_that_hangs() -> None:
    outcomes = in_threads(
        lambda part, attempt: time.sleep(60 if part else 0), range(9), 2, threading.Event()
    )
    next(outcomes)
    started = time.perf_counter()
    outcomes.close()
    assert time.perf_counter() - started < 5


def test_a_process_that_dies_is_replaced_and_its_part_done_again(
    built: type, tmp_path: Path
) -> None:
    setting = {"folder": tmp_path, "kills_once": 2, "raises": 4}
    found = {each.part: each for each in in_processes(built, setting, range(6), 2)}
    assert [found[p].result for p in (0, 1, 2, 3, 5)] == [f"{p} done" for p in (0, 1, 2, 3, 5)]
    assert (tmp_path / "2").read_text() == "xx"
    assert "RuntimeError: poison" in str(found[4].error)
    assert (tmp_path / "4").read_text() == "x" * ATTEMPTS


def test_a_part_that_kills_its_process_three_times_is_given_up(built: type, tmp_path: Path) -> None:
    setting = {"folder": tmp_path, "kills_always": 1}
    found = {each.part: each for each in in_processes(built, setting, range(3), 2)}
    assert "died" in str(found[1].error)
    assert (tmp_path / "1").read_text() == "x" * ATTEMPTS
    assert found[0].error is found[2].error is None


def test_processes_that_never_begin_are_an_error_and_not_a_loop(built: type) -> None:
    with pytest.raises(CannotExplain, match="__main__"):
        list(in_processes(built, {"stillborn": True}, range(3), 1))
    with pytest.raises(MissingValues, match="No worker"):
        list(in_processes(built, {"refuses": True}, range(3), 1))


def test_what_cannot_be_sent_is_refused(built: type) -> None:
    with pytest.raises(InvalidSetting, match="threads"):
        list(in_processes(built, lambda: None, range(3), 1))
