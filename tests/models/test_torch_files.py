"""Networks from files: none runs code without the user's word, all answer as the network did."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

import pellucid as pel  # noqa: E402
from pellucid.core.errors import CannotExplain, MissingExtra, UnreadableFile, UntrustedFile  # noqa: E402
from pellucid.models.load import describe_file, load_model  # noqa: E402

torch.set_num_threads(1)

X = np.random.default_rng(0).random((3, 3, 8, 8)).astype(np.float32)


def network() -> torch.nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3),
            torch.nn.ReLU(inplace=True),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(4, 3),
        ).eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, net = tmp_path_factory.mktemp("networks"), network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that TorchScript will go
        torch.jit.script(net).save(folder / "torchscript")
        torch.jit.trace(net, torch.tensor(X)).save(folder / "traced")
        batch = torch.export.Dim("batch")
        program = torch.export.export(net, (torch.tensor(X),), dynamic_shapes=({0: batch},))
        torch.export.save(program, folder / "torch-export.pt2")
        torch.save(net, folder / "torch")
        torch.save(net.state_dict(), folder / "weights")
    return folder


@pytest.mark.parametrize("name", ["torchscript", "torch-export.pt2", "torch"])
def test_a_network_is_loaded_only_at_the_users_word_and_answers_as_before(files, name) -> None:
    with pytest.raises(UntrustedFile, match="trust=True"):
        load_model(files / name)
    assert describe_file(files / name).tier == "trusted"
    found, file = load_model(files / name, trust=True)
    assert (file.kind, file.tier) == (name.removesuffix(".pt2"), "trusted")
    with torch.no_grad():
        np.testing.assert_allclose(
            found(torch.tensor(X)).numpy(), network()(torch.tensor(X)).numpy(), rtol=1e-5
        )


def test_a_pickled_network_says_what_it_would_import(files) -> None:
    with pytest.raises(UntrustedFile, match=r"torch\.nn\.modules\.conv\.Conv2d"):
        load_model(files / "torch")


@pytest.mark.parametrize("trust", [False, True])
def test_weights_alone_are_no_network(files, trust) -> None:
    with pytest.raises(UnreadableFile, match=r"holds no network.*weights alone"):
        load_model(files / "weights", trust=trust)


@pytest.mark.parametrize("name", ["torchscript", "traced", "torch-export.pt2"])
def test_compiled_networks_have_the_gradient_of_the_original(files, name) -> None:
    found = load_model(files / name, trust=True)[0]
    own, theirs = (pel.explain(net, X, method="saliency") for net in (network(), found))
    np.testing.assert_allclose(theirs.values, own.values, atol=1e-6)
    own, theirs = (pel.explain(net, X, method="integrated_gradients") for net in (network(), found))
    off, error = np.abs(theirs.values - own.values), np.hypot(theirs.error, own.error)
    assert np.linalg.norm(off) <= np.linalg.norm(error)  # by rules of their own
    with pytest.raises(CannotExplain):
        pel.explain(found, X, method="grad_cam")


def test_damaged_networks_are_named(files, tmp_path) -> None:
    path = tmp_path / "cut"
    path.write_bytes((files / "torchscript").read_bytes()[:-100])
    with pytest.raises(UnreadableFile, match="damaged"):
        load_model(path, trust=True)


def test_without_torch_the_extra_is_named(files, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"pellucid\[torch\]"):
        load_model(files / "torch", trust=True)
