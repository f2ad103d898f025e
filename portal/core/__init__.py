"""Mechanisms without business words."""
