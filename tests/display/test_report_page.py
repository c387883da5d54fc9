"""The report, opened in a browser: it draws, it asks for nothing, and everybody can use it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
if BROWSER is None and not os.environ.get("CI"):
    pytest.skip("no Chromium is installed", allow_module_level=True)

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SECTIONS = ("origin", "quality", "drivers", "effects", "cases", "trust", "limits")
FIGURES = {"quality": 2, "drivers": 4, "effects": 2, "cases": 3, "trust": 1}
"""The least number of figures in each section that has any."""

WORDS = ("never", "once — or twice", "<script>alert(1)</script>")
"""Categories that a careless page would run or cut."""

KINDS = ("two classes", "three classes", "numbers", "text and gaps")


def made(kind: str, path: Path) -> Path:
    """A report of its kind."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    if kind == "text and gaps":
        return _text_and_gaps(path)
    load, model = {
        "two classes": (
            load_breast_cancer,
            GradientBoostingClassifier(n_estimators=20, random_state=0),
        ),
        "three classes": (load_wine, GradientBoostingClassifier(n_estimators=10, random_state=0)),
        "numbers": (load_diabetes, GradientBoostingRegressor(n_estimators=20, random_state=0)),
    }[kind]
    X, y = load(return_X_y=True, as_frame=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X.iloc[order], y.iloc[order]
    seen = len(X) - 80
    model.fit(X[:seen], y[:seen])
    pel.report(model, X[seen:], y[seen:], background=X[:seen], path=path, rows=[X.index[-1]])
    return path


def _text_and_gaps(path: Path) -> Path:
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "<b>income</b> & more": rng.normal(30, 8, 240).round(1),
            "a column with a name that is far too long to stand on an axis": rng.choice(WORDS, 240),
            "größe": rng.integers(0, 4, 240).astype(float),
            "constant": 1.0,
        }
    )
    rows.loc[::9, "größe"] = np.nan
    y = np.where(rows.iloc[:, 0] + 9 * (rows.iloc[:, 1] == "never") > 34, "no", "yes")
    text = list(rows.columns[1:2])
    encode = make_column_transformer(
        (OneHotEncoder(), text), (SimpleImputer(), ["größe"]), remainder="passthrough"
    )
    model = make_pipeline(encode, RandomForestClassifier(20, random_state=0)).fit(rows, y)
    pel.report(model, rows[:120], y[:120], background=rows[120:], path=path)
    return path


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    return {kind: made(kind, folder / f"{kind.replace(' ', '_')}.html") for kind in KINDS}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield opened
        opened.close()


