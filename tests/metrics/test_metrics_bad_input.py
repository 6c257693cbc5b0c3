"""Every function of feature matrices refuses the same bad input, in one line that names the argument."""

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from ganbook import metrics


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernel_distance(real, fake):
    return metrics.kernel_distance(real, fake, subsets=2, subset_size=5)


FUNCTIONS = {
    "frechet_distance": metrics.frechet_distance,
    "kernel_distance": kernel_distance,
    "mmd2_unbiased": metrics.mmd2_unbiased,
    "precision_recall": metrics.precision_recall,
    "density_coverage": metrics.density_coverage,
    "memorisation": metrics.memorisation,
}


def sets(function):
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.name not in ("k", "seed", "chunk", "degree", "gamma", "coef")]


CASES = [(name, argument) for name, function in FUNCTIONS.items() for argument in sets(function)]


def spoil(value):
    bad = normal(0, 20, 4)
    bad[13, 2] = value
    return bad


BAD = {
    "NaN": (spoil(torch.nan), "NaN or infinite"),
    "infinite": (spoil(torch.inf), "NaN or infinite"),
    "minus infinite": (spoil(-torch.inf).numpy(), "NaN or infinite"),
    "one sample": (normal(0, 1, 4), "got 1 samples"),
    "empty": (torch.zeros(0, 4), "got 0 samples"),
    "no columns": (torch.zeros(20, 0), r"got shape \(20, 0\)"),
    "constant": (torch.full((20, 4), 0.3), "constant"),
    "constant rows": (normal(0, 1, 4).repeat(20, 1), "constant"),
    "integer images": (torch.zeros(20, 4, dtype=torch.uint8), "got dtype torch.uint8"),
    "numpy integers": (np.zeros((20, 4), dtype=np.int32), "got dtype int32"),
    "booleans": (torch.ones(20, 4, dtype=torch.bool), "got dtype torch.bool"),
    "complex": (normal(0, 20, 4).to(torch.complex128), "got dtype torch.complex128"),
    "a vector": (normal(0, 20), r"got shape \(20,\)"),
    "images": (normal(0, 20, 1, 2, 2), r"got shape \(20, 1, 2, 2\)"),
    "a list": ([[0.1, 0.2]] * 20, "got list"),
    "None": (None, "got NoneType"),
}


@pytest.mark.parametrize(("name", "argument"), CASES)
@pytest.mark.parametrize("kind", BAD)
def test_bad_features(name, argument, kind):
    bad, message = BAD[kind]
    function = FUNCTIONS[name]
    arguments = {key: normal(i, 20, 4) for i, key in enumerate(sets(function))}
    with pytest.raises(ValueError, match=f"^{argument}: .*{message}") as caught:
        function(**{**arguments, argument: bad})
    assert "\n" not in str(caught.value)
    assert "it takes" in str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_different_widths(name):
    function = FUNCTIONS[name]
    _, *others = sets(function)
    for other in others:
        arguments = {key: normal(i, 20, 4) for i, key in enumerate(sets(function))}
        with pytest.raises(ValueError, match=rf"^{other}: got d=5 .* d=4"):
            function(**{**arguments, other: normal(9, 20, 5)})


@pytest.mark.parametrize("n", [2, 3, 4])
def test_frechet_needs_more_samples_than_features(n):
    good, few = normal(0, 20, 4), normal(1, n, 4)
    with pytest.raises(ValueError, match=rf"^fake: got N={n} samples of d=4 .* N > d"):
        metrics.frechet_distance(good, few)
    with pytest.raises(ValueError, match=rf"^real: got N={n} .* N > d"):
        metrics.frechet_distance(metrics.Moments().update(few), good)
    assert metrics.frechet_distance(good, normal(1, 5, 4)) > 0


