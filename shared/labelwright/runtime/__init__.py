"""The runtime: everything around a service's pure decision; the same for every service."""

from labelwright.runtime.process import run

__all__ = ["run"]
