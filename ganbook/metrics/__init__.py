"""Fidelity and diversity of generated samples: functions of feature matrices (N, d), a row a sample.

Every function takes torch tensors (any floating dtype, any device) or numpy arrays and computes in float64.
Bad input ends in a `ValueError` of one line. The features come from elsewhere; a score means something only
together with the extractor and the numbers of samples it was computed from.
"""

from ganbook.metrics.bootstrap import Interval, bootstrap
from ganbook.metrics.coverage import ClassCoverage, ModeCoverage, class_coverage, mode_coverage
from ganbook.metrics.frechet import Moments, frechet_distance, frechet_distance_from_moments
from ganbook.metrics.inception import InceptionScore, inception_score
from ganbook.metrics.kernel import KernelDistance, kernel_distance, mmd2_unbiased, polynomial_kernel
from ganbook.metrics.memorisation import Memorisation, memorisation
from ganbook.metrics.neighbours import DensityCoverage, PrecisionRecall, density_coverage, precision_recall

__all__ = [
    "ClassCoverage",
    "DensityCoverage",
    "InceptionScore",
    "Interval",
    "KernelDistance",
    "Memorisation",
    "ModeCoverage",
    "Moments",
    "PrecisionRecall",
    "bootstrap",
    "class_coverage",
    "density_coverage",
    "frechet_distance",
    "frechet_distance_from_moments",
    "inception_score",
    "kernel_distance",
    "memorisation",
    "mmd2_unbiased",
    "mode_coverage",
    "polynomial_kernel",
    "precision_recall",
]
