"""Integrated gradients that begin behind a network's front, and by secants: nothing changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from captum import attr  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.overrides import _len_torch_function_stack  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.explainers.gradient import line_rules, straight_line  # noqa: E402
from pellucid.explainers.gradient.integrated_gradients import IntegratedGradients  # noqa: E402
from pellucid.explainers.network.front import Tried, tried  # noqa: E402
from twins.networks_of_tests import Functional, Plain, pictures, seeded  # noqa: E402

X = pictures()
FINE = IntegratedGradients(tolerance=1e-3, budget=1025)


class Tail(nn.Module):
    """A convolution, something smooth, and a head; `forward` is each heir's own."""

    def __init__(self, act: Callable = torch.tanh) -> None:
        super().__init__()
        self.conv, self.head, self.act = nn.Conv2d(3, 5, 3, padding=1), nn.Linear(5, 4), act
        self.same = nn.Conv2d(3, 3, 3, padding=1)

    def rest(self, h):
        return self.head(self.act(h).mean(dim=(2, 3)))

    def forward(self, x):
        return self.rest(self.conv(x))


class Normalised(Tail):
    def forward(self, x):
        means = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)
        return self.rest(self.conv((x.float() - means) / 0.25))


class Called(Tail):
    def forward(self, x):
        return self.rest(F.conv2d(2 - x, self.conv.weight, bias=self.conv.bias, stride=2))


