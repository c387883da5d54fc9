"""``pellucid demo images``: the lesson holds, in numbers, and fits into a minute."""

from __future__ import annotations

import json
import re
import time

import pytest

pytest.importorskip("torch", reason="torch is not installed")

from pellucid.data.planted_digits import PATCH, SIDE

SECONDS = 60
"""Of one core; it takes less than half of that on a quiet machine."""


def shares(words: str) -> list[float]:
    return [float(number) for number in re.findall(r"([\d.]+) %", words)]


def test_the_lesson_shows_what_accuracy_does_not(cli, tmp_path) -> None:
    output = tmp_path / "lesson.html"
    started = time.process_time()
    ran = cli("demo", "images", "-o", output, "--json")
    assert ran.code == 0, ran.err
    assert time.process_time() - started < SECONDS
    told = json.loads(ran.out)
    blind, swapping, maps, which = told["lesson"]

    hans, _, _, honest = shares(blind)[:4]
    assert hans > honest > 85  # by accuracy alone, the cheat is better
    before, after, fair, fair_after = shares(swapping)
    assert after < 25 < before
    assert abs(fair - fair_after) < 5
    area, most_of_hans, most_of_honest = shares(maps)
    assert area == pytest.approx(100 * PATCH**2 / SIDE**2, abs=0.01)
    assert most_of_hans > 50 > 3 * area > most_of_honest
    assert "SmoothGrad puts only" in which or "saliency puts only" in which

    assert maps in told["findings"]
    believed, _, doubted = told["findings"][-1].partition("; doubt ")
    for name in ("integrated gradients", "LRP", "occlusion", "kernel SHAP"):
        assert name in believed
    assert "guided backprop, which hardly changes when the network is random" in doubted
    page = output.read_text(encoding="utf-8")
    assert "The lesson: being right is not enough" in page
    assert page.count('<article class="sight"') == 6


def test_an_unknown_lesson_or_kind_of_digits_is_named(cli, tmp_path) -> None:
    ran = cli("demo", "image", "-o", tmp_path / "d.html")
    assert ran.code == 2
    assert "images" in ran.err
    ran = cli("demo", "images", "--data", "wine", "-o", tmp_path / "d.html")
    assert ran.code == 2
    assert "hans" in ran.err
