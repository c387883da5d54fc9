"""TCAV: closed forms, planted concepts, captum, what is refused and what is said."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from captum.concept import TCAV as CaptumTCAV  # noqa: E402
from captum.concept import Classifier, Concept  # noqa: E402
from torch import nn  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import (  # noqa: E402
    CannotExplain,
    InvalidData,
    InvalidSetting,
    UnknownName,
)
from pellucid.core.scores import Scores  # noqa: E402
from pellucid.data.images import Images  # noqa: E402
from pellucid.explainers.concepts.concept_sensitivity import ConceptSensitivity  # noqa: E402
from pellucid.explainers.concepts.tcav import TCAV  # noqa: E402
from twins.networks_of_tests import Functional, Plain, pictures, seeded  # noqa: E402
from twins.striped_digits import striped, stripes  # noqa: E402

RNG = np.random.default_rng(0)


class Product(nn.Module):
    """The product of the first two pixels, and the third: the site gives the pixels themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.site = nn.Flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.site(x)
        return torch.stack([seen[:, 0] * seen[:, 1], seen[:, 2]], dim=1)


def noise(count: int, *, size: float = 1.0, side: int = 4) -> np.ndarray:
    return (size * RNG.normal(size=(count, 1, side, side))).astype(np.float32)


def shifted(count: int, pixel: int, far: float = 100.0) -> np.ndarray:
    found = noise(count)
    found.reshape(count, -1)[:, pixel] += far
    return found


def asked(**settings: object) -> dict[str, object]:
    concepts = {"first": shifted(30, 0), "fourth": shifted(30, 3)}
    return {"method": TCAV(**{"concepts": concepts, "site": "site", **settings}), "seed": 0}


def test_the_score_is_the_share_of_images_whose_derivative_is_positive() -> None:
    X = noise(40)
    second = X.reshape(40, -1)[:, 1]
    X.reshape(40, -1)[:, 1] = np.where(np.arange(40) < 13, 1, -1) * (1 + np.abs(second))
    found = pel.explain(Product(), X, target=0, background=noise(70), **asked())
    row = found.sel(metric="tcav", group="first").rows[0]
    assert row.value == 13 / 40  # the derivative of a b along a is b
    assert row.low < 13 / 40 < row.high
    derivative = found.sel(metric="sensitivity", group="first").rows[0]
    assert derivative.value == pytest.approx(X.reshape(40, -1)[:, 1].mean(), abs=0.02)
    assert found.sel(metric="cav_accuracy", group="first").rows[0].value == 1


def test_a_concept_that_the_output_is_linear_in_counts_and_another_does_not() -> None:
    concepts = {"third": shifted(30, 2, 3.0), "fourth": shifted(30, 3, 3.0)}
    found = pel.explain(
        Product(), noise(20), target=1, background=noise(120), **asked(concepts=concepts)
    )
    used, unused = found.sel(metric="tcav").rows[:2]
    assert (used.value, used.passed) == (1, True)
    assert unused.passed is False
    assert found["cav_accuracy"].passed
    assert found.sel(metric="cav_accuracy", group="fourth").rows[0].passed
    usual = found.sel(metric="tcav", group="random").rows[0]
    assert usual.low < 0.2 < 0.8 < usual.high  # of a linear output a draw raises all or none
    assert "raises class 1 in 100 % of 20 images" in used.text


def test_a_set_of_random_images_is_said_to_be_no_concept() -> None:
    found = pel.explain(
        Product(), noise(40), target=0, background=noise(90),
        **asked(concepts={"nothing": noise(40)}),
    )  # fmt: skip
    assert found["cav_accuracy"].passed is False
    assert found["tcav"].passed is False
    assert "cannot be told from random images" in found["tcav"].text
    assert any("'nothing' cannot be told" in note for note in found.notes)


class Fixed(Classifier):
    """A classifier that is told its direction."""

    def __init__(self, direction: torch.Tensor) -> None:
        self.direction = direction

    def train_and_eval(self, dataloader: object, **settings: object) -> None:
        return None

    def weights(self) -> torch.Tensor:
        return torch.stack([self.direction, -self.direction])

    def classes(self) -> list[int]:
        return [0, 1]


