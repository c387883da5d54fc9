"""The picture of a comparison: methods by their names, and as wide as the page it stands on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from display.closed_forms import rows_of
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.display import save, show, to_svg

METHODS = {
    "input_x_gradient": "input × gradient",
    "grad_cam_plus_plus": "Grad-CAM++",
    "integrated_gradients": "integrated gradients",
    "permutation_shap": "permutation SHAP",
    "rise": "RISE",
}
"""Methods as scores call them, and as readers do."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def compared() -> Scores:
    """What a comparison of five methods on images may have found."""
    names, removed = list(METHODS), {"metric": "normalised_comprehensiveness", "removal": "mean"}
    rows = [Score(metric="verdict", value=0.4, text=f"{names[0]} and {names[-1]} agree.")]
    for place, name in enumerate(names):
        mean = 0.2 + place / 10
        rows += [
            Score(group=name, value=mean, low=mean - 0.1, high=mean + 0.1, n=16, **removed),
            Score(metric="sufficiency", group=name, value=1.0, passed=place > 1),
            Score(metric="stability", group=name, value=0.02, passed=True),
            Score(metric="reseeding", group=name, value=0.7, passed=place > 2),
            Score(metric="seconds", group=name, value=0.001),
            Score(metric="evaluations", group=name, value=25.0),
        ]
        pairs = (f"{name} ~ {other}" for other in names[place + 1 :])
        rows += [Score(metric="same features", group=pair, value=0.3) for pair in pairs]
    rows.append(Score(group="random order", value=0.2, low=0.1, high=0.3, n=16, **removed))
    made = Provenance(method="compare", params={"top": 5, "kind": "image", "methods": []})
    return Scores(rows=tuple(rows), provenance=made)


@pytest.mark.parametrize("kind", ["comparison", "scores"])
def test_methods_are_called_by_their_names(kind: str) -> None:
    chart = show(compared(), kind=kind)
    said = json.dumps(chart.to_dict(), ensure_ascii=False) + to_svg(chart)
    for raw, name in METHODS.items():
        assert name in said or kind == "scores"
        assert raw not in said or raw == "rise"
    assert "input × gradient and RISE agree." in said or kind == "scores"


def test_each_pair_stands_in_the_matrix_under_both_names() -> None:
    cells = [row for row in rows_of(show(compared()).to_dict()) if "share" in row]
    shares = {(cell["method"], cell["other"]): cell["share"] for cell in cells}
    assert len(shares) == len(METHODS) ** 2
    assert shares["Grad-CAM++", "RISE"] == shares["RISE", "Grad-CAM++"] == 0.3
    assert shares["RISE", "RISE"] == 1.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None and not os.environ.get("CI"):
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


DRAWN = """() => {
  const svg = document.querySelector("#picture svg"), box = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map((t) => t.getBoundingClientRect().right);
  return { drawn: Number(svg.getAttribute("width")), shown: box.width, right: Math.max(...texts),
           scroll: document.documentElement.scrollWidth };
}"""
"""How wide a picture was drawn and is shown, and how far its words and the page reach."""


@pytest.mark.parametrize(("width", "least"), [(1280, 800), (700, 600), (390, 320)])
@pytest.mark.parametrize("kind", ["comparison", "scores"])
def test_the_page_gives_the_picture_its_width_and_shrinks_no_letter(
    kind: str, width: int, least: int, browser: Any, tmp_path: Path
) -> None:
    path = save(show(compared(), kind=kind), tmp_path / "compare.html")
    page = browser.new_page(viewport={"width": width, "height": 800})
    said, asked = [], []
    page.on("console", lambda m: said.append(m.text))
    page.on("pageerror", lambda e: said.append(str(e)))
    page.on("request", lambda r: asked.append(r.url))
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.ready", timeout=60_000)
    found = page.evaluate(DRAWN)
    page.close()
    assert said == []
    assert asked == [path.as_uri()]
    assert found["shown"] >= least
    assert found["shown"] >= 0.98 * found["drawn"]
    assert max(found["right"], found["scroll"]) <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_has_the_paper_of_its_picture(theme: str, browser: Any, tmp_path: Path) -> None:
    path = save(show(compared(), theme=theme), tmp_path / "compare.html")
    page = browser.new_page()
    page.goto(path.as_uri())
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.close()
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[theme]
