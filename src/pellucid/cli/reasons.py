"""``pellucid reasons``."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

from pellucid.cli.app import say
from pellucid.cli.inputs import background_from, destination, model_from, rows_from
from pellucid.core.errors import InvalidSetting
from pellucid.core.reasons import Reasons
from pellucid.data.files import read_table, write_parquet
from pellucid.data.table import Table
from pellucid.explainers.correlated_groups import correlated_groups
from pellucid.explainers.reason_codes import reason_codes

SUFFIXES = (".parquet", ".pel")

TOLD = 3
"""Rows whose reasons are printed."""


def run_reasons(
    model: Path,
    data: Path,
    reference: Path,
    output: Path,
    *,
    cutoff: float | None,
    nearest: int | None,
    most: int,
    adverse: str,
    target: str | None,
    class_: str | None,
    scale: str,
    group: list[str] | None,
    correlated: float | None,
    trust: bool,
    seed: int,
    json: bool,
) -> None:
    """Explain the decisions on all rows and write one file, whole or not at all."""
    destination(output, SUFFIXES, model, data, reference)
    fitted, _ = model_from(model, trust)
    table, population = _tables(data, reference, target)
    found = reason_codes(
        fitted,
        table,
        reference=population,
        cutoff=cutoff,
        nearest=nearest,
        k=most,
        adverse=adverse,
        target=class_,
        scale=scale,
        groups=groups_from(group, correlated, population),
        seed=seed,
    )
    _write(output, found)
    if json:
        print(jsonlib.dumps({**found.to_dict(), "output_file": str(output)}))
        return
    for row in range(min(TOLD, len(found))):
        print(f"Row {found.samples[row]}\n{found.text(row)}")
    print(f"Reasons for {len(found):,} rows, against {found.population:,} others: {output}")
    for note in found.notes:
        say(f"Note: {note}")


def _tables(data: Path, reference: Path, target: str | None) -> tuple[Table, Table]:
    """The rows decided on and the reference rows, without the target where they have it."""
    table, population = background_from(data, target), background_from(reference, target)
    assert table is not None
    assert population is not None
    if target is not None and table.names == read_table(data).names:
        population = rows_from(reference, target)  # one of the two must have it
    return table, population


def groups_from(
    given: list[str] | None, correlated: float | None, table: Table
) -> dict[str, tuple[str, ...]] | None:
    """Groups of columns from what was typed: named ones, or those that correlate.

    Raises
    ------
    InvalidSetting
        If a group is not written as NAME=COLUMN,COLUMN, or both kinds are asked for.
    """
    if given and correlated is not None:
        raise InvalidSetting("Groups are named or found", fix="Give --group or --correlated")
    if correlated is not None:
        return correlated_groups(table, threshold=correlated)
    groups = {}
    for text in given or ():
        name, equals, columns = text.partition("=")
        if not equals or not name or not columns:
            raise InvalidSetting("A group is a name and its columns", got=text, allowed="NAME=A,B")
        groups[name] = tuple(columns.split(","))
    return groups or None


def _write(path: Path, found: Reasons) -> None:
    if path.suffix.lower() == ".pel":
        found.save(path)
        return
    about = {
        "population": str(found.population),
        "reference_fingerprint": found.fingerprint,
        "base": repr(found.base),
        "scale": found.scale,
        "model": found.provenance.model_fingerprint,
        "version": found.version,
    }
    write_parquet(path, found.columns(), about)
