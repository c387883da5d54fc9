"""A part counts by its receipt, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.core.errors import InvalidSetting, UnreadableFile
from pellucid.engine.ledger import Ledger, emptied, fingerprint, only_one, read_plan

MADE_OF = {"model": "sha256:1", "seed": 0}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(folder=tmp_path, fingerprint=fingerprint(MADE_OF))
    made.begin({"made_of": MADE_OF, "parts": [1, 2]})
    return made


def test_a_published_part_is_held_with_its_state(ledger) -> None:
    given = ledger.publish(0, b"rows", b"state", 4, 1, {"evaluations": 4})
    found = ledger.receipt(0)
    assert found == given
    assert ledger.holds(found)
    assert ledger.path(0).read_bytes() == b"rows"
    assert ledger.state(found) == b"state"
    assert [each.part for each in ledger.receipts(2)] == [0]


@pytest.mark.parametrize("content", [b"", b"ro", b"rowz", b"rows and more"])
def test_a_torn_or_altered_part_is_not_held(ledger, content) -> None:
    given = ledger.publish(0, b"rows", b"state", 4, 1, {})
    ledger.path(0).write_bytes(content)
    assert not ledger.holds(given)


def test_a_part_that_is_gone_or_without_its_state_is_not_held(ledger) -> None:
    given = ledger.publish(0, b"rows", b"state", 4, 1, {})
    (ledger.folder / "_receipts" / "000000.state").write_bytes(b"stat")
    assert not ledger.holds(given)
    given = ledger.publish(0, b"rows", b"", 4, 1, {})
    assert ledger.holds(given)
    ledger.path(0).unlink()
    assert not ledger.holds(given)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"part": 0}', '{"part": "x", "rows": 1}'])
def test_a_torn_receipt_is_none(ledger, content) -> None:
    ledger.publish(0, b"rows", b"", 4, 1, {})
    (ledger.folder / "_receipts" / "000000.json").write_text(content)
    assert ledger.receipt(0) is None


def test_a_receipt_of_other_work_or_of_another_part_is_none(ledger) -> None:
    ledger.publish(0, b"rows", b"", 4, 1, {})
    receipt = ledger.folder / "_receipts" / "000000.json"
    said = json.loads(receipt.read_text())
    (ledger.folder / "_receipts" / "000001.json").write_text(json.dumps(said))
    assert ledger.receipt(1) is None
    receipt.write_text(json.dumps({**said, "fingerprint": "sha256:other"}))
    assert ledger.receipt(0) is None


def test_other_work_is_refused_and_named(ledger) -> None:
    changed = {**MADE_OF, "model": "sha256:2"}
    other = Ledger(folder=ledger.folder, fingerprint=fingerprint(changed))
    with pytest.raises(InvalidSetting, match=r"another model\."):
        other.begin({"made_of": changed, "parts": [1, 2]})
    ledger.begin({"made_of": MADE_OF, "parts": [1, 2]})


def test_what_a_killed_run_left_half_written_is_swept(ledger) -> None:
    (ledger.folder / "data" / ".part-000001.parquet.ab12").write_bytes(b"half")
    (ledger.folder / "_receipts" / ".000001.json.ab12").write_bytes(b"half")
    (ledger.folder / "._plan.json.ab12").write_bytes(b"half")
    ledger.publish(0, b"rows", b"", 4, 1, {})
    ledger.begin({"made_of": MADE_OF, "parts": [1, 2]})
    left = sorted(path.name for path in ledger.folder.rglob("*") if path.is_file())
    assert left == ["000000.json", "_plan.json", "part-000000.parquet"]


def test_a_damaged_plan_is_said(ledger) -> None:
    (ledger.folder / "_plan.json").write_text("{")
    with pytest.raises(UnreadableFile, match="damaged"):
        read_plan(ledger.folder)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    again = only_one(tmp_path)
    with only_one(tmp_path), pytest.raises(InvalidSetting, match="Another run"):
        again.__enter__()
    with only_one(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_emptying_leaves_what_others_put_there(ledger) -> None:
    (ledger.folder / "notes.txt").write_text("mine")
    emptied(ledger.folder)
    assert [path.name for path in ledger.folder.iterdir()] == ["notes.txt"]
