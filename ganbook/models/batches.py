"""Parts of a discriminator that looks at a batch: minibatch standard deviation, and packs of samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.errors import UserError


def minibatch_std(h: Tensor) -> Tensor:
    """Return one number for a whole batch: the mean over all features of their deviation over the batch.

        s = 1/d sum_j s_j,   s_j^2 = 1/N sum_i (h_{i j} - m_j)^2 + eps

    m_j is the mean of feature j over the N samples.
    A generator that makes the same sample again and again has almost none, whatever that sample is. Order
    does not matter, and a discriminator that is told s looks at a batch, not at each sample by itself.

    Parameters
    ----------
    h : Tensor
        Features (or the samples themselves), shape (N, ...), d numbers each.

    Returns
    -------
    Tensor
        A scalar, float32, at least 1e-4 (eps = 1e-8 keeps the root's slope finite where all are the same).

    Notes
    -----
    Source: Karras et al. (2018), section 3; over the whole batch, as the paper says (its code takes groups of
    four). Two processes that share a batch take it over their half each.

    Examples
    --------
    >>> minibatch_std(torch.tensor([[0.0, 4.0], [2.0, 8.0]]))  # deviations 1 and 2
    tensor(1.5000)
    """
    h = h.float()
    return ((h - h.mean(0)).square().mean(0) + 1e-8).sqrt().mean()


def append_minibatch_std(h: Tensor) -> Tensor:
    """Give every sample the batch's `minibatch_std` as one more feature: (N, d, ...) to (N, d + 1, ...)."""
    return torch.cat([h, minibatch_std(h).to(h.dtype).expand_as(h[:, :1])], dim=1)


class MinibatchStd(nn.Module):
    """`append_minibatch_std` as a layer: (N, d, ...) to (N, d + 1, ...)."""

    mixes_samples = True  # what training and the linter ask

    def forward(self, h: Tensor) -> Tensor:
        """Append the deviation over the batch as a feature, or as a constant map."""
        return append_minibatch_std(h)


def pack(x: Tensor, m: int) -> Tensor:
    """Join each m samples that follow each other along their first axis: (N, C, ...) to (N/m, m C, ...).

    Raises
    ------
    UserError
        If N is not a multiple of m.

    Examples
    --------
    >>> pack(torch.tensor([[1, 2], [3, 4], [5, 6], [7, 8]]), 2)
    tensor([[1, 2, 3, 4],
            [5, 6, 7, 8]])
    """
    if len(x) % m:
        raise UserError(f"discriminator: {len(x)} samples; with packing={m} it takes a multiple of {m}")
    return x if m == 1 else x.reshape(len(x) // m, m * x.shape[1], *x.shape[2:])


def unpack(logits: Tensor, m: int) -> Tensor:
    """Give every sample the logit of its pack: (N/m,) to (N,), so that means over samples stay means."""
    return logits if m == 1 else logits.repeat_interleave(m)
