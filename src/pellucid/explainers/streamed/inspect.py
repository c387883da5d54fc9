"""Looking at a long explanation from outside: how far it is, and whether what is there is true."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import UnreadableFile
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.data.shares_file import shares_in
from pellucid.data.stream import reading
from pellucid.engine.ledger import Ledger, read_plan
from pellucid.explainers.streamed.part import ROW
from pellucid.explainers.streamed.run import rates

GAP = {"float64": 1e-6, "float32": 1e-4}
"""How far base and shares may miss the prediction, relative to the size of the row."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a piece of work has come, read from its receipts.

    Parameters
    ----------
    parts, done : int
        How many parts there are, and how many of them are on the disk.
    rows, rows_done : int
        Rows of the input.
    failed : Mapping of int to str
        Why parts were given up.
    rows_per_second : Mapping of str to float
        Of ``"read"``, ``"method"``, ``"summaries"`` and ``"write"``, each for one worker.
    """

    parts: int
    done: int
    rows: int
    rows_done: int
    failed: Mapping[int, str] = field(default_factory=dict)
    rows_per_second: Mapping[str, float] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every part is there."""
        return self.done == self.parts


def status(output: str | os.PathLike[str]) -> Status:
    """How far the work on a folder, or on a file that is not there yet, has come.

    Raises
    ------
    UnreadableFile
        If no work was begun there.
    """
    plan, ledger = _opened(Path(output))
    receipts = list(ledger.receipts(len(plan["parts"])))
    done = [each for each in receipts if not each.error]
    return Status(
        parts=len(plan["parts"]),
        done=len(done),
        rows=plan["rows"],
        rows_done=sum(each.rows for each in done),
        failed={each.part: each.error for each in receipts if each.error},
        rows_per_second=rates(done),
    )


def verify(output: str | os.PathLike[str]) -> Scores:
    """Hold what was written to its plan and to itself.

    Returns
    -------
    Scores
        Checks: every part has a receipt, the files are those of the receipts, the rows are those
        of the plan and in order, and base and shares add up to the predictions.

    Raises
    ------
    UnreadableFile
        If there is nothing of this kind.
    """
    path = Path(output)
    if path.is_file():
        return Scores(rows=tuple(_of_files([path])), provenance=Provenance(method="verify"))
    plan, ledger = _opened(path)
    parts = len(plan["parts"])
    receipts = [each for each in ledger.receipts(parts) if not each.error]
    rows = sum(each.rows for each in receipts)
    whole = [each for each in receipts if ledger.holds(each)]
    found = [
        _check("parts", len(receipts), parts, "parts have a receipt"),
        _check("files", len(whole), len(receipts), "files are as their receipts say"),
        _check("rows", rows, plan["rows"], "rows of the input are covered"),
        *_of_files([ledger.path(each.part) for each in whole]),
    ]
    return Scores(rows=tuple(found), provenance=Provenance(method="verify"))


def _opened(path: Path) -> tuple[dict[str, Any], Ledger]:
    for folder in (path, path.with_name(f".{path.name}.parts")):
        plan = read_plan(folder)
        if plan is not None:
            return plan, Ledger(folder=folder, fingerprint=plan["fingerprint"])
    raise UnreadableFile(f"{path} holds no explanation in parts", fix="Name the output of a run")


def _check(metric: str, got: int, of: int, words: str) -> Score:
    text = f"{got:,} of {of:,} {words}."
    return Score(metric=metric, value=float(got), n=of, passed=got == of, text=text)


def _of_files(paths: list[Path]) -> Iterator[Score]:
    """What the rows themselves say: their order, and whether they add up."""
    lines = in_order = wrong = following = 0
    judged = False
    for path in paths:
        with reading(path):
            columns, said = shares_in(path)
        if "pellucid" not in said:
            raise UnreadableFile(f"{path} was not written by a run")
        about = json.loads(said["pellucid"])
        count = len(columns["prediction"])
        lines += count
        if ROW in columns:
            numbers = columns[ROW][:: max(len(about["labels"]), 1)]
            in_order += count * bool(
                (numbers == np.arange(following, following + len(numbers))).all()
            )
            following += len(numbers)
        gaps = _gaps(columns, about)
        if gaps is not None:
            judged = True
            wrong += int(gaps.sum())
    if following:
        yield _check("order", in_order, lines, "lines stand in the order of the input")
    if judged:
        yield _check("additivity", lines - wrong, lines, "lines add up to their prediction")


def _gaps(columns: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> np.ndarray | None:
    """Which lines do not add up; `None` where they need not, or cannot be judged."""
    prediction = columns["prediction"].astype(np.float64)
    names = list(columns)
    if not about["adds_up"] or ("base" not in names and about["base"] is None):
        return None
    if "top_phi" in columns:
        turns = len(prediction) // len(about["base"])
        base = np.tile(np.asarray(about["base"]), turns)
        shares = np.column_stack([columns["top_phi"], columns["rest"]]).astype(np.float64)
    else:
        base = columns["base"].astype(np.float64)
        after = names[names.index("error") + 1 :]
        shares = np.column_stack([columns[name] for name in after]).astype(np.float64)
    allowed = GAP[str(columns["prediction"].dtype)]
    size = np.maximum(1.0, np.abs(prediction) + np.abs(shares).sum(axis=1))
    missing: np.ndarray = np.abs(prediction - base - shares.sum(axis=1)) > allowed * size
    return missing
