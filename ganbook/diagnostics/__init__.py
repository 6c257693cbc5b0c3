"""Look at a training step, or at a whole run, for what GANs usually suffer from.

`lint_step` runs a step a few times on the reader's own networks, watches it from outside, puts everything
back as it was, and says what it saw. The step may be written in any style: what counts is what it does.
`doctor` reads a run's log, its last checkpoints and some samples, and says what the run suffers from.
"""

from ganbook.diagnostics.checks import CHECKS
from ganbook.diagnostics.doctor import DISORDERS, doctor
from ganbook.diagnostics.lint import lint_step
from ganbook.diagnostics.report import SEVERITIES, Finding, Report
from ganbook.training.symptoms import Watch

__all__ = ["CHECKS", "DISORDERS", "SEVERITIES", "Finding", "Report", "Watch", "doctor", "lint_step"]
