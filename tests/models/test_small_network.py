"""A network trained in seconds: the same under a seed, and better than chance."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pellucid.core.errors import InvalidData, InvalidSetting  # noqa: E402
from pellucid.models.small_network import accuracy, train_network  # noqa: E402

torch.set_num_threads(1)


def stripes(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Pictures with stripes that lie (0) or stand (1)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count)
    lying = np.broadcast_to(np.arange(8)[:, None] % 4 < 2, (8, 8))
    shown = np.where(labels[:, None, None], lying.T, lying)
    noise = 0.3 * rng.normal(size=(count, 1, 8, 8))
    return (shown[:, None] + noise).astype(np.float32), labels


def test_it_learns_and_a_seed_repeats_it() -> None:
    images, labels = stripes()
    before = torch.random.get_rng_state()
    first, again, other = (train_network(images, labels, epochs=5, seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = [net.conv1.weight for net in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert accuracy(first, images, labels) > 0.95
    assert not first.training
    assert all(p.grad is None for p in first.parameters())


def test_what_cannot_be_learnt_from_is_named() -> None:
    images, labels = stripes(10)
    with pytest.raises(InvalidData, match="label each"):
        train_network(images, labels[:9])
    with pytest.raises(InvalidData, match="label each"):
        train_network(images[:, 0], labels)
    with pytest.raises(InvalidData, match="from 0"):
        train_network(images, labels - 1)
    with pytest.raises(InvalidSetting, match="epochs"):
        train_network(images, labels, epochs=0)
