"""Run the gateway: `python -m services.gateway`."""

from labelwright.runtime import run

run("gateway")
