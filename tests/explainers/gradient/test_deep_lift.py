"""DeepLIFT and DeepSHAP against closed forms, enumerated Shapley values and captum."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from captum import attr  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidSetting  # noqa: E402
from pellucid.explainers.gradient.deep_lift import DeepLIFT  # noqa: E402
from pellucid.explainers.gradient.deep_shap import DeepSHAP  # noqa: E402
from twins.networks_of_tests import Functional, Linear, Plain, pictures, seeded  # noqa: E402
from twins.transformers_of_tests import Eager, Fused, Packed, TinyViT  # noqa: E402

X = pictures()


class Around(nn.Module):
    """Convolutions around any operation on (sample, 8, 8, 8), a residual sum, and a max-pool."""

    def __init__(self, operation: Callable[[Any], Any]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head, self.operation = nn.Linear(8 * 16, 4), operation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.operation(self.first(x))
        x = self.operation(self.second(x) + x)
        return self.head(F.max_pool2d(x, 3, 2, 1).flatten(1))


class Whole(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.forward = function


def filled_in_place(x: torch.Tensor) -> torch.Tensor:
    out = torch.zeros_like(x)
    out[:, :4] = x[:, :4].relu()
    out[:, 4:] = x[:, 4:]
    gate = out.sigmoid()
    out[:, 2:5] *= 2
    out += x
    out[:, 1].tanh_()
    out *= gate
    out /= 1 + gate
    return F.relu(out, inplace=True)


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": F.relu,
    "method": lambda x: x.relu(),
    "in place": filled_in_place,
    "relu6, leaky": lambda x: F.relu6(F.leaky_relu(x, 0.2)),
    "gelu": F.gelu,
    "tanh gelu": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "silu by hand": lambda x: x * torch.sigmoid(x),
    "mish, elu, softplus": lambda x: F.mish(x) + F.elu(x) - F.softplus(x),
    "hard": lambda x: F.hardswish(x) + F.hardsigmoid(x) + x.clamp(-0.5, 0.5),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.3], dtype=x.dtype)),
    "softmax": lambda x: F.softmax(x, dim=1),
    "log softmax": lambda x: F.log_softmax(x, dim=1),
    "softmax by hand": lambda x: x.exp() / x.exp().sum(dim=1, keepdim=True),
    "powers": lambda x: x**2 + 0.1 * x.pow(3) + 2 ** (-x) + (x.abs() + 1).sqrt(),
    "quotients": lambda x: x / (1 + x * x) + 1 / (2 + x.sigmoid()),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "group norm": lambda x: F.group_norm(x, 2),
    "instance norm": F.instance_norm,
    "rms norm": lambda x: F.rms_norm(x, x.shape[-1:]),
    "normalize": lambda x: F.normalize(x, dim=1),
    "cosine": lambda x: x * F.cosine_similarity(x, x.flip(1), dim=1)[:, None],
    "squeeze and excite": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "gated": lambda x: torch.cat([F.glu(x, dim=1)] * 2, dim=1),
    "maxima": lambda x: (
        torch.maximum(x, x.flip(1)) - x.max(1, keepdim=True)[0] + x.amax((2, 3), True)
    ),
    "minima": lambda x: torch.minimum(x, x.flip(1)) + x.min(1, keepdim=True).values,
    "adaptive max-pool": lambda x: x * F.adaptive_max_pool2d(x, 1),
    "einsum": lambda x: torch.einsum("bchw,bkhw->bkhw", x, x.tanh()),
    "bilinear": lambda x: F.bilinear(x, x.tanh(), torch.ones(8, 8, 8, dtype=x.dtype) / 8),
    "linear only": lambda x: F.interpolate(
        F.avg_pool2d(F.pad(x, (1, 1, 1, 1), "reflect"), 3, 2), 8
    ),
}


def scored(net: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net.eval()(torch.tensor(x, dtype=torch.float64)).numpy()[:, 1]


@pytest.mark.parametrize("baseline", ["zero", "blur", 0.5])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_values_add_up_whatever_the_operation(operation: str, baseline: float | str) -> None:
    net = seeded(Around, OPERATIONS[operation])
    found = pel.explain(net, X, method=DeepLIFT(baseline=baseline), target=1)
    change = np.abs(found.output - found.base).max()
    assert np.abs(found.gap()).max() <= 1e-5 * change
    assert np.abs(found.values).sum(axis=(1, 2, 3)).max() < 50 * change
    assert found.provenance.notes == ()
    fine = pel.explain(net.double(), X, method=DeepLIFT(baseline=baseline), target=1)
    if baseline != "blur":
        start = np.full_like(X, 0 if baseline == "zero" else baseline)
        truth = scored(net, X) - scored(net, start)
        np.testing.assert_allclose(fine.values.sum(axis=(1, 2, 3)), truth, atol=1e-9 * change)


@pytest.mark.parametrize("scale", ["logit", "probability"])
@pytest.mark.parametrize("attention", [Eager, Fused, Packed])
def test_attention_is_shared_exactly_however_it_is_written(attention: type, scale: str) -> None:
    images = np.random.default_rng(1).normal(size=(3, 3, 8, 12)).astype(np.float32)
    net, plain = seeded(TinyViT, attention), seeded(TinyViT, Eager)
    if attention is Packed:
        plain.load_state_dict(net.state_dict(), strict=False)
    found = pel.explain(net, images, method="deep_lift", scale=scale)
    assert np.abs(found.gap()).max() <= 1e-5 * np.abs(found.output - found.base).max()
    same = pel.explain(plain, images, method="deep_lift", scale=scale)
    np.testing.assert_allclose(found.values, same.values, atol=1e-4 * np.abs(same.values).max())


@pytest.mark.parametrize("first", [True, False])
def test_samples_are_told_apart_wherever_their_axis_is(first: bool) -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=first)
            self.body, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.flatten(1, 2)
            x = self.body(x) if first else self.body(x.transpose(0, 1)).transpose(0, 1)
            return self.head(x[:, 0])

    found = pel.explain(seeded(Encoder), X, method="deep_lift")
    assert np.abs(found.gap()).max() <= 1e-5 * np.abs(found.output - found.base).max()


def test_they_are_captum_s_where_it_is_right() -> None:
    # captum is exact for modules of ReLU that are used once; not for functions, pools or GELU.
    net, behind = seeded(Plain), pictures(8)[3:]
    mine = pel.explain(net, X, method=DeepLIFT(baseline="zero"))
    shap = pel.explain(net, X, method=DeepSHAP(), background=behind)
    still = net.eval()
    for part in still.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    still.features[5] = nn.ReLU()  # captum keeps what it needs on the module
    x, pick = torch.tensor(X), still(torch.tensor(X)).argmax(dim=1)
    theirs = attr.DeepLift(still).attribute(x, target=pick).detach().numpy()
    np.testing.assert_allclose(mine.values, theirs, atol=1e-6)
    pairs = [
        attr.DeepLift(still).attribute(x, torch.tensor(one[None]), target=pick).detach().numpy()
        for one in behind
    ]
    np.testing.assert_allclose(shap.values, np.mean(pairs, axis=0), atol=1e-6)
    error = np.std(pairs, axis=0, ddof=1) / np.sqrt(len(behind))
    np.testing.assert_allclose(shap.error, error, atol=1e-6)
    their = attr.DeepLiftShap(still).attribute(x, torch.tensor(behind), target=pick)
    np.testing.assert_allclose(shap.values, their.detach().numpy(), atol=1e-6)
    assert np.abs(shap.gap()).max() < 1e-5


@pytest.mark.parametrize("act", [nn.ReLU, nn.GELU])
def test_they_are_shap_s_also_of_pools(act: type[nn.Module]) -> None:
    # shap is exact for modules; not for functions of torch.
    shap = pytest.importorskip("shap")
    parts = [nn.Conv2d(3, 8, 3), act(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), act(), nn.Flatten()]
    net, behind = seeded(nn.Sequential, *parts, nn.Linear(8, 4)).eval(), pictures(8)[3:]
    theirs = shap.DeepExplainer(net, torch.tensor(behind)).shap_values(torch.tensor(X))
    found = pel.explain(net, X, method="deep_shap", background=behind, target=0)
    np.testing.assert_allclose(found.values, theirs[..., 0], atol=1e-6)


def test_of_a_linear_network_they_are_weights_times_differences() -> None:
    net, behind = seeded(Linear), pictures(9)[3:]
    weight = net.head.weight.detach().numpy()[2].reshape(1, *X.shape[1:])
    found = pel.explain(net, X, method=DeepLIFT(baseline=0.25), target=2)
    np.testing.assert_allclose(found.values, weight * (X - 0.25), atol=1e-6)
    found = pel.explain(net, X, method=DeepSHAP(), target=2, background=behind)
    np.testing.assert_allclose(found.values, weight * (X - behind.mean(axis=0)), atol=1e-6)


def shapley(score: Callable[[np.ndarray], np.ndarray], row: np.ndarray, behind: np.ndarray) -> Any:
    """Shapley values by enumeration; what is left out is that of each background row."""
    width = len(row)
    values = np.zeros(width)
    for player in range(width):
        others = [each for each in range(width) if each != player]
        for size in range(width):
            weight = factorial(size) * factorial(width - size - 1) / factorial(width)
            for some in combinations(others, size):
                without, with_ = behind.copy(), behind.copy()
                without[:, list(some)] = row[list(some)]
                with_[:, [*some, player]] = row[[*some, player]]
                values[player] += weight * (score(with_) - score(without)).mean()
    return values


def test_of_sums_and_products_of_two_they_are_shapley_values() -> None:
    def pairs(x: torch.Tensor) -> torch.Tensor:
        whole = F.gelu(x).sum(dim=1) + 2 * x[:, 0] * x[:, 1].tanh() - x[:, 2:3].square()[:, 0]
        return (whole + torch.einsum("bi,bi->b", x[:, :2], x[:, 2:].sin()))[:, None]

    drawn = np.random.default_rng(3).normal(size=(7, 4))
    rows, behind = drawn[:2], drawn[2:]

    def score(x: np.ndarray) -> np.ndarray:
        return pairs(torch.tensor(x)).numpy()[:, 0]

    found = pel.explain(Whole(pairs), rows, method="deep_shap", background=behind)
    truth = np.stack([shapley(score, row, behind) for row in rows])
    np.testing.assert_allclose(found.values, truth, atol=1e-5)


def test_a_maximum_gives_its_change_to_the_number_that_is_or_was_greatest() -> None:
    images = np.zeros((2, 3, 2, 2), dtype=np.float32)
    images[0, 0], images[1, 1] = [[3, 1], [0, 2]], [[-3, -1], [-5, -2]]
    net = Whole(lambda x: F.max_pool2d(x, 2).sum(dim=(1, 2, 3))[:, None])
    found = pel.explain(net, images, method="deep_lift").values
    np.testing.assert_allclose(found[0, 0], [[3, 0], [0, 0]])
    assert found[1].sum() == -1
    overlapping = Whole(lambda x: F.max_pool2d(x, 2, 1).sum(dim=(1, 2, 3))[:, None])
    wide = np.zeros((1, 3, 4, 4), dtype=np.float32)
    wide[0, 0, 1, 1] = 5
    assert pel.explain(overlapping, wide, method="deep_lift").values[0, 0, 1, 1] == 20


def test_normalisation_of_a_baseline_without_variation_stays_calm() -> None:
    net = seeded(Around, lambda x: F.instance_norm(x))
    net.first.bias.data.zero_()
    found = pel.explain(net, X, method="deep_lift")
    change = np.abs(found.output - found.base)
    assert (np.abs(found.values).sum(axis=(1, 2, 3)) < 100 * change.max()).all()
    assert np.abs(found.gap()).max() <= 1e-5 * change.max()


class Mul(torch.autograd.Function):
    """A hand-written operation that is called like one that is linear."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        return grad


