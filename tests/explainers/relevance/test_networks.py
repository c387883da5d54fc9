"""Relevance through networks: merged norms, sums, in-place work, attention, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from pellucid.core.errors import CannotExplain  # noqa: E402
from pellucid.explainers.relevance.composites import COMPOSITES, Composite  # noqa: E402
from pellucid.explainers.relevance.engine import Propagation, relevance  # noqa: E402
from twins.transformers_of_tests import Eager, Fused, Packed, TinyViT  # noqa: E402

torch.set_num_threads(1)

EXACT = Composite(conv="epsilon", dense="epsilon", epsilon=1e-12)
VALUES_ONLY = replace(EXACT, through_attention=False)


def made(*layers: nn.Module) -> nn.Sequential:
    """Layers, with batch norms that have seen something."""
    net = nn.Sequential(*layers).double().eval().requires_grad_(False)
    for part in net.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
            part.weight.normal_()
            part.bias.normal_(0, 0.3)
    return net


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).normal(size=shape))


def ours(net: Callable, x: torch.Tensor, how: Composite, **box: float) -> torch.Tensor:
    ends = {name: torch.tensor(end) for name, end in box.items()}
    pick = torch.arange(len(x)) % 3
    return relevance(net, x, pick, Propagation(how, **ends))[0]


def through(run: Callable, x: torch.Tensor, message: torch.Tensor, how: Composite = EXACT):
    """The relevance of some numbers for a sum of what an operation makes of them."""

    def network(x: torch.Tensor) -> torch.Tensor:
        return (run(x) * message).flatten(1).sum(1, keepdim=True).expand(-1, 3)

    pick = torch.zeros(len(x), dtype=torch.int64)
    return relevance(network, x, pick, Propagation(how, reads_input=False))[0]


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_batch_norm_counts_as_part_of_the_layer_before_it(name: str) -> None:
    torch.manual_seed(0)
    norms = nn.BatchNorm2d(4), nn.BatchNorm2d(5), nn.BatchNorm1d(6)
    layers = nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 5, 2), nn.Linear(5 * 25, 6)
    net = made(
        layers[0], norms[0], nn.ReLU(), layers[1], nn.Dropout(), norms[1], nn.ReLU(),
        nn.Flatten(), layers[2], norms[2], nn.ReLU(), nn.Linear(6, 3),
    )  # fmt: skip
    x, box = drawn(3, 3, 6, 6), {"low": -5.0, "high": 5.0}
    found = ours(net, x, COMPOSITES[name], **box)
    for layer, norm in zip(layers, norms, strict=True):
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        turned = isinstance(layer, nn.ConvTranspose2d)
        shape = [1, -1] if turned else [-1, 1]
        layer.weight.mul_(factor.view(*shape, *[1] * (layer.weight.ndim - 2)))
        layer.bias.copy_((layer.bias - norm.running_mean) * factor + norm.bias)
    folded = nn.Sequential(*(part for part in net if part not in norms))
    torch.testing.assert_close(found, ours(folded, x, COMPOSITES[name], **box))


@pytest.mark.parametrize("name", ["zero", "epsilon", "gamma", "alpha_beta", "z_plus"])
def test_a_batch_norm_counts_as_part_of_the_layer_after_it(name: str) -> None:
    torch.manual_seed(1)
    norm, layer = nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3)
    net = made(
        nn.Conv2d(3, 4, 3), nn.ReLU(), norm, layer, nn.ReLU(), nn.Flatten(), nn.Linear(20, 3)
    )
    x = drawn(3, 3, 6, 6)
    found = ours(net, x, COMPOSITES[name])
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - norm.running_mean * factor
    layer.bias.add_(layer.weight.sum((2, 3)) @ shift)
    layer.weight.mul_(factor.view(-1, 1, 1))
    folded = nn.Sequential(*(part for part in net if part is not norm))
    torch.testing.assert_close(found, ours(folded, x, COMPOSITES[name]))


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_network_that_normalises_its_input_is_explained_in_the_users_units(name: str) -> None:
    torch.manual_seed(2)
    conv = nn.Conv2d(3, 4, 3)
    rest = made(conv, nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    mean, std = torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1), torch.tensor(0.3)
    x = drawn(3, 3, 6, 6).abs()
    found = ours(lambda x: rest((x - mean) / std), x, COMPOSITES[name], low=0.0, high=6.0)
    by_module = made(nn.BatchNorm2d(3, eps=0), rest)
    norm = by_module[0]
    norm.running_mean.copy_(mean.flatten()), norm.running_var.fill_(float(std) ** 2)
    norm.weight.fill_(1), norm.bias.zero_()
    again = ours(by_module, x, COMPOSITES[name], low=0.0, high=6.0)
    torch.testing.assert_close(found, again, rtol=1e-5, atol=1e-7)
    conv.bias.sub_(((conv.weight / std) * mean[None]).sum((1, 2, 3)))
    conv.weight.div_(std)
    folded = ours(rest, x, COMPOSITES[name], low=0.0, high=6.0)
    torch.testing.assert_close(found, folded, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", COMPOSITES)
def test_padding_by_hand_is_the_padding_of_the_layer(name: str) -> None:
    torch.manual_seed(3)
    inside = made(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(144, 3))
    outside = made(nn.ZeroPad2d(1), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 3))
    outside.load_state_dict(
        dict(zip(outside.state_dict(), inside.state_dict().values(), strict=True))
    )
    x, box = drawn(3, 3, 6, 6), {"low": -5.0, "high": 5.0}
    a, b = (ours(net, x, COMPOSITES[name], **box) for net in (inside, outside))
    torch.testing.assert_close(a, b)


def test_a_sum_shares_by_the_size_of_its_terms() -> None:
    x, c = drawn(3, 4), drawn(3, 4)
    both = torch.cat([x, 2 * x.flip(1)], dim=1)
    found = through(lambda b: b[:, :4] + b[:, 4:], both, c)
    torch.testing.assert_close(found, both * c.repeat(1, 2))


def test_writing_in_place_changes_nothing() -> None:
    torch.manual_seed(4)
    conv, again = nn.Conv2d(3, 4, 3).double(), nn.Conv2d(4, 4, 1).double()

    def plain(x: torch.Tensor) -> torch.Tensor:
        x = F.relu(conv(x))
        x = again(x) * 2 + x
        x = torch.cat([F.relu6(x[:, :2] - 1), x[:, 2:]], dim=1)
        return x.mean((2, 3))[:, :3]

    def placed(x: torch.Tensor) -> torch.Tensor:
        x = conv(x)
        F.relu(x, inplace=True)
        y = again(x)
        y.mul_(2)
        y += x
        nn.Dropout(inplace=True).eval()(y)  # gives back what it got
        out = torch.zeros_like(y)
        z = y[:, :2].sub(1)
        nn.ReLU6(inplace=True)(z)
        out[:, :2] = z
        out[:, 2:] = y[:, 2:]
        return out.mean((2, 3))[:, :3]

    conv.requires_grad_(False), again.requires_grad_(False)
    x = drawn(3, 3, 5, 5)
    for name in ("zero", "epsilon_plus", "gamma", "alpha_beta"):
        torch.testing.assert_close(
            ours(plain, x, COMPOSITES[name]), ours(placed, x, COMPOSITES[name])
        )


class Flat(nn.Module):
    """Convolutions and a head, between which numbers are looked at in the order of channels."""

    def __init__(self, flatten: Callable) -> None:
        super().__init__()
        self.body = made(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, stride=2))
        self.head, self.flatten = made(nn.Linear(12, 3)), flatten

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.flatten(self.body(x)))


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: x.view(len(x), -1),
        lambda x: x.contiguous().view(len(x), -1),
        lambda x: x.view(size=(len(x), 12)) if x.is_contiguous() else x.flip(1).reshape(len(x), 12),
        lambda x: x.reshape(len(x), 12) * (1.0 if x.stride(1) == 4 else -1.0),
        lambda x: x.flatten(1) + torch.as_strided(x.detach(), (len(x), 12), (12, 1)) * 0.5,
    ],
)
def test_how_images_lie_in_memory_is_left_to_the_network(flatten: Callable) -> None:
    torch.manual_seed(0)
    net, x = Flat(flatten), drawn(2, 2, 5, 5)
    for name in ("epsilon_plus", "zero", "gamma"):
        found = ours(net, x, COMPOSITES[name])
        torch.testing.assert_close(found, of_rows(net, x, COMPOSITES[name]), rtol=1e-9, atol=1e-12)


def of_rows(net: Callable, x: torch.Tensor, how: Composite) -> torch.Tensor:
    """The same where images come as rows of numbers, so that nothing can be laid out anew."""
    return ours(lambda rows: net(rows.reshape(x.shape)), x.flatten(1), how).reshape(x.shape)


def test_a_view_that_had_to_be_copied_is_not_written_into_behind_the_back() -> None:
    conv, head = made(nn.Conv2d(2, 3, 3)), made(nn.Linear(27, 3))

    def writes(x: torch.Tensor, *, later: bool) -> torch.Tensor:
        whole = conv(x)
        flat = whole.view(len(x), -1)
        flat.mul_(2)
        return head(whole.flatten(1) if later else flat)

    x = drawn(2, 2, 5, 5)
    with pytest.raises(CannotExplain, match="changed in place through another view"):
        ours(lambda x: writes(x, later=True), x, EXACT)
    plain = ours(lambda x: head(2 * conv(x).flatten(1)), x, EXACT)
    torch.testing.assert_close(ours(lambda x: writes(x, later=False), x, EXACT), plain)


def test_writing_in_place_through_a_view_is_refused_where_the_whole_is_read_later() -> None:
    layer = nn.Linear(4, 3).double().requires_grad_(False)

    def network(x: torch.Tensor) -> torch.Tensor:
        y = x * 1
        y[:, :2].relu_()
        return layer(y)

    with pytest.raises(CannotExplain, match="in place through another view"):
        ours(network, drawn(3, 4), EXACT)


ONE_BY_ONE = {
    "gelu": F.gelu, "silu": F.silu, "tanh": torch.tanh, "relu6": lambda x: F.relu6(4 * x),
    "sigmoid": torch.sigmoid, "elu": F.elu, "softplus": F.softplus,
    "clamp": lambda x: x.clamp(-1, 1), "square": lambda x: x * x, "cube": lambda x: x**3,
    "swish by hand": lambda x: x * torch.sigmoid(x),
    "gelu by hand": lambda x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.0447 * x.pow(3)))),
    "hardswish": F.hardswish, "mish": F.mish, "softsign": F.softsign, "tanhshrink": F.tanhshrink,
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_functions_of_one_number_hand_on_all_they_get(name: str) -> None:
    x, c = drawn(3, 5), drawn(3, 5)
    found = through(ONE_BY_ONE[name], x, c)
    torch.testing.assert_close(found, ONE_BY_ONE[name](x) * c, rtol=1e-9, atol=1e-12)


def test_a_softmax_shares_as_attnlrp_says() -> None:
    x, c = drawn(3, 5), drawn(3, 5)
    soft = x.softmax(1)
    R = soft * c
    expected = x * (R - soft * R.sum(1, keepdim=True))  # proposition 3.1
    for run in (lambda x: x.softmax(1), lambda x: F.softmax(x, dim=-1), nn.Softmax(dim=1)):
        torch.testing.assert_close(through(run, x, c), expected)


def test_products_of_activations_give_half_to_each() -> None:
    a, b, c = drawn(2, 3, 4), drawn(2, 4, 3).flip(0), drawn(2, 3, 3)
    both = torch.cat([a.flatten(1), b.flatten(1)], dim=1)
    R = a[..., None] * b[:, None] * c[:, :, None]  # (sample, row, inner, column)
    halves = torch.cat([R.sum(3).flatten(1), R.sum(1).flatten(1)], dim=1) / 2
    ways = (
        lambda p, q: p @ q,
        torch.bmm,
        lambda p, q: torch.einsum("nij,njk->nik", p, q),
        lambda p, q: (p[..., None] * q[:, None]).sum(2),
    )
    for way in ways:

        def run(x: torch.Tensor, way: Callable = way) -> torch.Tensor:
            return way(x[:, :12].view(-1, 3, 4), x[:, 12:].view(-1, 4, 3))

        torch.testing.assert_close(through(run, both, c), halves)


def test_normalisations_hold_what_they_divide_by() -> None:
    x, c, w = drawn(3, 6), drawn(3, 6), drawn(6)
    root = (x.square().mean(1, keepdim=True) + 1e-5).sqrt()
    spread = (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    rms, layer = x * c * w / root, x * (c * w - (c * w).mean(1, keepdim=True)) / spread
    by_hand = lambda x: w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))  # noqa: E731
    for run in (lambda x: F.rms_norm(x, (6,), w, 1e-5), by_hand):
        torch.testing.assert_close(through(run, x, c), rms)
    centred = lambda x: x - x.mean(1, keepdim=True)  # noqa: E731
    written = lambda x: w * centred(x) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()  # noqa: E731
    grouped = lambda x: F.group_norm(x[:, :, None], 1, w, None, 1e-5)[:, :, 0]  # noqa: E731
    for run in (lambda x: F.layer_norm(x, (6,), w, None, 1e-5), written, grouped):
        torch.testing.assert_close(through(run, x, c), layer)
    size = through(lambda x: F.normalize(x, dim=1), x, c)
    torch.testing.assert_close(size, x * c / x.norm(dim=1, keepdim=True))


class Gated(nn.Module):
    """A block as language models have it: RMS norm, gated layers, a sum; no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(8, eps=1e-6)
        self.gate, self.up, self.down = (nn.Linear(8, 8, bias=False) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def bare(net: nn.Module) -> nn.Module:
    """Without any constant that could absorb relevance."""
    for name, each in net.named_parameters():
        if name.endswith(("bias", "extra", "places")):
            each.data.zero_()
    return net.double().eval().requires_grad_(False)


def test_gated_layers_conserve_relevance() -> None:
    torch.manual_seed(5)
    net = bare(nn.Sequential(Gated(), Gated(), nn.Linear(8, 3)))
    way = Propagation(EXACT)
    found, score = relevance(net, drawn(3, 8), torch.arange(3), way)
    torch.testing.assert_close(found.sum(1), score, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("attention", [Eager, Fused, Packed])
def test_transformers_conserve_relevance_that_goes_through_values(attention: type[Eager]) -> None:
    torch.manual_seed(6)
    net = bare(TinyViT(attention, extra=0, depth=2))
    way = Propagation(VALUES_ONLY)
    found, score = relevance(net, drawn(3, 3, 8, 12), torch.arange(3), way)
    torch.testing.assert_close(found.sum((1, 2, 3)), score, rtol=1e-7, atol=1e-9)


def test_what_a_transformer_absorbs_is_told_by_operation() -> None:
    torch.manual_seed(7)
    net = TinyViT(Fused, depth=2).double().eval().requires_grad_(False)
    way = Propagation(EXACT)
    found, score = relevance(net, drawn(3, 3, 8, 12), torch.arange(3), way)
    lost = sum(float(each) for each in way.absorbed.values())
    assert {"softmax", "layer_norm", "linear"} <= set(way.absorbed)
    assert lost == pytest.approx(float(score.sum() - found.sum()), rel=1e-6)


@pytest.mark.parametrize("how", [EXACT, VALUES_ONLY, COMPOSITES["gamma"]])
def test_attention_is_explained_alike_however_it_is_written(how: Composite) -> None:
    torch.manual_seed(8)
    nets = [TinyViT(each).double().eval().requires_grad_(False) for each in (Eager, Fused, Packed)]
    for other in nets[1:]:
        other.load_state_dict(nets[0].state_dict(), strict=False)
    x = drawn(3, 3, 8, 12)
    first, *others = (ours(net, x, how) for net in nets)
    for other in others:
        torch.testing.assert_close(other, first, rtol=1e-6, atol=1e-9)


class Odd(torch.autograd.Function):
    """An operation that torch does not show."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad


class Through(nn.Module):
    """Some operation between two layers."""

    def __init__(self, run: Callable) -> None:
        super().__init__()
        self.inner, self.head, self.run = nn.Linear(4, 4), nn.Linear(4, 3), run

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.run(self.inner(x)))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (lambda x: x.cumprod(1), "cumprod"),
        (lambda x: x + x.logsumexp(1, keepdim=True), "logsumexp"),
        (lambda x: x * x.var(1, keepdim=True), "var"),
        (torch.round, "round"),
        (lambda x: F.dropout(x, 0.5), "dropout that is active"),
        (lambda x: x**x, "'pow' of several"),
        (Odd.apply, "does not show"),
    ],
)
def test_operations_without_a_rule_are_refused_by_name_and_place(run: Callable, said: str) -> None:
    net = nn.Sequential(nn.Linear(4, 4), Through(run)).double().requires_grad_(False)
    way = Propagation(EXACT, net)
    with pytest.raises(CannotExplain, match=said) as caught:
        relevance(net, drawn(3, 4), torch.arange(3), way)
    assert "1" in str(caught.value.got)


def test_operations_without_a_rule_are_welcome_where_no_relevance_goes() -> None:
    torch.manual_seed(9)
    net = Through(lambda x: x / x.logsumexp(1, keepdim=True).exp())
    net.double().requires_grad_(False)
    way = Propagation(replace(EXACT, conv="zero", dense="zero"), net)
    found, _ = relevance(net, drawn(3, 4), torch.arange(3), way)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_networks_of_16_bits_are_explained_as_those_of_32(kind: torch.dtype) -> None:
    torch.manual_seed(10)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 3))
    net.eval().requires_grad_(False)
    x = drawn(3, 3, 6, 6).float()
    for name in ("epsilon_plus_flat", "epsilon", "alpha_beta"):
        wide = ours(net.float(), x, COMPOSITES[name])
        half = ours(net.to(kind), x.to(kind), COMPOSITES[name]).float()
        assert float((wide - half).norm() / wide.norm()) < 0.05