class Opened:
    """A page with everything it said and asked for."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1200, "height": 900}, **context}
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda m: self.said.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.said.append(f"error: {e}"))
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_function("document.documentElement.dataset.ready", timeout=60_000)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_draws_everything_and_says_nothing_wrong(
    kind: str, reports: dict[str, Path], browser: Any
) -> None:
    with Opened(browser, reports[kind]) as opened:
        page = opened.page
        assert opened.said == []
        assert opened.asked == [reports[kind].as_uri()]
        assert [
            s.get_attribute("id") for s in page.query_selector_all("main > section[id]")
        ] == list(SECTIONS)
        assert len(page.query_selector_all(".findings ol > li")) == 3
        for section in SECTIONS:
            figures = page.query_selector_all(f"#{section} figure.chart")
            assert len(figures) >= FIGURES.get(section, 0), section
            for figure in figures:
                title = figure.query_selector("h3").inner_text()
                assert title.endswith("?"), title
                assert len(figure.query_selector_all(".canvas svg path")) > 1, title
                captions = [p.inner_text() for p in figure.query_selector_all("figcaption p")]
                assert captions[0].startswith("How to read it. ")
                assert captions[1].startswith("How sure it is. ")
                assert min(map(len, captions)) > 40, title
                assert figure.query_selector("table tbody tr") is not None, title
                alt = figure.query_selector(".canvas").get_attribute("aria-label")
                assert len(alt) > 30
                assert alt != title
        assert page.query_selector_all("#cases article.case .reasons li")


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_holds_all_it_needs_and_stays_small(kind: str, reports: dict[str, Path]) -> None:
    text = reports[kind].read_text(encoding="utf-8")
    assert len(text.encode()) < 3_000_000
    own = text[: text.index("<script>")]
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", own)
    assert "url(http" not in own
    assert "@import" not in own
    assert "undefined" not in own.replace("is not defined", "")
    assert not re.search(r"\bnan\b|(?<!=)\bNone\b", re.sub(r"<[^>]+>|\{.*?\}", " ", own))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_serious(
    kind: str, scheme: str, reports: dict[str, Path], browser: Any
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with Opened(browser, reports[kind], color_scheme=scheme) as opened:
        opened.page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        found = axe.run(opened.page).response["violations"]
        bad = [
            (one["id"], one["nodes"][0]["html"][:160])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert bad == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_runs_off_a_phone(kind: str, reports: dict[str, Path], browser: Any) -> None:
    with Opened(browser, reports[kind], viewport={"width": 360, "height": 740}) as opened:
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_text_in_the_data_is_text_on_the_page(reports: dict[str, Path], browser: Any) -> None:
    with Opened(browser, reports["text and gaps"]) as opened:
        assert opened.said == []
        assert "<b>income</b> & more" in opened.page.inner_text("#cases")
        assert "onehot" not in opened.page.content().lower().split("<script>")[0]


def test_rows_can_be_searched_and_sorted(reports: dict[str, Path], browser: Any) -> None:
    with Opened(browser, reports["two classes"]) as opened:
        page = opened.page
        rows = "#rows tbody tr:not([hidden])"
        assert len(page.query_selector_all(rows)) == 80
        first = page.inner_text("#rows tbody tr th")
        page.fill("input[type=search]", first)
        left = page.query_selector_all(rows)
        assert 1 <= len(left) < 80
        assert all(first in row.inner_text() for row in left)
        assert page.inner_text("#cases .count") == f"{len(left)} of 80 rows"
        page.fill("input[type=search]", "no such row")
        assert page.inner_text("#cases .count") == "0 of 80 rows"
        page.fill("input[type=search]", "")
        place = [h.inner_text().strip() for h in page.query_selector_all("#rows thead th")]
        column = place.index("probability")
        for wanted in ("descending", "ascending"):
            page.click(f"#rows thead th:nth-child({column + 1}) button")
            cells = page.eval_on_selector_all(
                f"#rows tbody tr > :nth-child({column + 1})", "c => c.map(x => +x.dataset.sort)"
            )
            assert cells == sorted(cells, reverse=wanted == "descending")
            head = page.query_selector(f"#rows thead th:nth-child({column + 1})")
            assert head.get_attribute("aria-sort") == wanted


def test_everything_can_be_done_from_the_keyboard(reports: dict[str, Path], browser: Any) -> None:
    with Opened(browser, reports["two classes"]) as opened:
        page = opened.page
        reached = []
        for _ in range(400):
            page.keyboard.press("Tab")
            name = page.evaluate(
                "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
                " return [e.tagName, e.id || e.className, s.outlineStyle]; })()"
            )
            if name[0] == "BODY":
                break
            assert name[2] != "none", f"{name} shows no focus"
            reached.append(name[1] if name[0] != "SUMMARY" else "summary")
        figures = len(page.query_selector_all("figure.chart"))
        assert reached[:2] == ["skip", "theme"]
        assert reached.count("summary") == figures
        assert {"rows-search", "sort"} <= set(reached)


def test_the_theme_button_turns_the_page_dark_and_redraws(
    reports: dict[str, Path], browser: Any
) -> None:
    with Opened(browser, reports["two classes"]) as opened:
        page = opened.page
        light = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
        page.focus("#theme")
        page.keyboard.press("Enter")
        page.wait_for_function("document.documentElement.dataset.ready === 'dark'")
        dark = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
        assert light != dark
        assert page.get_attribute("#theme", "aria-pressed") == "true"
        assert opened.said == []


MARKS = {
    "#importance svg .mark-rect path": ("column", "value", "95 % interval"),
    "#beeswarm svg .mark-symbol.role-mark path": ("row", "column", "share"),
    "#heatmap svg .mark-rect path": ("column", "rows", "share"),
    "#effect0 svg .mark-symbol.role-mark path": ("ALE", "rows nearby"),
    "#dependence0 svg .mark-symbol.role-mark path": ("row", "share"),
    "#scores svg .mark-symbol.role-mark path": ("score", "value", "rows"),
    "#calibration svg .mark-symbol.role-mark path": ("mean prediction", "observed share"),
    "#confusion svg .mark-rect path": ("actual", "predicted", "share of the actual class"),
    "#agreement svg .mark-symbol.role-mark path": ("column", "place by permutation importance"),
    "article.case svg .mark-rect path": ("step", "moves", "from and to"),
}
"""Marks of each picture, and what they must say."""


@pytest.mark.parametrize("mark", MARKS)
def test_a_point_tells_its_numbers(mark: str, reports: dict[str, Path], browser: Any) -> None:
    with Opened(browser, reports["two classes"]) as opened:
        page = opened.page
        page.locator(mark).last.hover(force=True)
        page.wait_for_selector("#vg-tooltip-element.visible")
        said = page.inner_text("#vg-tooltip-element")
        assert re.search(r"\d", said)
        keys = page.eval_on_selector_all(
            "#vg-tooltip-element td.key", "c => c.map(x => x.innerText)"
        )
        assert set(MARKS[mark]) <= {key.strip(" :") for key in keys}


def test_the_page_prints_with_every_table_open(reports: dict[str, Path], browser: Any) -> None:
    with Opened(browser, reports["two classes"]) as opened:
        page = opened.page
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("[...document.querySelectorAll('details')].every((d) => d.open)")
        page.emulate_media(media="print")
        assert not page.is_visible("nav")
        assert not page.is_visible("#theme")
        assert page.pdf().startswith(b"%PDF")


def test_without_scripts_the_words_and_tables_are_there(
    reports: dict[str, Path], browser: Any
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(reports["two classes"].as_uri())
    assert "What drives" in page.inner_text("h1")
    assert page.query_selector("#drivers figure table tbody tr") is not None
    context.close()


def test_the_same_seed_writes_the_same_page(tmp_path: Path) -> None:
    pages = [made("numbers", tmp_path / f"{i}.html").read_text(encoding="utf-8") for i in range(2)]
    footer = re.compile(r"<footer>.*?</footer>", re.DOTALL)
    assert footer.sub("", pages[0]) == footer.sub("", pages[1])
