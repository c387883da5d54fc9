"""Section 1: what is this model, and what is this data?"""

from __future__ import annotations

import numpy as np

from pellucid.display.report.blocks import Cell, DataTable, Finding, Findings, Section, table
from pellucid.display.report.blocks import Facts as FactBlock
from pellucid.display.report.facts import Facts
from pellucid.display.words import listed, measured, method_name, percent

ALIKE = 0.9
"""Rank correlation from which on two columns nearly say the same."""

FEWEST = 10
"""Complete rows without which no correlation is stated."""


def section(facts: Facts) -> Section:
    """Fingerprints, schema, splits, and what in the data asks for care."""
    findings = data_findings(facts)
    blocks = (
        FactBlock(
            groups=(
                ("Model", tuple(_model(facts))),
                ("Data", tuple(_data(facts))),
                ("Fingerprints", tuple(_fingerprints(facts))),
            )
        ),
        *(
            (Findings(title="What the data asks you to mind", findings=findings),)
            if findings
            else ()
        ),
        _schema(facts),
    )
    return Section(
        id="origin",
        short="Model and data",
        title="What is this model, and what is this data?",
        lead="The fingerprints tell whether two reports speak of the same model and the same rows.",
        blocks=blocks,
    )


def _model(facts: Facts) -> list[tuple[str, str]]:
    model = facts.question.model
    pairs = [("Model", model.name), ("Predicts", _predicts(facts))]
    pairs += [(name, value) for name, value in facts.options.origin.items()]
    pairs += [
        ("Explained in", measured(facts.attribution)),
        ("Explained by", method_name(facts.attribution.method)),
    ]
    return pairs


def _predicts(facts: Facts) -> str:
    if not facts.classification:
        return "a number"
    return listed([f"“{name}”" for name in facts.classes])


def _data(facts: Facts) -> list[tuple[str, str]]:
    background = facts.question.background
    pairs = [
        ("Rows judged", f"{len(facts.table):,}"),
        ("Columns", str(len(facts.table.names))),
    ]
    pairs += [(f"Split: {name}", f"{size:,} rows") for name, size in facts.options.splits.items()]
    if background is not None:
        pairs.append(("Reference rows", f"{len(background):,}"))
    return pairs


def _fingerprints(facts: Facts) -> list[tuple[str, str]]:
    background = facts.question.background
    found = [
        ("Model", facts.question.model.fingerprint()),
        ("Rows judged", facts.table.fingerprint()),
    ]
    return found + ([("Reference", background.fingerprint())] if background is not None else [])


def _schema(facts: Facts) -> DataTable:
    rows = []
    for i, column in enumerate(facts.table.schema.values()):
        codes = facts.table.codes[:, i]
        known = codes[~np.isnan(codes)]
        if column.categories:
            values = f"{len(column.categories)} values: " + ", ".join(
                map(str, column.categories[:6])
            )
            values += ", …" if len(column.categories) > 6 else ""
        elif len(known):
            number = column.kind == "numeric"
            ends = (
                facts.table.text(int(np.nanargmin(codes)), i),
                facts.table.text(int(np.nanargmax(codes)), i),
            )
            values = " to ".join(end.replace("-", "−") if number else end for end in ends)
        else:
            values = "nothing but missing values"
        gaps = float(np.isnan(codes).mean())
        missing = Cell(text=percent(gaps), sort=gaps) if np.isnan(facts.table.codes).any() else ""
        fixed = "cannot be changed" if column.immutable else ""
        rows.append((column.name, column.kind, column.unit or "", values, missing, fixed))
    header = ("column", "kind", "unit", "values", "missing", "note")
    return table("The columns, as they were understood", header, rows)


def data_findings(facts: Facts) -> tuple[Finding, ...]:
    """Rows seen in training, constant columns, columns that say the same."""
    found = []
    repeated = _seen_before(facts)
    if repeated:
        found.append(
            Finding(
                label="Seen before",
                status="warn",
                text=f"{repeated:,} of the judged rows also stand in the reference rows: the model "
                "may have been trained on them, and then its scores are too good.",
            )
        )
    constant = [
        name
        for name, column in zip(facts.table.names, facts.table.codes.T, strict=True)
        if len(np.unique(column[~np.isnan(column)])) < 2
    ]
    if constant and len(facts.table) > 1:
        found.append(
            Finding(label="Constant", text=f"{listed(constant)}: one value in all of these rows.")
        )
    groups = "; ".join(listed(group) for group in together(facts))
    if groups:
        found.append(
            Finding(
                label="Nearly the same",
                text=f"{groups}. With a rank correlation of at least {ALIKE:g}, how credit is "
                "split within a group is partly convention.",
            )
        )
    return tuple(found)


def together(facts: Facts) -> list[list[str]]:
    """Groups of numeric columns that are linked by a rank correlation of at least `ALIKE`."""
    from scipy.sparse.csgraph import connected_components
    from scipy.stats import rankdata

    kinds = facts.table.schema.values()
    numeric = [i for i, column in enumerate(kinds) if column.kind in ("numeric", "date")]
    codes = facts.table.codes[:, numeric]
    codes = codes[~np.isnan(codes).any(axis=1)]
    if len(codes) < FEWEST or codes.shape[1] < 2:
        return []
    varied = np.flatnonzero(np.ptp(codes, axis=0) > 0)
    strength = np.atleast_2d(np.corrcoef(rankdata(codes[:, varied], axis=0), rowvar=False))
    count, group = connected_components(np.abs(strength) >= ALIKE, directed=False)
    members = [[facts.table.names[numeric[varied[i]]] for i in np.flatnonzero(group == g)]
               for g in range(count)]  # fmt: skip
    return [names for names in members if len(names) > 1]


def _seen_before(facts: Facts) -> int:
    background = facts.question.background
    if background is None:
        return 0
    known = {row.tobytes() for row in np.nan_to_num(background.codes, nan=-9e99)}
    return sum(row.tobytes() in known for row in np.nan_to_num(facts.table.codes, nan=-9e99))
