"""Backups: one archive of every row, file and key, the same whichever database it came from."""
