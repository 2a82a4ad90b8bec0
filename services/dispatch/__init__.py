"""Dispatch turns tasks and the requests of annotators into leases, and what comes back into annotations."""
