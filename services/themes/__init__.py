"""Themes turns open items into suggested themes: many items, one cause, named by their own words."""
