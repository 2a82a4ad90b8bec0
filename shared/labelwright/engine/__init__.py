"""Decisions and the tables that they read, guard and change; pure, so that a decision can be made anywhere."""
