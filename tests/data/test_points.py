import math

import pytest
import torch

from ganbook.data import PointDataset
from ganbook.data import points as P
from ganbook.data.points import Mixture
from ganbook.errors import UserError

UNEVEN = {"means": [[-1.0, 0.5], [2.0, 0.0], [0.0, -1.0]], "sigma": [0.3, 0.8, 0.2], "weights": [1, 2, 5]}
CASES = {
    "ring": P.ring(),
    "wide ring": P.ring(modes=3, radius=2.0, sigma=0.2),
    "grid": P.grid(),
    "gaussian": P.gaussian((1.0, -2.0), 0.7),
    "mixture": P.mixture(**UNEVEN),
    "swiss roll": P.swiss_roll(),
    "two moons": P.two_moons(),
    "sharp moons": P.two_moons(0.05),
}


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return CASES[request.param]


def cells(law, size):
    """Midpoints of small squares over a box that holds all of the law but its last tails, and their area."""
    points, _ = law.sample(20_000, seed=9)
    widest = float(law.sigma.max()) if isinstance(law, Mixture) else law.sigma
    low, high = points.double().amin(0) - 4 * widest, points.double().amax(0) + 4 * widest
    step = (high - low) / size
    x, y = (low[i] + step[i] * (torch.arange(size) + 0.5) for i in (0, 1))
    return torch.cartesian_prod(x, y), float(step.prod()), low, high


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("ring", "grid")])
def test_density_integrates_to_one(name):
    middles, area, _, _ = cells(CASES[name], 120)
    # Midpoint sums of Gaussians converge so fast that this is exact once a cell is smaller than a sigma.
    assert float(CASES[name].density(middles).sum() * area) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_density_of_sharp_modes_integrates_to_one(name):
    law = CASES[name]
    sigma = float(law.sigma[0])
    step = torch.linspace(-7, 7, 57, dtype=torch.float64) * sigma
    patch = torch.cartesian_prod(step, step)
    middles = (law.modes.unsqueeze(1) + patch).view(-1, 2)  # the modes are so far apart that none overlap
    assert float(law.density(middles).sum() * (0.25 * sigma) ** 2) == pytest.approx(1, abs=1e-6)


def test_density_of_one_gaussian_is_the_formula():
    law, x = CASES["gaussian"], torch.tensor([[1.0, -2.0], [1.7, -2.0], [50.0, 50.0]])
    r2 = torch.tensor([0.0, 0.49, 49**2 + 52**2], dtype=torch.float64)
    expected = -r2 / (2 * 0.49) - math.log(2 * math.pi * 0.49)
    assert torch.allclose(law.log_density(x), expected, rtol=1e-6)  # far out too: no underflow
    assert torch.equal(law.density(x), law.log_density(x).exp())
    assert law.log_density(x).dtype == torch.float64


@pytest.mark.parametrize("name", ["swiss roll", "two moons", "sharp moons"])
def test_density_along_curves_is_exact_to_eight_digits(name):
    law = CASES[name]
    x = law.sample(50, seed=1)[0]
    places, weights = law._quadrature(panel=0.4)
    finer = P._log_mixture(x, places, torch.tensor([law.sigma], dtype=torch.float64), weights)
    assert torch.allclose(law.log_density(x), finer, rtol=0, atol=1e-8)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("ring", "grid")])
def test_samples_follow_the_density(name):
    law, n, size, coarse = CASES[name], 40_000, 120, 24
    middles, area, low, high = cells(law, size)
    block = size // coarse
    mass = law.density(middles).mul(area).view(coarse, block, coarse, block).sum((1, 3)).flatten()
    place = ((law.sample(n, seed=3)[0] - low) / (high - low) * coarse).long().clamp(0, coarse - 1)
    counts = torch.bincount(place[:, 0] * coarse + place[:, 1], minlength=coarse**2)
    full = mass * n >= 5
    chi2 = ((counts - n * mass)[full] ** 2 / (n * mass)[full]).sum()
    degrees = int(full.sum())
    assert abs(float(chi2) - degrees) < 5 * math.sqrt(2 * degrees)


