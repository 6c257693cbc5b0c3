"""`doctor(run)`: what a run suffers from, by its log, its checkpoints and its samples."""

from ganbook.diagnostics.doctor.calibration import Confusion, calibration
from ganbook.diagnostics.doctor.disorders import DISORDERS
from ganbook.diagnostics.doctor.examine import doctor

__all__ = ["DISORDERS", "Confusion", "calibration", "doctor"]
