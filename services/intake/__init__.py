"""Turns feedback as it was published into accepted feedback: valid, once per event, without personal data."""
