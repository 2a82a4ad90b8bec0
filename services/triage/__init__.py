"""Turns accepted feedback into items: what was said before makes its item weigh more, what is new opens one."""
