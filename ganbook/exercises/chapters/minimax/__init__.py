"""The exercises of the chapter on the minimax objective."""

NAMES = (  # in the order of the book, in rising difficulty
    "three-losses",
    "optimal-discriminator",
    "disjoint-jsd",
    "saturating-pull",
    "unequal-shares",
    "max-value",
    "value-to-jsd",
    "fixed-discriminator",
    "generator-slopes",
    "stable-bce",
    "repair-discriminator-loss",
    "wasserstein-samples",
    "nearer-is-no-better",
    "dirac-step",
    "repair-dirac",
    "f-divergence",
    "min-max-matrix",
    "weak-r1",
    "steps-to-double",
    "least-gamma",
)
