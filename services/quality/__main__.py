"""Run quality: `python -m services.quality`."""

from labelwright.runtime import run

run("quality")
