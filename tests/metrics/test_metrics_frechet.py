"""Fréchet distance: closed forms, invariances, streamed moments."""

import numpy as np
import pytest
import torch

from ganbook.metrics import Moments, frechet_distance, frechet_distance_from_moments


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(seed: int, d: int) -> torch.Tensor:
    return torch.linalg.qr(normal(seed, d, d))[0]


def covariance(eigenvalues: torch.Tensor, seed: int) -> torch.Tensor:
    q = rotation(seed, len(eigenvalues))
    return (q * eigenvalues) @ q.T


def test_one_dimension():
    # (m1 - m2)^2 + (s1 - s2)^2
    distance = frechet_distance_from_moments(*map(np.array, ([1.0], [[4.0]], [-2.0], [[0.25]])))
    assert distance == pytest.approx(9 + 1.5**2, rel=1e-14)


def test_one_dimension_from_features():
    a, b = normal(0, 50, 1), 3 * normal(1, 80, 1) + 2
    expected = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-12)


def test_diagonal():
    a, b = normal(0, 7).exp(), normal(1, 7).exp()
    mean_a, mean_b = normal(2, 7), normal(3, 7)
    expected = (mean_a - mean_b).square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert frechet_distance_from_moments(mean_a, a.diag(), mean_b, b.diag()) == pytest.approx(
        expected.item(), rel=1e-12
    )


@pytest.mark.parametrize("factor", [1 + 1e-6, 1.21, 100.0])
def test_one_covariance_a_multiple_of_the_other(factor):
    # Tr(S + c S - 2 c^(1/2) S) = (1 - c^(1/2))^2 Tr(S), also where c is nearly 1
    cov, zero = covariance(normal(0, 40).exp(), 1), torch.zeros(40)
    expected = (1 - factor**0.5) ** 2 * cov.trace().item()
    tolerance = 1e-12 * cov.trace().item()  # the rounding of the traces, of which a small difference is left
    assert frechet_distance_from_moments(zero, cov, zero, factor * cov) == pytest.approx(
        expected, rel=1e-9, abs=tolerance
    )


def test_non_commuting_two_by_two():
    # For 2 x 2: Tr((AB)^(1/2)) = (Tr(AB) + 2 det(AB)^(1/2))^(1/2)
    a, b = torch.tensor([[2.0, 1.0], [1.0, 1.0]]), torch.tensor([[1.0, -0.5], [-0.5, 3.0]])
    product = (a @ b).double()
    root = (product.trace() + 2 * torch.linalg.det(product).sqrt()).sqrt()
    expected = (a.trace() + b.trace() - 2 * root).item()
    assert frechet_distance_from_moments(torch.zeros(2), a, torch.zeros(2), b) == pytest.approx(
        expected, rel=1e-6
    )


def test_singular_covariances_with_different_null_spaces():
    # Projectors on span(e1, e2) and span(e2, e3): the root of the product is the projector on e2.
    a, b = torch.tensor([1.0, 1.0, 0.0, 0.0]).diag(), torch.tensor([0.0, 1.0, 1.0, 0.0]).diag()
    q = rotation(0, 4)
    a, b = q @ a.double() @ q.T, q @ b.double() @ q.T
    assert frechet_distance_from_moments(torch.zeros(4), a, torch.zeros(4), b) == pytest.approx(2, abs=1e-13)


@pytest.mark.parametrize("rank", [0, 1, 100, 199])
def test_rank_deficient_against_itself_is_zero_to_rounding(rank):
    # Through the eigenvalues of the product, each null direction would leave about 1e-8.
    eigenvalues = torch.cat([torch.ones(rank), torch.zeros(200 - rank)]).double()
    cov, mean = covariance(eigenvalues, 0), normal(1, 200)
    assert frechet_distance_from_moments(mean, cov, mean, cov) < 1e-11
    # ... and against the identity: sum (w^(1/2) - 1)^2
    eye = torch.eye(200)
    assert frechet_distance_from_moments(mean, cov, mean, eye) == pytest.approx(200 - rank, rel=1e-12)
    assert frechet_distance_from_moments(mean, eye, mean, cov) == pytest.approx(200 - rank, rel=1e-12)


def test_zero_covariances_leave_the_means():
    zero = np.zeros((3, 3))
    assert frechet_distance_from_moments(np.array([1.0, 2, 2]), zero, np.zeros(3), zero) == 9


def test_a_set_against_itself_is_zero():
    x = normal(0, 300, 40) @ normal(1, 40, 40) + 10
    scale = torch.cov(x.T).trace().item()
    assert 0 <= frechet_distance(x, x.clone()) < 1e-12 * scale
    assert 0 <= frechet_distance(x, x[torch.randperm(300)]) < 1e-12 * scale


