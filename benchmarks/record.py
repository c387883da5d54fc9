"""What a comparison measured, kept beside the others so that `run.py` can write one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One line of a comparison.

    Parameters
    ----------
    task : str
        What was done, on what.
    ours, peer : str
        The two figures with their unit, such as ``"42 934 rows/s"``.
    against : str
        The peer, such as ``"shap 0.51"``.
    ratio : float
        How many times better ours is: speeds ours/theirs, times and errors theirs/ours.
    target : float or None
        The ratio aimed at, if there is one.
    note : str
        What a reader must know, such as why a target is missed and what would be needed.
    """

    task: str
    ours: str
    peer: str
    against: str
    ratio: float
    target: float | None = None
    note: str = ""


def record(name: str, title: str, setting: str, lines: Sequence[Measured]) -> None:
    """Keep a comparison's lines, and print them.

    Parameters
    ----------
    name : str
        The script's stem.
    title : str
        Heading of its section.
    setting : str
        One or two sentences: data, models, threads, how time was taken, how often.
    lines : sequence of Measured
    """
    RESULTS.mkdir(exist_ok=True)
    kept = {"title": title, "setting": setting, "lines": [asdict(line) for line in lines]}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False))
    print(f"\n{title}\n{setting}")
    for line in lines:
        aim = "" if line.target is None else f"  (target ×{line.target:g})"
        theirs = f"{line.peer} ({line.against})"
        print(f"  {line.task}: {line.ours} against {theirs}: ×{line.ratio:.3g}{aim}")
        if line.note:
            print(f"    {line.note}")
