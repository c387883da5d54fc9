"""Who does the parts: threads for code that lets go of the interpreter, processes for the rest.

Both take parts from a list as they become free, a few ahead and never all at once, so that
stopping is quick and memory does not grow with the list. Each part is tried up to three times;
what fails for good is told and the rest goes on.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from pellucid.core.errors import CannotExplain, InvalidSetting, PellucidError

ATTEMPTS = 3
GRACE_SECONDS = 3.0
"""What a part in hand is given to come to its end when the work is stopped."""

UNSENDABLE = (AttributeError, TypeError, ValueError, ImportError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a part.

    Parameters
    ----------
    part : int
        Its number.
    attempts : int
        How often it was tried.
    result : object
        What the work gave; `None` if it failed.
    error : Exception or None
        Why it failed.
    """

    part: int
    attempts: int
    result: Any = None
    error: Exception | None = None


class Halted(BaseException):
    """Raised inside a part when the work is stopped."""


Run = Callable[[int, int], Any]
"""Does one part: its number, and the number of the attempt."""


def in_threads(
    run: Run, parts: Iterable[int], workers: int, halt: threading.Event
) -> Iterator[Outcome]:
    """Outcomes of all parts, as they are done.

    Parameters
    ----------
    run : callable
        Does one part; looks at `halt` now and then and raises `Halted`.
    parts : iterable of int
        Their numbers.
    workers : int
        Threads.
    halt : threading.Event
        Set when the caller stops early or ends.
    """
    tasks: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()

    def work() -> None:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "openmp"):  # one part, one core
            while (part := tasks.get()) is not None and not halt.is_set():
                try:
                    done.put(attempted(run, part))
                except BaseException as error:  # noqa: BLE001  a thread has nobody to raise to
                    done.put(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    waiting, flying = iter(parts), 0
    try:
        while True:
            while flying <= workers and (part := next(waiting, None)) is not None:
                tasks.put(part)
                flying += 1
            if not flying:
                return
            found = done.get()
            flying -= 1
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        halt.set()
        for _ in threads:
            tasks.put(None)
        for thread in threads:
            thread.join(GRACE_SECONDS / workers)


def attempted(run: Run, part: int) -> Outcome:
    """A part tried until it succeeds, is refused, or has failed three times."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return Outcome(part=part, attempts=attempt, result=run(part, attempt))
        except PellucidError as error:  # a refusal does not change its mind
            return Outcome(part=part, attempts=attempt, error=error)
        except Exception as error:  # noqa: BLE001  whatever a model raises
            failure = error
    return Outcome(part=part, attempts=ATTEMPTS, error=failure)


def in_processes(
    build: Callable[[Any], Run], setting: Any, parts: Iterable[int], workers: int
) -> Iterator[Outcome]:
    """Outcomes of all parts, each done by one of several interpreters.

    Parameters
    ----------
    build : callable
        Makes, in each process, from `setting` what does a part; found by its name.
    setting : object
        Sent to each process once.
    parts : iterable of int
        Their numbers.
    workers : int
        Processes. One that dies is replaced, and its part is tried again.

    Raises
    ------
    InvalidSetting
        If `setting` cannot be sent to another process.
    CannotExplain
        If processes end before they have begun.
    """
    rest, again, tries = iter(parts), deque[int](), dict[int, int]()
    crew: list[_Worker] = []
    stillborn, more = 0, True
    try:
        while True:
            while more and len(crew) < workers:
                crew.append(_Worker(build, setting))
            for worker in crew:
                if worker.ready and worker.part is None:
                    part = again.popleft() if again else next(rest, None)
                    more = more and part is not None
                    worker.give(part)
            if not more and not again and all(w.ready and w.part is None for w in crew):
                return
            for worker in _heard(crew):
                told = worker.hear()
                if told is None:
                    crew.remove(worker)
                    stillborn = 0 if worker.ready else stillborn + 1
                    _refuse_stillborn(stillborn)
                    yield from _retried(worker, tries, again)
                    more = more or bool(again)
                elif isinstance(told, Exception):
                    raise told
                elif isinstance(told, Outcome):
                    yield told
    finally:
        for worker in crew:
            worker.end()


def _heard(crew: list[_Worker]) -> list[_Worker]:
    heard = wait([worker.pipe for worker in crew])
    return [worker for worker in crew if worker.pipe in heard]


def _retried(worker: _Worker, tries: dict[int, int], again: deque[int]) -> Iterator[Outcome]:
    """The part that a dead worker held goes back to the list, or is given up."""
    part = worker.part
    if part is None:
        return
    tries[part] = tries.get(part, 0) + 1
    if tries[part] < ATTEMPTS:
        again.append(part)
        return
    ended = CannotExplain("The worker process died", got=f"exit code {worker.process.exitcode}")
    yield Outcome(part=part, attempts=ATTEMPTS, error=ended)


def _refuse_stillborn(count: int) -> None:
    if count >= ATTEMPTS:
        raise CannotExplain(
            "Worker processes ended before they had begun",
            fix='Call from inside `if __name__ == "__main__":`, or use engine="threads"',
        )


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, build: Callable[[Any], Run], setting: Any) -> None:
        import multiprocessing
        import pickle

        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, build, setting), daemon=True)
        self.part: int | None = None
        self.ready = False
        try:
            self.process.start()
        except (pickle.PicklingError, *UNSENDABLE) as error:
            raise InvalidSetting(
                "The model, or the table, cannot be sent to another process",
                got=str(error).splitlines()[0],
                fix='Use engine="threads", or a function that a module holds by name',
            ) from error
        theirs.close()

    def give(self, part: int | None) -> None:
        self.part = part
        if part is None:
            return
        try:
            self.pipe.send(part)
        except OSError:  # it has died; its silence is heard next
            return

    def hear(self) -> Any:
        """An outcome, ``"ready"``, an error of building; `None` from a worker that has died."""
        try:
            told = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            return None
        if told == "ready":
            self.ready = True
        else:
            self.part = None
        return told

    def end(self) -> None:
        self.process.terminate()
        self.process.join(GRACE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, build: Callable[[Any], Run], setting: Any) -> None:
    """The life of a worker process: Ctrl-C is its parent's affair, and so is its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        try:
            run = build(setting)
        except Exception as error:  # noqa: BLE001  told to the parent, which raises it
            pipe.send(error)
            return
        pipe.send("ready")
        while True:
            try:
                part = pipe.recv()
            except EOFError:
                return
            pipe.send(_sendable(attempted(run, part)))


def _sendable(outcome: Outcome) -> Outcome:
    """An error of the model's own kind may not survive the pipe; its words do."""
    error = outcome.error
    if error is None or isinstance(error, PellucidError):
        return outcome
    told = CannotExplain("The model failed", got=f"{type(error).__name__}: {error}")
    return Outcome(part=outcome.part, attempts=outcome.attempts, error=told)


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
