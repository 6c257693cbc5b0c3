"""Checks: first weights, checkerboards, convolutions as matrices, the spectral norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbook.exercises.chapters.cases import own_random_numbers, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


def _to_initialise() -> nn.Module:
    """Return a network with layers inside of other modules, and all weights from 2 to 3."""
    with own_random_numbers(70):
        network = nn.ModuleDict(
            {
                "first": nn.ConvTranspose2d(16, 24, 4, bias=True),
                "inner": nn.Sequential(nn.BatchNorm2d(3000), nn.Sequential(nn.Conv2d(24, 16, 4), nn.ReLU())),
                "head": nn.Linear(12, 5),
            }
        )
        with torch.no_grad():
            for p in network.parameters():
                p.uniform_(2.0, 3.0)
    return network


@check("initialise")
def initialise(trial: Trial) -> None:
    """Measure mean and spread of some thousands of weights in each layer."""
    network = _to_initialise()
    shapes = [p.shape for p in network.parameters()]
    trial.call(network, mutable=True)
    if [p.shape for p in network.parameters()] != shapes:
        trial.fail("the network's parameters have other shapes than before")
    parameters = {
        type(layer).__name__: {name: p.detach() for name, p in layer.named_parameters()}
        for layer in network.modules()
        if not list(layer.children())
    }
    outer, inner = parameters["ConvTranspose2d"]["weight"], parameters["Conv2d"]["weight"]
    if outer.min() >= 2 and inner.min() >= 2:
        trial.fail(
            "no convolution was initialised. Work in place: the network is not returned",
            "a network of 4 layers",
        )
    for kind, centre in (("ConvTranspose2d", 0.0), ("Conv2d", 0.0), ("BatchNorm2d", 1.0)):
        _check_draws(trial, kind, centre, parameters[kind]["weight"].double(), parameters[kind]["bias"])
    if any(values.min() < 2 for values in parameters["Linear"].values()):
        trial.fail(
            "a Linear layer was changed, which the rule does not speak of", "a Linear layer of 12 to 5"
        )
    if torch.equal(outer.flatten()[:100], inner.flatten()[:100]):
        trial.fail("two layers got the same weights: was the generator seeded before each of them?")
    bare = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3, affine=True))
    trial.call(bare, mutable=True)
    trial.tried(
        "a Conv2d inside of other modules, a ConvTranspose2d, a BatchNorm2d, a Linear, "
        "a Conv2d without a bias"
    )


def _check_draws(trial: Trial, kind: str, centre: float, weight: Tensor, bias: Tensor) -> None:
    mean, std = weight.mean().item(), weight.std().item()
    case = f"{kind} with {weight.numel():,} weights: mean {mean:.4f}, standard deviation {std:.4f}"
    if weight.min() >= 2:
        where = "; it lies inside of another module" if kind != "ConvTranspose2d" else ""
        trial.fail(f"the {kind} was left as it was{where}", case)
    if kind == "BatchNorm2d" and std == 0:
        trial.fail("BatchNorm's scale is constant; it is drawn from N(1, 0.02) too", case)
    if abs(mean - centre) > 0.1:
        trial.fail(
            "BatchNorm's scale is drawn around 0: each channel would be multiplied by nearly nothing"
            if kind == "BatchNorm2d"
            else "the weights of a convolution should be drawn around 0",
            case,
        )
    if abs(std - 0.02**0.5) < 0.02:
        trial.fail("0.02 is the standard deviation here, not the variance", case)
    if abs(std - 0.0004) < 0.0002:
        trial.fail("0.02 was squared; it is the standard deviation already", case)
    far = 5 * 0.02 / weight.numel() ** 0.5  # five standard errors of the mean
    if abs(mean - centre) > far or abs(std - 0.02) > far:
        trial.fail(
            f"the weights of the {kind} do not look like draws with a standard deviation of 0.02", case
        )
    if (weight - centre).abs().max() < 0.05:
        trial.fail(
            f"the weights of the {kind} have no tails: "
            "of so many normal draws some lie beyond 2.5 standard deviations",
            case,
        )
    if bool((bias != 0).any()):
        trial.fail(f"the biases of the {kind} should be 0", case, bias[:3])


@check("checkerboard-overlap")
def checkerboard_overlap(trial: Trial) -> None:
    """Count by laying the kernels, and by PyTorch with ones."""
    for n, k, s in ((3, 3, 2), (3, 4, 2), (1, 4, 2), (4, 5, 3), (3, 2, 3), (6, 3, 1)):
        right = F.conv_transpose1d(torch.ones(1, 1, n), torch.ones(1, 1, k), stride=s).flatten()
        case = f"n = {n}, kernel = {k}, stride = {s}"
        got = trial.tensor(n, k, s)
        if got.shape != right.shape:
            known: dict[tuple[int, ...], str] = {
                (n * s,): (
                    "one number for each output pixel is wanted, and the copies stick out at the end: "
                    "there are more than n times the stride"
                ),
                (n,): "one number for each *output* pixel is wanted, not for each input pixel",
                (max(0, (n - k) // s + 1),): "this is as long as the output of an ordinary convolution",
                (n * s + k,): (
                    "the output is as long as from the beginning of the first copy to the end of the last: "
                    "n - 1 strides, and a kernel"
                ),
            }
            trial.fail(known.get(tuple(got.shape), "this is not as long as the output"), case, got)
        trial.differs(
            got,
            right,
            case=case,
            known={
                "the copies are laid one pixel apart, whatever the stride is": F.pad(
                    F.conv_transpose1d(torch.ones(1, 1, n), torch.ones(1, 1, k)).flatten(),
                    (0, (n - 1) * (s - 1)),
                ),
                "every output pixel is counted alike, but at both ends there are fewer copies": (
                    torch.full_like(right, right.max().item())
                ),
                "the numbers are shares; counts are wanted": right / right.max(),
                "one too many everywhere": right + 1,
                "one too few everywhere": right - 1,
            },
            otherwise="this is not how many copies of the kernel cover each output pixel",
        )
    trial.tried("six transposed convolutions, with kernels that the stride divides and with others")


@check("checkerboard-at-start")
def checkerboard_at_start(trial: Trial) -> None:
    """Enlarge a constant map in three ways with random weights, and look at the inside."""
    letter = trial.choice("ABCD")
    with own_random_numbers(80):
        x = torch.ones(1, 1, 8, 8)
        ways = {
            "transposed, kernel 3": nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1),
            "transposed, kernel 4": nn.ConvTranspose2d(1, 1, 4, 2, 1),
            "enlarged, then a convolution": (
                nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 3, 1, 1))
            ),
        }
        inside = {name: layer(x)[0, 0, 4:-4, 4:-4].detach() for name, layer in ways.items()}
    pattern = {name: (values.max() - values.min()).item() > 1e-4 for name, values in inside.items()}
    right = {
        (True, False, False): "A",
        (True, True, False): "B",
        (True, True, True): "C",
        (False, False, False): "D",
    }[tuple(pattern.values())]
    counts = "; ".join(
        f"{name}: {len(values.unique().round(decimals=4).unique())}" for name, values in inside.items()
    )
    reasons = {
        "A": (
            "kernel 4 covers every pixel equally often, but not by the same weights: "
            "pixels at even and at odd places are made by different quarters of the kernel"
        ),
        "B": "not these",
        "C": "each pixel of the enlarged constant map has the same neighbours and the same kernel",
        "D": "the overlap is uneven with kernel 3, and random weights do not make up for it",
    }
    settle(trial, letter, right, reasons, f"run: how many different values lie inside: {counts}")


@check("convolution-matrix")
def convolution_matrix(trial: Trial) -> None:
    """Build C from the convolutions of unit vectors, and compare."""
    for k, n, s in ((2, 3, 1), (3, 6, 2), (4, 8, 2), (1, 4, 3), (3, 5, 1)):
        w = torch.tensor([1.0, 2.0, 4.0, 7.0])[:k]
        eye = torch.eye(n)[:, None]  # each unit vector is a batch of one
        right = F.conv1d(eye, w.view(1, 1, -1), stride=s)[:, 0].T
        case = f"w = {[int(x) for x in w]}, n = {n}, stride = {s}"
        got = trial.tensor(w, n, s)
        if tuple(got.shape) == tuple(right.T.shape) and right.shape[0] != right.shape[1]:
            trial.fail(
                "this is the matrix of the transposed convolution; rows should belong to outputs", case, got
            )
        if got.shape != right.shape:
            what = {
                n: (
                    "a row for each input pixel: "
                    "near the end the kernel would stick out, or come in again at the front"
                ),
                n - k + 1: (
                    "a row for each place of a kernel with stride 1; with this stride there are fewer outputs"
                ),
            }.get(
                got.shape[0] if got.dim() == 2 else -1,
                "one row for each output, and one column for each input",
            )
            trial.fail(f"{what}. The shape is {tuple(got.shape)}", case, got)
        flipped = F.conv1d(eye, w.flip(0).view(1, 1, -1), stride=s)[:, 0].T
        unit_steps = F.conv1d(eye, w.view(1, 1, -1))[:, 0].T[: len(right)]
        known = {
            "the kernel is turned round. "
            "What deep learning calls a convolution does not turn it: w[0] meets the first pixel": flipped
        }
        if not torch.equal(unit_steps, right):
            known["the rows move by one pixel, whatever the stride is"] = unit_steps
        trial.differs(got, right, case=case, known=known, otherwise="this matrix does something else")
    trial.tried("five kernels, against PyTorch's conv1d")


@check("spectral-norm")
def spectral_norm(trial: Trial) -> None:
    """Try few steps, many steps, and a kernel."""
    rng = torch.Generator().manual_seed(140)
    square = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    oblong = torch.tensor([[1.0, 2.0], [0.0, 1.0], [2.0, -1.0]])
    turning = torch.tensor([[0.0, -5.0], [1.0, 0.0]])
    random, start = torch.randn(4, 6, generator=rng), torch.randn(4, generator=rng)
    kernel = torch.randn(3, 2, 2, 2, generator=rng)
    for case, W, u, steps in (
        ("W = [[1, 2], [0, 1], [2, -1]], u = (1, 1, 0), 1 step", oblong, torch.tensor([1.0, 1.0, 0.0]), 1),
        ("W = [[3, 0], [0, 1]], u = (1, 2), 1 step", square, torch.tensor([1.0, 2.0]), 1),
        ("W = [[3, 0], [0, 1]], u = (1, 2), 2 steps", square, torch.tensor([1.0, 2.0]), 2),
        ("W = [[0, -5], [1, 0]], u = (1, 1), 60 steps", turning, torch.ones(2), 60),
        ("a random 4 x 6 matrix, 3 steps", random, start, 3),
        ("a kernel of shape (3, 2, 2, 2), 60 steps", kernel, torch.ones(3), 60),
    ):
        trial.differs(
            trial.number(W, u, steps),
            _power_iteration(W.flatten(1).double(), u.double(), steps)[0],
            case=case,
            known=_other_norms(W.flatten(1).double(), u.double(), steps),
            rtol=1e-3,
            otherwise="this is not u^T W v after these steps",
        )
    trial.tried(
        "few steps, many steps, oblong matrices, one with complex eigenvalues, and a convolution's kernel"
    )


def _power_iteration(W: Tensor, u: Tensor, steps: int) -> tuple[float, Tensor, Tensor]:
    """Return u^T W v, u and v after some steps."""
    v = u
    for _ in range(steps):
        v = F.normalize(W.T @ u, dim=0)
        u = F.normalize(W @ v, dim=0)
    return (u @ W @ v).item(), u, v


def _other_norms(W: Tensor, u: Tensor, steps: int) -> dict[str, float]:
    """Return what is met in place of u^T W v after the last step, each with its message."""
    right, _, last_v = _power_iteration(W, u, steps)
    exact = torch.linalg.svdvals(W)[0].item()
    known = {
        "this is the Frobenius norm, the root of the sum of all squares: "
        "it bounds the spectral norm, but is not it": W.norm().item(),
        "this is the largest entry": W.abs().max().item(),
        "this is the square: a singular value is the root of an eigenvalue of W^T W": right**2,
        "this is the nuclear norm, the sum of the singular values": torch.linalg.svdvals(W).sum().item(),
        "one step too many": _power_iteration(W, u, steps + 1)[0],
        "u begins with another length than 1, and was not normalised before the product": (
            (u @ W @ last_v).item()
        ),
    }
    if steps > 1:
        before, u_before, _ = _power_iteration(W, u, steps - 1)
        known |= {
            "this is the product before the last update of u: "
            "u^T W v is taken with the u and the v of the last step": (u_before @ W @ last_v).item(),
            "one step too few": before,
        }
    if abs(exact - right) > 1e-3 * exact:
        known |= {
            "this is the exact largest singular value; "
            "what power iteration gives after these steps is wanted": exact,
        }
    return known
