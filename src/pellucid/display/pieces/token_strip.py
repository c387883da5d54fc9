"""Token strip: a text whose words carry their shares of the output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.core.errors import InvalidData
from pellucid.display.pieces.page import render
from pellucid.display.words import brief, counted, listed, shorten, signed

DEEPEST = 45
"""Percent of the colour behind the strongest token: the text still reads on it."""

FAINT = 0.02
"""Below this share of the strongest a token stays plain."""


def token_strip(
    tokens: Sequence[str],
    values: Sequence[float] | np.ndarray,
    *,
    unit: str = "the output",
    numbers: int = 6,
    joined: str = " ",
    styled: bool = True,
) -> str:
    """The tokens in order: a solid line below one that raises the output, a dashed one below one
    that lowers it, deeper colour for a greater share, and numbers beside the greatest.

    Parameters
    ----------
    tokens : sequence of str
        The text, in pieces.
    values : array of shape (token,)
        Their shares of the output.
    unit : str
        What the shares are measured in.
    numbers : int
        How many of the greatest shares are written out.
    joined : str
        What stands between tokens; empty for tokens that bring their own spaces.
    styled : bool
        Whether the fragment brings its own style.

    Returns
    -------
    str
        An HTML fragment.
    """
    shares = np.asarray(values, dtype=np.float64)
    if shares.shape != (len(tokens),):
        raise InvalidData(
            "Each token needs one value",
            got=f"{len(tokens)} tokens and values of shape {shares.shape}",
        )
    sizes = np.where(np.isfinite(shares), np.abs(shares), 0.0)
    strongest = float(sizes.max(initial=0.0)) or 1.0
    order = np.argsort(-sizes, kind="stable")
    written = {int(i) for i in order[:numbers] if sizes[i] > FAINT * strongest}
    rows = [
        {
            "text": str(token),
            "value": signed(share),
            "look": _look(share, size / strongest),
            "share": round(DEEPEST * size / strongest) if size > FAINT * strongest else 0,
            "shown": i in written,
            "after": joined,
        }
        for i, (token, share, size) in enumerate(zip(tokens, shares, sizes, strict=True))
    ]
    content = {
        "tokens": rows,
        "reading": f"In {unit}. Solid line: raises it; dashed line: lowers it. "
        f"The strongest moves it by {brief(float(sizes.max(initial=0.0)))}.",
        "alternative": _alternative(tokens, shares, order[:3], unit),
    }
    return render("token_strip.html.j2", content, styled)


def _look(share: float, strength: float) -> str:
    if not strength > FAINT:
        return ""
    return " pel-up" if share > 0 else " pel-down"


def _alternative(tokens: Sequence[str], shares: np.ndarray, first: np.ndarray, unit: str) -> str:
    said = f"Text of {counted(len(tokens), 'token')} with shares in {unit}."
    moving = [i for i in first if np.isfinite(shares[i]) and shares[i]]
    if not moving:
        return f"{said} No token moves it."
    finding = [f"“{shorten(tokens[i], 24)}” {signed(shares[i])}" for i in moving]
    return f"{said} The greatest: {listed(finding)}."
