"""Turn everything that happens into the ledger, and trim Redis behind it."""