def test_moments_without_samples():
    for property_name in ("mean", "cov"):
        with pytest.raises(ValueError, match="Moments: got"):
            getattr(metrics.Moments(), property_name)
    with pytest.raises(ValueError, match=r"^real: got N=0"):
        metrics.frechet_distance(metrics.Moments(), normal(0, 20, 4))
    with pytest.raises(ValueError, match="covariance takes at least 2"):
        _ = metrics.Moments().update(normal(0, 1, 4)).cov


@pytest.mark.parametrize(
    ("position", "bad", "message"),
    [
        (0, torch.zeros(3), "^mean_b: .* mean_a"),
        (0, torch.zeros(2, 1), "^mean_a: got shape"),
        (0, torch.tensor([0, 1]), "^mean_a: got dtype"),
        (0, torch.tensor([torch.nan, 0]), "^mean_a: .* finite"),
        (1, torch.eye(3), r"^cov_a: got shape \(3, 3\)"),
        (1, torch.tensor([[1.0, 0.5], [0.0, 1.0]]), "^cov_a: .* not symmetric"),
        (3, torch.tensor([[1.0, 2.0], [2.0, 1.0]]), "^cov_b: got an eigenvalue of -1"),
        (3, torch.full((2, 2), torch.inf), "^cov_b: .* finite"),
    ],
)
def test_bad_moments(position, bad, message):
    arguments = [torch.zeros(2), torch.eye(2), torch.zeros(2), torch.eye(2)]
    arguments[position] = bad
    with pytest.raises(ValueError, match=message):
        metrics.frechet_distance_from_moments(*arguments)


@pytest.mark.parametrize("function", [metrics.precision_recall, metrics.density_coverage])
def test_bad_neighbours(function):
    x, y = normal(0, 20, 4), normal(1, 20, 4)
    for k in (0, -1, 20, 100, 2.0, True, "3"):
        with pytest.raises(ValueError, match=r"^k=.* from 1 to 19"):
            function(x, y, k=k)
    assert len(function(x, y, k=19)) == 2
    with pytest.raises(ValueError, match=r"^chunk=0"):
        function(x, y, chunk=0)


def test_k_counts_in_the_smaller_set_where_both_have_balls():
    x, y = normal(0, 20, 4), normal(1, 5, 4)
    with pytest.raises(ValueError, match=r"^k=5: it must be a whole number from 1 to 4"):
        metrics.precision_recall(x, y, k=5)
    assert metrics.density_coverage(x, y, k=5).coverage > 0  # only real samples have balls


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subset_size": 21}, "^subset_size=21: .* from 2 to 20"),
        ({}, "^subset_size=1000: .* from 2 to 20"),
        ({"subset_size": 1}, "^subset_size=1"),
        ({"subset_size": 10, "subsets": 0}, "^subsets=0"),
        ({"subset_size": 10, "degree": 0}, "^degree=0"),
        ({"subset_size": 10, "gamma": 0.0}, "^gamma=0.0"),
        ({"subset_size": 10, "coef": -1.0}, "^coef=-1.0"),
        ({"subset_size": 10, "seed": 1.5}, "^seed=1.5"),
    ],
)
def test_bad_kernel_options(options, message):
    with pytest.raises(ValueError, match=message):
        metrics.kernel_distance(normal(0, 20, 4), normal(1, 30, 4), **options)


def test_all_names_exist_and_have_docstrings():
    for name in metrics.__all__:
        assert inspect.getdoc(getattr(metrics, name))


def test_import_is_light_and_uses_the_ground_floor_only():
    code = (
        "import sys, ganbook.metrics; "
        "heavy = {'torchmetrics', 'torch_fidelity', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    for module in (m for name, m in sys.modules.items() if name.startswith("ganbook.metrics.")):
        imports = [line for line in inspect.getsource(module).splitlines() if "import" in line]
        ours = re.findall(r"from ganbook\.(\w+)", "\n".join(imports))
        assert set(ours) <= {"metrics", "support", "errors"}
