"""The liveness room."""
