"""Orders and digital downloads."""
