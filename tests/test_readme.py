"""Everything the README and the guides tell a reader to do is done here, as written."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(text: str, first: str) -> list[list[str]]:
    lines = [line.split("#")[0] for block in blocks(text, "sh") for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line.split()[:1] == [first]]


def test_the_readme_opens_with_a_sentence_a_picture_the_commands_and_the_example() -> None:
    order = ["# Pellucid", "Pellucid explains", "![", "make demo", "make test", "```python"]
    places = [README.index(part) for part in order]
    assert places == sorted(places)
    picture = re.search(r"!\[.+\]\((.+?)\)", README)
    assert picture is not None
    assert (ROOT / picture[1]).read_bytes().startswith(b"\x89PNG")


def test_the_first_example_has_ten_lines() -> None:
    lines = [line for line in blocks(README, "python")[0].splitlines() if line.strip()]
    assert len(lines) <= 10


def test_the_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for block in blocks(README, "python"):
            exec(compile(block, "README.md", "exec"), names)
    assert "checks hold" in said.getvalue()
    assert (tmp_path / "report.html").stat().st_size > 100_000


def test_the_make_commands_are_there_and_the_demo_runs_again_without_a_network(
    tmp_path: Path,
) -> None:
    assert commands(README, "make") == [["make", "demo"], ["make", "test"]]
    # `make test` is running this very test, so it is only planned here; `make demo` is run.
    for goal in ("demo", "test"):
        subprocess.run(["make", "--dry-run", goal], cwd=ROOT, check=True, capture_output=True)
    environment = Path(sys.prefix)
    if not (environment / "base").exists():
        pytest.skip("this environment was not made by make, so make demo would install it anew")
    copy = tmp_path / "clone"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".venv*", ".git", "*cache*", "results")
    )
    run = subprocess.run(
        ["make", "demo", f"VENV={environment}", "PIP_NO_INDEX=1"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert (copy / "report.html").exists()
    assert "three findings" in run.stdout


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the commands name: a model of heart disease, and its two tables."""
    xgboost = pytest.importorskip("xgboost")
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.integers(30, 80, 300), "pressure": rng.normal(130, 15, 300)})
    rows["pain"] = rng.integers(0, 4, 300)
    risk = 0.05 * (rows["age"] - 55) + rows["pain"] - 1.5 + rng.normal(size=300)
    disease = (risk > 0).astype(int)
    xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(rows, disease).save_model(
        tmp_path / "model.json"
    )
    rows["disease"] = disease
    rows[:200].to_csv(tmp_path / "training.csv", index=False)
    rows[200:].to_csv(tmp_path / "held_out.csv", index=False)
    features = rows.drop(columns="disease")
    features[disease == 1].to_csv(tmp_path / "refused.csv", index=False)
    features[disease == 0].to_csv(tmp_path / "accepted.csv", index=False)
    (tmp_path / "rows").mkdir()
    for part in range(2):
        some = features[part::2].rename_axis("row_id").reset_index()
        some.to_parquet(tmp_path / "rows" / f"{part}.parquet", index=False)
    network_and_photos(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network_and_photos(folder: Path) -> None:
    """A small network and a folder of images for each class, where torch and Pillow are there."""
    try:
        import torch
        from PIL import Image
    except ImportError:
        return
    import numpy as np

    from pellucid.models.small_network import small_network

    torch.set_num_threads(1)
    torch.save(small_network(3, 2).eval(), folder / "net.pt")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")


def test_the_command_line_examples_run(files: Path) -> None:
    from pellucid.cli.app import run

    given = commands(README, "pellucid")
    assert {words[1] for words in given} == {
        *("report", "explain", "show", "methods", "reasons", "compare", "demo"),
    }
    for words in given:
        if words[1] == "demo":  # run in tests/cli/test_demo_images.py
            continue
        if words[2] == "net.pt" and not (files / "net.pt").exists():
            continue
        try:
            run(words[1:])
        except SystemExit as stop:
            assert stop.code in (0, None), words  # noqa: PT017 - the code is the outcome
    written = ("report.html", "shares.parquet", "shares.pel", "shares.svg", "compare.svg")
    assert (files / "shares" / "_SUCCESS.json").exists()
    if (files / "net.pt").exists():
        written = (*written, "photos.html", "maps.html", "judged.svg")
    for made in (*written, "reasons.parquet"):
        assert (files / made).stat().st_size > 500


def test_the_guide_to_adding_a_method_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.core import registry
    from pellucid.testing import check_recipe

    guide = (ROOT / "CONTRIBUTING.md").read_text()
    place = re.search(r"`(src/pellucid/explainers/\S+\.py)`", guide)
    assert place is not None
    code, usage = blocks(guide, "python")[0], blocks(guide, "python")[-1]
    path = ROOT / place[1]
    assert not path.exists()
    module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    import types

    made = types.ModuleType(module)
    monkeypatch.setitem(sys.modules, module, made)
    exec(compile(code, str(path), "exec"), made.__dict__)
    known = registry.modules("pellucid.explainers")
    monkeypatch.setitem(known, path.stem, module)
    recipe = registry.find("pellucid.explainers", path.stem)()
    check_recipe(recipe)  # type: ignore[arg-type]
    exec(usage.replace("MyMethod", type(recipe).__name__), {type(recipe).__name__: type(recipe)})


def with_examples() -> list[str]:
    """Modules with an example in a docstring."""
    source = ROOT / "src"
    files = [path for path in sorted(source.rglob("*.py")) if ">>> " in path.read_text()]
    return [".".join(path.relative_to(source).with_suffix("").parts) for path in files]


@pytest.mark.parametrize("module", with_examples())
def test_the_examples_in_docstrings_are_true(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0
