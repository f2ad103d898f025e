"""Attempts to pay, as the providers tell them."""
