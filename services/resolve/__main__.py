"""Run resolve: `python -m services.resolve`."""

from labelwright.runtime import run

run("resolve")
