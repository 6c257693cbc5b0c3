"""The tests of the doctor share the evidence in sick_evidence.py, which is a module of no package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
