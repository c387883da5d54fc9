"""Gradient methods against captum, closed forms, and each other."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from captum import attr  # noqa: E402
from torch import nn  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName  # noqa: E402
from pellucid.explainers.gradient.expected_gradients import ExpectedGradients  # noqa: E402
from pellucid.explainers.gradient.input_x_gradient import InputXGradient  # noqa: E402
from pellucid.explainers.gradient.integrated_gradients import IntegratedGradients  # noqa: E402
from pellucid.explainers.gradient.saliency import Saliency  # noqa: E402
from pellucid.explainers.gradient.smooth_grad import SmoothGrad  # noqa: E402
from pellucid.explainers.gradient.var_grad import VarGrad  # noqa: E402
from twins.networks_of_tests import Functional, Linear, Plain, pictures, seeded  # noqa: E402

X = pictures()
NETS = {"plain": (Plain,), "gelu": (Plain, nn.GELU), "functional": (Functional,)}
ALL = (Saliency(), InputXGradient(), IntegratedGradients(), SmoothGrad(), VarGrad())


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> nn.Module:
    return seeded(*NETS[request.param])


def theirs(method: object, net: nn.Module, **settings: object) -> np.ndarray:
    still = net.eval()
    x = torch.tensor(X)
    found = method.attribute(x, target=still(x).argmax(dim=1), **settings)
    net.train()
    return found.detach().numpy()


def test_gradients_are_captum_s(net: nn.Module) -> None:
    found = pel.explain(net, X, method=Saliency())
    np.testing.assert_allclose(found.values, theirs(attr.Saliency(net), net), atol=1e-6)
    found = pel.explain(net, X, method=InputXGradient())
    np.testing.assert_allclose(found.values, theirs(attr.InputXGradient(net), net), atol=1e-6)
    assert found.dims == ("sample", "channel", "row", "column")


def test_integrated_gradients_come_near_many_steps_of_captum(net: nn.Module) -> None:
    truth = theirs(attr.IntegratedGradients(net), net, n_steps=500)
    for tolerance, near in ((0.05, 0.1), (0.002, 0.01)):
        found = pel.explain(net, X, method=IntegratedGradients(tolerance=tolerance, budget=1025))
        off = np.linalg.norm((found.values - truth).reshape(3, -1), axis=1)
        assert (off <= near * np.linalg.norm(truth.reshape(3, -1), axis=1)).all()
        assert (np.abs(found.gap()) <= tolerance * np.abs(found.output - found.base) + 1e-6).all()


def test_all_methods_that_share_out_agree_on_a_linear_network() -> None:
    net = seeded(Linear)
    weight = net.head.weight.detach().numpy().reshape(4, 3, 8, 8)
    shares = weight[1] * X
    for method in (InputXGradient(), IntegratedGradients()):
        found = pel.explain(net, X, method=method, target=1)
        np.testing.assert_allclose(found.values, shares, atol=1e-6)
    begun = pel.explain(net, X, method=IntegratedGradients(baseline=0.5), target=1)
    np.testing.assert_allclose(begun.values, weight[1] * (X - 0.5), atol=1e-6)
    np.testing.assert_allclose(begun.gap(), 0, atol=1e-5)
    steady = pel.explain(net, X, method=SmoothGrad(draws=3), target=1, seed=0)
    np.testing.assert_allclose(steady.values, np.broadcast_to(weight[1], X.shape), atol=1e-6)
    np.testing.assert_allclose(steady.error, 0, atol=1e-6)


def test_easy_networks_take_few_gradients_and_a_kink_more() -> None:
    smooth, kinked = seeded(Plain, nn.GELU), seeded(Plain)
    took = [pel.explain(n, X, method=IntegratedGradients()).evaluations for n in (smooth, kinked)]
    assert took[0] <= 20 * len(X)
    assert took[1] <= 40 * len(X)


WAYS = torch.randn(192, 2, generator=torch.Generator().manual_seed(4))


def test_what_never_converges_is_said() -> None:
    class Steps(nn.Module):
        def forward(self, x):
            total = x.flatten(1).sum(dim=1, keepdim=True)
            return torch.cat([total * 1e-3 + torch.sigmoid(4000 * (total - 1)), -total], dim=1)

    x = np.full((1, 3, 8, 8), 0.1, dtype=np.float32)
    found = pel.explain(Steps(), x, method=IntegratedGradients(budget=33), target=0)
    (said,) = [note for note in found.notes if "not done after 33 gradients" in note]
    missing = 100 * abs(found.gap()[0] / (found.output - found.base)[0])
    assert float(said.split("miss up to ")[1].split(" %")[0]) == pytest.approx(missing, rel=1e-2)


def test_what_cancels_is_said_to_miss_as_much_of_the_change_as_it_does() -> None:
    class Normed(nn.Module):
        def forward(self, x):
            flat = x.flatten(1)
            return nn.functional.layer_norm(flat, flat.shape[1:]) @ WAYS

    found = pel.explain(Normed(), 100 * X, method=IntegratedGradients(budget=33), target=0)
    (said,) = [note for note in found.notes if "not done after 33 gradients" in note]
    missing = 100 * np.abs(found.gap() / (found.output - found.base)).max()
    told = said.split("miss up to ")[1].split(" %")[0].replace(",", "")
    assert missing > 100
    assert float(told) == pytest.approx(missing, rel=1e-2)


def test_errors_of_noise_cover_the_mean_over_many_draws() -> None:
    net = seeded(Plain)
    many = pel.explain(net, X[:1], method=SmoothGrad(draws=4000, noise=0.1), seed=1, target=0)
    inside = []
    for seed in range(40):
        few = pel.explain(net, X[:1], method=SmoothGrad(draws=20, noise=0.1), seed=seed, target=0)
        inside.append(np.abs(few.values - many.values) <= 2.1 * few.error + 1e-9)  # t of 19
    assert 0.92 < np.mean(inside) < 0.98


@pytest.mark.parametrize(
    ("settings", "signs", "kind"),
    [
        ({}, True, "smoothgrad"),
        ({"absolute": True}, False, "smoothgrad"),
        ({"squared": True}, True, "smoothgrad_sq"),
    ],
    ids=["signed", "absolute", "squared"],
)
def test_means_of_signed_absolute_and_squared_gradients_are_captum_s(settings, signs, kind) -> None:
    net = seeded(Plain)
    recipe = SmoothGrad(draws=1000, noise=0.1, **settings)
    found = pel.explain(net, X[:1], method=recipe, seed=1, target=0)
    torch.manual_seed(0)
    tunnel = attr.NoiseTunnel(attr.Saliency(net.eval()))
    truth = tunnel.attribute(
        torch.tensor(X[:1]), nt_type=kind, nt_samples=1000, nt_samples_batch_size=100,
        stdevs=float(0.1 * np.ptp(X[0])), target=0, abs=not signs,
    )  # fmt: skip
    off = np.abs(found.values - truth.detach().numpy())
    assert np.mean(off <= 3 * np.sqrt(2) * found.error + 1e-12) > 0.98
    assert (found.values < 0).any() == (not settings)


def test_a_sign_is_left_out_in_one_way() -> None:
    with pytest.raises(InvalidSetting, match="no sign to leave out"):
        SmoothGrad(absolute=True, squared=True)
    with pytest.raises(InvalidSetting, match="absolute"):
        SmoothGrad(absolute="yes")


def test_var_grad_is_the_variance_of_the_gradients() -> None:
    net = seeded(Plain).eval()
    found = pel.explain(net, X[:1], method=VarGrad(draws=2000, noise=0.1), seed=0, target=0)
    rng = np.random.default_rng(5)
    noise = 0.1 * np.ptp(X[0]) * rng.normal(size=(2000, *X[0].shape))
    copies = torch.tensor(X[:1] + noise, dtype=torch.float32, requires_grad=True)
    (slope,) = torch.autograd.grad(net(copies)[:, 0].sum(), copies)
    truth = slope.double().var(dim=0).numpy()
    assert (
        np.mean(np.abs(found.values[0] - truth) <= 4 * np.sqrt(2) * found.error[0] + 1e-12) > 0.97
    )


@pytest.mark.parametrize("method", ALL, ids=lambda m: m.name())
def test_one_image_is_as_in_the_batch_and_the_network_as_before(method: object) -> None:
    net = seeded(Plain)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    whole = pel.explain(net, X, method=method, seed=3)
    alone = pel.explain(net, X[1:2], method=method, seed=3)
    np.testing.assert_allclose(alone.values[0], whole.values[1], atol=1e-5)
    again = pel.explain(net, torch.tensor(X), method=method, seed=3, batch_size=2)
    np.testing.assert_allclose(again.values, whole.values, atol=1e-5)
    assert net.training
    assert net.features[2].inplace
    assert all(p.requires_grad for p in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks or part._backward_hooks for part in net.modules())


@pytest.mark.parametrize("method", ALL, ids=lambda m: m.name())
def test_a_site_inside_is_explained_as_the_network_after_it(method: object) -> None:
    from dataclasses import replace

    net = seeded(Plain, nn.GELU)
    found = pel.explain(net, X, method=replace(method, site="features.2"), seed=0, target=2)
    assert found.values.shape == (3, 8, 8, 8)

    class After(nn.Module):
        def forward(self, a):
            return net.head(net.features[3:](a).flatten(1))

    net.eval()
    inner = net.features[:3](torch.tensor(X)).detach().numpy()
    if isinstance(method, IntegratedGradients):
        start = net.features[:3](torch.zeros(1, 3, 8, 8)).detach().numpy()
        scaled = inner - start  # shift the way so that it begins at zero
        shifted = After()
        shifted.forward = lambda a: net.head(net.features[3:](a + torch.tensor(start)).flatten(1))
        own = pel.explain(shifted, scaled, method=method, target=2)
    else:
        own = pel.explain(After(), inner, method=method, seed=0, target=2)
    np.testing.assert_allclose(found.values, own.values, atol=2e-5)
    with pytest.raises(UnknownName, match="features"):
        pel.explain(net, X, method=replace(method, site="feature.2"))
    assert not any(part._forward_hooks for part in net.modules())


def test_a_network_on_a_table_is_explained_column_by_column() -> None:
    pd = pytest.importorskip("pandas")
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    frame = pd.DataFrame(X[0, :, :, 0].T[:6], columns=["a", "b", "c"])
    found = pel.explain(net, frame, method=IntegratedGradients(tolerance=1e-4))
    assert found.dims == ("sample", "feature")
    assert found.features == ("a", "b", "c")
    assert found.scale == "logit"
    np.testing.assert_allclose(found.gap(), 0, atol=1e-3)
    x = torch.tensor(frame.to_numpy(), requires_grad=True)
    margin = net(x)[:, 1] - net(x)[:, 0]
    (slope,) = torch.autograd.grad(margin.sum(), x)
    steep = pel.explain(net, frame, method=Saliency(absolute=False))
    np.testing.assert_allclose(steep.values, slope.numpy(), atol=1e-6)
    kernel = pel.explain(net, frame, background=frame, method="exact_shap")
    np.testing.assert_allclose(kernel.gap(), 0, atol=1e-5)


def test_probability_and_several_precisions_are_explained() -> None:
    net = seeded(Plain).eval()
    found = pel.explain(net, X, method=Saliency(absolute=False), scale="probability", target=0)
    x = torch.tensor(X, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.softmax(net(x), 1)[:, 0].sum(), x)
    np.testing.assert_allclose(found.values, slope.numpy(), atol=1e-7)
    for kind in (torch.bfloat16, torch.float16, torch.float64):
        net = seeded(Plain).to(kind)
        found = pel.explain(net, X, method=InputXGradient(), target=0)
        x = torch.tensor(X, dtype=kind, requires_grad=True)
        (slope,) = torch.autograd.grad(net.eval()(x)[:, 0].sum(), x)
        np.testing.assert_array_equal(found.values, (slope * x).double().detach().numpy())
        assert next(net.parameters()).dtype == kind


def test_bad_input_and_bad_networks_are_named() -> None:
    net = seeded(Plain)
    with pytest.raises(pel.PellucidError, match="channels"):
        pel.explain(net, np.zeros((2, 5, 8, 8), dtype=np.float32))
    with pytest.raises(pel.PellucidError, match=r"X\[None\]"):
        pel.explain(net, X[0])
    with pytest.raises(pel.PellucidError, match="finite"):
        pel.explain(net, np.full((1, 3, 8, 8), np.nan))
    with pytest.raises(CannotExplain, match="finite"):
        pel.explain(nn.Sequential(nn.Flatten(), Logarithm()), -np.abs(X), method=Saliency())
    with pytest.raises(CannotExplain, match="no gradient"):
        pel.explain(Detached(), X, method=Saliency())
    with pytest.raises(CannotExplain, match="needs a model with gradient"):
        pel.explain(lambda a: a.sum(axis=(1, 2, 3)), X, method=Saliency())
    with pytest.raises(InvalidSetting, match="baseline"):
        IntegratedGradients(baseline="black")
    with pytest.raises(CannotExplain, match="cannot explain images"):
        pel.explain(net, X, method="tree_shap")


class Logarithm(nn.Module):
    def forward(self, x):
        return torch.log(x).sum(dim=1, keepdim=True)


class Detached(nn.Module):
    def forward(self, x):
        return x.detach().flatten(1)[:, :2]


def test_expected_gradients_are_those_of_all_pairs_within_their_error() -> None:
    net = seeded(Plain, nn.GELU)
    known = pictures(9)[3:]
    found = pel.explain(net, X, background=known, method=ExpectedGradients(draws=600), seed=0)
    truth = np.zeros(X.shape)
    for start in known:  # a fine rule along the way from each of them
        one = IntegratedGradients(tolerance=1e-6, budget=129)
        shifted = copy.deepcopy(net).eval()
        moved = Shifted(shifted, torch.tensor(start))
        chosen = [int(label) for label in found.inputs["target"]]
        truth += pel.explain(moved, X - start, method=one, target=chosen).values / len(known)
    off = np.abs(found.values - truth)
    assert (off <= 1.96 * found.error + 1e-9).mean() > 0.93
    total = np.sqrt((found.error**2).sum(axis=(1, 2, 3)))
    assert (np.abs(found.gap()) <= 4 * total + 1e-6).all()
    with pytest.raises(InvalidSetting, match="background"):
        pel.explain(net, X, method=ExpectedGradients())


class Shifted(nn.Module):
    """A network that is given the way from a start."""

    def __init__(self, net: nn.Module, start: torch.Tensor) -> None:
        super().__init__()
        self.net, self.start = net, start

    def forward(self, x):
        return self.net(x + self.start)


def test_a_site_is_asked_for_of_any_method_that_knows_one() -> None:
    net = seeded(Plain)
    site = next(name for name, part in net.named_modules() if isinstance(part, nn.Conv2d))
    asked = pel.explain(net, X, method="saliency", site=site, target=0)
    made = pel.explain(net, X, method=Saliency(site=site), target=0)
    np.testing.assert_array_equal(asked.values, made.values)
    assert asked.params["site"] == site
    assert pel.explain(net, X, site=site, target=0).params["site"] == site
    with pytest.raises(InvalidSetting, match="Occlusion takes no site"):
        pel.explain(net, X, method="occlusion", site=site)
    with pytest.raises(UnknownName):
        pel.explain(net, X, method="saliency", site="nowhere")
