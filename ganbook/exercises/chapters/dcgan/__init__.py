"""The exercises of the chapter on DCGAN."""

NAMES = (  # in the order of the book, in rising difficulty
    "conv-size",
    "transposed-size",
    "block-parameters",
    "bias-before-norm",
    "exact-doubling",
    "repair-networks",
    "initialise",
    "checkerboard-overlap",
    "receptive-field",
    "latent-norm",
    "slerp",
    "batchnorm-at-the-input",
    "checkerboard-at-start",
    "convolution-matrix",
    "spectral-norm",
)
