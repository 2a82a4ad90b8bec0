"""What others' tools call feedback, turned into our feedback events: pure functions, one module a format."""
