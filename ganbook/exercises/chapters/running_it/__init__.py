"""The exercises of the chapter on running a training."""

NAMES = (  # in the order of the book, in rising difficulty
    "steps-for-epochs",
    "probabilities-from-losses",
    "lucky-checkpoint",
    "moving-average",
    "running-statistics",
    "no-grad-sampling",
    "repair-sampling",
    "both-losses-fall",
    "repair-resume",
)
