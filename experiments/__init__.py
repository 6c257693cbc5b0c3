"""Experiments that chapters show: `python -m experiments.NAME` computes one again and records it as JSON."""
