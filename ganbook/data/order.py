"""The order in which samples are drawn: a pure function of (seed, epoch), so that resuming needs no state.

Batches are cut from one endless sequence, the epochs' permutations one after the other. Every sample
appears exactly once an epoch and every batch is full; a batch at the end of an epoch is completed with the
first samples of the next. (A smaller last batch would change the statistics that BatchNorm sees; dropping
it would leave out samples.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook.errors import UserError


def epoch_permutation(num_samples: int, seed: int, epoch: int) -> Tensor:
    """Return the order of one epoch.

    Parameters
    ----------
    num_samples : int
        Number of samples, N.
    seed : int
        The run's seed.
    epoch : int
        Epoch, from 0.

    Returns
    -------
    Tensor
        A permutation of 0..N-1, int64, shape (N,). The same on every machine and device.
    """
    rng = torch.Generator().manual_seed(1_000_003 * seed + epoch)
    return torch.randperm(num_samples, generator=rng)


class BatchOrder:
    """Which samples make up batch number 0, 1, 2, ...

    Parameters
    ----------
    num_samples : int
        Number of samples, N >= 1.
    batch_size : int
        Samples a batch, from 1 to N.
    seed : int
        The run's seed.

    Raises
    ------
    UserError
        If the batch is empty or larger than the data set.

    Examples
    --------
    >>> order = BatchOrder(num_samples=5, batch_size=2, seed=0)
    >>> epoch = torch.cat([order.batch(i) for i in range(5)])   # ten draws: two epochs of five
    >>> sorted(epoch[:5].tolist()), sorted(epoch[5:].tolist())
    ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    """

    def __init__(self, num_samples: int, batch_size: int, seed: int) -> None:
        if not 1 <= batch_size <= num_samples:
            raise UserError(
                f"batch_size={batch_size}: it must be from 1 to the number of samples, {num_samples}"
            )
        self.num_samples, self.batch_size, self.seed = num_samples, batch_size, seed
        self._cache: dict[int, Tensor] = {}

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._cache:
            # A batch touches two epochs at most, so two permutations are all that is ever needed.
            self._cache = {e: p for e, p in self._cache.items() if e == epoch - 1}
            self._cache[epoch] = epoch_permutation(self.num_samples, self.seed, epoch)
        return self._cache[epoch]

    def batch(self, number: int) -> Tensor:
        """Return the indices of batch `number` (from 0): int64, shape (batch_size,)."""
        epoch, start = divmod(number * self.batch_size, self.num_samples)
        indices = self._epoch(epoch)[start : start + self.batch_size]
        if len(indices) < self.batch_size:
            rest = self.batch_size - len(indices)
            indices = torch.cat([indices, self._epoch(epoch + 1)[:rest]])
        return indices
