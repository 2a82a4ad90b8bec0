"""The demo: generated feedback, simulated annotators, and known truth, so that what is claimed can be checked."""
