"""Networks and folders of images on the command line, called as a user calls it."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

from pellucid.core.attribution import Attribution  # noqa: E402
from pellucid.core.scores import Scores  # noqa: E402

torch.set_num_threads(1)

SIDE = 12
FEW = ("--methods", "saliency,input_x_gradient,occlusion")


class Bright(torch.nn.Module):
    """Says "bright" by the mean of the left half, "dark" by its opposite."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            self.body.weight[0], self.body.weight[1] = 4.0, -4.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x - 0.5)[..., : x.shape[3] // 2].mean((2, 3))


@pytest.fixture(scope="module")
def shelf_of_images(tmp_path_factory) -> Path:
    """A folder for each class, a flat one, and a network as TorchScript; tests only read here."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, level in (("bright", 190), ("dark", 60)):
        for number in range(5):
            pixels = np.clip(rng.normal(level, 20, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            for where in (folder / "classes" / name, folder / "flat"):
                where.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(where / f"{name}{number}.png")
    Image.fromarray(pixels[:, :-1]).save(folder / "classes" / "dark" / "narrow.png")
    torch.jit.trace(Bright(), torch.rand(2, 3, SIDE, SIDE)).save(folder / "net.pt")
    return folder


@pytest.fixture
def asked(shelf_of_images):
    """What every command begins with: the network, its word of trust, and a size."""
    return shelf_of_images / "net.pt", "--trust", "--size", SIDE


class Reader(HTMLParser):
    """The words of a page, and the descriptions and kinds of its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.pictures: list[tuple[str, str]] = []
        self.outside: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        self.silent += tag in ("script", "style")
        if tag == "img":
            self.pictures.append((given["src"], given["alt"]))
        self.outside += [
            given[name]
            for name in ("src", "href")
            if name in given and not given[name].startswith(("data:", "#"))
        ]

    def handle_endtag(self, tag) -> None:
        self.silent -= tag in ("script", "style")

    def handle_data(self, data) -> None:
        if not self.silent:
            self.words.append(data)


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def test_explain_writes_a_value_for_each_pixel(cli, shelf_of_images, asked, tmp_path) -> None:
    output = tmp_path / "why.pel"
    ran = cli(
        "explain", asked[0], shelf_of_images / "classes", *asked[1:],
        "-o", output, "--method", "input_x_gradient", "--class", 0, "--scale", "logit", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["images"] == 11
    found = Attribution.load(output)
    assert found.values.shape == (11, 3, SIDE, SIDE)
    assert found.coords["sample"][0] == "bright/bright0.png"
    assert not found.values[..., SIDE // 2 :].any()  # only the left half counts
    assert found.values[..., : SIDE // 2].any()


@pytest.mark.parametrize("suffix", [".html", ".png", ".svg"])
def test_explain_draws_the_overlays_of_several_methods(
    cli, shelf_of_images, asked, tmp_path, suffix
) -> None:
    output = tmp_path / f"why{suffix}"
    ran = cli(
        "explain", asked[0], shelf_of_images / "flat", *asked[1:],
        "-o", output, "--method", "saliency,occlusion",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "10 images" in ran.err
    assert "saliency, occlusion" in ran.err
    if suffix == ".svg":
        assert output.read_text().count("data:image/png") >= 8 * 3


def test_compare_prints_the_board_and_the_verdict_and_writes_them(
    cli, shelf_of_images, asked, tmp_path
) -> None:
    common = ("compare", asked[0], shelf_of_images / "flat", *asked[1:], *FEW, "--rows", 4)
    ran = cli(*common, "-o", tmp_path / "c.pel")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert "lost (blur)" in lines[0]
    assert [line.split("  ")[0].strip() for line in lines[1:5]] == [
        "saliency", "input × gradient", "occlusion", "random order",
    ]  # fmt: skip
    assert lines[-1] == Scores.load(tmp_path / "c.pel")["verdict"].text
    assert "4 of 10 images were drawn at random" in ran.err
    for suffix in (".svg", ".png", ".html"):
        ran = cli(*common, "-o", tmp_path / f"c{suffix}", "--json")
        assert ran.code == 0, ran.err
        assert (tmp_path / f"c{suffix}").stat().st_size > 5000


@pytest.fixture(scope="module")
def page(shelf_of_images, tmp_path_factory) -> Path:
    """A report on a folder for each class."""
    from pellucid.cli import app

    output = tmp_path_factory.mktemp("report") / "report.html"
    with pytest.raises(SystemExit) as stop:
        app.run(
            [
                "report", str(shelf_of_images / "net.pt"), str(shelf_of_images / "classes"),
                "--trust", "--size", str(SIDE), *FEW, "--rows", "dark/dark1.png",
                "-o", str(output),
            ]
        )  # fmt: skip
    assert stop.value.code == 0
    return output


def test_a_report_says_how_often_the_network_is_right(page) -> None:
    words = " ".join(" ".join(read(page).words).split())
    assert "The model is right for 100.0 % of 11 images" in words
    assert re.search(r"Trust\W+trusted", words)
    assert re.search(r"net\.pt \(torchscript\)", words)
    assert "bright is 0, dark is 1" in words  # numbered outputs take the folders' names


def test_a_report_shows_each_method_over_each_image_and_who_chose_it(page) -> None:
    reader = read(page)
    words = " ".join(" ".join(reader.words).split())
    assert "Image dark/dark1.png You asked for this image. The model says dark" in words
    assert "the model is least sure of" in words
    assert len(reader.pictures) % (1 + 2 * 3) == 0  # the image, and two pictures of three methods
    assert all(
        source.startswith("data:image/png;base64,") and alt for source, alt in reader.pictures
    )
    assert any("Map of occlusion" in alt for _, alt in reader.pictures)


def test_a_report_judges_the_methods_and_holds_all_it_shows(page) -> None:
    reader = read(page)
    words = " ".join(" ".join(reader.words).split())
    assert "Which of these methods are to be believed here?" in words
    assert "Methods beside one another" in words
    assert "random order" in words
    assert "Not as a reason to trust" in words
    assert not reader.outside


def test_a_report_without_answers_says_that_it_cannot_tell(
    cli, shelf_of_images, asked, tmp_path
) -> None:
    ran = cli(
        "report", asked[0], shelf_of_images / "flat", *asked[1:], "--methods", "saliency",
        "-o", tmp_path / "r.html", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    findings = json.loads(ran.out)["findings"]
    assert "cannot be told" in findings[0]
    assert "one method alone" in findings[2]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ("explain {net} {classes} --trust -o {out}.pel", 3, "one size"),
        ("explain {net} {flat} -o {out}.pel", 4, "TorchScript"),
        ("explain {net} {flat} --trust -o {out}.parquet", 2, "*.pel"),
        ("explain {net} {flat} --trust -o {out}.pel --method saliency,occlusion", 2, "one method"),
        ("explain {net} {flat} --trust -o {out}.pel --top 3", 2, "--top"),
        ("explain {net} {flat} --trust -o {out}.pel --size big", 2, "224"),
        ("explain {net} {flat} --trust -o {out}.pel --mean 1,x", 2, "0.485"),
        ("explain {net} {flat} --trust -o {out}.pel --class 7", 2, "class"),
        ("explain {net} {flat} --trust -o {out}.pel --method grad_cam", 3, "sites"),
        ("explain {net} {empty} --trust --size 8 -o {out}.pel", 3, "no images"),
        ("compare {net} {flat} --trust --target y", 2, "--target"),
        ("compare {net} {flat} --trust --methods saliency", 2, "two methods"),
        ("report {net} {flat} --trust --threshold 0.3 -o {out}.html", 2, "--threshold"),
        ("report {net} {flat} --trust --rows gone.png -o {out}.html", 2, "gone.png"),
        ("report {net} {other} --trust -o {out}.html", 3, "does not know"),
    ],
)
def test_what_does_not_fit_is_named(cli, shelf_of_images, tmp_path, arguments, code, says) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "other" / name).mkdir(parents=True)
        source = (shelf_of_images / "flat" / "dark0.png").read_bytes()
        (tmp_path / "other" / name / "a.png").write_bytes(source)
    where = {
        "net": shelf_of_images / "net.pt", "classes": shelf_of_images / "classes",
        "flat": shelf_of_images / "flat", "empty": tmp_path / "empty", "other": tmp_path / "other",
        "out": tmp_path / "out",
    }  # fmt: skip
    ran = cli(*(part.format(**where) for part in arguments.split()))
    assert (ran.code, says in ran.err) == (code, True), ran.err
    assert not list(tmp_path.glob("out*"))


def test_options_for_images_are_refused_for_tables(cli, shelf, tmp_path) -> None:
    ran = cli(
        "explain", shelf / "linear.skops", shelf / "features.csv", "--size", 8,
        "-o", tmp_path / "e.pel",
    )  # fmt: skip
    assert ran.code == 2
    assert "--size" in ran.err
    ran = cli("report", shelf / "linear.skops", shelf / "rows.csv", "-o", tmp_path / "r.html")
    assert ran.code == 2
    assert "--target COLUMN" in ran.err


@pytest.mark.parametrize("command", ["report", "explain", "compare"])
@pytest.mark.parametrize("name", ["gone", "gone.png", "gone.csv"])
def test_data_that_is_not_there_is_named_first(
    cli, shelf_of_images, tmp_path, command, name
) -> None:
    output = tmp_path / ("r.html" if command == "report" else "e.svg")
    ran = cli(command, shelf_of_images / "net.pt", tmp_path / name, "-o", output)
    assert ran.code == 3
    assert ran.err.startswith("Error: There is no file")
    assert f" {name} in {tmp_path}" in ran.err


def test_grey_files_are_given_to_a_network_of_one_channel(cli, tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 12, 12)).astype(np.uint8)
    (tmp_path / "grey").mkdir()
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / "grey" / f"{number}.png")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(200, 2))
    torch.jit.trace(net, torch.rand(2, 1, 12, 12)).save(tmp_path / "grey.pt")
    (tmp_path / "names.txt").write_text("a\nb\n")
    ran = cli(
        "explain", tmp_path / "grey.pt", tmp_path / "grey", "--trust", "--size", 12, "--class", "b",
        "--names", tmp_path / "names.txt", "--method", "saliency", "--scale", "logit", "--check",
        "-o", tmp_path / "e.pel",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    found = Attribution.load(tmp_path / "e.pel")
    assert found.values.shape == (3, 1, 12, 12)
    truth = net(torch.tensor(pixels[:, None] / 255).float()).detach().numpy()[:, 1]
    np.testing.assert_allclose(found.output, truth, atol=1e-6)


def test_without_pillow_or_torch_the_extra_is_named(
    cli, shelf_of_images, tmp_path, monkeypatch
) -> None:
    arguments = ("explain", shelf_of_images / "net.pt", shelf_of_images / "flat", "--trust",
                 "-o", tmp_path / "e.pel")  # fmt: skip
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "PIL", None)
        ran = cli(*arguments)
        assert ran.code == 3
        assert "pellucid[images]" in ran.err
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "torch", None)
        ran = cli("demo", "images", "-o", tmp_path / "d.html")
        assert ran.code == 3
        assert "pellucid[torch]" in ran.err
    assert not (tmp_path / "d.html").exists()


def test_strict_exits_with_1_when_checks_fail_and_keeps_the_page(
    cli, shelf_of_images, asked, tmp_path, monkeypatch
) -> None:
    from pellucid.display.report.images import report

    command = ("report", asked[0], shelf_of_images / "flat", *asked[1:], "--methods", "saliency",
               "-o", tmp_path / "r.html", "--strict")  # fmt: skip
    assert cli(*command).code == 0  # of one method alone nothing is judged
    monkeypatch.setattr(report, "_failures", lambda facts: 3)
    ran = cli(*command)
    assert ran.code == 1
    assert "3 of the checks of these explanations fail" in ran.err
    assert (tmp_path / "r.html").exists()
