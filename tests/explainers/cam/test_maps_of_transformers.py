"""Class activation maps of vision transformers: which tokens are patches, and which site it is."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional as F  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain  # noqa: E402
from pellucid.explainers.cam.ablation_cam import AblationCAM  # noqa: E402
from pellucid.explainers.cam.grad_cam import GradCAM  # noqa: E402
from pellucid.explainers.network.grids import token_grid  # noqa: E402
from twins import cams  # noqa: E402
from twins.networks_of_tests import seeded  # noqa: E402
from twins.transformers_of_tests import Eager, Encoded, Fused, Packed, TinyViT  # noqa: E402

X = np.random.default_rng(0).normal(size=(3, 3, 8, 12)).astype(np.float32)


@pytest.mark.parametrize("extra", [0, 1, 5])
@pytest.mark.parametrize("attention", [Eager, Fused, Packed])
def test_the_patches_are_drawn_where_they_lie(attention: type[Eager], extra: int) -> None:
    net = seeded(TinyViT, attention, extra)
    site = "blocks.2.norm1"
    found = pel.explain(net, X, method=GradCAM(site=site), target=2)
    net.eval()
    for x, drawn in zip(torch.tensor(X), found.values, strict=True):
        held: list[torch.Tensor] = []
        part = net.get_submodule(site)
        handle = part.register_forward_hook(lambda m, i, o, held=held: held.append(o))
        (slope,) = torch.autograd.grad(net(x[None])[0, 2], held)
        handle.remove()
        A = held[0][0, extra:].T.reshape(16, 4, 6).detach().numpy()
        g = slope[0, extra:].T.reshape(16, 4, 6).numpy()
        truth = torch.tensor(cams.grad_cam(A, g))[None, None].float()
        truth = F.interpolate(truth, size=(8, 12), mode="bilinear")[0, 0]
        np.testing.assert_allclose(drawn, truth, atol=1e-6)


@pytest.mark.parametrize(("extra", "site"), [(1, "blocks.2.norm1"), (0, "norm")])
def test_the_default_site_is_the_last_whose_patches_are_still_read(extra: int, site: str) -> None:
    for attention in (Eager, Fused):
        found = pel.explain(seeded(TinyViT, attention, extra), X, method="grad_cam")
        assert f"activation of {site!r} is drawn, a map of 4 × 6" in found.provenance.notes[0]
        assert found.values.max() > 0


def test_a_site_behind_the_last_attention_is_refused_where_only_the_class_token_is_read() -> None:
    net = seeded(TinyViT)
    for site in ("blocks.2.norm2", "norm"):
        with pytest.raises(CannotExplain, match="before the last attention"):
            pel.explain(net, X, method=GradCAM(site=site))


@pytest.mark.parametrize("attention", [Eager, Fused, Packed])
def test_ablation_restarts_a_transformer(attention: type[Eager]) -> None:
    net = seeded(TinyViT, attention)
    found = pel.explain(net, X[:1], method=AblationCAM(site="blocks.1"), target=0)
    assert not any("restarted" in note for note in found.provenance.notes)
    net.eval()
    with torch.no_grad():
        tokens = net.blocks[:2](net.tokens(torch.tensor(X[:1])))

        def tail(tokens: torch.Tensor) -> float:
            return float(net.head(net.norm(net.blocks[2](tokens))[:, 0])[0, 0])

        whole, total = tail(tokens), 0
        for k in range(16):
            without = tokens.clone()
            without[:, :, k] = 0
            total = total + (whole - tail(without)) / abs(whole) * tokens[0, 1:, k].reshape(4, 6)
    truth = F.interpolate(total.clamp_min(0)[None, None], size=(8, 12), mode="bilinear")[0]
    np.testing.assert_allclose(found.values, truth, rtol=1e-3, atol=1e-4)


def test_every_method_serves_a_transformer() -> None:
    net = seeded(TinyViT, Fused)
    for method in (
        "grad_cam_plus_plus", "hi_res_cam", "x_grad_cam", "layer_cam", "eigen_cam", "score_cam",
    ):  # fmt: skip
        found = pel.explain(net, X, method=method)
        assert found.values.shape == (3, 8, 12)
        assert np.abs(found.values).max() > 0


def test_torch_s_own_encoder_is_served_and_other_layouts_are_refused() -> None:
    found = pel.explain(seeded(Encoded, True), X, method="grad_cam")
    assert "'encoder' is drawn" in found.provenance.notes[0]
    with pytest.raises(CannotExplain, match="does not lie on the image"):
        pel.explain(seeded(Encoded, False), X, method=GradCAM(site="encoder"))


@pytest.mark.parametrize(
    ("tokens", "image", "maps", "truth"),
    [
        (197, (224, 224), [], ((14, 14), 1)),
        (50, (224, 224), [], ((7, 7), 1)),
        (201, (224, 224), [(14, 14)], ((14, 14), 5)),
        (261, (224, 224), [(16, 16)], ((16, 16), 5)),
        (97, (224, 96), [(14, 6), (12, 8)], ((12, 8), 1)),
        (256, (32, 32), [(16, 16)], ((16, 16), 0)),
        (37, (32, 32), [(4, 4)], None),
        (130, (224, 224), [], None),
    ],
)
def test_a_grid_is_found_from_sizes_or_not_at_all(
    tokens: int,
    image: tuple[int, int],
    maps: list[tuple[int, int]],
    truth: tuple[tuple[int, int], int] | None,
) -> None:
    assert token_grid(tokens, image, maps) == truth
