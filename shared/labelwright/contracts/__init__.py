"""What flows between services: one versioned pydantic model per event, in one CloudEvents envelope."""
