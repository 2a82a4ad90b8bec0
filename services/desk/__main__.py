"""Run the desk: `python -m services.desk`."""

from labelwright.runtime import run

run("desk")
