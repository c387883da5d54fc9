"""What draws charts on a page: scripts that stand in it, so that it works offline."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FIT = Path(__file__).parent / "templates" / "fit.js"


@cache
def bundle(version: str | None = None) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that needs no network."""
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return str(script).replace("</script", r"<\/script")


@cache
def fit() -> str:
    """The function ``fit`` that gives a chart the width of its place."""
    return FIT.read_text(encoding="utf-8")


def inline(value: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")
