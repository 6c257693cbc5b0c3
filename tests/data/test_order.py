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


def test_seeking_draws_two_permutations_at_most(monkeypatch):
    """Batch number ten million costs what batch number 0 costs."""
    from ganbook.data import order as module

    drawn = []
    real = module.epoch_permutation

    def counted(*args):
        drawn.append(args)
        return real(*args)

    monkeypatch.setattr(module, "epoch_permutation", counted)
    batch = BatchOrder(1000, 64, seed=1).batch(10_000_000)
    assert len(batch) == 64
    assert 1 <= len(drawn) <= 2
    assert all(epoch in (640_000, 640_001) for _, _, epoch in drawn)


def test_many_processes_that_share_the_batches_see_what_one_sees():
    """Process r of R takes its part of every batch; together they are the batch, in every world size."""
    single = BatchOrder(50, 12, seed=5)
    for world in (1, 2, 3, 4):
        orders = [BatchOrder(50, 12, seed=5) for _ in range(world)]
        for number in (0, 4, 9):
            parts = [o.batch(number).chunk(world)[rank] for rank, o in enumerate(orders)]
            assert torch.equal(torch.cat(parts), single.batch(number))


def test_nothing_global_is_touched():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = BatchOrder(20, 4, seed=0).batch(7)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert torch.equal(BatchOrder(20, 4, seed=0).batch(7), first)
