"""Replay: half of the generated samples that the discriminator sees are old ones, so that it forgets less."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.support.checks import Count


class Replay(nn.Module):
    """A buffer of samples from earlier states of the generator.

    Source: Shrivastava et al. (2017), section 2.3.

    Parameters
    ----------
    size : int
        B, the samples that it holds.
    shape : sequence of int
        Of one sample.
    rng : torch.Generator
        What the samples are chosen with. It is the game's, which saves it.
    """

    samples: Tensor

    def __init__(self, size: Count, shape: tuple[int, ...], rng: torch.Generator) -> None:
        super().__init__()
        self.rng = rng
        self.register_buffer("samples", torch.zeros(size, *shape))

    @torch.no_grad()
    def mix(self, fake: Tensor, number: int) -> Tensor:
        """Put old samples in the place of half a batch; keep those that gave way.

        Until the buffer is full, each half that gave way is added; then it overwrites others, at random.

        Parameters
        ----------
        fake : Tensor
            New samples, shape (N, *shape), N at most 2 B.
        number : int
            How many batches were mixed before.

        Returns
        -------
        Tensor
            Shape (N, *shape): N/2 of the new ones, then N/2 out of the buffer (the very first time: all new).
        """
        half, size, device = len(fake) // 2, len(self.samples), fake.device
        stored = min(number * half, size)
        new, kept = fake[: len(fake) - half], fake[len(fake) - half :]
        old = kept
        if stored:
            old = self.samples[torch.randint(stored, (half,), generator=self.rng, device=device)]
        if stored < size:
            self.samples[stored : stored + half] = kept[: size - stored]
        else:
            slots = torch.randperm(size, generator=self.rng, device=device)[:half]
            self.samples[slots] = kept
        return torch.cat([new, old])


class Replayed(nn.Module):
    """A generator half of whose samples come out of a buffer: what D's step is given in the place of G.

    Parameters
    ----------
    generator : nn.Module
        The generator as it is now.
    replay : Replay
        The buffer.
    number : int
        How many batches were mixed before.
    """

    def __init__(self, generator: nn.Module, replay: Replay, number: int) -> None:
        super().__init__()
        self.generator, self.replay, self.number = generator, replay, number

    def forward(self, z: Tensor) -> Tensor:
        """Map latents (N, latent_dim) to N samples, half of them old."""
        return self.replay.mix(self.generator(z).float(), self.number)
