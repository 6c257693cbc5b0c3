"""Look at a training step for the mistakes that GANs are usually trained with.

`lint_step` runs a step a few times on the reader's own networks, watches it from outside, puts everything
back as it was, and says what it saw. The step may be written in any style: what counts is what it does.
"""

from ganbook.diagnostics.checks import CHECKS
from ganbook.diagnostics.lint import lint_step
from ganbook.diagnostics.report import SEVERITIES, Finding, Report

__all__ = ["CHECKS", "SEVERITIES", "Finding", "Report", "lint_step"]
