"""The order of the data: a pure function of (seed, epoch), each sample once an epoch."""

import pytest
import torch

from ganbook.data import BatchOrder, epoch_permutation
from ganbook.errors import UserError


@pytest.mark.parametrize(("num", "batch"), [(10, 3), (7, 7), (64, 10), (5, 1), (1437, 64)])
def test_every_sample_once_an_epoch_and_every_batch_full(num, batch):
    order = BatchOrder(num, batch, seed=3)
    batches = [order.batch(i) for i in range(2 * num)]
    assert {len(b) for b in batches} == {batch}
    sequence = torch.cat(batches)
    for epoch in range(2 * batch):
        assert sorted(sequence[epoch * num : (epoch + 1) * num].tolist()) == list(range(num))


def test_seeking_gives_what_walking_gives():
    walker = BatchOrder(100, 7, seed=0)
    walked = [walker.batch(i) for i in range(60)]
    for number in (59, 3, 14, 58, 0):
        assert torch.equal(BatchOrder(100, 7, seed=0).batch(number), walked[number])
        assert torch.equal(walker.batch(number), walked[number])  # also backwards


def test_epochs_and_seeds_differ():
    orders = [epoch_permutation(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(o.tolist()) for o in orders}) == 4


@pytest.mark.parametrize("batch", [0, 11, -1])
def test_a_batch_that_does_not_fit_is_named(batch):
    with pytest.raises(UserError, match=rf"batch_size={batch}: it must be from 1 to .* 10"):
        BatchOrder(10, batch, seed=0)
