"""`python -m labelwright.cli`: the command line without its script."""

from labelwright.cli import main

main()
