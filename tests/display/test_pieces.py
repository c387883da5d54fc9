"""Text-like pieces are small, escaped, readable without colour, and say the same in words."""

from __future__ import annotations

import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from pellucid.core.errors import InvalidData
from pellucid.display.pieces.overlay import overlay, png
from pellucid.display.pieces.page import style
from pellucid.display.pieces.table import table
from pellucid.display.pieces.token_strip import token_strip
from pellucid.display.pieces.tree import Node, tree

VOID = {"img", "br", "meta"}


class Balanced(HTMLParser):
    """Fails on a tag that is closed wrongly; collects text and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


NODES = [
    Node(text="age ≤ 30", yes=1, no=2, rows=100),
    Node(text="stays", rows=40, value=0.2),
    Node(text="income ≤ 1000", yes=3, no=4, rows=60),
    Node(text="leaves", rows=20, value=0.8),
    Node(text="stays", rows=40, value=0.1),
]


def test_a_token_strip_signs_its_tokens_and_names_the_greatest():
    page = token_strip(["not", "<b>good</b>", "film"], [-1.2, 0.8, 0.0], unit="log-odds")
    read = Balanced(page)
    assert "not−1.2" in read.text
    assert "<b>good</b>+0.8" in read.text
    assert page.count("pel-token pel-down") == 1
    assert page.count("pel-token pel-up") == 1
    assert "“not” −1.2 and “<b>good</b>” +0.8" in dict(read.attributes)["aria-label"]


def test_a_token_strip_keeps_the_text_and_writes_only_the_greatest_numbers():
    words = ["one", "two", "three", "four"]
    read = Balanced(token_strip(words, [4, 3, 2, 1], numbers=2, styled=False))
    assert read.text.strip().startswith("one+4 two+3 three four")


@pytest.mark.parametrize("values", [[0, 0], [np.nan, 1], [np.inf, 1e-300]])
def test_odd_token_values_are_shown(values):
    Balanced(token_strip(["a", "b"], values))


def test_tokens_without_values_are_refused():
    with pytest.raises(InvalidData, match="one value"):
        token_strip(["a", "b"], [1.0])
    Balanced(token_strip([], []))


def test_a_table_has_caption_scopes_and_exact_values():
    page = table({"feature": ["age", "<b>"], "share": [0.123456789, None]}, caption="Shares")
    read = Balanced(page)
    assert page.count('scope="col"') == 2
    assert page.count('scope="row"') == 2
    assert ("data-value", "0.123456789") in read.attributes
    assert ("data-type", "number") in read.attributes
    assert "<caption>Shares</caption>" in page
    assert "<b>" in read.text
    assert "0.123" in read.text


def test_a_long_table_says_what_it_hides():
    assert "further rows" in table({"n": range(250)}, caption="n", most=200)
    with pytest.raises(InvalidData, match="one length"):
        table({"a": [1], "b": []}, caption="x")
    with pytest.raises(InvalidData, match="needs a column"):
        table({}, caption="x")


def test_a_tree_is_nested_lists_that_answer_its_questions():
    page = tree(NODES, unit="risk")
    read = Balanced(page)
    assert page.count("<li>") == 5
    assert "yes: stays (0.2 risk)" in " ".join(read.text.split())
    assert "no: income ≤ 1000? 60 rows" in " ".join(read.text.split())
    words = dict(read.attributes)["aria-label"]
    assert "2 questions and 3 leaves" in words
    assert "asks first: age ≤ 30" in words


def test_a_deep_tree_is_cut_and_says_so():
    read = Balanced(tree(NODES, depth=1))
    assert "deeper questions are not drawn" in read.text
    assert "leaves" not in read.text
    assert "stays" in Balanced(tree(NODES[1:2])).text


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [Node(text="a", yes=1)],
        [Node(text="a", yes=1, no=1), Node(text="b")],
        [Node(text="a", yes=1, no=9), Node(text="b")],
        [Node(text="a"), Node(text="lost")],
        [Node(text="a"), Node(text="b", yes=2, no=3), Node(text="c", yes=1, no=3), Node(text="d")],
    ],
)
def test_what_is_no_tree_is_refused(nodes):
    with pytest.raises(InvalidData):
        tree(nodes)


def test_a_png_of_ours_decodes_to_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    made = png(pixels)
    assert struct.unpack(">II", made[16:24]) == (7, 5)
    start = made.index(b"IDAT")
    size = struct.unpack(">I", made[start - 4 : start])[0]
    lines = np.frombuffer(zlib.decompress(made[start + 4 : start + 4 + size]), np.uint8)
    np.testing.assert_array_equal(lines.reshape(5, 22)[:, 1:].reshape(5, 7, 3), pixels)


def test_pillow_reads_our_png():
    import io

    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(png(pixels)))), pixels)


def test_an_overlay_says_where_the_strongest_pixel_lies():
    mask = np.zeros((9, 9))
    mask[0, 8], mask[8, 0] = 2.0, -1.0
    page = overlay(np.full((9, 9), 0.5), mask, unit="log-odds of cat")
    words = dict(Balanced(page).attributes)["alt"]
    assert "top right and raises it" in words
    assert "66.7 % of all strength raises it" in words
    assert 'src="data:image/png;base64,' in page


def test_overlays_of_colour_bytes_and_of_nothing_are_drawn():
    Balanced(overlay(np.zeros((300, 2, 3), dtype=np.uint8), np.zeros((300, 2))))
    Balanced(overlay(np.ones((3, 3, 1)), np.full((3, 3), np.nan)))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (np.zeros((3, 3)), np.zeros((3, 4))),
        (np.zeros(3), np.zeros(3)),
        (np.zeros((3, 3, 4)), np.zeros((3, 3))),
        (np.full((3, 3), 200.0), np.zeros((3, 3))),
        (np.full((3, 3), np.nan), np.zeros((3, 3))),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_what_is_no_image_is_refused(image, mask):
    with pytest.raises(InvalidData):
        overlay(image, mask)


def test_pieces_fetch_nothing_and_the_style_comes_once_if_wished():
    page = table({"a": [1]}, caption="x", styled=False) + tree(NODES, styled=False)
    assert "<style" not in page
    assert "http" not in page + style()
    assert "prefers-color-scheme:dark" in style()
