"""Table: named columns as an accessible table that a page may make sortable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidData
from pellucid.display.pieces.page import render
from pellucid.display.words import brief, datum


def table(
    columns: Mapping[str, Sequence[Any]], *, caption: str, most: int = 200, styled: bool = True
) -> str:
    """Rows with a caption; the first column names the row, numbers stand at the right.

    Each cell carries its exact value as ``data-value``, and each head its type as ``data-type``,
    so that a page's script can sort without reading formatted numbers.

    Parameters
    ----------
    columns : Mapping of str to sequences of shape (row,)
        The cells, column by column.
    caption : str
        What the table holds.
    most : int
        Rows shown; the rest are counted below.
    styled : bool
        Whether the fragment brings its own style.

    Returns
    -------
    str
        An HTML fragment.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidData("The columns of a table need one length", got=repr(lengths))
    if not columns:
        raise InvalidData("A table needs a column", got="none")
    rows = next(iter(lengths.values()))
    heads = [{"name": str(n), "number": _numeric(c)} for n, c in columns.items()]
    body = [
        [
            _cell(column[i], head["number"])
            for column, head in zip(columns.values(), heads, strict=True)
        ]
        for i in range(min(rows, most))
    ]
    hidden = f"{rows - most:,} further rows are not shown." if rows > most else ""
    content = {"caption": caption, "columns": heads, "rows": body, "hidden": hidden}
    return render("table.html.j2", content, styled)


def _numeric(column: Sequence[Any]) -> bool:
    known = [item for item in column if item is not None]
    return bool(known) and all(
        isinstance(item, (int, float, np.integer, np.floating)) and not isinstance(item, bool)
        for item in known
    )


def _cell(item: Any, number: Any) -> dict[str, Any]:
    gone = item is None or item != item
    if number:
        whole = not gone and float(item).is_integer() and abs(item) < 1e15
        text = "–" if gone else f"{int(item):,}".replace("-", "−") if whole else brief(item)
        return {"text": text, "value": "" if gone else repr(float(item)), "number": True}
    text = item if isinstance(item, str) else "–" if gone else datum(item)
    return {"text": text, "value": "" if gone else str(item), "number": False}
