"""Run triage."""

from labelwright.runtime import run

run("triage")
