"""All comparisons with the peers, one after another, each in a process of its own.

    python benchmarks/run.py [--quick] [name …]

Every comparison runs both sides on the same model and rows in one run and says ratios; absolute
times belong to the machine they were taken on. What they record becomes ``docs/benchmarks.md``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
NOT_COMPARISONS = {"run", "record", "torch_peers", "judged_networks"}
LIBRARIES = (
    *("numpy", "numba", "scikit-learn", "xgboost-cpu", "xgboost", "lightgbm", "catboost"),
    *("shap", "shapiq", "woodelf-explainer", "lime", "PyALE", "statsmodels"),
    *("torch", "captum"),
)

APART = "alibi", "anchor-exp", "dalex", "grad-cam", "zennit", "quantus"
"""Peers in the environment `.venv-peers`."""

HEAD = """# Benchmarks

Written by `make bench`, which runs every comparison below side by side with its peers, in one run.
Ratios above 1 mean that Pellucid is faster, or its error smaller. A target is the ratio aimed at;
where it is missed the line says why and what would be needed. Absolute figures belong to the
machine; ratios travel better. Times are processor seconds of one thread unless a line says more.
"""


def main(arguments: list[str]) -> int:
    """Run the comparisons named, or all; returns how many failed."""
    quick = ["--quick"] * ("--quick" in arguments)
    wanted = [name for name in arguments if name != "--quick"]
    scripts = {p.stem: p for p in sorted(HERE.glob("*.py")) if p.stem not in NOT_COMPARISONS}
    strange = set(wanted) - set(scripts)
    if strange:
        print(f"No comparison called {', '.join(sorted(strange))}; there are {', '.join(scripts)}")
        return 2
    failed = 0
    for name in wanted or scripts:
        print(f"\n== {name} ==", flush=True)
        command = [sys.executable, str(scripts[name]), *quick]
        failed += subprocess.run(command, check=False).returncode != 0
    if not quick:
        write_page()
    return failed


def write_page() -> None:
    """The page from all that was recorded, the newest record of each comparison."""
    parts = [HEAD, f"Machine: {machine()}.\n\nVersions: {versions()}.\n"]
    for path in sorted((HERE / "results").glob("*.json")):
        parts.append(section(json.loads(path.read_text()), path))
    PAGE.write_text("\n".join(parts))
    print(f"\n{PAGE.relative_to(HERE.parent)} written")


def section(kept: dict[str, Any], path: Path) -> str:
    """One comparison as a heading, its setting and a table."""
    day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
    lines = [
        f"## {kept['title']}\n\n{kept['setting']} (`benchmarks/{path.stem}.py`, {day})\n",
        "| task | Pellucid | peer | ratio | target |\n|---|---|---|---|---|",
    ]
    notes = []
    for line in kept["lines"]:
        missed = line["target"] is not None and line["ratio"] < line["target"]
        aim = "" if line["target"] is None else f"×{line['target']:g}{' missed' if missed else ''}"
        mark = ""
        if line["note"]:
            notes.append(line["note"])
            mark = f" [{len(notes)}]"
        lines.append(
            f"| {line['task']}{mark} | {line['ours']} | {line['peer']} ({line['against']}) "
            f"| ×{line['ratio']:.3g} | {aim} |"
        )
    lines += ["", *(f"{number}. {note}" for number, note in enumerate(notes, 1)), ""]
    return "\n".join(lines)


def machine() -> str:
    """Processor, cores and Python."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def versions() -> str:
    """The libraries that are installed, here and in the peers' own environment."""
    places = [str(place) for place in HERE.parent.glob(".venv-peers/**/python*/site-packages")]
    here = [(name, distributions(name=name)) for name in LIBRARIES]
    apart = [(name, distributions(name=name, path=places)) for name in APART]
    found = [(name, next(iter(each), None)) for name, each in (*here, *apart)]
    return ", ".join(f"{name} {one.version}" for name, one in found if one is not None)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