@pytest.mark.parametrize("site", ["features.2", "features.4", "features.6"])
def test_derivatives_and_scores_are_those_of_captum_along_one_direction(site, tmp_path) -> None:
    net, X = seeded(Plain).eval(), pictures(12, 12)
    net.features[2].inplace = net.features[5].inplace = False  # captum reads what stands there last
    one, other = pictures(3, 12)[1:2], pictures(3, 12)[2:3]
    concept, random = np.repeat(one, 10, axis=0), np.repeat(other, 20, axis=0)
    recipe = {"concepts": {"one": concept}, "site": site}
    asked = {"background": random, "target": 2, "seed": 0}
    found = pel.explain(net, X, method=ConceptSensitivity(**recipe), **asked)
    scores = pel.explain(net, X, method=TCAV(**recipe), **asked)

    part = net.features[: int(site[-1]) + 1]
    with torch.no_grad():
        apart = (part(torch.tensor(one)) - part(torch.tensor(other))).flatten()
    classifier = Fixed(apart / apart.norm())
    theirs = CaptumTCAV(net, [site], classifier=classifier, save_path=str(tmp_path))
    sets = [Concept(0, "one", [torch.tensor(one)]), Concept(1, "other", [torch.tensor(other)])]
    alone = [
        theirs.interpret(torch.tensor(X[i : i + 1]), [sets], target=2)["0-1"][site]["magnitude"][0]
        for i in range(len(X))
    ]
    wanted = theirs.interpret(torch.tensor(X), [sets], target=2)["0-1"][site]
    np.testing.assert_allclose(found.values[:, 0], alone, atol=1e-5)
    np.testing.assert_allclose(found.error, 0, atol=1e-6)
    assert scores["tcav"].value == pytest.approx(wanted["sign_count"][0].item(), abs=1e-6)
    assert scores["sensitivity"].value == pytest.approx(wanted["magnitude"][0].item(), abs=1e-5)


def test_the_planted_concept_counts_and_the_one_that_the_output_ignores_does_not() -> None:
    net, digits = stripes()
    X = digits[400:480]
    with torch.no_grad():
        plain, used, unused = (
            net(torch.tensor(each))[:, 0].mean()
            for each in (X, striped(X, "rows"), striped(X, "columns"))
        )
    assert used - plain > 0.9
    assert abs(unused - plain) < 0.05
    concepts = {
        "rows": striped(digits[:40], "rows"),
        "columns": striped(digits[40:80], "columns"),
        "digits": digits[80:120],
    }
    found = pel.explain(
        net, X, background=digits[120:400], target=0, seed=0,
        method=TCAV(concepts=concepts, site="4"),
    )  # fmt: skip
    assert [row.group for row in found.sel(metric="tcav")] == [*concepts, "random"]
    assert [row.passed for row in found.sel(metric="tcav")] == [True, False, False, None]
    assert [row.passed for row in found.sel(metric="cav_accuracy")] == [True, True, False]
    rows, columns, _ = found.sel(metric="sensitivity")
    assert rows.value > 10 * abs(columns.value)


def test_each_class_predicted_has_rows_of_its_own_and_is_corrected_for() -> None:
    X = noise(60)
    found = pel.explain(Product(), X, background=noise(70), **asked())
    assert {row.group for row in found.sel(metric="tcav")} == {
        "first → 0", "fourth → 0", "first → 1", "fourth → 1", "random → 0", "random → 1",
    }  # fmt: skip
    assert sum(row.n for row in found.sel(metric="sensitivity")) == 2 * 60
    assert min(row.value for row in found.sel(metric="p_value")) >= 4 / 201 - 1e-12
    one = noise(1)
    few = pel.explain(Product(), one, background=noise(70), **asked())
    assert any("1 images: a rough share" in note for note in few.notes)
    assert np.isnan(few["sensitivity"].low)