def branching(x: torch.Tensor) -> torch.Tensor:
    return x.relu() if x.abs().sum() > 0 else x.tanh()


LSTM = nn.LSTM(8, 8, batch_first=True)

REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "mask": (lambda x: x * (x > 0), "'mul' with a factor or mask"),
    "where": (lambda x: torch.where(x > 0, x, 0.0), "'where' with a factor or mask"),
    "detached": (lambda x: x * x.detach().sigmoid(), "'mul' with a factor or mask"),
    "number": (lambda x: x / (1 + x.std().item()), "'div' with a factor or mask"),
    "index": (lambda x: x[:, :, x.mean((0, 1, 3)).argsort()], "'__getitem__' with a factor"),
    "branch": (branching, "'(relu|tanh)', which the network calls for some inputs only"),
    "chance": (lambda x: x + torch.rand_like(x), "'add' with a factor or mask"),
    "sorted": (lambda x: x.sort(dim=1).values, "'Sort'"),
    "rounded": (lambda x: x + x.round(), "'Round'"),
    "in place": (lambda x: (x * 1).floor_(), "'floor' in place"),
    "product": (lambda x: x.prod(dim=1, keepdim=True) + x, "'Prod'"),
    "cubic": (lambda x: torch.einsum("bchw,bchw,bchw->bchw", x, x, x), "'einsum' of 3"),
    "by hand": (lambda x: Mul.apply(x), "'Mul', written by hand"),
    "lstm": (lambda x: LSTM(x.flatten(1, 2))[0], "'lstm'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shared_is_named(name: str) -> None:
    operation, said = REFUSED[name]
    net = nn.Sequential(Whole(operation), nn.Flatten(1), nn.Linear(192, 4))
    with pytest.raises(CannotExplain, match=said):
        pel.explain(net, X, method="deep_lift")


def test_networks_that_are_no_function_of_one_sample_are_refused() -> None:
    own = nn.BatchNorm2d(3, track_running_stats=False)
    for part, said in (
        (own, "statistics of the batch"),
        (Whole(lambda x: F.dropout(x, 0.5, training=True)), "do not add up"),
    ):
        net = nn.Sequential(part, nn.Flatten(), nn.Linear(192, 4))
        with pytest.raises(CannotExplain, match=said):
            pel.explain(net, X, method="deep_lift")


def test_an_output_that_does_not_change_has_values_of_nothing() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 4))
    net[1].weight.data *= 1e-9
    found = pel.explain(net, X, method="deep_lift")
    assert np.abs(found.values).max() < 1e-7
    assert found.provenance.notes == ()


