"""What writing a report gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Report:
    """Where the page is, and what it found.

    Parameters
    ----------
    path : Path
        The page.
    findings : tuple of str
        The findings that matter.
    warnings : int
        How many checks of the explanation fail.
    evaluations : int
        Rows that the model was asked to predict.
    seconds : float
        Wall-clock time.
    """

    path: Path
    findings: tuple[str, ...]
    warnings: int
    evaluations: int
    seconds: float