def test_mean_covariance_and_expected_log_density(case):
    points, labels = case.sample(40_000, seed=5)
    points = points.double()
    again, _ = case.sample(40_000, seed=6)
    assert torch.allclose(points.mean(0), again.double().mean(0), atol=0.05)
    if isinstance(case, Mixture):
        w, mu = case.weights.unsqueeze(1), case.means
        mean = (w * mu).sum(0)
        cov = (w * mu).T @ mu - mean.outer(mean) + torch.eye(2) * (case.weights * case.sigma**2).sum()
        assert torch.allclose(points.mean(0), mean, atol=0.06)
        assert torch.allclose(points.T.cov(), cov, atol=0.12)
        assert torch.allclose(torch.bincount(labels) / len(labels), case.weights.float(), atol=0.012)


def test_entropy_of_the_ring():
    law = P.ring()  # far modes: entropy = log 8 + that of one Gaussian
    points, _ = law.sample(20_000, seed=0)
    entropy = math.log(8) + math.log(2 * math.pi * math.e * 0.01**2)
    assert float(-law.log_density(points).mean()) == pytest.approx(entropy, abs=0.04)


def test_pacgan_parameters():
    ring, grid = P.ring(), P.grid()
    assert ring.modes.shape == (8, 2)
    assert torch.allclose(ring.modes.norm(dim=1), torch.ones(8).double())
    assert ring.modes[0].tolist() == [1, 0]
    assert ring.sigma.tolist() == [0.01] * 8
    assert sorted(map(tuple, grid.modes.tolist())) == [
        (x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    ]
    assert grid.sigma.tolist() == [0.05] * 25
    for law in (ring, grid):
        points, labels = law.sample(20_000, seed=2)
        distance, nearest = torch.cdist(points.double(), law.modes).min(1)
        assert torch.equal(nearest, labels)
        good = float((distance < 3 * law.sigma[0]).float().mean())
        assert good == pytest.approx(1 - math.exp(-4.5), abs=0.004)


def test_labels_of_moons_and_roll():
    points, labels = P.two_moons(0.02).sample(500, seed=0)
    assert set(labels.tolist()) == {0, 1}
    centre = torch.tensor([-0.5, -0.25])  # of the upper arc, of radius 1
    assert ((points[labels == 0] - centre).norm(dim=1) - 1).abs().max() < 0.1
    assert P.two_moons().modes.tolist() == [[-0.5, 0.75], [0.5, -0.75]]
    assert P.swiss_roll().modes.shape == (0, 2)
    assert set(P.swiss_roll().sample(50, seed=0)[1].tolist()) == {0}


def test_samples_are_a_function_of_the_seed(case):
    state = torch.random.get_rng_state()
    a, la = case.sample(100, seed=4)
    torch.manual_seed(1)
    b, lb = case.sample(100, seed=4)
    assert torch.equal(a, b)
    assert torch.equal(la, lb)
    assert not torch.equal(a, case.sample(100, seed=5)[0])
    assert a.dtype == torch.float32
    assert la.dtype == torch.int64
    torch.random.set_rng_state(state)
    case.sample(10, seed=0)
    assert torch.equal(state, torch.random.get_rng_state())


def test_weights():
    law = P.mixture([[0, 0], [5, 0], [10, 0], [15, 0]], 0.1, [0, 3, 1, 0])
    assert law.weights.tolist() == [0, 0.75, 0.25, 0]
    _, labels = law.sample(10_000, seed=0)
    assert set(labels.tolist()) == {1, 2}
    assert float((labels == 1).float().mean()) == pytest.approx(0.75, abs=0.02)
    far = law.log_density(torch.tensor([[0.0, 0.0], [5.0, 0.0]]))
    assert far[1] > 0 > -1000 > far[0]


def test_dataset():
    law = P.ring()
    data = PointDataset.draw(law, 1000, seed=0, spec={"name": "ring", "split": "train"})
    assert (len(data), data.shape, data.num_classes, data.name) == (1000, (2,), 8, "ring")
    assert data.class_names[0] == "(1, 0)"
    assert data.class_names[2] == "(0, 1)"
    assert repr(data) == "<ring, split='train': 1,000 points of (2,), 8 modes>"
    assert data.distribution is law
    assert data[3].shape == (2,)
    assert data[3:5].shape == (2, 2)
    batch = data.batch(torch.tensor([5, 3, 5]))
    assert batch.dtype == torch.float32
    assert torch.equal(batch, data.points[[5, 3, 5]])
    assert data.to("cpu") is data
    moved = data.to("meta")
    assert moved.points.device.type == "meta"
    assert moved.spec == data.spec
    bare = PointDataset(torch.zeros(3, 2))
    assert (bare.num_classes, bare.name, bare.distribution, bare.spec) == (0, "points", None, {})


@pytest.mark.parametrize("law", [P.grid(), P.swiss_roll(), P.two_moons()], ids=["grid", "roll", "moons"])
def test_preview(law):
    figure = PointDataset.draw(law, 500, seed=0).preview(num=300)
    axes = figure.axes[0]
    assert sum(len(c.get_offsets()) for c in axes.collections) == 300
    looks = {(tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in axes.collections}
    assert len(looks) == len(axes.collections)  # no two modes look alike
    figure.canvas.draw()
    assert PointDataset(torch.zeros(3, 2)).preview().axes


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: P.ring(modes=0), "modes=0"),
        (lambda: P.ring(modes=2.5), "modes=2.5"),
        (lambda: P.ring(sigma=0), "sigma=0"),
        (lambda: P.ring(radius=-1), "radius=-1"),
        (lambda: P.grid(side=True), "side=True"),
        (lambda: P.grid(spacing=math.nan), "spacing=nan"),
        (lambda: P.gaussian((1, 2, 3)), "mean"),
        (lambda: P.gaussian("ab"), "mean"),
        (lambda: P.swiss_roll(turns="x"), "turns='x'"),
        (lambda: P.two_moons(math.inf), "sigma=inf"),
        (lambda: P.mixture([1, 2], 1), "means"),
        (lambda: P.mixture([], 1), "means"),
        (lambda: P.mixture([[0, math.nan]], 1), "means"),
        (lambda: P.mixture([[0, 0]], [1, 2]), "sigma"),
        (lambda: P.mixture([[0, 0]], -1), "sigma"),
        (lambda: P.mixture([[0, 0]], None), "sigma"),
        (lambda: P.mixture([[0, 0]], 1, [1, 2]), "weights"),
        (lambda: P.mixture([[0, 0], [1, 1]], 1, [1, -1]), "weights"),
        (lambda: P.mixture([[0, 0], [1, 1]], 1, [0, 0]), "weights"),
        (lambda: P.ring().sample(0, 0), "n=0"),
        (lambda: P.ring().sample(5, -1), "seed=-1"),
        (lambda: P.ring().sample(5, 2**64), "seed="),
        (lambda: P.two_moons().sample(1.5, 0), "n=1.5"),
        (lambda: P.ring().density(torch.zeros(2)), "x:"),
        (lambda: P.ring().density([[0, 0, 0]]), "x:"),
        (lambda: PointDataset(torch.zeros(0, 2)), "points"),
        (lambda: PointDataset(torch.zeros(3, 2).double()), "points"),
        (lambda: PointDataset(torch.zeros(3, 3)), "points"),
        (lambda: PointDataset(torch.zeros(3, 2), torch.zeros(2)), "labels"),
        (lambda: PointDataset(torch.zeros(3, 2)).preview(0), "num=0"),
    ],
)
def test_bad_input_gets_one_line(call, word):
    with pytest.raises(UserError) as error:
        call()
    assert word in str(error.value)
    assert "\n" not in str(error.value)
