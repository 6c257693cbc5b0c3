"""Fidelity and diversity of generated samples: functions of feature matrices (N, d), a row a sample.

Every function takes torch tensors (any floating dtype, any device) or numpy arrays and computes in float64.
Bad input ends in a `UserError` (a `ValueError`) of one line. A score means something only together with the
extractor of its features and the numbers of samples: `extractors` makes them, and a `Score` carries all of it
in its name.
"""

from ganbook.metrics.bootstrap import Interval, bootstrap
from ganbook.metrics.coverage import ClassCoverage, ModeCoverage, class_coverage, mode_coverage
from ganbook.metrics.extractors import (
    Extractor,
    Reader,
    attribute_reader,
    classifier,
    inception_v3,
    train_classifier,
)
from ganbook.metrics.frechet import Moments, frechet_distance, frechet_distance_from_moments
from ganbook.metrics.inception import InceptionScore, inception_score
from ganbook.metrics.kernel import KernelDistance, kernel_distance, mmd2_unbiased, polynomial_kernel
from ganbook.metrics.memorisation import Band, Memorisation, memorisation, memorisation_band
from ganbook.metrics.neighbours import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from ganbook.metrics.scores import Score, table

__all__ = [
    "Band",
    "ClassCoverage",
    "DensityCoverage",
    "Extractor",
    "InceptionScore",
    "Interval",
    "KernelDistance",
    "Memorisation",
    "ModeCoverage",
    "Moments",
    "PrecisionRecall",
    "Reader",
    "Score",
    "attribute_reader",
    "bootstrap",
    "class_coverage",
    "classifier",
    "density_coverage",
    "frechet_distance",
    "frechet_distance_from_moments",
    "inception_score",
    "inception_v3",
    "kernel_distance",
    "memorisation",
    "memorisation_band",
    "mmd2_unbiased",
    "mode_coverage",
    "polynomial_kernel",
    "precision_recall",
    "table",
    "train_classifier",
]
