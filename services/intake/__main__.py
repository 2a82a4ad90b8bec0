"""Run intake."""

from labelwright.runtime import run

run("intake")