def test_the_network_is_left_as_it_was_also_after_an_error() -> None:
    for operation in (F.relu, lambda x: x.sort(dim=1).values):
        net = seeded(Around, operation)
        before = {key: value.clone() for key, value in net.state_dict().items()}
        try:
            pel.explain(net, X, method="deep_lift")
        except CannotExplain:
            assert operation is not F.relu
        assert net.training
        assert all(each.requires_grad for each in net.parameters())
        assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
        assert not any(each._forward_hooks or each._backward_hooks for each in net.modules())
        out = net(torch.tensor(X, requires_grad=True))
        assert "Shared" not in str(out.grad_fn.next_functions)


@pytest.mark.parametrize("method", [DeepLIFT(baseline="blur"), DeepSHAP()])
@pytest.mark.parametrize("net", [(Functional,), (Around, lambda x: F.softmax(x, dim=1))])
def test_a_sample_alone_is_as_in_the_batch(net: tuple[Any, ...], method: Any) -> None:
    made, behind = seeded(*net), pictures(9)[3:] if isinstance(method, DeepSHAP) else None
    whole = pel.explain(made, X, method=method, background=behind)
    alone = pel.explain(made, X[1:2], method=method, background=behind, batch_size=2)
    size = np.abs(whole.values).max()
    np.testing.assert_allclose(alone.values[0], whole.values[1], atol=1e-5 * size)
    np.testing.assert_allclose(alone.error[0], whole.error[1], atol=1e-5 * size)


