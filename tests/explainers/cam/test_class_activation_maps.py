"""Class activation maps against captum, the papers' formulas, closed forms and planted truth."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from captum.attr import LayerAttribution, LayerGradCam  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName  # noqa: E402
from pellucid.explainers.cam.ablation_cam import AblationCAM  # noqa: E402
from pellucid.explainers.cam.eigen_cam import EigenCAM  # noqa: E402
from pellucid.explainers.cam.grad_cam import GradCAM  # noqa: E402
from pellucid.explainers.cam.grad_cam_plus_plus import GradCAMPlusPlus  # noqa: E402
from pellucid.explainers.cam.hi_res_cam import HiResCAM  # noqa: E402
from pellucid.explainers.cam.layer_cam import LayerCAM  # noqa: E402
from pellucid.explainers.cam.score_cam import ScoreCAM  # noqa: E402
from pellucid.explainers.cam.x_grad_cam import XGradCAM  # noqa: E402
from twins import cams  # noqa: E402
from twins.networks_of_tests import Functional, Linear, Plain, pictures, seeded  # noqa: E402

X = pictures(count=4)
ALL = (
    GradCAM, GradCAMPlusPlus, HiResCAM, XGradCAM, LayerCAM, EigenCAM, ScoreCAM, AblationCAM,
)  # fmt: skip
BY_GRADIENT = (GradCAM, GradCAMPlusPlus, HiResCAM, XGradCAM, LayerCAM, EigenCAM)


class Pooled(nn.Module):
    """Convolutions, the mean of each map, and a linear layer."""

    def __init__(self, pool: type[nn.Module] = nn.AdaptiveAvgPool2d) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(6, 10, 3, padding=1), nn.BatchNorm2d(10), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.pool = pool(1)
        self.head = nn.Linear(10, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.features(x)).flatten(1))


class Residual(nn.Module):
    """A skip connection past the site, sums in place, and a reshape by the batch's own length."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.last, self.head = nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6 * 64, 4)
        self.ran = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.ran += 1
        x = F.relu_(self.stem(x))
        y = self.deep(x)
        y += x
        y = self.last(y.relu_()) + x
        return self.head(torch.tanh(y).view(x.shape[0], -1))


class Corner(nn.Module):
    """Sees, in two channels, the top left and the bottom right of a map; scores the first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.keep = nn.Parameter(torch.zeros(4, 8, 8))
        self.keep.data[:2, :2, :2], self.keep.data[2:, 6:, 6:] = 1, 1
        self.act, self.pool, self.head = nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Linear(16, 2)
        self.conv.weight.data.abs_(), self.conv.bias.data.zero_(), self.head.bias.data.zero_()
        weight = torch.zeros(2, 4, 2, 2)
        weight[0, :2], weight[1, 2:] = 100, 100
        self.head.weight.data = weight.flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.act(self.conv(x) * self.keep)
        return self.head(self.pool(seen).flatten(1))


def parts(net: nn.Module, site: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Activation and gradient of each image, by the full graph and one image at a time."""
    net.eval()
    found = []
    for x in torch.tensor(X):
        held = []

        def keep(m, i, o, held=held):  # type: ignore[no-untyped-def]
            held.append(o)
            return o.clone()  # what follows may work in place

        handle = net.get_submodule(site).register_forward_hook(keep)
        score = net(x[None]).max()
        handle.remove()
        (slope,) = torch.autograd.grad(score, held[-1])
        found.append((held[-1][0].detach().numpy().copy(), slope[0].numpy()))
    net.train()
    return found


def drawn(maps: list[np.ndarray]) -> np.ndarray:
    whole = torch.tensor(np.stack(maps), dtype=torch.float32)[:, None]
    return F.interpolate(whole, size=X.shape[2:], mode="bilinear")[:, 0].numpy()


