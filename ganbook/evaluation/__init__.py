"""Scores of trained runs: real and generated samples through one extractor, then the metrics.

What is held against what: samples of each run's averaged generator, in eval mode, images rounded to uint8;
against samples of the data set's training split, always the same ones. The real test split is scored in the
same way. That is the yardstick: about what a perfect generator would reach.
"""

from ganbook.evaluation.evaluate import EXTRACTORS, MIN_NUM, TEST, evaluate
from ganbook.evaluation.judge import Judge, Samples
from ganbook.evaluation.measures import METRICS
from ganbook.evaluation.report import Evaluation

__all__ = ["EXTRACTORS", "METRICS", "MIN_NUM", "TEST", "Evaluation", "Judge", "Samples", "evaluate"]
