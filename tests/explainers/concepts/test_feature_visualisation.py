"""Images made to excite a network: closed forms, planted filters, diversity, honesty, refusals."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import (  # noqa: E402
    BudgetExceeded,
    CannotExplain,
    InvalidSetting,
    UnknownName,
)
from pellucid.core.examples import Examples  # noqa: E402
from pellucid.data.images import Images  # noqa: E402
from pellucid.explainers.concepts.feature_visualisation import FeatureVisualisation  # noqa: E402
from twins.networks_of_tests import Functional, Plain, pictures, seeded  # noqa: E402
from twins.striped_digits import stripes  # noqa: E402

X = pictures(20, 12)
STILL = {"jitter": 0.0, "zoom": 0.0, "rotate": 0.0}


def made(net: nn.Module, given: object = X, *, seed: int = 0, target=None, **settings) -> Examples:
    recipe = FeatureVisualisation(**settings)
    return pel.explain(net, given, method=recipe, seed=seed, target=target)


def optimised(found: Examples) -> np.ndarray:
    return found.sel(role="optimised").inputs["values"]


class Weighed(nn.Module):
    """Two weighed sums of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.head = nn.Flatten(), nn.Linear(3 * 8 * 8, 2)
        weight = self.head.weight.data
        weight.sign_().mul_(0.5 + torch.rand_like(weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.flat(x))


def test_of_a_weighed_sum_the_image_is_white_and_black_by_the_sign_of_the_weights() -> None:
    net, inputs = seeded(Weighed), np.random.default_rng(0).random((30, 3, 8, 8), dtype=np.float32)
    low, high = inputs.min(axis=(0, 2, 3)), inputs.max(axis=(0, 2, 3))
    weight = net.head.weight[1].detach().numpy().reshape(3, 8, 8)
    ends = low[:, None, None] * weight, high[:, None, None] * weight
    best = float(np.maximum(*ends).sum() + net.head.bias[1].item())
    worst = float(np.minimum(*ends).sum() + net.head.bias[1].item())
    settings = {"images": 2, "steps": 800, "rate": 0.1, "diversity": 0.0, **STILL}
    found = made(net, inputs, target=1, **settings)
    assert found.scale == "logit"
    for image, score in zip(optimised(found), found.score, strict=False):
        signs = 2 * (image - low[:, None, None]) / (high - low)[:, None, None] - 1
        cosine = (signs * np.sign(weight)).sum() / np.linalg.norm(signs) / np.sqrt(weight.size)
        assert cosine > 0.95
        assert best - 0.02 * (best - worst) < score <= best
    along = tuple((3.0 * weight).ravel().tolist())
    same = made(net, inputs, site="flat", direction=along, **settings)
    assert same.target == "a direction of 'flat'"
    assert (np.sign(optimised(same)[0] - 0.5) == np.sign(weight)).mean() > 0.97


class Gabor(nn.Module):
    """One filter of a direction, cut at zero, and its mean."""

    def __init__(self, angle: float) -> None:
        super().__init__()
        down, along = np.mgrid[-4:5, -4:5]
        wave = np.cos(2 * np.pi / 4 * (np.cos(angle) * along + np.sin(angle) * down))
        wave = wave * np.exp(-(down**2 + along**2) / 8)
        self.conv, self.relu = nn.Conv2d(1, 1, 9, bias=False), nn.ReLU()
        self.conv.weight.data[0, 0] = torch.tensor(wave - wave.mean())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.conv(x)).mean(dim=(2, 3))


@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
def test_of_a_filter_the_image_has_waves_of_its_direction_and_length(degrees: int) -> None:
    inputs = np.random.default_rng(0).random((10, 1, 24, 24), dtype=np.float32)
    found = made(
        Gabor(np.deg2rad(degrees)), inputs, site="relu", unit=0, images=2, rotate=0.0, diversity=0.0
    )
    down, along = np.meshgrid(np.fft.fftfreq(24), np.fft.fftfreq(24), indexing="ij")
    fine = np.hypot(down, along) > 1 / 10  # a border that no filter reaches makes coarse waves
    for image in optimised(found)[:, 0]:
        energy = fine * np.abs(np.fft.fft2(image)) ** 2
        twice = (energy * np.exp(2j * np.arctan2(down, along))).sum()  # opposite waves are one
        turned = np.rad2deg(np.angle(twice)) / 2 % 180
        assert min(abs(turned - degrees), 180 - abs(turned - degrees)) < 8
        assert abs(twice) > 0.3 * energy.sum()  # 1 is a single direction, 0 is none
        strongest = np.unravel_index(energy.argmax(), energy.shape)
        assert np.hypot(down[strongest], along[strongest]) == pytest.approx(1 / 4, abs=0.06)
    assert found.score[:2].min() > 2 * found.score[2]


def apart(images: np.ndarray) -> float:
    flat = images.reshape(len(images), -1)
    far = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    return float(far[np.triu_indices(len(flat), 1)].mean())


