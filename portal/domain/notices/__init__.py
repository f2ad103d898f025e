"""Announcements to customers."""
