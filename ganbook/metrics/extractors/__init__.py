"""Feature extractors: what turns images into the rows that the metrics compare.

Which extractor a score was taken with decides its value; so each has a name and a digest of its content, and
a `Score` carries both. Three kinds are here: a small classifier trained on the labelled data themselves (good
for small grey images, which Inception has never seen), a reader of attributes where much is known of each
image, and Inception v3 as FID was defined with.
"""

from ganbook.metrics.extractors.extractor import Extracted, Extractor
from ganbook.metrics.extractors.pretrained import inception_v3
from ganbook.metrics.extractors.reader import Reader, attribute_reader
from ganbook.metrics.extractors.trained import classifier, train_classifier

__all__ = [
    "Extracted",
    "Extractor",
    "Reader",
    "attribute_reader",
    "classifier",
    "inception_v3",
    "train_classifier",
]