def test_grad_cam_of_a_mean_and_a_linear_layer_is_the_class_activation_map() -> None:
    net = seeded(Pooled)
    found = pel.explain(net, X, method="grad_cam", target=2)
    A = np.stack([a for a, _ in parts(net, "features")])
    cam = np.einsum("k,nkij->nij", net.head.weight[2].detach().numpy(), A) / A[0, 0].size
    np.testing.assert_allclose(found.values, drawn(list(np.maximum(cam, 0))), atol=1e-6)
    assert found.dims == ("sample", "row", "column")
    assert "'features' is drawn, a map of 4 × 4" in found.provenance.notes[0]


@pytest.mark.parametrize(
    ("net", "site"),
    [(Plain, "features.4"), (Pooled, "features.0"), (Pooled, "features.3"), (Residual, "deep")],
)
def test_grad_cam_is_captum_s(net: type[nn.Module], site: str) -> None:
    net = seeded(net).eval()
    for part in net.modules():  # captum's hooks do not bear work in place
        part.inplace = False
    if isinstance(net, Residual):
        site = "last"
    x = torch.tensor(X)
    theirs = LayerGradCam(net, net.get_submodule(site)).attribute(
        x, target=net(x).argmax(dim=1), relu_attributions=True
    )
    theirs = LayerAttribution.interpolate(theirs, X.shape[2:], "bilinear")[:, 0].detach().numpy()
    found = pel.explain(net, X, method=GradCAM(site=site))
    np.testing.assert_allclose(found.values, theirs, atol=1e-6)
    assert theirs.max() > 0


@pytest.mark.parametrize("method", BY_GRADIENT)
@pytest.mark.parametrize("net", [Plain, Pooled, Residual])
def test_maps_are_those_of_the_papers_formulas(
    net: type[nn.Module], method: type[pel.explainers.GradCAM]
) -> None:
    net = seeded(net)
    site = {"Plain": "features.4", "Pooled": "features", "Residual": "last"}[type(net).__name__]
    twin = getattr(cams, method.name())
    found = pel.explain(net, X, method=method(site=site))
    np.testing.assert_allclose(
        found.values, drawn([twin(A, g) for A, g in parts(net, site)]), rtol=2e-4, atol=2e-6
    )


