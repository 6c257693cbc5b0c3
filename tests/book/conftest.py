"""The extensions that build the pages are importable here, as Sphinx makes them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent.parent / "book" / "_ext"))
