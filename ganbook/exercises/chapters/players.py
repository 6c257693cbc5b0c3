"""Two tiny players and an optimiser that remembers, for the exercises on training steps.

The checks do not read a learner's code. They let it move two networks of a few dozen weights and look at what
moved, in which order, and down which gradient.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus
from torch.nn.utils import vector_to_parameters

from ganbook.exercises.chapters.cases import own_random_numbers

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial


def tiny_pair(seed: int = 0, bias: float = 0.0) -> tuple[nn.Sequential, nn.Sequential]:
    """Return G: (N, 2) to (N, 2) and D: (N, 2) to logits (N,), with `bias` added to D's last bias."""
    with own_random_numbers(seed):
        G = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2))
        D = nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1), nn.Flatten(0))
    with torch.no_grad():
        list(D.parameters())[-1].add_(bias)
    return G, D


def draw(seed: int, num: int = 6) -> tuple[Tensor, Tensor]:
    """Return real samples around (2, 1) and latents, each of shape (num, 2)."""
    rng = torch.Generator().manual_seed(seed)
    real = 0.5 * torch.randn(num, 2, generator=rng) + torch.tensor([2.0, 1.0])
    return real, torch.randn(num, 2, generator=rng)


def flat(tensors: Iterable[Tensor | None]) -> Tensor:
    """Return all numbers in one float64 vector; a missing tensor counts for nothing."""
    return torch.cat([t.detach().double().flatten() for t in tensors if t is not None] or [torch.zeros(0)])


def weights(network: nn.Module) -> Tensor:
    """Return a copy of all parameters in one vector."""
    return flat(network.parameters()).clone()


def gradients(network: nn.Module) -> Tensor:
    """Return the gradients that lie in `network`, in one vector, zero where there is none."""
    return flat(torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters())


def gradient_of(loss: Tensor, network: nn.Module) -> Tensor:
    """Return the gradient of `loss` with respect to the parameters of `network`, in one vector."""
    return flat(torch.autograd.grad(loss, list(network.parameters()), retain_graph=True))


class Move(NamedTuple):
    """What an optimiser did when it stepped."""

    who: str  # "D", "G" or "both"
    gradient: Tensor  # that it went down: the owner's parameters in one vector
    weights_of_G: Tensor  # before the step
    weights_of_D: Tensor
    gradient_in_G: Tensor  # that lay in G when it stepped


@dataclass
class Game:
    """Two players, and optimisers that write down every step.

    Attributes
    ----------
    G, D : nn.Module
        The players.
    moves : list of Move
        What has happened.
    """

    G: nn.Module
    D: nn.Module
    lr: float = 0.1
    moves: list[Move] = field(default_factory=list)

    def optimizer(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return plain gradient descent on `parameters` that writes down its steps."""
        return _Witness(list(parameters), self)

    def order(self) -> str:
        """Return who moved, in order: "D, G"."""
        return ", ".join(move.who for move in self.moves) or "nobody"

    def at(self, move: Move) -> tuple[nn.Module, nn.Module]:
        """Return copies of G and D as they were when `move` was made."""
        G, D = copy.deepcopy(self.G), copy.deepcopy(self.D)
        for network, values in ((G, move.weights_of_G), (D, move.weights_of_D)):
            network.requires_grad_(True)
            vector_to_parameters(values.float(), network.parameters())
        return G, D


class _Witness(torch.optim.SGD):
    def __init__(self, parameters: list[Tensor], game: Game) -> None:
        super().__init__(parameters, lr=game.lr)
        self._game = game

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        game = self._game
        held = {id(p) for group in self.param_groups for p in group["params"]}
        has_G = any(id(p) in held for p in game.G.parameters())
        has_D = any(id(p) in held for p in game.D.parameters())
        who = "both" if has_G and has_D else "G" if has_G else "D"
        owner = game.G if who == "G" else game.D
        before = (weights(game.G), weights(game.D), gradients(game.G))
        game.moves.append(Move(who, gradients(owner), *before))
        return super().step(closure)


def discriminator_gradients(G: nn.Module, D: nn.Module, real: Tensor, z: Tensor) -> dict[str, Tensor]:
    """Return D's gradient for the right loss ("right") and for the losses that are often met instead."""
    with torch.no_grad():
        fake = G(z)
    real_logits, fake_logits = D(real), D(fake)
    on_real, on_fake = softplus(-real_logits).mean(), softplus(fake_logits).mean()
    ones, zeros = torch.ones_like(real_logits), torch.zeros_like(fake_logits)
    twice = binary_cross_entropy_with_logits(real_logits.sigmoid(), ones)
    twice = twice + binary_cross_entropy_with_logits(fake_logits.sigmoid(), zeros)
    losses = {
        "right": on_real + on_fake,
        "half": 0.5 * (on_real + on_fake),
        "sum": len(real) * on_real + len(z) * on_fake,
        "exchanged": softplus(real_logits).mean() + softplus(-fake_logits).mean(),
        "ascent": -on_real - on_fake,
        "only real": on_real,
        "only fake": on_fake,
        "all real": on_real + softplus(-fake_logits).mean(),
        "all fake": softplus(real_logits).mean() + on_fake,
        "with G's": on_real + on_fake + softplus(-fake_logits).mean(),
        "sigmoid twice": twice,
        "no logarithm": -real_logits.sigmoid().mean() + fake_logits.sigmoid().mean(),
        "critic": fake_logits.mean() - real_logits.mean(),
    }
    return {name: gradient_of(loss, D) for name, loss in losses.items()}


def generator_gradients(G: nn.Module, D: nn.Module, z: Tensor) -> dict[str, Tensor]:
    """Return G's gradient for the non-saturating loss ("right") and for the losses often met instead."""
    logits = D(G(z))
    losses = {
        "right": softplus(-logits).mean(),
        "half": 0.5 * softplus(-logits).mean(),
        "sum": softplus(-logits).sum(),
        "ascent": -softplus(-logits).mean(),
        "minimax": -softplus(logits).mean(),
        "exchanged": softplus(logits).mean(),
        "sigmoid twice": binary_cross_entropy_with_logits(logits.sigmoid(), torch.ones_like(logits)),
        "no logarithm": -logits.sigmoid().mean(),
        "critic": -logits.mean(),
    }
    return {name: gradient_of(loss, G) for name, loss in losses.items()}


def same(got: Tensor, want: Tensor) -> bool:
    """Say whether two gradients agree to the precision that float32 allows after a few operations."""
    return torch.allclose(got, want, rtol=1e-3, atol=1e-5)


def judge_gradient(
    trial: Trial,
    got: Tensor,
    known: Mapping[str, Tensor],
    messages: Mapping[str, str],
    case: str,
    otherwise: str,
) -> None:
    """Fail unless `got` is `known["right"]`, and say which other loss it belongs to, if that is known."""
    if same(got, known["right"]):
        return
    for name, message in messages.items():
        if name in known and same(got, known[name]):
            trial.fail(message, case=case)
    trial.fail(otherwise, case=case)
