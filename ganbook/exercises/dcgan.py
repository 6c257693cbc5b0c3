"""Exercises of the chapter on DCGAN, in rising difficulty; each stands in the file of its subject."""

from __future__ import annotations

from ganbook.exercises.dcgan_latents import SLERP, TYPICAL_NORM
from ganbook.exercises.dcgan_layers import (
    BATCHNORM_BATCHES,
    BIAS_BEFORE_NORM,
    CHECKERBOARD,
    CONVOLUTION_MATRIX,
    INITIALISE,
    OVERLAP,
    SPECTRAL_NORM,
)
from ganbook.exercises.dcgan_sizes import (
    BLOCK_PARAMETERS,
    CONV_SIZE,
    EXACT_DOUBLING,
    RECEPTIVE_FIELD,
    REPAIR_NETWORKS,
    TRANSPOSED_SIZE,
)
from ganbook.exercises.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = (
    CONV_SIZE,
    TRANSPOSED_SIZE,
    BLOCK_PARAMETERS,
    BIAS_BEFORE_NORM,
    EXACT_DOUBLING,
    REPAIR_NETWORKS,
    INITIALISE,
    OVERLAP,
    RECEPTIVE_FIELD,
    TYPICAL_NORM,
    SLERP,
    BATCHNORM_BATCHES,
    CHECKERBOARD,
    CONVOLUTION_MATRIX,
    SPECTRAL_NORM,
)
