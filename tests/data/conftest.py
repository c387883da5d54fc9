"""The folder of real data sets, for the tests that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("PELLUCID_DATA") or beside)
    if not folder.is_dir():
        pytest.skip("real data sets: neither PELLUCID_DATA nor ../shared/data is there")
    monkeypatch.setenv("PELLUCID_DATA", str(folder))
    return folder
