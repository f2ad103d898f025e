"""Support tickets and requests."""
