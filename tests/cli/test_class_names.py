"""Networks whose classes get their names from a file, on the command line and as ONNX."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pytest.importorskip("onnx", reason="torch writes ONNX graphs with onnx")
pytest.importorskip("onnxruntime", reason="ONNX graphs are run by onnxruntime")

import pellucid as pel  # noqa: E402
from pellucid.core.attribution import Attribution  # noqa: E402
from pellucid.core.scores import Scores  # noqa: E402
from pellucid.data.image_files import read_images  # noqa: E402

torch.set_num_threads(1)

SIDE = 12
COLOURS = ("red", "green", "blue")
"""The classes in the order of the outputs, which is not that of the alphabet."""

FEW = ("--methods", "occlusion,rise")

FILES = {
    "names.txt": "red\ngreen\nblue\n",
    "spaced.txt": "\ufeff red \r\ngreen\r\nblue\r\n\r\n",
    "list.json": '["red", "green", "blue"]',
    "object.json": '{"2": "blue", "0": "red", "1": "green"}',
}
"""The same labels, as files hold them."""


class Colour(torch.nn.Module):
    """Says which of red, green and blue there is most of, by three convolutions of one pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = torch.nn.Conv2d(3, 3, 1), torch.nn.Linear(3, 3)
        with torch.no_grad():
            self.body.weight[..., 0, 0] = torch.eye(3) - 0.3
            self.body.bias.zero_()
            self.head.weight[:] = 12 * torch.eye(3)
            self.head.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.body(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def shelf_of_colours(tmp_path_factory) -> Path:
    """The network as TorchScript and as ONNX, a folder for each class, and files of labels."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    for place, name in enumerate(COLOURS):
        (folder / "classes" / name).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 120, (SIDE, SIDE, 3))
            pixels[3:9, 3:9, place] += 130
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(folder / "classes" / name / f"{number}.png")
    example = torch.rand(2, 3, SIDE, SIDE)
    torch.jit.trace(Colour(), example).save(folder / "net.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter needs more packages
        torch.onnx.export(
            Colour(), (example,), folder / "net.onnx", dynamo=False, input_names=["x"],
            output_names=["scores"], dynamic_axes={"x": {0: "n"}, "scores": {0: "n"}},
        )  # fmt: skip
    for name, text in FILES.items():
        (folder / name).write_bytes(text.encode())
    return folder


def images(folder: Path):
    return read_images(folder / "classes").images


@pytest.mark.parametrize("method", ["occlusion", "kernel_shap"])
def test_an_onnx_graph_is_explained_as_the_network_it_was_made_from(
    cli, shelf_of_colours, tmp_path, method
) -> None:
    ran = cli(
        "explain", shelf_of_colours / "net.onnx", shelf_of_colours / "classes",
        "-o", tmp_path / "why.pel", "--method", method, "--class", 1, "--scale", "logit",
        "--segments", 9,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    found = Attribution.load(tmp_path / "why.pel")
    truth = pel.explain(
        Colour(), images(shelf_of_colours), method=method, target=1, scale="logit", segments=9,
        seed=0,
    )  # fmt: skip
    np.testing.assert_allclose(found.values, truth.values, atol=1e-4)
    np.testing.assert_allclose(found.output, truth.output, atol=1e-4)


def test_an_onnx_graph_is_drawn_compared_and_reported_on_without_trust(
    cli, shelf_of_colours, tmp_path
) -> None:
    asked = shelf_of_colours / "net.onnx", shelf_of_colours / "classes"
    ran = cli("explain", *asked, "-o", tmp_path / "why.html", "--method", "occlusion,rise")
    assert ran.code == 0, ran.err
    assert "12 images" in ran.err
    ran = cli("compare", *asked, *FEW, "--rows", 6, "-o", tmp_path / "c.pel")
    assert ran.code == 0, ran.err
    assert set(Scores.load(tmp_path / "c.pel").groups) >= {"occlusion", "rise", "random order"}
    ran = cli("report", *asked, *FEW, "-o", tmp_path / "r.html", "--names",
              shelf_of_colours / "names.txt", "--json")  # fmt: skip
    assert ran.code == 0, ran.err
    assert "right for 100.0 % of 12 images" in json.loads(ran.out)["findings"][0]
    page = (tmp_path / "r.html").read_text()
    assert "net.onnx (onnx)" in page
    assert 'data-noun="image"' in page


def test_without_gradients_an_onnx_graph_says_what_it_lacks(
    cli, shelf_of_colours, tmp_path
) -> None:
    ran = cli(
        "explain", shelf_of_colours / "net.onnx", shelf_of_colours / "classes",
        "-o", tmp_path / "why.pel", "--method", "saliency",
    )  # fmt: skip
    assert ran.code == 3
    assert "only runs forwards" in ran.err
    assert not (tmp_path / "why.pel").exists()


FUNCTION = "def scores(x):\n    return 12 * (x - 0.3 * x.sum(1, keepdims=True)).mean((2, 3))\n"
"""A function of images in place of a network."""


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("net", ["net.onnx", "net.pt", "colours:scores"])
def test_labels_name_the_outputs_in_their_order(
    cli, shelf_of_colours, tmp_path, monkeypatch, net, file
) -> None:
    (tmp_path / "colours.py").write_text(FUNCTION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "colours", raising=False)
    model, scale = (net, "raw") if ":" in net else (shelf_of_colours / net, "logit")
    asked = ("explain", model, shelf_of_colours / "classes", "--trust", "--method", "occlusion",
             "-o", tmp_path / "why.pel", "--scale", scale, "--class", "green")  # fmt: skip
    assert cli(*asked).code == 2  # outputs are only numbered
    ran = cli(*asked, "--names", shelf_of_colours / file)
    assert ran.code == 0, ran.err
    found, x = Attribution.load(tmp_path / "why.pel"), images(shelf_of_colours).values
    assert found.target == "green"
    second = 12 * (x[:, 1] - 0.3 * x.sum(axis=1))
    second = second if scale == "raw" else np.maximum(second, 0)
    np.testing.assert_allclose(found.output, second.mean(axis=(1, 2)), atol=1e-4)


def test_a_report_matches_folders_to_outputs_by_name_and_not_by_place(
    cli, shelf_of_colours, tmp_path
) -> None:
    asked = ("report", shelf_of_colours / "net.pt", shelf_of_colours / "classes", "--trust",
             "--methods", "saliency", "-o", tmp_path / "r.html", "--json")  # fmt: skip
    by_place = json.loads(cli(*asked).out)["findings"][0]
    assert "right for 33.3 %" in by_place  # blue comes first in the alphabet; green stays
    ran = cli(*asked, "--names", shelf_of_colours / "object.json")
    assert ran.code == 0, ran.err
    assert "right for 100.0 %" in json.loads(ran.out)["findings"][0]


def test_compare_takes_the_labels_too(cli, shelf_of_colours, tmp_path) -> None:
    ran = cli(
        "compare", shelf_of_colours / "net.pt", shelf_of_colours / "classes", "--trust",
        "--methods", "saliency,occlusion", "--rows", 4,
        "--names", shelf_of_colours / "names.txt", "--class", "blue", "-o", tmp_path / "c.pel",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert Scores.load(tmp_path / "c.pel").target == "blue"


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("few.txt", "red\ngreen", 2, "not one label for each output"),
        ("few.txt", "red\ngreen", 2, "Got 2 labels"),
        ("many.json", '["a", "b", "c", "d"]', 2, "Allowed: 3, in the order of the outputs"),
        ("twice.txt", "red\nblue\nred", 3, "stand twice in twice.txt. Got red"),
        ("gap.txt", "red\n\nblue", 3, "nothing at place 1"),
        ("empty.txt", "\n", 3, "an empty file"),
        ("empty.json", "[]", 3, "an empty file"),
        ("keys.json", '{"1": "red", "2": "green", "3": "blue"}', 3, "not the numbers"),
        ("keys.json", '{"0": "red", "0": "green", "1": "blue"}', 3, "not the numbers"),
        ("deep.json", '{"0": ["n1", "red"], "1": "green", "2": "blue"}', 3, "something else"),
        ("number.json", "3", 3, "something else than labels"),
        ("cut.json", '["red", ', 3, "is no JSON"),
        ("latin.txt", b"rouge\nvert\nbleu\xe9", 3, "not UTF-8"),
        ("gone.txt", None, 3, "cannot be read"),
    ],
)
def test_labels_that_do_not_fit_are_refused_in_words(
    cli, shelf_of_colours, tmp_path, name, content, code, says
) -> None:
    if content is not None:
        given = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(given)
    ran = cli(
        "explain", shelf_of_colours / "net.pt", shelf_of_colours / "classes", "--trust",
        "--method", "saliency", "--names", tmp_path / name, "-o", tmp_path / "why.pel",
    )  # fmt: skip
    assert (ran.code, says in ran.err) == (code, True), ran.err
    assert not (tmp_path / "why.pel").exists()


def test_labels_are_for_classes_of_images_and_are_not_written_over(
    cli, shelf, shelf_of_colours, tmp_path
) -> None:
    names = shelf_of_colours / "list.json"
    ran = cli("report", shelf / "linear.skops", shelf / "rows.csv", "--target", "risk",
              "--names", names, "-o", tmp_path / "r.html")  # fmt: skip
    assert (ran.code, "--names" in ran.err) == (2, True)
    one = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIDE**2, 1))
    torch.jit.trace(one, torch.rand(2, 3, SIDE, SIDE)).save(tmp_path / "one.pt")
    common = shelf_of_colours / "classes", "--trust", "--names", names
    ran = cli("explain", tmp_path / "one.pt", *common, "-o", tmp_path / "why.pel")
    assert (ran.code, "which has one output" in ran.err) == (2, True)
    ran = cli("compare", shelf_of_colours / "net.pt", *common, "-o", names)
    assert (ran.code, "would be lost" in ran.err) == (2, True)
    assert json.loads(names.read_text()) == list(COLOURS)
