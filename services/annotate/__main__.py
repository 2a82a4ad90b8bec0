"""Run annotate."""

from labelwright.runtime import run

run("annotate")
