"""Run one contender's worker for ever: `python -m benchmarks.stages NAME URL`."""

import sys

from benchmarks.stages import named

_, name, url = sys.argv
named(name).run(url)
