"""`python -m tests.personal`: print recall and precision of redaction on the labelled set, by kind and locale.

With a seed another set is made, with `--faults` each fault is listed.
"""

import sys

from tests.personal.cases import SEED, cases
from tests.personal.figures import measure

seeds = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
everything = list(cases(seeds[0] if seeds else SEED))
figures = measure(everything)
print(f"{len(everything):,} cases, {sum(not case.kind for case in everything):,} of them without personal data")
print("\n".join(figures.table()))
if "--faults" in sys.argv:
    print("\n".join(figures.faults))
