"""Nothing is computed twice, and what is saved changes no number: networks that would show it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.explainers.cam.grad_cam import GradCAM  # noqa: E402
from pellucid.explainers.gradient.smooth_grad import SmoothGrad  # noqa: E402
from pellucid.models.as_model import as_model  # noqa: E402
from twins.networks_of_tests import Functional, Plain, pictures, seeded  # noqa: E402

X = pictures(5)


class Counted(nn.Module):
    """A network that counts the images it is asked about."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.rows = net, 0

    def forward(self, x):
        self.rows += len(x)
        return self.net(x)


@pytest.mark.parametrize("net", [Plain, Functional])
@pytest.mark.parametrize("name", ["grad_cam", "layer_cam", "saliency", "input_x_gradient", "lrp"])
def test_every_image_goes_through_the_network_once(name: str, net: type[nn.Module]) -> None:
    counted = Counted(seeded(net))
    found = pel.explain(counted, X, method=name)
    assert counted.rows == found.evaluations == len(X)


def test_maps_of_many_small_batches_are_those_of_one_pass_each() -> None:
    counted = Counted(seeded(Plain))
    found = pel.explain(counted, X, method="grad_cam", batch_size=2)
    assert counted.rows == len(X)
    whole = pel.explain(counted, X, method="grad_cam")
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-5, atol=1e-7)
    predicted = counted.eval()(torch.tensor(X)).argmax(dim=1)
    assert found.inputs["target"].tolist() == [str(int(each)) for each in predicted]


def test_parts_behind_the_site_that_give_maps_of_one_cell_do_not_hide_it() -> None:
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3), keepdim=True)

    net = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), Mean(), nn.Flatten())
    found = pel.explain(net, X, method="grad_cam", target=2)
    known = net[1](net[0](torch.tensor(X)))[:, 2].detach().numpy() / 64
    np.testing.assert_allclose(found.values, known, atol=1e-7)


class Overwriting(nn.Module):
    """Writes into the activation of each part that could be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.act(self.first(x))
        out = self.norm(self.last(x))
        out += x
        out = torch.tanh(self.act(out))
        return self.head(out.mean(dim=(2, 3)))


def drawn_by_hand(net: Overwriting, site: str, pick: int) -> np.ndarray:
    """Grad-CAM at a site, every step written without working in place."""
    with torch.no_grad():
        x = F.relu(net.first(torch.tensor(X)))
        seen = net.last(x) if site == "last" else net.norm(net.last(x))
    seen.requires_grad_(True)
    out = net.norm(seen) if site == "last" else seen
    score = net.head(torch.tanh(F.relu(out + x)).mean(dim=(2, 3)))[:, pick]
    (slope,) = torch.autograd.grad(score.sum(), seen)
    weighed = (slope.mean(dim=(2, 3), keepdim=True) * seen).sum(dim=1)
    return weighed.clamp_min(0).detach().numpy()


@pytest.mark.parametrize("site", ["last", "norm"])
def test_an_activation_that_is_written_into_afterwards_is_drawn_as_it_was(site: str) -> None:
    net = seeded(Overwriting).eval()
    found = pel.explain(net, X, method=GradCAM(site=site), target=1)
    np.testing.assert_allclose(found.values, drawn_by_hand(net, site, 1), atol=1e-6)


def test_the_last_part_is_drawn_as_it_was_too() -> None:
    class Ending(Overwriting):
        def forward(self, x):
            out = self.norm(self.last(F.relu(self.first(x))))
            return self.head(out.relu_().mean(dim=(2, 3)))

    net = seeded(Ending).eval()
    found = pel.explain(net, X, method="grad_cam", target=2)
    assert "'norm'" in found.notes[0]
    with torch.no_grad():
        seen = net.norm(net.last(F.relu(net.first(torch.tensor(X)))))
    share = net.head.weight[2].view(1, -1, 1, 1) / seen[0, 0].numel()
    slope = (share * (seen > 0)).mean(dim=(2, 3), keepdim=True)
    known = (slope * seen).sum(dim=1).clamp_min(0).detach().numpy()
    np.testing.assert_allclose(found.values, known, atol=1e-6)


def test_what_cannot_be_differentiated_as_it_stands_is_done_without_working_in_place() -> None:
    class Written(nn.Module):
        """The way back needs what the sigmoid gave, which is written into."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 3)
            self.squash, self.act = nn.Sigmoid(), nn.Hardtanh(0.4, 0.6, inplace=True)

        def forward(self, x):
            return self.head(self.act(self.squash(self.conv(x))).mean(dim=(2, 3)))

    net = seeded(Written)
    at = torch.tensor(X, requires_grad=True)
    out = torch.sigmoid(net.conv(at)).clamp(0.4, 0.6).mean(dim=(2, 3))
    (slope,) = torch.autograd.grad(net.head(out)[:, 0].sum(), at)
    for name, known in (("saliency", slope.abs()), ("input_x_gradient", at * slope)):
        found = pel.explain(net, X, method=name, target=0)
        np.testing.assert_allclose(found.values, known.detach().numpy(), atol=1e-7)
    assert net.act.inplace
    assert pel.explain(net, X, method=GradCAM(site="conv"), target=0).values.any()


def test_a_changed_weight_is_seen_however_it_was_changed() -> None:
    net = seeded(Plain)
    seen = {as_model(net).fingerprint()}

    def changed() -> bool:
        seen.add(as_model(net).fingerprint())
        return len(seen) == changes + 1

    ways = (
        lambda: net.head.weight.data.mul_(1.001),
        lambda: net.head.bias.detach().numpy().__setitem__(0, 7.0),
        lambda: setattr(net.head.weight, "data", net.head.weight.data + 1),
        lambda: setattr(net.head.weight, "data", net.head.weight.data + 1),
        lambda: setattr(net.head, "bias", nn.Parameter(torch.ones(4))),
        lambda: net.features[1].running_mean.add_(1e-3),
        lambda: setattr(net.features[1], "eps", 1e-4),
        lambda: net.head.weight.untyped_storage().__setitem__(0, 1),
    )
    for changes, way in enumerate(ways, 1):
        way()
        assert changed(), changes
        assert not changed() or len(seen) == changes + 1


def test_a_module_that_counts_on_the_layout_of_memory_gets_the_usual_one() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(256, 3)

        def forward(self, x):
            return self.head(self.conv(x).view(len(x), -1))

    class Raw(Views):
        """Reads numbers as they lie in memory, which no operation of torch does by itself."""

        def forward(self, x):
            out = self.conv(x)
            size = out[0].numel()
            return self.head(out.as_strided((len(x), size), (size, 1)))

    for kind in (Views, Raw):
        net = seeded(kind)
        (row,) = torch.autograd.grad(
            net.head(net.conv(at := torch.zeros(1, 3, 8, 8, requires_grad=True)).flatten(1))[0, 1],
            at,
        )  # the network is linear: each draw has this gradient
        found = pel.explain(net, X, method=SmoothGrad(draws=3), target=1)
        known = np.broadcast_to(row.abs().numpy(), found.values.shape)
        np.testing.assert_allclose(np.abs(found.values), known, atol=1e-6)
        model, many = as_model(net), np.repeat(X, 4, axis=0)
        for _ in range(2):  # settled by the first
            scores = model.scores(many, "logit")
            with torch.no_grad():
                flat = net.head(net.conv(torch.tensor(many)).flatten(1)).numpy()
            np.testing.assert_allclose(scores, flat, atol=1e-5)
