"""Desk shows people their next task and submits their answers; it decides nothing."""
