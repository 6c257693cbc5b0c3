"""The exercises of the chapter on training steps."""

NAMES = (  # in the order of the book, in rising difficulty
    "label-placement",
    "scale-once",
    "k-steps",
    "scaled-loss",
    "repair-generator-phase",
    "discriminator-turn",
    "generator-turn",
    "repair-labels",
    "repair-logits",
    "whole-phases",
    "repair-one-optimiser",
    "r1-penalty",
    "gradient-penalty",
)
