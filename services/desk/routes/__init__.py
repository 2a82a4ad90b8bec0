"""The desk's routes, by what they are about."""
