"""The exercises of the chapter on mistakes: one fault each, to be found."""

NAMES = (  # in the order of the book, in rising difficulty
    "which-line",
    "overwritten-term",
    "column-of-logits",
    "fake-not-detached",
    "average-without-buffers",
    "label-for-real-only",
)
