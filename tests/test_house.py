"""The house stands: floors, optional libraries, import cost and public names."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pellucid

SOURCE = Path(pellucid.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

FLOORS = {
    "core": 0,
    "maths": 1,
    "data": 1,
    "models": 1,
    "engine": 1,
    "perturb": 2,
    "explainers": 3,
    "metrics": 4,
    "debug": 4,
    "display": 5,
    "cli": 6,
    "testing": 7,
}
"""A folder imports only from lower floors; `testing` stands beside the stairs and may see all."""

MAY_IMPORT = {
    "pandas": {"data", "models"},
    "polars": {"data", "models"},
    "xgboost": {"models", "cli"},
    "lightgbm": {"models", "cli"},
    "catboost": {"models"},
    "skops": {"models"},
    "joblib": {"models"},
    "pyarrow": {"data", "models", "cli", "testing"},
    "narwhals": {"core", "data", "models"},
    "numba": {"maths", "models"},
    "sklearn": {"data", "models", "cli", "testing"},
    "torch": {"models", "explainers", "testing"},
    "onnx": {"models"},
    "onnxruntime": {"models"},
    "PIL": {"data"},
    "altair": {"display"},
    "vl_convert": {"display"},
    "jinja2": {"display"},
    "typer": {"cli"},
    "rich": {"cli", "engine"},
}
"""Which folders may import each library that is heavy, optional, or meant for one purpose."""

ONLY_INSIDE_FUNCTIONS = set(MAY_IMPORT) - {"numba", "typer", "narwhals"}
"""Imported where they are used, so that importing a room costs little."""


def room(path: Path) -> str:
    inside = path.relative_to(SOURCE).parts
    return inside[0] if len(inside) > 1 else ""


def imports(tree: ast.AST) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            found.append((node.module or "", node.lineno))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_from_lower_floors(path: Path) -> None:
    here = room(path)
    if not here:
        return
    assert here in FLOORS, f"{here} has no floor"
    for module, line in imports(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] != "pellucid" or len(parts) < 2:
            continue
        there = parts[1]
        assert there == here or FLOORS[there] < FLOORS[here], (
            f"{path.relative_to(SOURCE)}:{line} imports {module}: floor {FLOORS[here]} may not "
            f"import from floor {FLOORS[there]}"
        )


OF_NETWORKS = {"attention", "cam", "concepts", "gradient", "perturbation", "relevance"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_families_of_methods_for_networks_know_what_they_share_and_not_each_other(
    path: Path,
) -> None:
    above, *inside = path.relative_to(SOURCE).parts
    if above != "explainers" or inside[0] not in OF_NETWORKS | {"network"}:
        return
    for module, line in imports(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[:2] == ["pellucid", "explainers"] and len(parts) > 2:
            assert parts[2] == inside[0] or parts[2] not in OF_NETWORKS, (
                f"{path.relative_to(SOURCE)}:{line} imports {module}"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_library_stays_in_the_rooms_that_may_use_it(path: Path) -> None:
    for module, line in imports(ast.parse(path.read_text())):
        allowed = MAY_IMPORT.get(module.split(".")[0])
        if allowed is not None:
            assert room(path) in allowed, f"{path.relative_to(SOURCE)}:{line} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_heavy_library_is_imported_inside_the_function_that_needs_it(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in tree.body:
        for module, line in imports(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            assert module.split(".")[0] not in ONLY_INSIDE_FUNCTIONS, f"{path}:{line}: {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_small_and_has_a_clear_name(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "misc"}
    assert len(path.read_text().splitlines()) <= 500


KINDS = ("Attribution", "Curve", "Examples", "Reasons", "Rules", "Scores")
HEAVIER = {"scipy", "sklearn", "numba", "pandas", "pyarrow", "altair", "narwhals", "rich", "typer"}


def loaded_by(code: str) -> set[str]:
    """The libraries that a fresh interpreter loads for `code`."""
    code = f"{code}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_pellucid_costs_under_50_ms_and_no_numpy() -> None:
    assert not loaded_by("import pellucid") & {"numpy", *HEAVIER}

    def fastest(code: str) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest("import pellucid") - fastest("pass") < 0.050


def test_importing_the_core_loads_numpy_and_nothing_heavier() -> None:
    kinds = ", ".join(f"pellucid.{kind}" for kind in KINDS)
    loaded = loaded_by(f"import pellucid; {kinds}")
    assert "numpy" in loaded
    assert not loaded & HEAVIER


@pytest.mark.parametrize("name", [n for n in pellucid.__all__ if n != "__version__"])
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(pellucid, name).__doc__, f"{name} has no docstring"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        pellucid.no_such_name  # noqa: B018


def public_functions() -> list[tuple[Path, ast.FunctionDef]]:
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.append((path, node))
    return found


def test_no_public_signature_takes_arbitrary_keywords() -> None:
    allowed = {"sel", "isel"}  # their keywords are the names of axes, and a wrong one raises
    loose = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
        for path, node in public_functions()
        if node.args.kwarg is not None and node.name not in allowed
    ]
    assert not loose


def test_no_function_is_longer_than_a_screen() -> None:
    def length(node: ast.FunctionDef) -> int:
        assert node.end_lineno is not None
        doc = ast.get_docstring(node) or ""
        return node.end_lineno - node.lineno + 1 - len(doc.splitlines())

    long = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name} ({length(node)} lines)"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and length(node) > 60
    ]
    assert not long


def test_no_exception_is_swallowed_unnamed_and_no_pickle_is_loaded_elsewhere() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{path}:{node.lineno} has a bare except"
            if isinstance(node, ast.Attribute) and node.attr in {"load", "loads"}:
                owner = getattr(node.value, "id", "")
                assert owner not in {"pickle", "joblib"} or path.name == "load.py", path