@pytest.mark.parametrize("made", [Plain, Functional])
@pytest.mark.parametrize("method", [TCAV, ConceptSensitivity])
def test_it_is_repeated_by_its_seed_saved_and_drawn_and_the_network_is_as_before(
    made, method, tmp_path
) -> None:
    net = seeded(made)
    X, some = pictures(12, 12), pictures(42, 12)[12:]
    site = None if made is Plain else "first"  # the last is called twice
    recipe = method(concepts={"a": some[:10]}, site=site)
    kept = {"background": some[10:], "seed": 3, "target": 1}
    found, again = (pel.explain(net, X, method=recipe, **kept) for _ in range(2))
    assert found.to_dict()["provenance"]["params"]["concepts"]["a"].startswith("10 images sha256:")
    assert found.seed == 3
    assert found.evaluations == 12 + (site is None) + 30 + 2 * 12
    found.save(tmp_path / "found")
    back = type(found).load(tmp_path / "found")
    for other in (again, back):
        if method is TCAV:
            assert repr(other.rows) == repr(found.rows)
        else:
            np.testing.assert_array_equal(other.values, found.values)
    assert pel.show(found).to_dict()["description"]
    assert net.training
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


def test_a_folder_of_concepts_is_read_as_the_images_explained_were(tmp_path) -> None:
    Image = pytest.importorskip("PIL.Image")
    drawn = np.random.default_rng(0)
    for name, count in (("dark", 10), ("X", 12), ("all", 20)):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for i in range(count):
            level = 60 if name == "dark" else 255
            pixels = drawn.integers(0, level, (20, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "sets" / name / f"{i}.png")
    (tmp_path / "concepts").mkdir()
    (tmp_path / "sets" / "dark").rename(tmp_path / "concepts" / "dark")
    norms = {"size": 12, "mean": [0.5] * 3, "std": [0.2] * 3}
    X, behind = (Images.of(tmp_path / "sets" / name, **norms) for name in ("X", "all"))
    folder = TCAV(concepts=str(tmp_path / "concepts"), site="features.0")
    assert eval(repr(folder), {"TCAV": TCAV}) == folder
    net = seeded(Plain)
    found = pel.explain(net, X, background=behind, method=folder, target=0, seed=0)
    dark = Images.of(tmp_path / "concepts" / "dark", **norms)
    direct = TCAV(concepts={"dark": dark}, site="features.0")
    wanted = pel.explain(net, X, background=behind, method=direct, target=0, seed=0)
    assert isinstance(found, Scores)
    assert repr(found.rows) == repr(wanted.rows)
    assert found["cav_accuracy"].passed
    with pytest.raises(InvalidData, match="no concepts in this folder"):
        pel.explain(net, X, background=behind, method=TCAV(concepts=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"concepts": None}, InvalidSetting, "There are no concepts"),
        ({"concepts": {"a": noise(9)}}, InvalidData, "too few images of 'a'"),
        ({"concepts": {"a": noise(12, side=5)}}, InvalidData, "another size"),
        ({"concepts": {"a": 3}}, InvalidData, "not a batch of images"),
        ({"concepts": {"a": noise(40)}}, InvalidData, "there are too few"),
        ({"site": "nowhere"}, UnknownName, "no site 'nowhere'"),
        ({"random": 25}, InvalidSetting, "so few random sets"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(settings, error, words) -> None:
    with pytest.raises(error, match=words):
        pel.explain(Product(), noise(8), background=noise(62), target=0, **asked(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"concepts": 3}, {"concepts": {}}, {"concepts": {3: noise(12)}}, {"concepts": ("a",)},
        {"concepts": {"random": noise(12)}}, {"draws": 1}, {"penalty": 0}, {"random": 5},
        {"site": 3},
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_when_the_recipe_is_made(settings) -> None:
    with pytest.raises(InvalidSetting):
        TCAV(**settings)


class Blind(Product):
    """Scores that do not depend on the site, whose activation is the same for all."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.flat(torch.zeros_like(x))
        return x.flatten(1)[:, :3] ** 2 + 0 * self.site(x)[:, :3]


def test_a_site_that_says_nothing_is_refused() -> None:
    with pytest.raises(CannotExplain, match="does not depend on the activation"):
        pel.explain(Blind(), noise(8), background=noise(62), target=0, **asked())
    with pytest.raises(CannotExplain, match="is the same for all images"):
        pel.explain(Blind(), noise(8), background=noise(62), target=0, **asked(site="flat"))
    with pytest.raises(InvalidData, match="no background"):
        pel.explain(Product(), noise(8), target=0, **asked())
