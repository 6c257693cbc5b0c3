"""The exercises of the chapter on the background."""

NAMES = (  # in the order of the book, in rising difficulty
    "what-the-generator-sees",
    "noisy-sample",
    "multiply-adds",
    "density-of-samples",
    "kl-of-a-code",
    "repair-latent-draw",
    "larger-step",
    "circle-share",
    "rare-mode",
    "one-perfect-note",
    "likelihood-and-samples",
)