class Patches(Tail):
    """Begins as vision transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.place = nn.Conv2d(3, 6, 4, 4), nn.Parameter(torch.randn(1, 5, 6))
        self.first, self.norm = nn.Parameter(torch.randn(1, 1, 6)), nn.LayerNorm(6)
        self.mix = nn.MultiheadAttention(6, 2, batch_first=True)
        self.out = nn.Linear(6, 4)

    def forward(self, x):
        tokens = self.cut(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.first.expand(len(x), -1, -1), tokens], dim=1) + self.place
        seen = self.norm(tokens)
        return self.out((tokens + self.mix(seen, seen, seen)[0])[:, 0])


class Normed(Tail):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(self.conv, nn.BatchNorm2d(5))

    def forward(self, x):
        return self.rest(self.body(x))


class Skipped(Tail):
    def forward(self, x):
        return self.rest(self.conv(x)) + x.mean(dim=(2, 3)).square().sum(dim=1, keepdim=True)


class Twice(Tail):
    def forward(self, x):
        return self.rest(self.conv(x)) + self.rest(self.conv(x.flip(3)))


class Again(Tail):
    """One module, called on the input and on what it gave."""

    def forward(self, x):
        return self.rest(self.conv(self.same(torch.tanh(self.same(x)))))


class Chosen(Tail):
    def forward(self, x):
        return self.rest(self.conv(x)) * (2 if x.sum() > 0 else 1)


class Hidden(Tail):
    """Uses its input where nobody sees it: in an operation written by hand."""

    def forward(self, x):
        return self.rest(self.conv(x)) + Squares.apply(x)


class Squares(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square().sum(dim=(1, 2, 3))[:, None]

    @staticmethod
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad[:, :, None, None]


class Overwritten(Tail):
    def forward(self, x):
        return self.rest(self.conv(x).mul_(2))


class Product(Tail):
    """Not affine: the input twice in one operation."""

    def forward(self, x):
        return self.rest(self.conv(x * x))


class Divisor(Tail):
    def forward(self, x):
        return self.rest(self.conv(1 / (3 + x)))


class Flat(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(192, 12), nn.Softplus(), nn.Linear(12, 4))


WITH = (Tail, Normalised, Called, Patches, Normed, Again, Overwritten, Flat)
WITHOUT = (Skipped, Twice, Chosen, Hidden, Product, Divisor)


@pytest.mark.parametrize("kind", [*WITH, *WITHOUT])
def test_values_are_those_of_going_the_whole_way(kind: type, monkeypatch) -> None:
    net = seeded(kind).eval()
    known = tried(net, torch.tensor(X[:2])).front
    assert (known is not None) == (kind in WITH)
    method = IntegratedGradients(baseline=0.5, tolerance=0.02)
    short = pel.explain(net, X, method=method, target=[0, 1, 2])
    monkeypatch.setattr(straight_line, "tried", lambda *_: Tried())
    whole = pel.explain(net, X, method=method, target=[0, 1, 2])
    size = np.abs(whole.values).max()
    np.testing.assert_allclose(short.values, whole.values, atol=2e-6 * size)
    np.testing.assert_allclose(short.error, whole.error, atol=4e-6 * size)
    np.testing.assert_allclose(short.base, whole.base, atol=1e-5)
    assert short.evaluations == whole.evaluations


@pytest.mark.parametrize("kind", WITH)
def test_values_are_captum_s(kind: type) -> None:
    net = seeded(kind).eval()
    found = pel.explain(net, X, method=FINE, target=1)
    truth = attr.IntegratedGradients(net).attribute(torch.tensor(X), target=1, n_steps=200)
    np.testing.assert_allclose(found.values, truth.detach(), atol=1e-4 * truth.abs().max().item())


class Convolutions(TorchDispatchMode):
    """Counts the rows of convolutions of three channels, there and back."""

    def __init__(self) -> None:
        super().__init__()
        self.there = self.back = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name()
        if name == "aten::convolution" and args[0].shape[1] == 3:
            self.there += len(args[0])
        if name == "aten::convolution_backward" and args[1].shape[1] == 3:
            self.back += len(args[1])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("act", [torch.tanh, F.relu], ids=["nodes", "secants"])
def test_the_first_layer_runs_at_the_ends_of_the_way_alone(act: Callable) -> None:
    net = seeded(Tail, act)
    with Convolutions() as met:
        found = pel.explain(net, X, method=IntegratedGradients(tolerance=1e-3))
    assert found.evaluations >= 9 * len(X)
    assert met.there <= 5 * len(X)  # asked first, tried with two, channels last, both ends
    assert met.back <= 5 * len(X)  # once for each rule
    assert met.back < found.evaluations / 2


@pytest.mark.parametrize("wide", [True, False], ids=["front", "no front"])
def test_secants_are_exact_in_a_network_of_one_layer(wide: bool, monkeypatch) -> None:
    monkeypatch.setattr("pellucid.explainers.network.front.WIDER", 8 if wide else 0)
    net = seeded(Tail, F.relu).eval()
    found = pel.explain(net, X, method=IntegratedGradients(baseline=0.25), target=2)
    with torch.no_grad():
        end, start = net.conv(torch.tensor(X)), net.conv(torch.full(X.shape, 0.25))
        share = (F.relu(end) - F.relu(start)) / (end - start)
        slope = share * net.head.weight[2].view(1, -1, 1, 1) / 64
        back = F.conv_transpose2d(slope, net.conv.weight, padding=1)
    np.testing.assert_allclose(found.values, (X - 0.25) * back.numpy(), atol=2e-7)
    np.testing.assert_allclose(found.gap(), 0, atol=1e-6)
    assert found.evaluations == (1 + 5 + 10) * len(X)
    assert found.error.max() < 1e-6


class Folded(Tail):
    """Its ReLUs see parts of images as rows."""

    def forward(self, x):
        h = F.relu(self.conv(x).flatten(2).transpose(1, 2).reshape(-1, 5))
        return self.head(h.view(len(x), 64, 5).mean(dim=1))


class Dropped(Tail):
    """ReLUs in place, one of whose answers nobody takes."""

    def forward(self, x):
        h = self.same(F.relu(self.conv(x), inplace=True)[:, :3])
        F.relu(h, inplace=True)
        return self.head(torch.cat([h, h[:, :2]], dim=1).mean(dim=(2, 3)))


class InPlace(Tail):
    def forward(self, x):
        h = F.relu(self.conv(x), inplace=True)
        h = self.same(h[:, 1:4])
        return self.head(h.relu_().repeat(1, 2, 1, 1)[:, :5].mean(dim=(2, 3)))


class Beside(Tail):
    """A skip from the input, so that nothing is before the first ReLU alone."""

    def forward(self, x):
        return self.rest(self.conv(x)) + self.head(self.conv(x.flip(3)).mean(dim=(2, 3)))


class Gated(Tail):
    def forward(self, x):
        h = F.relu(self.conv(x))
        return self.head((h * h.sigmoid()).mean(dim=(2, 3)))


@pytest.mark.parametrize("kind", [Plain, Functional, Folded, Dropped, InPlace, Gated, Beside])
def test_kinked_networks_have_captum_s_values(kind: type) -> None:
    net = seeded(kind).eval()
    net.act = F.relu
    found = pel.explain(net, X, method=FINE, target=1)
    parts = attr.IntegratedGradients(net).attribute(
        torch.tensor(X), target=1, n_steps=4000, method="riemann_middle", internal_batch_size=4000
    )
    truth = parts.detach().numpy()
    assert np.linalg.norm(found.values - truth) <= 2e-3 * np.linalg.norm(truth)
    np.testing.assert_allclose(found.gap(), 0, atol=1e-3 * np.abs(found.output - found.base).max())


def test_secants_need_half_of_the_gradients() -> None:
    net = seeded(Plain).eval()
    few = pel.explain(net, X, method=IntegratedGradients(tolerance=0.02))
    assert few.evaluations <= 16 * len(X)
    chosen, peer = [int(label) for label in few.inputs["target"]], attr.IntegratedGradients(net)
    x = torch.tensor(X)
    truth = peer.attribute(x, target=chosen, n_steps=4000, method="riemann_middle").numpy()
    theirs = peer.attribute(x, target=chosen, n_steps=32).detach().numpy()
    assert np.linalg.norm(few.values - truth) <= np.linalg.norm(theirs - truth)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_batches_of_any_size_give_the_same(rows: int) -> None:
    for net in (seeded(Plain), seeded(Tail)):
        whole = pel.explain(net, X, method="integrated_gradients")
        parts = pel.explain(net, X, method="integrated_gradients", batch_size=rows)
        np.testing.assert_allclose(parts.values, whole.values, atol=2e-6)


def test_a_budget_too_small_for_secants_is_kept() -> None:
    net = seeded(Plain)
    found = pel.explain(net, X, method=IntegratedGradients(budget=9))
    assert found.evaluations == 10 * len(X)
    more = pel.explain(net, X, method=IntegratedGradients(budget=36, tolerance=1e-9))
    assert more.evaluations == (1 + 5 + 10 + 21) * len(X)
    assert any("not done after 36 gradients" in note for note in more.notes)


def test_all_is_put_back_after_an_error() -> None:
    class Failing(Plain):
        left = 10**6

        def forward(self, x):
            self.left -= 1
            if self.left <= 0:
                raise ZeroDivisionError
            return super().forward(x)

    net = seeded(Failing)
    before = pel.explain(net, X, method="integrated_gradients")
    calls = 10**6 - net.left
    for left in range(1, calls + 1):
        net.left = left
        with pytest.raises((ZeroDivisionError, pel.PellucidError)):
            pel.explain(net, X, method="integrated_gradients")
        assert _len_torch_function_stack() == 0
        assert net.training
        assert all(each.requires_grad for each in net.parameters())
    net.left = 10**6
    after = pel.explain(net, X, method="integrated_gradients")
    np.testing.assert_array_equal(after.values, before.values)


def test_networks_for_one_row_alone_are_explained_as_ever() -> None:
    class Single(Tail):
        def forward(self, x):
            return self.rest(self.conv(x.view(1, 3, 8, 8)))

    net = seeded(Single)
    found = pel.explain(net, X[:1], method="integrated_gradients", batch_size=1)
    same = seeded(Tail)
    same.load_state_dict(net.state_dict())
    known = pel.explain(same, X[:1], method="integrated_gradients")
    np.testing.assert_allclose(found.values, known.values, atol=1e-6)


def test_parts_of_the_way_are_all_of_it() -> None:
    rule = line_rules.Secants(lambda at, of=None: at, (4, 9, 20), most=6)
    for level in range(3):
        runs = list(rule.runs(level))
        assert sum(weights.sum() for _, weights in runs) == pytest.approx(1)
        assert all(len(nodes) <= 6 and weights[0, -1] == 0 for nodes, weights in runs)
        assert (runs[0][0][0], runs[-1][0][-1]) == (0, 1)
