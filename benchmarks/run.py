"""All comparisons with the peers, one after another, each in a process of its own.

    python benchmarks/run.py [name …]

Every comparison runs both sides on the same model and rows in one run and prints ratios; absolute
times belong to the machine they were taken on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(wanted: list[str]) -> int:
    """Run the comparisons named, or all; returns how many failed."""
    scripts = {path.stem: path for path in sorted(HERE.glob("*.py")) if path.name != "run.py"}
    strange = set(wanted) - set(scripts)
    if strange:
        print(f"No comparison called {', '.join(sorted(strange))}; there are {', '.join(scripts)}")
        return 2
    failed = 0
    for name in wanted or scripts:
        print(f"\n== {name} ==", flush=True)
        failed += subprocess.run([sys.executable, str(scripts[name])], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
