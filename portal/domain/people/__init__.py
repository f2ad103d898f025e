"""Customers, the people who log in for them, contact persons and staff."""
