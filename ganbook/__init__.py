"""ganbook: the package that GAN Book runs on."""

__version__ = "0.1.0"