def test_score_cam_is_that_of_the_paper() -> None:
    net = seeded(Pooled).eval()
    found = pel.explain(net, X, method="score_cam", target=1)
    maps = []
    for (A, _), image in zip(parts(net, "features"), X, strict=True):
        net.eval()
        masks = drawn(list(A))
        maps.append(
            cams.score_cam(A, masks, image, lambda z: net(torch.tensor(z)[None])[0, 1].item())
        )
    np.testing.assert_allclose(found.values, drawn(maps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
def test_ablation_cam_is_that_of_the_paper(pool: type[nn.Module]) -> None:
    net = seeded(Pooled, pool)
    found = pel.explain(net, X, method="ablation_cam", target=1)

    def tail(A: np.ndarray) -> float:
        return net.head(net.pool(torch.tensor(A)[None]).flatten(1))[0, 1].item()

    maps = [cams.ablation_cam(A, tail) for A, _ in parts(net, "features")]
    np.testing.assert_allclose(found.values, drawn(maps), rtol=1e-4, atol=1e-5)
    assert not any("restarted" in note for note in found.provenance.notes)


@pytest.mark.parametrize("site", ["stem", "deep", "last"])
def test_ablation_restarts_past_skip_connections_and_work_in_place(site: str) -> None:
    net = seeded(Residual).eval()
    found = pel.explain(net, X, method=AblationCAM(site=site), batch_size=4)
    maps = []
    for image in torch.tensor(X):
        whole = float(net(image[None]).max())
        pick = int(net(image[None]).argmax())
        total = 0
        for k in range(6):

            def cut(m: nn.Module, i: object, o: torch.Tensor, k: int = k) -> torch.Tensor:
                o = o.clone()
                o[:, k] = 0
                return o

            handle = net.get_submodule(site).register_forward_hook(cut)
            lost = whole - float(net(image[None])[0, pick])
            handle.remove()
            with torch.no_grad():
                total = total + lost / abs(whole) * _output(net, site, image)[k]
        maps.append(np.maximum(total, 0))
    np.testing.assert_allclose(found.values, drawn(maps), rtol=1e-3, atol=1e-4)
    assert not any("restarted" in note for note in found.provenance.notes)


def _output(net: nn.Module, site: str, image: torch.Tensor) -> np.ndarray:
    """What a site returns, before later operations write into it."""
    held = []
    part = net.get_submodule(site)
    handle = part.register_forward_hook(lambda m, i, o: held.append(o.detach().clone()))
    net(image[None])
    handle.remove()
    return held[-1][0].numpy()


def test_ablation_does_not_compute_the_layers_before_the_site_again() -> None:
    net, rows = seeded(Pooled), []

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func is torch.ops.aten.convolution.default:
                rows.append(len(args[0]))
            return func(*args, **(kwargs or {}))

    with Counting():
        pel.explain(net, X[:1], method="ablation_cam")
    assert set(rows) == {1}  # never the ten ablations


class Choosy(Pooled):
    """Takes another way through its code at every call."""

    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(x if self.calls % 2 else x * 1.0)


def test_where_a_network_cannot_be_restarted_all_of_it_runs_and_a_note_says_so() -> None:
    plain, choosy = seeded(Pooled), seeded(Choosy)
    found = pel.explain(choosy, X, method="ablation_cam", target=1)
    same = pel.explain(plain, X, method="ablation_cam", target=1)
    np.testing.assert_allclose(found.values, same.values, atol=1e-5)
    assert any("restarted" in note for note in found.provenance.notes)


@pytest.mark.parametrize("method", ALL)
def test_a_batch_is_what_its_images_are_alone(method: type[pel.explainers.GradCAM]) -> None:
    net = seeded(Pooled)
    whole = pel.explain(net, X, method=method(), batch_size=3).values
    alone = [pel.explain(net, X[[i]], method=method()).values[0] for i in range(len(X))]
    np.testing.assert_allclose(whole, alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", [each for each in ALL if each is not EigenCAM])
@pytest.mark.parametrize("target", [0, 1])
def test_the_map_is_greatest_in_the_corner_that_is_looked_at(
    method: type[pel.explainers.GradCAM], target: int
) -> None:
    images = np.random.default_rng(1).uniform(0.2, 1, size=(3, 1, 8, 8)).astype(np.float32)
    found = pel.explain(Corner(), images, method=method(site="act"), target=target).values
    corner = found[:, :2, :2] if target == 0 else found[:, 6:, 6:]
    assert (corner.sum(axis=(1, 2)) > 0).all()
    near = 0.01 if method is ScoreCAM else 1e-4  # its softmax leaves every channel a little
    np.testing.assert_allclose(corner.sum(axis=(1, 2)), found.sum(axis=(1, 2)), rtol=near)


def test_hi_res_cam_adds_up_to_the_score_without_its_bias() -> None:
    net = seeded(Pooled)
    found = pel.explain(net, X, method="hi_res_cam", target=3)
    whole = found.values.sum(axis=(1, 2)) / 4  # each cell is drawn on 2 × 2 pixels
    bias = float(net.head.bias[3])
    np.testing.assert_allclose(whole, found.output - bias, rtol=1e-4, atol=1e-5)


def test_the_probability_can_be_explained() -> None:
    net = seeded(Pooled)
    found = pel.explain(net, X, method="hi_res_cam", target=1, scale="probability")
    p = found.output
    logits = [pel.explain(net, X, method="hi_res_cam", target=k).values for k in range(4)]
    scores = torch.softmax(net.eval()(torch.tensor(X)), dim=1).detach().numpy()
    slope = logits[1] - np.einsum("nk,knij->nij", scores, np.stack(logits))
    np.testing.assert_allclose(found.values, p[:, None, None] * slope, atol=1e-6)


def test_the_default_site_is_the_last_before_the_map_is_pooled() -> None:
    chosen = {
        Plain: "features.5", Pooled: "features", Residual: "last", Functional: "second",
    }  # fmt: skip
    for net, site in chosen.items():
        found = pel.explain(seeded(net), X, method="grad_cam")
        assert f"activation of {site!r} is drawn" in found.provenance.notes[0]
        same = pel.explain(seeded(net), X, method=GradCAM(site=site))
        np.testing.assert_array_equal(found.values, same.values)


def test_a_module_that_is_called_twice_is_read_at_its_last_call() -> None:
    net = seeded(Functional).eval()
    found = pel.explain(net, X, method=GradCAM(site="second"))
    assert "of the last of its 2 calls" in found.provenance.notes[0]
    with torch.no_grad():
        x = F.relu(net.first(torch.tensor(X)))
        x = x + torch.relu(net.second(x))
        A = net.second(x)
        pick = net(torch.tensor(X)).argmax(dim=1)
        slope = net.head.weight[pick][:, :, None, None] * (A > 0) / 64
        maps = (slope.mean(dim=(2, 3), keepdim=True) * A).sum(dim=1).clamp_min(0)
    np.testing.assert_allclose(found.values, maps, atol=1e-6)


def test_nothing_is_left_behind_also_after_an_error() -> None:
    class Broken(Pooled):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found = super().forward(x)
            return found / 0 if len(x) == 1 else found

    for net in (seeded(Pooled), seeded(Broken)):
        for method in ALL:
            try:
                pel.explain(net, X, method=method())
            except CannotExplain:
                assert isinstance(net, Broken)
            assert all(not part._forward_hooks for part in net.modules())
            assert all(part.training for part in net.modules())
            assert all(p.requires_grad and p.grad is None for p in net.parameters())
            assert net.features[1].inplace


def test_what_cannot_be_drawn_is_refused_by_name() -> None:
    with pytest.raises(CannotExplain, match="no activation that lies on the image"):
        pel.explain(seeded(Linear), X, method="grad_cam")
    net = seeded(Pooled)
    with pytest.raises(UnknownName, match=r"features\.5"):
        pel.explain(net, X, method=GradCAM(site="features.55"))
    with pytest.raises(CannotExplain, match="does not lie on the image"):
        pel.explain(net, X, method=GradCAM(site="head"))
    with pytest.raises(InvalidSetting, match="site"):
        GradCAM(site=3)  # type: ignore[arg-type]
    with pytest.raises(CannotExplain):
        pel.explain(lambda x: np.ones((len(x), 2)), X, method="grad_cam")


def test_a_network_without_a_gradient_is_told_what_else_there_is() -> None:
    class Cut(Pooled):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.pool(self.features(x)).flatten(1).detach())

    with pytest.raises(CannotExplain, match="score_cam"):
        pel.explain(seeded(Cut), X, method="grad_cam")
    pel.explain(seeded(Cut), X, method="ablation_cam")


def test_channels_may_stand_last() -> None:
    class Last(Pooled):
        def __init__(self) -> None:
            super().__init__()
            self.turned = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maps = self.turned(self.features(x).permute(0, 2, 3, 1))
            return self.head(maps.mean(dim=(1, 2)))

    wide = np.random.default_rng(0).normal(size=(2, 3, 8, 12)).astype(np.float32)
    for method in ALL:
        found = pel.explain(seeded(Last), wide, method=method(site="turned"))
        first = pel.explain(seeded(Pooled), wide, method=method(site="features"))
        np.testing.assert_allclose(found.values, first.values, rtol=1e-4, atol=1e-6)


def test_half_precision_is_near() -> None:
    net = seeded(Pooled)
    exact = pel.explain(net, X, method="grad_cam", target=1).values
    for method in ("grad_cam", "ablation_cam", "score_cam"):
        pel.explain(seeded(Pooled).bfloat16(), X, method=method, target=1)
    found = pel.explain(seeded(Pooled).bfloat16(), X, method="grad_cam", target=1).values
    assert np.abs(found - exact).max() < 0.05 * exact.max()
