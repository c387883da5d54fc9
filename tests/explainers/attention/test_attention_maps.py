"""Maps of attention against the networks' own weights, products and flows by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from scipy.optimize import linprog  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import BudgetExceeded, CannotExplain  # noqa: E402
from pellucid.explainers.attention.attention_flow import _flows  # noqa: E402
from twins.networks_of_tests import Plain, pictures, seeded  # noqa: E402
from twins.transformers_of_tests import Eager, Encoded, Fused, Packed, TinyViT  # noqa: E402

X = np.random.default_rng(0).normal(size=(3, 3, 8, 12)).astype(np.float32)
ALL = ("attention_rollout", "attention_flow", "gradient_attention")


def own_weights(net: TinyViT, x: torch.Tensor) -> list[torch.Tensor]:
    """The attention of each block, read from the blocks themselves."""
    tokens, found = net.tokens(x), []
    for block in net.blocks:
        found.append(block.attn.weights(block.norm1(tokens)))
        tokens = block(tokens)
    return found


def drawn(shares: torch.Tensor) -> np.ndarray:
    whole = shares.reshape(-1, 1, 4, 6).float()
    return F.interpolate(whole, size=(8, 12), mode="bilinear")[:, 0].detach().numpy()


@pytest.mark.parametrize("extra", [0, 1, 3])
@pytest.mark.parametrize("attention", [Eager, Fused, Packed])
def test_rollout_is_the_product_of_the_networks_own_weights(
    attention: type[Eager], extra: int
) -> None:
    net = seeded(TinyViT, attention, extra).eval()
    found = pel.explain(net, X, method="attention_rollout")
    truth = torch.eye(24 + extra)
    for weights in own_weights(net, torch.tensor(X)):
        truth = (weights.mean(dim=1) + torch.eye(24 + extra)) / 2 @ truth
    row = truth[:, 0] if extra else truth.mean(dim=1)
    np.testing.assert_allclose(row.sum(dim=1).detach(), 1, rtol=1e-5)
    np.testing.assert_allclose(found.values, drawn(row[:, extra:]), atol=1e-6)


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("attention", [Eager, Fused, Packed])
def test_gradient_attention_is_the_papers_rule(attention: type[Eager], extra: int) -> None:
    net = seeded(TinyViT, Eager, extra).eval()
    given = seeded(TinyViT, attention, extra).eval()
    given.load_state_dict(net.state_dict(), strict=False)
    found = pel.explain(given, X, method="gradient_attention", target=1)

    held: list[torch.Tensor] = []
    for block in net.blocks:
        plain = block.attn.weights

        def kept(x: torch.Tensor, plain=plain) -> torch.Tensor:  # type: ignore[no-untyped-def]
            held.append(plain(x))
            return held[-1]

        block.attn.weights = kept
    slopes = torch.autograd.grad(net(torch.tensor(X))[:, 1].sum(), held)
    one = torch.eye(24 + extra)
    R = one.expand(3, -1, -1)
    for A, g in zip(held, slopes, strict=True):
        R = R + (A * g).clamp_min(0).mean(dim=1) @ R
    R = R - one
    row = R[:, 0] if extra else R.mean(dim=1)
    np.testing.assert_allclose(found.values, drawn(row[:, extra:]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("extra", [0, 1])
def test_a_flow_is_the_greatest_that_linear_programming_finds(extra: int) -> None:
    rng = np.random.default_rng(0)
    depth, tokens = 3, 4
    pipes = rng.dirichlet(np.full(tokens, 0.4), size=(depth, tokens)) / 2 + np.eye(tokens) / 2
    found = _flows(pipes, extra)
    edges = [
        ((level + 1, a), (level, b), pipes[level, a, b])
        for level, a, b in product(range(depth), range(tokens), range(tokens))
    ]
    readers = 1 if extra else tokens
    edges += [("source", (depth, a), 1 / readers) for a in range(readers)]
    for token in range(tokens):
        inner = list(product(range(1, depth + 1), range(tokens)))
        balance = [
            [float(end == node) - float(start == node) for start, end, _ in edges] for node in inner
        ]
        gain = [-float(end == (0, token)) for _, end, _ in edges]
        bounds = [(0, 0 if end[0] == 0 and end[1] != token else size) for _, end, size in edges]
        best = linprog(gain, A_eq=balance, b_eq=np.zeros(len(inner)), bounds=bounds)
        assert found[token] == pytest.approx(-best.fun, abs=1e-6)


def test_a_flow_of_one_layer_is_its_attention() -> None:
    net = seeded(TinyViT, Fused, 1, 1).eval()
    found = pel.explain(net, X, method="attention_flow")
    row = own_weights(net, torch.tensor(X))[0].mean(dim=1)[:, 0, 1:] / 2
    np.testing.assert_allclose(found.values, drawn(row), atol=1e-6)


@pytest.mark.parametrize("method", ALL)
def test_the_three_ways_of_writing_attention_are_one(method: str) -> None:
    nets = [seeded(TinyViT, attention) for attention in (Eager, Fused, Packed)]
    for net in nets:
        net.load_state_dict(nets[0].state_dict(), strict=False)
    first, *others = (pel.explain(net, X, method=method, target=1).values for net in nets)
    for other in others:
        np.testing.assert_allclose(first, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ALL)
def test_a_batch_is_what_its_images_are_alone_and_nothing_is_left_behind(method: str) -> None:
    net = seeded(TinyViT, Packed)
    whole = pel.explain(net, X, method=method, batch_size=2)
    alone = [pel.explain(net, X[[i]], method=method).values[0] for i in range(len(X))]
    np.testing.assert_allclose(whole.values, alone, rtol=1e-4, atol=1e-7)
    assert all(part.training and not part._forward_hooks for part in net.modules())
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    assert whole.dims == ("sample", "row", "column")
    assert any("Faithfulness: without" in note for note in whole.provenance.notes)


def test_a_patch_that_alone_is_attended_to_has_the_greatest_value() -> None:
    net = seeded(TinyViT, Fused, 1, 1).eval()
    with torch.no_grad():  # every query looks for what patch 9 alone says
        net.patches.weight.zero_(), net.patches.bias.zero_(), net.places.zero_()
        net.extra.zero_()
        net.places[0, 1 + 9, :8], net.places[0, 1 + 9, 8:] = 1, -1
        qkv = net.blocks[0].attn.qkv
        qkv.weight.zero_(), qkv.bias.zero_()
        qkv.bias[:16] = 4.0
        qkv.weight[16:32, :8] = 1.0
        qkv.weight[32:] = torch.randn(16, 16)
    for method in ("attention_rollout", "attention_flow"):
        found = pel.explain(net, X, method=method).values
        assert np.unravel_index(found[0].argmax(), (8, 12))[0] // 2 == 9 // 6
        assert np.unravel_index(found[0].argmax(), (8, 12))[1] // 2 == 9 % 6


def test_torch_s_own_encoder_shows_its_attention() -> None:
    first, second = seeded(Encoded, True), seeded(Encoded, False)
    for method in ALL:
        found = pel.explain(first, X, method=method)
        same = pel.explain(second, X, method=method)
        np.testing.assert_allclose(found.values, same.values, rtol=1e-4, atol=1e-6)


def test_where_weights_cannot_be_had_it_is_said() -> None:
    for method in ALL:
        with pytest.raises(CannotExplain, match="no attention weights"):
            pel.explain(seeded(Plain), pictures(), method=method)

    class Windowed(TinyViT):
        def tokens(self, x: torch.Tensor) -> torch.Tensor:
            return super().tokens(x).reshape(2 * len(x), 12, -1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen = self.blocks(self.tokens(x)).reshape(len(x), 24, -1)
            return self.head(self.norm(seen).mean(dim=1))

    with pytest.raises(CannotExplain, match="among all tokens"):
        pel.explain(seeded(Windowed, Fused, 0), X, method="attention_rollout")

    class Narrowing(TinyViT):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen = self.blocks[0](self.tokens(x))[:, :13]
            return self.head(self.norm(self.blocks[1](seen))[:, 0])

    with pytest.raises(CannotExplain, match="same tokens in every layer"):
        pel.explain(seeded(Narrowing, Fused), X, method="attention_rollout")


def test_flow_among_many_tokens_is_refused_before_it_is_tried() -> None:
    class Many(TinyViT):
        def __init__(self) -> None:
            super().__init__(Fused)
            self.places = nn.Parameter(torch.randn(1, 1 + 32 * 32, 16))

    big = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    with pytest.raises(BudgetExceeded, match="few tokens"):
        pel.explain(seeded(Many), big, method="attention_flow")


def test_attention_under_a_mask_is_the_networks_own() -> None:
    allowed = torch.ones(25, 25).tril().bool()

    class Causal(Eager):
        def weights(self, x: torch.Tensor) -> torch.Tensor:
            q, k, _ = self.parts(x)
            logits = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~allowed, -torch.inf)
            return torch.softmax(logits, dim=-1)

    class CausalFused(Eager):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            joined = F.scaled_dot_product_attention(*self.parts(x), is_causal=True)
            return self.proj(joined.transpose(1, 2).flatten(2))

    class MaskedFused(Eager):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            joined = F.scaled_dot_product_attention(*self.parts(x), attn_mask=allowed)
            return self.proj(joined.transpose(1, 2).flatten(2))

    class MaskedPacked(Packed):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.whole(x, x, x, attn_mask=~allowed)[0]

    nets = [seeded(TinyViT, each) for each in (Causal, CausalFused, MaskedFused, MaskedPacked)]
    for net in nets:
        net.load_state_dict(nets[0].state_dict(), strict=False)
    first, *others = (pel.explain(n, X, method="gradient_attention", target=0) for n in nets)
    for other in others:
        np.testing.assert_allclose(first.values, other.values, rtol=1e-4, atol=1e-6)


def test_a_picture_of_attention_holds_its_faithfulness_beside_the_map() -> None:
    net = seeded(TinyViT, Eager, 1).eval()
    found = [pel.explain(net, X, method=name, seed=0) for name in ("saliency", *ALL[:2])]
    said = pel.show(found).to_dict()["title"]["subtitle"]
    said = " ".join(said) if isinstance(said, list) else said
    for each in found[1:]:
        (note,) = [note for note in each.notes if note.startswith("Faithfulness")]
        assert note.removeprefix("Faithfulness: ").split(" Attention")[0] in said
    assert said.count("no proof of use") == 1
    assert "Attention rollout: without the 20%" in said
    assert "Saliency: without" not in said
