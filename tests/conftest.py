"""Compiled kernels are kept from run to run, but only as long as no file that holds one changes.

Numba looks at the file of a kernel alone: it would go on with what it compiled when a kernel that
this one calls, in another file, has changed, and the tests would judge the old one.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _kernels() -> str:
    """A fingerprint of all files with kernels."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src" / "pellucid").rglob("*.py")):
        if b"numba" in (content := path.read_bytes()) or b"@fast" in content:
            digest.update(content)
    return digest.hexdigest()[:16]


os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".pytest_cache" / "numba" / _kernels())
