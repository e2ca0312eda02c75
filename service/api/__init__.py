"""The service/api room."""
