"""Shapley values of segments: against enumeration, a peer, closed forms and planted truth."""

from functools import cache

import numpy as np
import pytest
import torch
from captum.attr import KernelShap, ShapleyValueSampling
from torch import nn

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName, WrongType
from pellucid.data.images import Images
from pellucid.explainers.shapley.banzhaf import Banzhaf
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.explainers.shapley.owen_shap import OwenSHAP
from pellucid.explainers.shapley.permutation_shap import PermutationSHAP
from pellucid.explainers.surrogate.lime import LIME
from pellucid.maths.hierarchy import contributions, members, merged_segments
from pellucid.maths.superpixels import cells
from pellucid.perturb.input_baseline import baseline_of
from pellucid.perturb.segments import Segments
from twins.networks_of_tests import Linear, Plain, pictures, seeded
from twins.shapley_enumeration import shapley_values

SHAPLEY = [
    ExactSHAP(),
    KernelSHAP(budget=300),
    PermutationSHAP(budget=300),
    OwenSHAP(budget=4000),
]
SAMPLERS = [KernelSHAP, PermutationSHAP, Banzhaf]
NINE = cells(8, 8, 9)


@cache
def sharp() -> nn.Module:
    """A network in which segments interact."""
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 4),
    )  # fmt: skip
    with torch.no_grad():
        for each in net.parameters():
            each *= 3
    return net.eval()


def told(net: nn.Module, values: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(values)).double().numpy()


def explained(model: object, X: object, method: object, **asked: object) -> pel.Attribution:
    return pel.explain(model, X, method=method, seed=0, progress=False, **asked)


def of_segments(found: pel.Attribution, values: np.ndarray | None = None) -> np.ndarray:
    """Values summed over the pixels of each segment: (sample, segment)."""
    segment = found.inputs["segment"]
    totals = (found.values if values is None else values).sum(axis=1)
    most = segment.max() + 1
    pairs = zip(segment, totals, strict=True)
    return np.stack([np.bincount(s.ravel(), t.ravel(), minlength=most) for s, t in pairs])


def enumerated(
    net: nn.Module, image: np.ndarray, behind: np.ndarray, segment: np.ndarray, target: int
) -> np.ndarray:
    """Shapley values of segments by the definition; `behind` holds one image or more."""
    known: dict[frozenset[int], float] = {}

    def worth(team: frozenset[int]) -> float:
        if team not in known:
            shown = [np.where(np.isin(segment, list(team)), image, other) for other in behind]
            known[team] = float(told(net, np.stack(shown))[:, target].mean())
        return known[team]

    return shapley_values(worth, int(segment.max()) + 1)


@pytest.mark.parametrize("removal", ["mean", "zero", "blur"])
def test_exact_values_are_those_of_enumeration(removal: str) -> None:
    X = pictures(2)
    found = explained(sharp(), X, ExactSHAP(removal=removal), segments=NINE, target=2)
    for image, behind, values in zip(X, baseline_of(X, removal), of_segments(found), strict=True):
        truth = enumerated(sharp(), image, behind[None], NINE, 2)
        np.testing.assert_allclose(values, truth, atol=1e-6)
    assert not found.error.any()
    np.testing.assert_allclose(found.gap(), 0, atol=1e-6)


def test_a_background_is_averaged_over() -> None:
    X = pictures(5)
    X, behind = X[:1], X[1:]
    found = explained(sharp(), X, ExactSHAP(), segments=NINE, target=1, background=behind)
    truth = enumerated(sharp(), X[0], behind, NINE, 1)
    np.testing.assert_allclose(of_segments(found)[0], truth, atol=1e-6)
    np.testing.assert_allclose(found.base, told(sharp(), behind)[:, 1].mean(), atol=1e-6)
    single = ExactSHAP(removal="baseline")
    found = explained(sharp(), X, single, segments=NINE, target=1, background=behind)
    truth = enumerated(sharp(), X[0], behind.mean(axis=0)[None], NINE, 1)
    np.testing.assert_allclose(of_segments(found)[0], truth, atol=1e-6)


