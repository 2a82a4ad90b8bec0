"""Turn HTTP into events: who may publish, pull work and read; nothing about content."""
