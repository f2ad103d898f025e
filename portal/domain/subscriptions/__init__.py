"""What is billed by date."""