def test_dead_and_repeated_columns_are_fine():
    x, y = normal(0, 60, 5), 1.5 * normal(1, 60, 5)
    dead = torch.cat([x, torch.zeros(60, 2)], 1), torch.cat([y, torch.zeros(60, 2)], 1)
    assert frechet_distance(*dead) == pytest.approx(frechet_distance(x, y), rel=1e-12)
    repeated = torch.cat([x, x], 1), torch.cat([y, y], 1)
    assert frechet_distance(*repeated) == pytest.approx(2 * frechet_distance(x, y), rel=1e-12)


def test_invariances():
    x, y = normal(0, 100, 12) @ normal(2, 12, 12), normal(1, 130, 12) + 0.3
    distance = frechet_distance(x, y)
    q, shift = rotation(3, 12), 5 * normal(4, 12)
    assert frechet_distance(y, x) == pytest.approx(distance, rel=1e-12)
    assert frechet_distance(x.flip(0), y.roll(7, 0)) == pytest.approx(distance, rel=1e-12)
    assert frechet_distance(x @ q + shift, y @ q + shift) == pytest.approx(distance, rel=1e-11)
    assert frechet_distance(3 * x, 3 * y) == pytest.approx(9 * distance, rel=1e-12)


def test_numpy_and_half_precision_inputs():
    x, y = normal(0, 40, 3), normal(1, 50, 3)
    distance = frechet_distance(x, y)
    assert frechet_distance(x.numpy(), y) == distance
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        small = x.to(dtype)
        assert frechet_distance(small, y) == frechet_distance(small.double(), y)
    read_only = x.numpy().copy()
    read_only.flags.writeable = False
    assert frechet_distance(read_only[:, ::-1], y.flip(1)) == pytest.approx(distance, rel=1e-12)
    assert frechet_distance(x.clone().requires_grad_(), y) == distance


def test_too_high_at_small_n_and_falling():
    distances = [frechet_distance(normal(1, n, 16), normal(2, n, 16)) for n in (50, 500, 5000)]
    assert distances[0] > 3 * distances[1] > 9 * distances[2] > 0


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("sizes", [(1000,), (1, 999), (300, 1, 200, 499)])
def test_streamed_moments_equal_batch_moments(offset, sizes):
    x = normal(0, 1000, 6) @ normal(1, 6, 6) + offset
    moments, halves = Moments(), [Moments(), Moments(), Moments()]
    for i, batch in enumerate(x.split(sizes)):
        moments.update(batch)
        halves[i % 2].update(batch.numpy())
    exact = x - offset  # the covariance does not depend on the offset; np.cov of these has no cancellation
    tolerance = 1e-12 if offset == 0 else 1e-9  # float64 holds x itself only to 1e-10 at 1e6
    assert moments.count == 1000
    torch.testing.assert_close(moments.mean, x.mean(0), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(moments.cov, torch.cov(exact.T), rtol=tolerance, atol=tolerance)
    merged = halves[2].merge(halves[0]).merge(halves[1])
    assert merged.count == 1000
    torch.testing.assert_close(merged.cov, moments.cov, rtol=tolerance, atol=tolerance)


def test_covariance_wider_than_a_block_of_columns():
    x = normal(0, 700, 600) + 3
    torch.testing.assert_close(Moments().update(x).cov, torch.cov(x.T), rtol=1e-11, atol=1e-12)
    parts = Moments().update(x[:300]).merge(Moments().update(x[300:]))
    torch.testing.assert_close(parts.cov, torch.cov(x.T), rtol=1e-11, atol=1e-12)


def test_moments_of_a_large_batch_are_taken_in_parts(monkeypatch):
    monkeypatch.setattr("ganbook.metrics._checks._CHUNK_VALUES", 40)
    x, y = normal(0, 101, 4) + 100, normal(1, 99, 4)
    torch.testing.assert_close(Moments().update(x).cov, torch.cov(x.T), rtol=1e-12, atol=1e-12)
    assert frechet_distance(x, y) == pytest.approx(
        frechet_distance_from_moments(x.mean(0), torch.cov(x.T), y.mean(0), torch.cov(y.T)), rel=1e-12
    )


def test_moments_instead_of_features():
    x, y = normal(0, 100, 4), normal(1, 90, 4)
    moments = Moments().update(x[:30]).update(x[30:])
    assert frechet_distance(moments, y) == pytest.approx(frechet_distance(x, y), rel=1e-12)


def test_moments_hand_out_copies_and_merge_does_not_alias():
    a, b = Moments(), Moments().update(normal(0, 10, 2))
    a.merge(b)
    before = b.cov
    a.update(normal(1, 10, 2))
    a.mean.zero_()
    assert torch.equal(b.cov, before)
    assert a.mean.abs().sum() > 0


def test_a_bad_batch_changes_nothing():
    moments = Moments().update(normal(0, 10, 2))
    before = moments.cov
    for bad in (normal(0, 5, 3), torch.full((5, 2), torch.nan), torch.zeros(0, 2)):
        with pytest.raises(ValueError, match="features: got"):
            moments.update(bad)
    assert moments.count == 10
    assert torch.equal(moments.cov, before)
