"""Turns the assignments that machines hold into their answers."""
