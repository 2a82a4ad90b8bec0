"""Run themes: `python -m services.themes`."""

from labelwright.runtime import run

run("themes")