@pytest.mark.parametrize("asked", [{"target": 0}, {"site": "2", "unit": 1}])
def test_the_diversity_term_drives_images_apart(asked: dict[str, object]) -> None:
    net, digits = stripes()
    alike, diverse = (made(net, digits[:99], diversity=d, **asked) for d in (0.0, 5.0))
    assert apart(optimised(diverse)) > 1.5 * apart(optimised(alike))


@pytest.mark.parametrize("net", [Plain, Functional])
def test_every_image_made_exceeds_all_real_ones_and_that_is_said(net: type[nn.Module]) -> None:
    network = seeded(net).eval()
    with torch.no_grad():
        wanted = network(torch.tensor(X)).numpy()
    found = made(network, target=2)
    real, new = found.sel(role="data"), found.sel(role="optimised")
    np.testing.assert_allclose(real.score, np.sort(wanted[:, 2])[::-1][:4], rtol=1e-5)
    np.testing.assert_array_equal(real.names, np.argsort(-wanted[:, 2])[:4])
    with torch.no_grad():
        again = network(torch.tensor(new.inputs["values"])).numpy()[:, 2]
    np.testing.assert_allclose(new.score, again, rtol=1e-5)
    assert new.score.min() > wanted[:, 2].max()
    assert any("the best of 20 real images" in note for note in found.notes)


def test_it_is_said_when_no_image_made_exceeds_the_real_ones() -> None:
    poor = made(seeded(Weighed), X[:, :, :8, :8], target=1, diversity=0.0, steps=1)
    assert poor.score[:4].max() < poor.score[4]
    assert any("None exceeds it" in note for note in poor.notes)


def test_a_seed_repeats_exactly_and_another_gives_others() -> None:
    first, again, other = (made(seeded(Plain), target=0, seed=s, steps=20) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.inputs["values"], again.inputs["values"])
    np.testing.assert_array_equal(first.score, again.score)
    assert first.seed == 1
    assert np.abs(optimised(first) - optimised(other)).max() > 1e-3


class Patches(nn.Module):
    """Tokens of patches: (sample, token, unit)."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.mix, self.head = nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.relu(self.mix(self.cut(x).flatten(2).transpose(1, 2)))
        return self.head(seen.mean(dim=1))


@pytest.mark.parametrize(
    ("net", "site", "unit", "read"),
    [
        (Plain, "features.4", 3, lambda a: a[:, 3].mean(axis=(1, 2))),
        (Plain, "features.4", (3, 5, 7), lambda a: a[:, 3, 5, 7]),
        (Plain, "head", 2, lambda a: a[:, 2]),
        (Patches, "mix", 4, lambda a: a[:, :, 4].mean(axis=1)),
        (Patches, "mix", (8, 4), lambda a: a[:, 8, 4]),
    ],
)
def test_what_is_excited_is_the_unit_named(net, site, unit, read) -> None:
    network, held = seeded(net).eval(), []
    found = made(network, site=site, unit=unit, images=2, steps=30)
    handle = network.get_submodule(site).register_forward_hook(
        lambda module, given, out: held.append(out.detach().clone().numpy())
    )
    network(torch.tensor(X))
    network(torch.tensor(optimised(found)))
    handle.remove()
    real, new = (read(each) for each in held)
    np.testing.assert_allclose(found.score[2:], np.sort(real)[::-1][:2], rtol=1e-4)
    np.testing.assert_allclose(found.score[:2], new, rtol=1e-4)
    assert new.min() > np.median(real)
    assert (found.scale, found.target) == ("activation", f"unit {unit} of {site!r}")
    if isinstance(unit, int):
        channels = held[0].shape[2 if held[0].ndim == 3 else 1]
        along = tuple(2.0 * (np.arange(channels) == unit))
        same = made(network, site=site, direction=along, images=2, steps=30)
        np.testing.assert_allclose(same.score[2:], found.score[2:], rtol=1e-4)


def test_colours_go_together_as_in_the_data_and_stay_in_their_range() -> None:
    grey = np.repeat(np.random.default_rng(0).random((12, 1, 12, 12)), 3, axis=1)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    given = (grey - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    images = Images.of(given.astype(np.float32), mean=mean, std=std)
    found = made(seeded(Plain), images, target=1, steps=400)
    pixels = optimised(found) * np.reshape(std, (3, 1, 1)) + np.reshape(mean, (3, 1, 1))
    assert pixels.min() >= -1e-6
    assert pixels.max() <= 1 + 1e-6
    other = np.random.default_rng(0).random((12, 3, 12, 12), dtype=np.float32)
    motley = optimised(made(seeded(Plain), other, target=1, steps=400))
    assert np.ptp(motley, axis=1).mean() > 1.5 * np.ptp(pixels, axis=1).mean()


def test_each_class_predicted_is_visualised_where_none_is_named() -> None:
    net = seeded(Plain).eval()
    with torch.no_grad():
        predicted = net(torch.tensor(X)).argmax(dim=1).unique().tolist()
    found = made(net, images=2, steps=3)
    assert list(dict.fromkeys(found.group)) == [f"class {place}" for place in predicted]
    assert len(found) == 4 * len(predicted)
    one = made(net, target=predicted[-1], images=2, steps=3)
    np.testing.assert_array_equal(
        optimised(one), optimised(found.sel(group=f"class {predicted[-1]}"))
    )


def test_it_is_saved_and_drawn_and_the_network_is_as_before(tmp_path) -> None:
    net = seeded(Plain)
    found = made(net, target=1, images=2, steps=5)
    found.save(tmp_path / "found")
    back = pel.Examples.load(tmp_path / "found")
    np.testing.assert_array_equal(back.inputs["pixels"], found.inputs["pixels"])
    assert (back.role, back.group, back.names) == (found.role, found.group, found.names)
    assert found.inputs["pixels"].shape == (4, 12, 12, 3)
    assert pel.show(found).to_dict()["description"].startswith("4 images of feature visualisation")
    recipe = FeatureVisualisation(site="a.b", unit=(1, 2, 3), steps=5)
    assert eval(repr(recipe), {"FeatureVisualisation": FeatureVisualisation}) == recipe
    assert found.evaluations == 20 + 1 + 20 + 2 * 5 + 2
    assert net.training
    assert net.features[2].inplace
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    assert not any(part._forward_hooks for part in net.modules())


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_other_precisions_are_served(kind: torch.dtype) -> None:
    found = made(seeded(Plain).to(kind), target=1, images=2, steps=40)
    assert found.score[0] > found.score[2]


class Tired(Plain):
    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > 6:
            raise RuntimeError("enough")
        return super().forward(x)


def test_after_an_error_and_beyond_a_budget_nothing_is_left_behind() -> None:
    for net, error, limit in ((Tired, RuntimeError, None), (Plain, BudgetExceeded, 60)):
        network = seeded(net)
        with pytest.raises(error):
            pel.explain(
                network, X, method="feature_visualisation", target=1, seed=0, max_evaluations=limit
            )
        assert network.training
        assert all(p.requires_grad and p.grad is None for p in network.parameters())
        assert not any(part._forward_hooks for part in network.modules())


class Steps(nn.Module):
    """Scores without a slope, and one that breaks."""

    def __init__(self, broken: bool = False) -> None:
        super().__init__()
        self.broken = broken

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(dim=(2, 3))
        return (mean - mean).sqrt() + mean if self.broken else (mean > 0).detach().float()


class Cut(Plain):
    """A network whose scores have no gradient, though the activations before them do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()


