"""Run dispatch."""

from labelwright.runtime import run

run("dispatch")
