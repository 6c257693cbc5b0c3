"""What the exercises on running a training claim, beyond what every exercise promises."""

import torch
from torch import nn

from ganbook import exercises
from ganbook.exercises.chapters.running_it import batch_statistics, logs


def test_the_running_statistics_are_those_of_pytorch():
    batches = [3 * torch.randn(n) + 1 for n in (2, 5, 8)]
    layer = nn.BatchNorm1d(1, momentum=0.3)
    for batch in batches:
        layer(batch[:, None])
    found = batch_statistics._running_statistics(batches, 0.3)
    assert torch.allclose(found.float(), torch.cat([layer.running_mean, layer.running_var]), rtol=1e-4)


def test_a_log_with_two_falling_losses_fits_one_cause_only():
    """The table in the statement is that of a run, rounded."""
    table = {1: (1.5, 0.8, 0.5, 0.4), 10: (0.5, 0.3, 0.1, 0.7), 30: (0.0, 0.0, 0.0, 1.0)}
    statement = exercises.get("both-losses-fall").statement
    for steps, row in table.items():
        found = logs._short_run("labels of D", steps)
        assert all(abs(a - b) < 0.06 for a, b in zip(found, row, strict=True)), (steps, found)
        assert "| " + " | ".join(str(x) for x in (steps, *row)) + " |" in statement
