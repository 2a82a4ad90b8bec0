"""The command line: `labelwright up`, `demo`, `status`, `trace`, … Commands import what they need when they run."""

import sys


def main() -> None:
    """Run the command line, saying in one sentence and by the exit code what went wrong."""
    try:
        from labelwright.cli.app import app
    except ModuleNotFoundError as missing:
        sys.stderr.write(f"the command line needs {missing.name!r}: pip install 'labelwright[cli]'\n")
        raise SystemExit(2) from None
    app()
