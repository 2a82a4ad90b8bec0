"""Whether two statements mean the same: candidates by MinHash, certainty by aligning their words."""

from labelwright.duplicates.candidates import cells
from labelwright.duplicates.comparison import Verdict, compare
from labelwright.duplicates.statement import Statement, read

__all__ = ["Statement", "Verdict", "cells", "compare", "read"]
