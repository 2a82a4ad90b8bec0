"""Run publish: `python -m services.publish`."""

from labelwright.runtime import run

run("publish")