def test_a_site_is_explained_as_the_network_after_it() -> None:
    net = seeded(Plain, nn.GELU)
    found = pel.explain(net, X, method=DeepLIFT(baseline="mean", site="features.3"))
    assert found.values.shape == (3, 8, 8, 8)
    assert np.abs(found.gap()).max() <= 1e-5 * np.abs(found.output - found.base).max()
    still = net.eval()
    with torch.no_grad():
        seen = still.features[:4](torch.tensor(X))
        start = still.features[:4](torch.tensor(X).mean((2, 3), keepdim=True).expand(X.shape))
        tail = nn.Sequential(still.features[4:], nn.Flatten(), still.head)
    chosen = tail(seen).argmax(dim=1)
    base = tail(start).gather(1, chosen[:, None])[:, 0].detach()
    np.testing.assert_allclose(found.base, base, rtol=1e-5)
    shap = pel.explain(net, X, method=DeepSHAP(site="features.3"), background=pictures(6)[3:])
    assert np.abs(shap.gap()).max() <= 1e-5 * np.abs(shap.output).max()


def test_rounding_of_16_bits_is_said_and_64_bits_are_kept() -> None:
    net = seeded(Functional)
    exact = pel.explain(net, X, method="deep_lift")
    coarse = pel.explain(net.bfloat16(), X, method="deep_lift")
    off = np.linalg.norm(coarse.values - exact.values) / np.linalg.norm(exact.values)
    assert off < 0.1
    assert "rounding of the network's own numbers" in " ".join(coarse.provenance.notes)
    fine = pel.explain(seeded(Functional).double(), X, method="deep_lift")
    assert np.abs(fine.gap()).max() < 1e-12


def test_tables_are_explained_for_each_class() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 5))
    net = nn.Sequential(nn.Linear(5, 8), nn.SiLU(), nn.LayerNorm(8), nn.Linear(8, 3))
    for found in (
        pel.explain(net, rows, method="deep_lift"),
        pel.explain(net, rows, method="deep_shap", background=rows[:4]),
    ):
        assert found.dims == ("sample", "feature", "class")
        assert np.abs(found.gap()).max() < 1e-5
    with pytest.raises(CannotExplain, match="'blur' is for images"):
        pel.explain(net, rows, method=DeepLIFT(baseline="blur"))


def test_bad_settings_are_named() -> None:
    with pytest.raises(InvalidSetting, match="baseline"):
        DeepLIFT(baseline="black")
    with pytest.raises(InvalidSetting, match="nothing to compare with"):
        pel.explain(seeded(Plain), X, method="deep_shap")
    found = pel.explain(
        seeded(Plain), X, method=DeepSHAP(max_background=2), background=pictures(8), seed=1
    )
    assert "2 of 8 background images were drawn at random." in found.provenance.notes
    one = pel.explain(seeded(Plain), X, method="deep_shap", background=0 * X[:1])
    same = pel.explain(seeded(Plain), X, method="deep_lift")
    np.testing.assert_allclose(one.values, same.values, atol=1e-7)
    assert one.error.max() == 0
