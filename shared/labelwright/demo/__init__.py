"""A made-up shop with a support assistant, whose feedback has known truth: to try Labelwright and to measure it."""