def test_where_the_score_has_no_gradient_images_are_not_made_for_diversity_alone() -> None:
    with pytest.raises(CannotExplain, match=r"class 1 has no gradient.*by differentiable op.*occl"):
        made(seeded(Cut), target=1, images=3, steps=2)
    before_the_cut = made(seeded(Cut), site="features.4", unit=3, images=3, steps=2)
    assert np.isfinite(before_the_cut.score).all()


def test_what_cannot_be_made_is_refused_in_words() -> None:
    alone = {"images": 1, "target": 0}
    with pytest.raises(CannotExplain, match="class 0 has no gradient"):
        made(Steps(), **alone)
    with pytest.raises(CannotExplain, match="gradient of class 0 is not finite"):
        made(Steps(broken=True), **alone)
    with pytest.raises(UnknownName, match="no site 'nowhere'"):
        made(seeded(Plain), site="nowhere", unit=0)
    with pytest.raises(InvalidSetting, match="Allowed: 0 to 11"):
        made(seeded(Plain), site="features.4", unit=12)
    with pytest.raises(InvalidSetting, match="no such unit"):
        made(seeded(Plain), site="features.4", unit=(1, 12, 0))
    with pytest.raises(InvalidSetting, match="12 or 1728 numbers"):
        made(seeded(Plain), site="features.4", direction=(1.0, 2.0))
    with pytest.raises(CannotExplain, match="2 outputs"):
        made(seeded(Functional), site="second", unit=0)
    with pytest.raises(CannotExplain, match="Give diversity=0"):
        made(seeded(Weighed), X[:, :, :8, :8], target=0)


@pytest.mark.parametrize(
    "settings",
    [
        {"unit": 3}, {"site": "a"}, {"site": "a", "unit": 1, "direction": (1.0,)},
        {"site": "a", "unit": -1}, {"site": "a", "unit": (1, -2)}, {"site": "a", "unit": "b"},
        {"site": "a", "direction": (0.0, 0.0)}, {"site": "a", "direction": [1.0]},
        {"site": "a", "direction": (np.nan,)}, {"images": 0}, {"steps": 0}, {"rate": 0},
        {"diversity": -1}, {"diversity": np.inf}, {"jitter": 0.6}, {"zoom": 1}, {"rotate": "x"},
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_when_the_recipe_is_made(settings) -> None:
    with pytest.raises(InvalidSetting):
        FeatureVisualisation(**settings)
