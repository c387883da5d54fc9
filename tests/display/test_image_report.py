"""The report on images: what is counted, chosen, judged and said, on functions of images."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName, WrongTarget
from pellucid.data.images import Images
from pellucid.display.report.images.chosen import chosen
from pellucid.display.report.images.facts import Options, gather
from pellucid.display.report.images.truth import truth_of

SIDE = 8
RNG = np.random.default_rng(0)
X = RNG.random((30, 1, SIDE, SIDE)).astype(np.float32)
Y = np.where(X[:, :, :, : SIDE // 2].mean((1, 2, 3)) > 0.5, "left", "plain")
FEW = ["occlusion", pel.explainers.RISE(budget=64)]


def left(images: np.ndarray) -> np.ndarray:
    """Probabilities of "plain" and "left": by the mean of the left half."""
    p = 1 / (1 + np.exp(-40 * (images[..., : SIDE // 2].mean((1, 2, 3)) - 0.5)))
    return np.column_stack([p, 1 - p])


def wrong_of_five(images: np.ndarray) -> np.ndarray:
    """As `left`, but turned round where the first pixel is large."""
    found = left(images)
    turned = images[:, 0, 0, 0] > np.sort(X[:, 0, 0, 0])[-6]
    return np.where(turned[:, None], found[:, ::-1], found)


def words(path) -> str:
    page = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", path.read_text(encoding="utf-8"))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def facts(model=left, y=Y, **options):
    return gather(model, X, y, None, Options(methods=FEW, seed=0, **options))


def test_mistakes_are_counted_and_come_first(tmp_path) -> None:
    found = facts(wrong_of_five)
    mistakes = int((wrong_of_five(X).argmax(1) != (Y == "plain")).sum())
    assert int(found.truth.wrong.sum()) == mistakes == 5
    assert found.truth.scores["accuracy"].value == pytest.approx(25 / 30)
    assert found.truth.wrong[found.shown[0].place]
    assert "Predicted wrongly" in found.shown[0].why
    counts = {(row.group, row.metric): row.value for row in found.truth.confusion}
    off = counts["actual left", "predicted plain"] + counts["actual plain", "predicted left"]
    assert off == 5


def test_numbered_outputs_take_the_names_of_the_answers_and_say_so() -> None:
    found = facts()
    assert found.truth.names == ("left", "plain")
    assert "left is 0, plain is 1" in found.truth.notes[0]
    assert found.truth.spelled("plain") == "1"
    assert set(found.found[0].inputs["target"]) <= {"left", "plain"}


def test_images_shown_are_the_least_sure_the_surest_and_those_asked_for() -> None:
    output = left(X)
    truth = truth_of(Y, output, adapter(left), 0)
    shown = chosen(truth, output, range(len(X)), ["7"])
    assert (shown[0].place, shown[0].why) == (7, "You asked for this image.")
    sure = output.max(1)
    assert {each.place for each in shown[1:3]} == set(np.argsort(sure)[:2])
    assert int(sure.argmax()) in {each.place for each in shown}
    assert len({each.place for each in shown}) == len(shown) <= 7
    with pytest.raises(UnknownName, match="99"):
        chosen(truth, output, range(len(X)), ["99"])


def adapter(model):
    from pellucid.explainers.image_model import adapter_of

    found = adapter_of(model, Images.of(X))
    found.settle(X[:2])
    return found


def test_methods_that_refuse_are_named_and_the_others_judged(tmp_path) -> None:
    made = pel.report(left, X, Y, methods=[*FEW, "grad_cam"], path=tmp_path / "r.html", seed=0)
    page = words(tmp_path / "r.html")
    assert re.search(r"Does not fit\W+Grad-CAM: GradCAM cannot explain", page)
    assert "Judged on" in made.findings[2]
    assert "occlusion" in made.findings[2]
    with pytest.raises(CannotExplain, match="None of the methods"):
        pel.report(left, X, Y, methods=["grad_cam", "lrp"], path=tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_the_same_seed_writes_the_same_findings(tmp_path) -> None:
    first, again = (
        pel.report(left, X, Y, methods=FEW, path=tmp_path / f"{i}.html", seed=3) for i in range(2)
    )
    assert first.findings == again.findings
    assert first.evaluations == again.evaluations


def test_one_output_is_a_number_with_or_without_its_truth(tmp_path) -> None:
    def mean(images: np.ndarray) -> np.ndarray:
        return images.mean((1, 2, 3))

    pel.report(mean, X, mean(X) + 0.01, methods=FEW, path=tmp_path / "r.html", seed=0)
    page = words(tmp_path / "r.html")
    assert "Where is the prediction too high" in page
    assert "The highest prediction." in page
    made = pel.report(mean, X, methods=FEW[:1], path=tmp_path / "n.html", seed=0)
    assert "cannot be told" in made.findings[0]


def test_of_many_classes_the_first_and_the_first_five_are_counted() -> None:
    def many(images: np.ndarray) -> np.ndarray:
        scores = np.exp(20 * images[:, 0].reshape(len(images), -1)[:, :40])
        return scores / scores.sum(1, keepdims=True)

    output = many(X)
    answers = np.argsort(-output, axis=1)[:, 2]  # the third is the true one
    truth = truth_of(answers, output, adapter(many), 0)
    assert truth.scores["accuracy"].value == 0
    assert truth.scores["top_5_accuracy"].value == 1
    assert truth.confusion is None


def test_what_is_marked_is_drawn_and_measured(tmp_path) -> None:
    gold = np.zeros((len(X), SIDE, SIDE), dtype=bool)
    gold[:, :, : SIDE // 2] = True
    pel.report(left, X, Y, methods=FEW, gold=gold, path=tmp_path / "r.html", seed=0)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "What was marked as responsible." in page
    assert "on what is marked" in words(tmp_path / "r.html")


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"y": Y[:3]}, WrongTarget, "do not fit"),
        ({"y": np.array(["a", "b", "c"] * 10)}, WrongTarget, "does not know"),
        ({"y": Y, "threshold": 0.3}, InvalidSetting, "threshold is for tables"),
        ({"y": Y, "rows": "gone"}, UnknownName, "gone"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(tmp_path, given, error, says) -> None:
    with pytest.raises(error, match=says):
        pel.report(left, X, methods=FEW, path=tmp_path / "r.html", **given)
    assert not (tmp_path / "r.html").exists()


def test_options_for_images_are_refused_for_tables(tmp_path) -> None:
    from sklearn.linear_model import LinearRegression

    rows = RNG.normal(size=(20, 3))
    model = LinearRegression().fit(rows, rows[:, 0])
    with pytest.raises(InvalidSetting, match="methods is for images"):
        pel.report(model, rows, rows[:, 0], methods=["lime"], path=tmp_path / "r.html")
    with pytest.raises(WrongTarget, match="needs the true answers"):
        pel.report(model, rows, path=tmp_path / "r.html")


def test_scores_of_a_function_are_scores_and_not_probabilities(tmp_path) -> None:
    def scores(images: np.ndarray) -> np.ndarray:
        return 7 * np.log(wrong_of_five(images)) + 100

    made = facts(scores)
    assert (
        made.truth.scores["accuracy"].value == facts(wrong_of_five).truth.scores["accuracy"].value
    )
    pel.report(scores, X, Y, methods=FEW, path=tmp_path / "r.html", seed=0)
    told = words(tmp_path / "r.html")
    assert re.search(r"with a score of (9\d|100)", told)
    assert "taken as scores" in told
    assert "% probability" not in told


def test_a_single_method_that_was_asked_for_is_not_called_the_only_one_that_fits(tmp_path) -> None:
    pel.report(left, X, methods=["occlusion"], path=tmp_path / "one.html", seed=0)
    assert "Only occlusion was asked for" in words(tmp_path / "one.html")
    pel.report(left, X, methods=["occlusion", "grad_cam"], path=tmp_path / "two.html", seed=0)
    assert "Of 2 methods tried, only occlusion explains" in words(tmp_path / "two.html")
