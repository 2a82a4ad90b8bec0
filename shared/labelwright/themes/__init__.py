"""Items with one cause: what is like an item, suggested themes, and their names; nothing is merged for them."""
