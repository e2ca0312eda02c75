"""What does a score mean? Protocols, error rates, calibration."""
