"""The Fréchet distance between two Gaussians: FID, when the features are Inception's."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook.errors import UserError
from ganbook.metrics._checks import Features, check_features, check_floats, check_rows, float64, row_chunks


class Moments:
    """Mean and covariance of features that arrive in batches; the features themselves are not kept.

    With n rows so far, their mean m and their scatter M, and n', m', M' of a batch:

        M = sum (x - m) (x - m)^T
        delta = m' - m,   m <- m + delta n' / (n + n'),   M <- M + M' + delta delta^T n n' / (n + n')

    Unlike sums of x and x x^T this loses no digits where the mean is large against the spread. Float64, on
    the device of the first batch; memory O(d^2).

    Notes
    -----
    Source: Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
    variances".

    Examples
    --------
    >>> moments = Moments()
    >>> for batch in torch.tensor([[[0.0], [2.0]], [[4.0], [6.0]]]):
    ...     moments = moments.update(batch)
    >>> moments.count, moments.mean.item(), round(moments.cov.item(), 4)
    (4, 3.0, 6.6667)
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros(0, dtype=torch.float64)
        self._scatter = torch.zeros(0, 0, dtype=torch.float64)  # its lower triangle; above it, nothing valid

    def update(self, features: Features) -> Moments:
        """Take in a batch of features, shape (n, d), n >= 1, and return self. A bad batch changes nothing."""
        check_rows(features, "features", at_least=1)
        self._check_width(features.shape[1])
        for rows in row_chunks(features):
            x = float64(rows)
            mean = x.mean(dim=0)
            self._add(len(x), mean, _scatter(x - mean))
        return self

    def merge(self, other: Moments) -> Moments:
        """Take in the rows that `other` has seen (another process's, say), and return self."""
        if other.count:
            self._check_width(len(other._mean))
            self._add(other.count, other._mean, other._scatter)
        return self

    def _check_width(self, d: int) -> None:
        if self.count and d != len(self._mean):
            raise UserError(f"features: got d={d} features a sample; it takes the d={len(self._mean)} so far")

    def _add(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        if self.count == 0:
            self.count, self._mean, self._scatter = count, mean.clone(), scatter.clone()
            return
        total = self.count + count
        delta = mean.to(self._mean.device) - self._mean
        self._scatter += scatter.to(self._mean.device)
        self._scatter += torch.outer(delta, delta * (self.count * count / total))
        self._mean = self._mean + delta * (count / total)
        self.count = total

    @property
    def mean(self) -> Tensor:
        """The mean, shape (d,)."""
        if self.count == 0:
            raise UserError("Moments: got no samples; the mean takes at least 1")
        return self._mean.clone()

    @property
    def cov(self) -> Tensor:
        """The unbiased covariance M / (n - 1), shape (d, d)."""
        if self.count < 2:
            raise UserError(f"Moments: got {self.count} samples; the covariance takes at least 2")
        return (self._scatter.tril() + self._scatter.tril(-1).T) / (self.count - 1)


def _scatter(centred: Tensor) -> Tensor:
    """Return the lower triangle of X^T X, in blocks of columns: little more than half the work of X.T @ X."""
    d, block = centred.shape[1], 256
    scatter = centred.new_zeros(d, d)
    for i in range(0, d, block):
        scatter[i:, i : i + block] = centred[:, i:].T @ centred[:, i : i + block]
    return scatter


def frechet_distance(real: Features | Moments, fake: Features | Moments) -> float:
    """Return the (squared) Fréchet distance between Gaussians fitted to two sets of features.

        d^2 = ||m_a - m_b||^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2))

    with means m_a, m_b of the real and the generated samples and unbiased covariances S (divided by N - 1, as
    the reference implementation does). Range [0, infinity), lower is better, 0 for equal means and
    covariances. Symmetric; unchanged by a rotation or a shift of both sets.

    Known bias: too high at finite N, by about c / N with a c that depends on the distributions, so scores
    compare only at the same N; and it sees only means and covariances: different distributions can score 0.

    Parameters
    ----------
    real, fake : Tensor, ndarray or Moments
        Shapes (N_real, d) and (N_fake, d), or the moments of features that arrived in batches. Both N > d:
        with fewer samples the covariance is singular whatever the distribution, and the score mostly measures
        N.

    Returns
    -------
    float
        The distance.

    Raises
    ------
    UserError
        If N <= d, the widths differ, or features are not finite, not floating-point or constant. For a
        covariance of zero (a point mass) use `frechet_distance_from_moments`.

    Notes
    -----
    Source: Heusel et al. (2017), equation 6. Bias: Binkowski et al. (2018) and Chong and Forsyth (2020).

    Examples
    --------
    >>> real = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> round(frechet_distance(real, real + 1), 6)  # the means differ by (1, 1, 1, 1), the spreads do not
    4.0
    """
    a, b = _moments(real, "real"), _moments(fake, "fake")
    if len(a.mean) != len(b.mean):
        raise UserError(
            f"fake: got d={len(b.mean)} features a sample; it takes as many as real, d={len(a.mean)}"
        )
    return frechet_distance_from_moments(a.mean, a.cov, b.mean, b.cov)


def _moments(features: Features | Moments, name: str) -> Moments:
    if not isinstance(features, Moments):
        check_features(features, name)
        _check_more_samples_than_features(len(features), features.shape[1], name)  # before the work
        return Moments().update(features)
    _check_more_samples_than_features(features.count, len(features._mean), name)
    return features


def _check_more_samples_than_features(count: int, d: int, name: str) -> None:
    if count <= max(d, 1):
        raise UserError(
            f"{name}: got N={count} samples of d={d} features; the Fréchet distance takes N > d (and N > 1)"
        )


def frechet_distance_from_moments(
    mean_a: Features, cov_a: Features, mean_b: Features, cov_b: Features
) -> float:
    """Return the (squared) Fréchet distance between Gaussians of given means and covariances.

        d^2 = ||m_a - m_b||^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2))

    with means m_a, m_b and covariances S_a, S_b.

    Parameters
    ----------
    mean_a, mean_b : Tensor or ndarray
        Shape (d,).
    cov_a, cov_b : Tensor or ndarray
        Symmetric and positive semi-definite (singular, also zero, is fine), shape (d, d).

    Returns
    -------
    float
        The distance, at least 0.

    Raises
    ------
    UserError
        If a shape does not fit, a value is not finite, or a covariance is not one.

    Examples
    --------
    >>> mean, cov = torch.zeros(2), torch.eye(2)
    >>> frechet_distance_from_moments(mean, cov, mean + 3, 4 * cov)  # 3^2 + 3^2 + 2 (2 - 1)^2
    20.0
    """
    mean_a, mean_b = _check_mean(mean_a, "mean_a"), _check_mean(mean_b, "mean_b")
    if len(mean_a) != len(mean_b):
        raise UserError(f"mean_b: got shape ({len(mean_b)},); it takes the shape of mean_a, ({len(mean_a)},)")
    cov_a, cov_b = _check_cov(cov_a, "cov_a", len(mean_a)), _check_cov(cov_b, "cov_b", len(mean_a))
    mean_b, cov_a, cov_b = (value.to(mean_a.device) for value in (mean_b, cov_a, cov_b))

    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace()
    distance = distance - 2 * _trace_of_root(cov_a, cov_b)
    return max(0.0, distance.item())  # rounding can leave -1e-15


def _trace_of_root(cov_a: Tensor, cov_b: Tensor) -> Tensor:
    """Return Tr((S_a S_b)^(1/2)), the sum of the singular values of S_a^(1/2) S_b^(1/2).

    They are the roots of the eigenvalues of the symmetric S_a^(1/2) S_b S_a^(1/2). Taken from that matrix
    with `eigvalsh`, eigenvalues of zero come out as 1e-16 and their roots as 1e-8, once for every unit that
    never fires; singular values lose no digits to a root, and cost little more (2.0 s against 1.5 s for
    d = 2,048 on two cores). No `sqrtm`, which fails on singular matrices.
    """
    return torch.linalg.svdvals(_root(cov_a, "cov_a").T @ _root(cov_b, "cov_b")).sum()


def _root(cov: Tensor, name: str) -> Tensor:
    """Return an R with R R^T = S. Any will do, for S^(1/2) = R Q with a rotation Q changes no singular value.

    Cholesky's where S is well away from singular, as it is ten times faster; else R = V w^(1/2) from the
    eigenvectors V and eigenvalues w of S.
    """
    r, failed = torch.linalg.cholesky_ex(cov)
    if not failed and r.diagonal().min().square() > 1e-10 * cov.diagonal().max():
        return r
    w, v = torch.linalg.eigh(cov)
    largest = w.abs().max()
    if w.min() < -1e-3 * largest:
        raise UserError(
            f"{name}: got an eigenvalue of {w.min().item():.3g}; it takes a covariance, all eigenvalues >= 0"
        )
    # Below the rounding error of `eigh` an eigenvalue is not known to differ from zero, nor to be positive.
    w = torch.where(w > len(w) * torch.finfo(w.dtype).eps * largest, w, 0.0)
    return v * w.sqrt()


def _check_mean(mean: Features, name: str) -> Tensor:
    check_floats(mean, name, "(d,)")
    mean = float64(mean)
    if mean.ndim != 1 or len(mean) == 0 or not torch.isfinite(mean).all():
        raise UserError(f"{name}: got shape {tuple(mean.shape)}; it takes finite numbers, shape (d,)")
    return mean


def _check_cov(cov: Features, name: str, d: int) -> Tensor:
    check_floats(cov, name, f"({d}, {d})")
    cov = float64(cov)
    if cov.shape != (d, d) or not torch.isfinite(cov).all():
        raise UserError(f"{name}: got shape {tuple(cov.shape)}; it takes finite numbers, shape ({d}, {d})")
    if (cov - cov.T).abs().max() > 1e-4 * cov.abs().max():
        raise UserError(
            f"{name}: got a matrix that is not symmetric; it takes a covariance, shape ({d}, {d})"
        )
    return (cov + cov.T) / 2