def test_banzhaf_values_are_means_over_all_coalitions() -> None:
    X, segment = pictures(1), cells(8, 8, 6)
    found = explained(sharp(), X, Banzhaf(removal="zero"), segments=segment, target=0)
    teams = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(bool)
    worth = told(sharp(), np.where(teams[:, segment][:, None], X[0], 0).astype(np.float32))[:, 0]
    truth = [worth[teams[:, i]].mean() - worth[~teams[:, i]].mean() for i in range(6)]
    np.testing.assert_allclose(of_segments(found)[0], truth, atol=1e-6)
    assert found.base is None


@pytest.mark.parametrize("method", [*SHAPLEY, Banzhaf(budget=300)], ids=lambda m: m.name())
def test_all_methods_agree_exactly_on_scores_that_are_linear_in_the_pixels(method: object) -> None:
    net, X = seeded(Linear).eval(), pictures(3)
    found = explained(net, X, method, segments=Segments(number=9), target=1)
    slope = net.head.weight[1].detach().double().numpy().reshape(3, 8, 8)
    truth = (slope * (X - X.mean(axis=(2, 3), keepdims=True))).sum(axis=1)
    segment = found.inputs["segment"]
    sums = [
        np.bincount(s.ravel(), t.ravel(), segment.max() + 1)
        for s, t in zip(segment, truth, strict=True)
    ]
    np.testing.assert_allclose(of_segments(found), sums, atol=3e-6)


@pytest.mark.parametrize("method", SHAPLEY, ids=lambda m: m.name())
def test_values_are_even_within_a_segment_and_add_up_to_what_it_adds(method: object) -> None:
    X = pictures(3)
    found = explained(sharp(), X, method, segments=10)
    assert found.dims == ("sample", "channel", "row", "column")
    assert found.values.shape == found.error.shape == X.shape
    np.testing.assert_allclose(found.gap(), 0, atol=1e-5)
    for segment, values, error in zip(
        found.inputs["segment"], found.values, found.error, strict=True
    ):
        for one in range(segment.max() + 1):
            assert np.ptp(values[:, segment == one]) == 0
            assert np.ptp(error[:, segment == one]) == 0


@pytest.mark.parametrize(
    "method",
    [*SHAPLEY, Banzhaf(budget=200), OwenSHAP(budget=46), LIME(budget=100)],
    ids=lambda m: f"{m.name()} {getattr(m, 'budget', '')}",
)
def test_images_together_are_images_apart(method: object) -> None:
    X, maps = pictures(4), np.stack([cells(8, 8, number) for number in (9, 12, 4, 9)])
    together = explained(sharp(), X, method, segments=maps)
    for i in range(4):
        apart = explained(sharp(), X[i : i + 1], method, segments=maps[i])
        np.testing.assert_allclose(apart.values[0], together.values[i], atol=1e-6)
        np.testing.assert_allclose(apart.error[0], together.error[i], atol=1e-6)


