"""The exercises of the chapter on what goes wrong."""

NAMES = (  # in the order of the book, in rising difficulty
    "name-the-failure",
    "decades-of-gradient",
    "share-held",
    "standing-or-rotating",
    "worse-average",
    "two-signs-of-overfitting",
    "growth-per-step",
    "auroc-of-a-judge",
    "repair-memory-test",
    "largest-gamma",
)
