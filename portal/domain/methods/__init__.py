"""Saved mandates and cards."""