def test_an_image_is_cut_whatever_others_are_there() -> None:
    X = pictures(4)
    X[1], X[2] = np.clip(X[1], 0, 1), 9 * X[2]  # shown as it is, or stretched
    together = Segments(number=12).of(Images.of(X))
    apart = [Segments(number=12).of(Images.of(X[i : i + 1]))[0] for i in range(4)]
    assert (together == np.stack(apart)).all()


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_memory_is_bounded_by_the_batch(batch: int) -> None:
    asked = []

    def scores(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return told(sharp(), images)

    X = pictures(3)
    method = KernelSHAP(budget=64)
    found = explained(scores, X, method, segments=NINE, batch_size=batch, target=0)
    assert max(asked) <= max(batch, 2)  # two images show what the function answers
    assert len(asked) <= np.ceil(found.provenance.evaluations / batch) + 5
    whole = explained(sharp(), X, method, segments=NINE, target=0)
    np.testing.assert_allclose(found.values, whole.values, atol=1e-6)


@pytest.mark.parametrize("method", SAMPLERS, ids=lambda m: m.name())
def test_budgets_are_held(method: type) -> None:
    X = pictures(2)
    found = explained(sharp(), X, method(budget=70), segments=16)
    assert found.provenance.evaluations <= 2 * (70 + 2)
    behind = pictures(7)[2:]
    found = explained(sharp(), X, method(budget=70), segments=16, background=behind)
    assert found.provenance.evaluations <= 2 * 70 * 5 + 2 + 5


@pytest.mark.parametrize("method", SAMPLERS, ids=lambda m: m.name())
def test_the_error_covers_the_exact_value(method: type) -> None:
    X, segment = pictures(1), cells(8, 8, 10)
    budget = 120
    whole = ExactSHAP() if method is not Banzhaf else Banzhaf(budget=1024)
    exact = of_segments(explained(sharp(), X, whole, segments=segment, target=2))[0]
    held = []
    for seed in range(200):
        found = pel.explain(
            sharp(), X, method=method(budget=budget), segments=segment, target=2, seed=seed,
            progress=False,
        )  # fmt: skip
        values, error = of_segments(found)[0], of_segments(found, found.error)[0]
        held.append(np.abs(values - exact) <= 1.96 * error + 1e-6)
    assert 0.9 <= np.mean(held) <= 0.995


def test_values_agree_with_captum_on_the_same_segments() -> None:
    X = pictures(1)
    exact = explained(sharp(), X, ExactSHAP(removal="zero"), segments=NINE, target=3)
    mine = explained(sharp(), X, KernelSHAP(removal="zero", budget=150), segments=NINE, target=3)
    values, sure = of_segments(exact)[0], of_segments(mine, mine.error)[0]
    assert (np.abs(of_segments(mine)[0] - values) < 4 * sure).all()
    mask = torch.from_numpy(NINE.astype(np.int64))[None, None]
    asked = {"target": 3, "feature_mask": mask, "n_samples": 3000}
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - captum draws from it
    first = [np.argmax(NINE.ravel() == k) for k in range(9)]
    for peer in (KernelShap, ShapleyValueSampling):
        samples = {**asked, "n_samples": 500} if peer is ShapleyValueSampling else asked
        theirs = peer(sharp()).attribute(torch.from_numpy(X), **samples).numpy()[0, 0]
        spread = 0.05 * np.abs(values).max()
        np.testing.assert_allclose(theirs.ravel()[first], values, atol=2 * spread)


@pytest.mark.parametrize("kind", ["rows first", "channels last", "torch", "network"])
def test_any_layout_and_any_callable_gives_the_same(kind: str) -> None:
    X = pictures(2)
    whole = explained(sharp(), X, KernelSHAP(budget=100), segments=6, target=0)
    model: object = sharp()
    given: object = X
    if kind == "channels last":
        given = np.moveaxis(X, 1, 3)
        model = lambda images: told(sharp(), np.ascontiguousarray(np.moveaxis(images, 3, 1)))  # noqa: E731
    elif kind == "rows first":
        model = lambda images: told(sharp(), images)  # noqa: E731
    elif kind == "torch":
        given, model = torch.from_numpy(X), lambda images: sharp()(images)
    found = explained(model, given, KernelSHAP(budget=100), segments=6, target=0)
    assert found.values.shape == X.shape
    np.testing.assert_allclose(found.values, whole.values, atol=1e-6)


class Corner(nn.Module):
    """A network that looks at one corner."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x[:, :, :8, :8].mean(dim=(1, 2, 3))
        return torch.stack([torch.relu(4 * seen - 1), seen * 0], dim=1)


@pytest.mark.parametrize(
    "method", [*SHAPLEY[1:], Banzhaf(budget=300), LIME(budget=300)], ids=lambda m: m.name()
)
def test_the_corner_a_network_looks_at_is_found_and_nothing_else(method: object) -> None:
    X = np.random.default_rng(3).random((2, 3, 32, 32)).astype(np.float32) * 0.3
    X[:, :, :8, :8] += 0.6
    found = explained(Corner(), X, method, segments=Segments(kind="grid", number=16), target=0)
    total = np.abs(found.values).sum(axis=1)
    assert (total[:, :8, :8].sum(axis=(1, 2)) > 0.97 * total.sum(axis=(1, 2))).all()
    if not isinstance(method, LIME):
        assert np.abs(of_segments(found)[:, 1:]).max() < 1e-6


def test_segments_that_equal_what_stands_in_for_them_cost_nothing() -> None:
    X = pictures(1)
    X[:, :, 2:] = 0
    found = explained(sharp(), X, ExactSHAP(removal="zero"), segments=cells(8, 8, 16), target=0)
    assert found.provenance.evaluations <= 2 + 2**4
    assert not found.values[:, :, 2:].any()
    blank = explained(sharp(), X * 0, KernelSHAP(removal="zero"), segments=9, target=0)
    assert not blank.values.any()


def test_one_segment_gets_all() -> None:
    X = pictures(2)
    for method in (ExactSHAP(), KernelSHAP(), OwenSHAP(), PermutationSHAP()):
        found = explained(sharp(), X, method, segments=1, target=0)
        np.testing.assert_allclose(of_segments(found)[:, 0], found.output - found.base, atol=1e-6)


def test_groups_of_the_hierarchy_get_what_they_would_get_as_one() -> None:
    X, segment = pictures(1), cells(8, 8, 9)
    tree = merged_segments(Images.of(X).pixels[0], segment)
    assert contributions(tree) < 1000
    fine = explained(sharp(), X, OwenSHAP(budget=4000), segments=segment, target=2)
    assert not fine.error.any()
    coarse = np.zeros_like(segment)
    coarse[np.isin(segment, members(tree[1]))] = 1
    two = explained(sharp(), X, ExactSHAP(), segments=coarse, target=2)
    sums = [of_segments(fine)[0][members(part)].sum() for part in tree]
    np.testing.assert_allclose(sums, of_segments(two)[0], atol=1e-5)


def test_drawn_orders_of_the_hierarchy_say_their_error() -> None:
    X, held = pictures(1), []
    exact = explained(sharp(), X, OwenSHAP(budget=100_000), segments=12, target=2)
    assert not exact.error.any()
    for seed in range(60):
        drawn = pel.explain(
            sharp(), X, method=OwenSHAP(budget=100), segments=12, target=2, seed=seed
        )
        assert drawn.error.any()
        away = np.abs(of_segments(drawn) - of_segments(exact))
        held.append(away <= 1.96 * of_segments(drawn, drawn.error) + 1e-6)
    assert np.mean(held) > 0.9


def test_a_tolerance_stops_early() -> None:
    X = pictures(2)
    rough = explained(sharp(), X, KernelSHAP(tolerance=1.0), segments=16)
    fine = explained(sharp(), X, KernelSHAP(tolerance=0.05), segments=16)
    assert rough.provenance.evaluations < fine.provenance.evaluations
    assert (1.96 * of_segments(rough, rough.error)).max() <= 1.0


def test_the_same_seed_gives_the_same_and_what_is_asked_for_is_checked() -> None:
    X = pictures(2)
    first, second = (explained(sharp(), X, KernelSHAP(budget=60), segments=10) for _ in range(2))
    assert (first.values == second.values).all()
    for wanted in (np.zeros((3, 3), dtype=int), 0, Segments):
        with pytest.raises((InvalidSetting, WrongType)):
            explained(sharp(), X, KernelSHAP(), segments=wanted)
    with pytest.raises(WrongType):
        explained(sharp(), X, KernelSHAP(), segments=np.zeros((8, 8)))
    for method in (KernelSHAP, OwenSHAP):
        with pytest.raises(InvalidSetting, match="segments on this budget"):
            explained(sharp(), X, method(budget=30), segments=16)
    with pytest.raises(InvalidSetting, match="segments cannot be enumerated"):
        explained(sharp(), X, ExactSHAP(), segments=40)
    with pytest.raises(InvalidSetting, match="is for tables"):
        explained(sharp(), X, KernelSHAP(removal="gaussian"))
    with pytest.raises(UnknownName, match="blur"):
        KernelSHAP(removal="blurr")
    table = np.random.default_rng(0).normal(size=(9, 3))
    with pytest.raises(InvalidSetting, match="is for images"):
        explained(lambda Z: Z[:, 0], table, KernelSHAP(removal="blur"))
    with pytest.raises(InvalidSetting, match="segments is for images"):
        explained(lambda Z: Z[:, 0], table, KernelSHAP(), segments=5)
    with pytest.raises(InvalidSetting, match="hierarchy is for tables"):
        explained(sharp(), X, OwenSHAP(hierarchy=(("a", "b"),)))


def test_the_network_is_left_as_it_was_and_a_careless_one_is_explained() -> None:
    net = seeded(Plain)
    found = explained(net, pictures(2), KernelSHAP(budget=40), segments=5)
    assert net.training
    np.testing.assert_allclose(found.gap(), 0, atol=1e-5)
    assert "mean colour" in " ".join(found.notes)
