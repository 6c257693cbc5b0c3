"""Points in the plane held in memory, with the distribution that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganbook.data.dataset import check_samples, count_classes, take_labels
from ganbook.data.points import Distribution
from ganbook.errors import UserError
from ganbook.support.checks import Count, checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PointDataset:
    """Points in memory, with the distribution that they come from; used like an `ImageDataset`.

    Parameters
    ----------
    points : Tensor
        float32, shape (N, 2).
    labels : Tensor, optional
        int64 numbers of the modes, shape (N,).
    distribution : Distribution, optional
        The truth: `modes`, `density`, `log_density`, `sample`.
    class_names : sequence of str, optional
        A name for each mode. Default: the distribution's.
    spec : dict, optional
        The arguments that `load_dataset` needs to load the same data again.

    Raises
    ------
    UserError
        If the points are not float32 of shape (N, 2), there are none, or the labels do not fit.

    Examples
    --------
    >>> from ganbook.data.points import ring
    >>> data = PointDataset.draw(ring(), 1000, seed=0)
    >>> len(data), data.shape, data.num_classes, data.batch(torch.tensor([0, 3])).shape
    (1000, (2,), 8, torch.Size([2, 2]))
    """

    kind = "points"
    by_coordinates = True

    def __init__(
        self,
        points: Tensor,
        labels: Tensor | None = None,
        distribution: Distribution | None = None,
        class_names: Sequence[str] = (),
        spec: dict[str, Any] | None = None,
    ) -> None:
        if points.dtype != torch.float32 or points.ndim != 2 or points.shape[1] != 2:
            raise UserError(
                f"points: got {points.dtype} of shape {tuple(points.shape)}; "
                "it takes torch.float32 of shape (N, 2)"
            )
        check_samples("points", points, labels)
        self.points = points.contiguous()
        self.labels = labels
        self.distribution = distribution
        names = class_names or (distribution.mode_names if distribution is not None else ())
        self.class_names = tuple(names)
        self.spec = dict(spec or {})

    @classmethod
    def draw(
        cls, distribution: Distribution, n: int, seed: int, spec: dict[str, Any] | None = None
    ) -> PointDataset:
        """Draw a data set of `n` points from a distribution.

        Raises
        ------
        UserError
            If `n` or `seed` is not a whole number or is out of its range.
        """
        points, labels = distribution.sample(n, seed)
        return cls(points, labels, distribution, spec=spec)

    @property
    def truth(self) -> Distribution | None:
        """The distribution that the points come from, where it is known."""
        return self.distribution

    @property
    def device(self) -> torch.device:
        """Where the points are, and where batches come."""
        return self.points.device

    @property
    def name(self) -> str:
        """The name under which `load_dataset` knows these data ("points" for your own)."""
        return str(self.spec.get("name", self.kind))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, (2,)."""
        return tuple(self.points.shape[1:])

    @property
    def num_classes(self) -> int:
        """The number of modes; 0 where there are no labels."""
        return count_classes(self.labels, self.class_names)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        """Return samples as float32: (2,) for a number, (n, 2) otherwise."""
        return self.points[index]

    def __repr__(self) -> str:
        number = self.num_classes
        modes = f", {number} mode{'s' if number > 1 else ''}" if number else ""
        split = f", split={self.spec['split']!r}" if "split" in self.spec else ""
        return f"<{self.name}{split}: {len(self):,} points of {self.shape}{modes}>"

    def to(self, device: torch.device | str) -> PointDataset:
        """Return these data with the points on `device` (self where they already are)."""
        if self.points.device == torch.device(device):
            return self
        points = self.points.to(device)
        labels = None if self.labels is None else self.labels.to(device)
        return PointDataset(points, labels, self.distribution, self.class_names, self.spec)

    def batch(self, indices: Tensor) -> Tensor:
        """Return the samples at `indices` (int64, shape (B,)) as float32, shape (B, 2)."""
        return self.points[indices.to(self.points.device, non_blocking=True)]

    def batch_labels(self, indices: Tensor) -> Tensor:
        """Return the modes' numbers at `indices` (int64, shape (B,)): int64, shape (B,).

        They lie on the device of the points.

        Raises
        ------
        UserError
            If the points have no labels.
        """
        return take_labels(self.name, self.labels, indices)

    def values(self, rows: Tensor) -> Tensor:
        """Return the samples at `rows` as they are scored: float32, shape (n, 2)."""
        return self.points[rows]

    @staticmethod
    def to_values(samples: Tensor, name: str = "samples") -> Tensor:
        """Return generated points as they are scored: unchanged.

        Raises
        ------
        UserError
            If a coordinate is NaN or infinite.
        """
        if not samples.isfinite().all():
            raise UserError(f"{name} have values that are NaN or infinite")
        return samples

    @staticmethod
    def num_shown(columns: int | None = None) -> int:
        """Return how many generated samples a picture of a run shows."""
        return 1000

    def shown_beside(self) -> Tensor:
        """Return the real points that are drawn behind generated ones: float32, shape (n, 2)."""
        return self.points[: self.num_shown()].cpu()

    @staticmethod
    def save_samples(
        samples: Tensor, path: Path, beside: Tensor | None = None, columns: int | None = None
    ) -> None:
        """Write generated points, shape (N, 2), as a scatter plot (PNG), real ones in grey behind them.

        Raises
        ------
        OSError
            If the file cannot be written; what was there before is unharmed.
        """
        from ganbook import plots

        plots.save_points(samples, path, beside)

    @checked
    def preview(self, num: Count = 2000) -> Figure:
        """Draw the first `num` samples, each mode in a colour and a shape of its own.

        The colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart; where they
        are used up, the same colours come again with another shape.

        Parameters
        ----------
        num : int
            How many to show, at least 1.

        Returns
        -------
        matplotlib.figure.Figure
            A scatter plot; in a notebook, the last expression of a cell shows it.

        Raises
        ------
        UserError
            If `num` is not a whole number or less than 1.
        """
        from ganbook import plots

        labels = None if self.labels is None else self.labels[:num].cpu()
        points = self.points[:num].cpu()
        return plots.show_points(
            points, labels, self.class_names, title=f"{self.name}: {len(points):,} points"
        )
