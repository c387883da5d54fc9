"""The colours carry their meaning on both backgrounds, and nothing global changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pellucid.core.errors import UnknownName
from pellucid.display.charts.confusion import FULL
from pellucid.display.theme import PALETTES, SMALLEST_TEXT, config, palette


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2.2."""
    linear = []
    for i in (1, 3, 5):
        part = int(colour[i : i + 2], 16) / 255
        linear.append(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio after WCAG 2.2."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def over(paint: str, paper: str, opacity: float) -> str:
    """The colour that `paint` makes on `paper`."""
    parts = [
        round(int(paint[i : i + 2], 16) * opacity + int(paper[i : i + 2], 16) * (1 - opacity))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def test_contrast_agrees_with_published_pairs():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # WCAG's own example


@pytest.mark.parametrize("theme", PALETTES)
def test_every_colour_with_a_meaning_has_contrast_3(theme):
    colours = palette(theme)
    meant = [colours.raises, colours.lowers, colours.plain, colours.missing]
    for colour in (*meant, *colours.series, *colours.ramp):
        assert contrast(colour, colours.background) >= 3, colour


@pytest.mark.parametrize("theme", PALETTES)
def test_text_has_contrast_of_4_5(theme):
    colours = palette(theme)
    assert contrast(colours.text, colours.background) >= 7
    assert contrast(colours.muted, colours.background) >= 4.5


@pytest.mark.parametrize("theme", PALETTES)
def test_text_reads_on_every_cell_of_a_confusion_matrix(theme):
    colours = palette(theme)
    for share in (0, 0.25, 0.5, 0.75, 1):
        cell = over(colours.plain, colours.background, FULL * share)
        assert contrast(colours.text, cell) >= 4.5, share


@pytest.mark.parametrize("theme", PALETTES)
def test_the_ramp_is_monotone_in_luminance_and_moves_away_from_the_paper(theme):
    colours = palette(theme)
    steps = [contrast(colour, colours.background) for colour in colours.ramp]
    assert steps == sorted(steps)
    assert steps[-1] / steps[0] > 2


def test_each_colour_means_one_thing_so_that_a_light_chart_can_be_recoloured():
    light, dark = vars(palette("light")), vars(palette("dark"))
    pairs: dict[str, str] = {}
    for name, colour in light.items():
        flat = [colour] if isinstance(colour, str) else colour
        others = [dark[name]] if isinstance(colour, str) else dark[name]
        for one, other in zip(flat, others, strict=True):
            assert pairs.setdefault(one, other) == other, name


@pytest.mark.parametrize("theme", PALETTES)
def test_no_text_is_smaller_than_11_pixels(theme):
    def sizes(part):
        for key, value in part.items():
            if isinstance(value, dict):
                yield from sizes(value)
            elif key.lower().endswith("fontsize"):
                yield value

    assert min(sizes(config(theme))) >= SMALLEST_TEXT == 11


def test_an_unknown_theme_is_named_with_the_known_ones():
    with pytest.raises(UnknownName, match="dark"):
        palette("drak")


def test_importing_show_imports_neither_altair_nor_vl_convert_nor_jinja2_nor_pandas():
    code = (
        "import sys, pellucid.display, pellucid.display.show\n"
        "import pellucid.display.pieces.table\n"
        "print([m for m in ('altair', 'vl_convert', 'jinja2', 'pandas', 'scipy', 'sklearn')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
